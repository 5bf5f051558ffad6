//! Who may ask: API keys and what they stand for.
//!
//! A key reads `op_<id>_<secret>`. The id is public and names the key in lists and logs; of the secret only the
//! SHA-256 is stored. The store is small and shared: `onepoint keys` writes it while servers run on it, so sessions
//! are short, and a server looks keys up in memory and reloads them every second.

#[cfg(test)]
mod tests;
mod text;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use crate::db::{Database, Kind, Migration, Row, Session, Table, Value, migrate, transaction};
use crate::error::{Error, ErrorKind, Result};

/// Steps of this store's schema.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "access_api_keys",
    sql: include_str!("../../../migrations/0001_access_api_keys.sql"),
    lives_with: 0,
}];

static KEYS: Table = Table {
    name: "access_key",
    columns: &[
        ("id", Kind::Text),
        ("role", Kind::Text),
        ("owner_id", Kind::Int),
        ("label", Kind::Text),
        ("secret_sha256", Kind::Blob),
        ("created_at_ms", Kind::Int),
        ("revoked_at_ms", Kind::Int),
    ],
};
const LISTED: &str = "SELECT id, role, owner_id, label, created_at_ms, revoked_at_ms FROM access_key";
const VALID: &str = "SELECT id, role, owner_id, secret_sha256 FROM access_key WHERE revoked_at_ms IS NULL";
const LABEL_CHARS: usize = 100;

/// What the holder of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Runs the programme; may do everything.
    Operator,
    /// Another process of the programme; may ask the internal questions.
    Service,
    /// The one whom resources of this kind belong to; the kinds are given by the program.
    Owner(&'static str),
}

impl Role {
    /// Its name on the command line and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Service => "service",
            Self::Owner(kind) => kind,
        }
    }

    /// The role of this name, where owners may be of these kinds.
    #[must_use]
    pub fn named(name: &str, owners: &[&'static str]) -> Option<Self> {
        let owner = owners.iter().copied().find(|kind| *kind == name).map(Self::Owner);
        owner.or_else(|| [Self::Operator, Self::Service].into_iter().find(|role| role.name() == name))
    }
}

impl Serialize for Role {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A key as lists show it; the secret is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// The public part, 8 characters.
    pub id: String,
    /// What its holder is.
    pub role: Role,
    /// Number of the owner it belongs to; only for owners.
    pub owner_id: Option<i64>,
    /// What people call it.
    pub label: String,
    /// When it was made, in milliseconds since 1970 in UTC.
    pub created_at_ms: i64,
    /// Since when it is refused, in milliseconds since 1970 in UTC.
    pub revoked_at_ms: Option<i64>,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What they are.
    pub role: Role,
    /// Number of the owner; only for owners.
    pub owner_id: Option<i64>,
    /// The key's id, or `local`.
    pub id: String,
}

impl Principal {
    /// Who asks from this machine without a key.
    #[must_use]
    pub fn local_operator() -> Self {
        Self { role: Role::Operator, owner_id: None, id: "local".to_owned() }
    }
}

/// What a lookup needs of a key.
struct Held {
    role: Role,
    owner_id: Option<i64>,
    secret_sha256: [u8; 32],
}

/// The keys: a store, and the valid ones in memory.
pub struct AccessKeys {
    database: Arc<Database>,
    owners: &'static [&'static str],
    held: RwLock<HashMap<String, Held>>,
}

