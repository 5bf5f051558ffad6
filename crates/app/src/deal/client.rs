//! Deal in another process.

use futures_util::future::BoxFuture;
use platform::db::Cursor;
use platform::error::Result;
use platform::http::peer::Peer;
use serde::{Deserialize, Serialize};

use super::DealApi;

/// Where the question is asked on an internal listener.
pub(super) const LOG_END: &str = "/internal/deal/log-end";

/// The question: how far does deal's log go?
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichEnd {}

/// The answer: a place in the log.
#[derive(Serialize, Deserialize)]
pub(super) struct LogEnd {
    pub(super) xid: i64,
    pub(super) position: i64,
}

/// Asks deal over HTTP.
pub struct RemoteDeals(pub Peer);

impl DealApi for RemoteDeals {
    fn log_end(&self) -> BoxFuture<'_, Result<Cursor>> {
        Box::pin(async move {
            let LogEnd { xid, position } = self.0.ask(LOG_END, &WhichEnd {}).await?;
            Ok(Cursor { xid, position })
        })
    }
}
