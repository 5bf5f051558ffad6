//! Where a PostgreSQL is, and what every session with it begins with.

use std::time::Duration;

use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};

use super::STATEMENT_TIME;
use super::wire::failed;
use crate::error::{Error, ErrorKind, Result};

/// A server that does not let us in by then counts as gone.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// A server that is gone without a word, as with its machine, is noticed within this, unless the URL says otherwise in
/// `tcp_user_timeout`.
const SILENCE: Duration = Duration::from_secs(20);

/// Where to connect and what to set there.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) url: String,
    pub(super) schema: &'static str,
}

impl Target {
    /// A connection as the URL says.
    async fn enter(&self) -> Result<(Client, Connection<Socket, NoTlsStream>), tokio_postgres::Error> {
        let mut config: Config = self.url.parse()?;
        let silence = config.get_tcp_user_timeout().copied().unwrap_or(SILENCE);
        // What is on its way is one thing; whether the server is there while nothing is, the other.
        config.tcp_user_timeout(silence);
        config.keepalives_idle(silence / 2).keepalives_interval(silence / 4).keepalives_retries(2);
        config.connect(NoTls).await
    }

    /// Connects, checks that the server keeps what it acknowledges, and sets the session up.
    pub(super) async fn connect(&self) -> Result<Client> {
        let connecting = tokio::time::timeout(CONNECT_TIME, self.enter()).await;
        let unanswered = || Error::unavailable("store.cannot_open", "PostgreSQL did not answer in time");
        let (client, connection) = connecting.map_err(|_| unanswered())?.map_err(|error| {
            let message = format!(
                "PostgreSQL does not answer for '{}'; check the database URL and that the server runs",
                self.schema
            );
            Error::unavailable("store.cannot_open", message).caused_by(error)
        })?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "connection to PostgreSQL ended");
            }
        });
        let fsync = client.query_one("SHOW fsync", &[]).await.map_err(failed)?;
        if fsync.get::<_, String>(0) != "on" {
            let message = "PostgreSQL runs with fsync=off, so it can lose what it acknowledged; set fsync=on";
            return Err(Error::new(ErrorKind::Conflict, "store.not_durable", message));
        }
        let schema = self.schema;
        // Where there is no index, a plan seems to cost so much that the server would compile it each time: 14 ms.
        let setup = format!(
            "SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path = {schema}; \
             SET synchronous_commit = on; SET plan_cache_mode = force_custom_plan; SET enable_seqscan = off; SET jit = off; \
             SET idle_in_transaction_session_timeout = '10s'; SET statement_timeout = '{STATEMENT_TIME}'"
        );
        // Two first sessions may race to make the schema; the second finds it there.
        if client.batch_execute(&setup).await.is_err() {
            client.batch_execute(&setup).await.map_err(failed)?;
        }
        Ok(client)
    }
}
