//! What a MariaDB server is set to, and whether it keeps what it acknowledges.

use std::collections::HashMap;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::db::Fault;
use crate::error::{Error, ErrorKind, Result};

/// The settings that are looked at.
const LOOKED_AT: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'innodb_flush_log_at_trx_commit', \
    'innodb_flush_method', 'innodb_doublewrite', 'log_bin', 'sync_binlog', 'read_only')";
/// The oldest MariaDB that the statements here are written for.
const OLDEST_SERVER: (u32, u32) = (10, 6);

/// Settings by name.
pub(super) struct Settings(HashMap<String, String>);

impl Settings {
    pub(super) async fn read(conn: &mut Conn) -> Result<Self, mysql_async::Error> {
        let rows: Vec<(String, String)> = conn.query(LOOKED_AT).await?;
        Ok(Self(rows.into_iter().map(|(name, value)| (name, value.to_ascii_lowercase())).collect()))
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.0.get(name).is_some_and(|set| set == value)
    }

    /// The server's version without what the packager wrote behind it.
    pub(super) fn version(&self) -> &str {
        self.0.get("version").map_or("", |version| version.split('-').next().unwrap_or_default())
    }

    /// # Errors
    /// `store.not_durable`; `store.other_server` for one that is no MariaDB, or too old.
    pub(super) fn must_keep_what_it_acknowledges(&self) -> Result<()> {
        if let Some(what) = self.unfit() {
            return Err(Error::new(ErrorKind::Conflict, "store.other_server", what));
        }
        match self.losing().into_iter().next() {
            Some(what) => Err(Error::new(ErrorKind::Conflict, "store.not_durable", what)),
            None => Ok(()),
        }
    }

    /// Why the statements of this program do not run there.
    fn unfit(&self) -> Option<String> {
        if !self.0.get("version").is_some_and(|version| version.contains("mariadb")) {
            return Some("this server is no MariaDB; use MariaDB 10.6 or later".to_owned());
        }
        let mut parts = self.version().split('.').map(|part| part.parse().unwrap_or(0));
        let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        (version < OLDEST_SERVER).then(|| "this MariaDB is older than version 10.6; use a later one".to_owned())
    }

    /// Settings over which what was acknowledged may be lost.
    fn losing(&self) -> Vec<String> {
        let mut losing = Vec::new();
        if !self.is("innodb_flush_log_at_trx_commit", "1") {
            let what =
                "innodb_flush_log_at_trx_commit is not 1: a power cut can lose what was acknowledged; set it to 1";
            losing.push(what.to_owned());
        }
        if ["nosync", "littlesync"].iter().any(|method| self.is("innodb_flush_method", method)) {
            let what =
                "innodb_flush_method leaves syncing out: a power cut can lose what was acknowledged; use another";
            losing.push(what.to_owned());
        }
        // With a binary log, what is not in it is rolled back when the server comes up again.
        if (self.is("log_bin", "on") || self.is("log_bin", "1")) && !self.is("sync_binlog", "1") {
            let what =
                "sync_binlog is not 1: with a binary log a power cut can lose what was acknowledged; set it to 1";
            losing.push(what.to_owned());
        }
        losing
    }

    /// Everything that should be otherwise.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut vital = self.losing();
        vital.extend(self.unfit());
        if self.is("innodb_doublewrite", "off") {
            let what = "innodb_doublewrite is off: a power cut can tear pages; set it on and restart MariaDB";
            vital.push(what.to_owned());
        }
        if self.is("read_only", "on") || self.is("read_only", "1") {
            vital.push("read_only is on: this server takes no writes; use the URL of the primary".to_owned());
        }
        vital.into_iter().map(|what| Fault { is_vital: true, what }).collect()
    }
}

/// Why there is no connection.
pub(super) fn connect_failed(database: &str, error: mysql_async::Error) -> Error {
    let message = format!("MariaDB does not answer for '{database}'; check the database URL and that the server runs");
    Error::unavailable("store.cannot_open", message).caused_by(error)
}