impl AccessKeys {
    /// Brings the store up to date and loads the valid keys, where owners may be of these kinds. Blocks; not for
    /// async code.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached, `store.newer` when a newer program made it.
    pub fn open(database: Arc<Database>, owners: &'static [&'static str]) -> Result<Self> {
        let mut session = database.shared_session()?;
        migrate(&mut *session, MIGRATIONS)?;
        let keys = Self { database, owners, held: RwLock::default() };
        keys.hold(session.query(VALID, &[])?);
        Ok(keys)
    }

    /// Makes a key; the text is shown to its holder once and cannot be had again. Blocks; not for async code.
    ///
    /// # Errors
    /// `Invalid` if the owner does not fit the role or the label is empty or longer than 100 characters.
    pub fn create(&self, role: Role, owner_id: Option<i64>, label: &str, now_ms: i64) -> Result<(ApiKey, String)> {
        let label = label.trim();
        check(role, owner_id, label)?;
        let fresh = text::fresh()?;
        let key = ApiKey {
            id: fresh.id,
            role,
            owner_id,
            label: label.to_owned(),
            created_at_ms: now_ms,
            revoked_at_ms: None,
        };
        self.insert(&key, fresh.secret_sha256)?;
        Ok((key, fresh.text))
    }

    /// Takes a key in that was made elsewhere, so that several processes can be given it before there is a store; whether
    /// it is new here. Blocks; not for async code.
    ///
    /// # Errors
    /// `Invalid` if it is no key, or belongs to an owner; `access.key_differs` if the store knows its id with another
    /// secret or role, or as revoked.
    pub fn adopt(&self, role: Role, label: &str, text: &str, now_ms: i64) -> Result<bool> {
        let label = label.trim();
        check(role, None, label)?;
        if self.find(text).is_some_and(|known| known.role == role) {
            return Ok(false);
        }
        let (id, secret) = text::split(text)
            .ok_or_else(|| Error::invalid("/key", "this is no key as 'onepoint keys create' makes them"))?;
        if self.list()?.iter().any(|known| known.id == id) {
            let message = "a key with this id is there already, with another secret or role, or revoked";
            return Err(Error::new(ErrorKind::Conflict, "access.key_differs", message));
        }
        let (id, label) = (id.to_owned(), label.to_owned());
        let key = ApiKey { id, role, owner_id: None, label, created_at_ms: now_ms, revoked_at_ms: None };
        self.insert(&key, text::sha256(secret))?;
        Ok(true)
    }

    fn insert(&self, key: &ApiKey, secret_sha256: [u8; 32]) -> Result<()> {
        let row = Row(vec![
            key.id.as_str().into(),
            key.role.name().into(),
            key.owner_id.into(),
            key.label.as_str().into(),
            secret_sha256.to_vec().into(),
            key.created_at_ms.into(),
            Value::Null,
        ]);
        let mut session = self.database.shared_session()?;
        transaction(&mut *session, |tx| tx.insert_many(&KEYS, vec![row]))?;
        self.hold(session.query(VALID, &[])?);
        Ok(())
    }

    /// All keys, revoked ones too, the oldest first. Blocks; not for async code.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn list(&self) -> Result<Vec<ApiKey>> {
        let rows = self.database.shared_session()?.query(&format!("{LISTED} ORDER BY created_at_ms, id"), &[])?;
        rows.into_iter().map(|row| self.read_key(row)).collect()
    }

    /// Refuses a key from now on; one that is revoked already stays as it is. Blocks; not for async code.
    ///
    /// # Errors
    /// `access.no_such_key` if there is none with this id.
    pub fn revoke(&self, id: &str, now_ms: i64) -> Result<ApiKey> {
        let mut session = self.database.shared_session()?;
        let sql = "UPDATE access_key SET revoked_at_ms = $1 WHERE id = $2 AND revoked_at_ms IS NULL";
        session.execute(sql, &[now_ms.into(), id.into()])?;
        self.hold(session.query(VALID, &[])?);
        let found = session.query(&format!("{LISTED} WHERE id = $1"), &[id.into()])?.pop();
        let missing = || Error::new(ErrorKind::NotFound, "access.no_such_key", "there is no key with this id");
        self.read_key(found.ok_or_else(missing)?)
    }

    /// Loads the valid keys anew; called every second, which bounds how long a key outlives its revocation.
    /// On an error the keys stay as they were.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn refresh(&self) -> Result<()> {
        self.hold(self.database.query(VALID, &[]).await?);
        Ok(())
    }

    /// Who presents this key; nothing if it is not a key, not known or revoked.
    #[must_use]
    pub fn find(&self, presented: &str) -> Option<Principal> {
        let (id, secret) = text::split(presented)?;
        let digest = text::sha256(secret);
        let held = self.held.read();
        let key = held.get(id)?;
        let same: bool = key.secret_sha256.ct_eq(&digest).into();
        same.then(|| Principal { role: key.role, owner_id: key.owner_id, id: id.to_owned() })
    }

    /// Whether there is any valid key; without one the program answers on loopback only.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.held.read().is_empty()
    }

    /// Rows that cannot be read are left out, which refuses their keys.
    fn hold(&self, rows: Vec<Row>) {
        let read = |mut row: Row| {
            let held = Held {
                role: Role::named(row.text(1), self.owners)?,
                owner_id: row.opt_int(2),
                secret_sha256: row.blob(3)?.try_into().ok()?,
            };
            Some((row.take_text(0)?, held))
        };
        *self.held.write() = rows.into_iter().filter_map(read).collect();
    }

    fn read_key(&self, mut row: Row) -> Result<ApiKey> {
        let role = Role::named(row.text(1), self.owners)
            .ok_or_else(|| Error::internal("the store holds a key of an unknown role"))?;
        Ok(ApiKey {
            role,
            owner_id: row.opt_int(2),
            created_at_ms: row.int(4),
            revoked_at_ms: row.opt_int(5),
            id: row.take_text(0).unwrap_or_default(),
            label: row.take_text(3).unwrap_or_default(),
        })
    }
}

/// Valid keys in a store, without changing anything there.
///
/// # Errors
/// `Unavailable` when the store cannot be read.
pub fn count_valid(session: &mut dyn Session) -> Result<usize> {
    session.query(VALID, &[]).map(|rows| rows.len())
}

fn check(role: Role, owner_id: Option<i64>, label: &str) -> Result<()> {
    let (name, has_owner) = (role.name(), matches!(role, Role::Owner(_)));
    match owner_id {
        None if has_owner => {
            return Err(Error::invalid("/ownerId", format!("a {name} key needs the number of its {name}")));
        }
        Some(_) if !has_owner => {
            return Err(Error::invalid("/ownerId", format!("a {name} key belongs to nobody; leave the number out")));
        }
        Some(number) if number < 1 => return Err(Error::invalid("/ownerId", "numbers of owners begin with 1")),
        _ => {}
    }
    if label.is_empty() || label.chars().count() > LABEL_CHARS || label.chars().any(char::is_control) {
        return Err(Error::invalid("/label", format!("a label has 1 to {LABEL_CHARS} characters on one line")));
    }
    Ok(())
}
