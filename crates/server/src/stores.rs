//! The contexts' stores: where they lie, and bringing their schemas up to date.

use std::path::Path;
use std::sync::Arc;

use platform::access;
use platform::db::{Database, Durability, Location, Migration, migrate, pending};
use platform::error::{Error, ErrorKind, Result};

use crate::config::Settings;

/// A context that has a store.
pub struct Context {
    /// Its name.
    pub name: &'static str,
    /// Its schema.
    pub migrations: &'static [Migration],
    /// What a commit promises there.
    pub durability: Durability,
}

/// Every context, in the order in which they are opened.
pub const CONTEXTS: &[Context] = &[
    Context { name: "point", migrations: app::point::MIGRATIONS, durability: Durability::Full },
    Context { name: "coupon", migrations: app::coupon::MIGRATIONS, durability: Durability::Full },
    Context { name: "member", migrations: app::member::MIGRATIONS, durability: Durability::Full },
    Context { name: "notification", migrations: app::notification::MIGRATIONS, durability: Durability::Full },
    Context { name: "mypage", migrations: app::mypage::MIGRATIONS, durability: Durability::Rebuildable },
    Context { name: "donation", migrations: app::donation::MIGRATIONS, durability: Durability::Full },
    Context { name: "deal", migrations: app::deal::MIGRATIONS, durability: Durability::Full },
    Context { name: "settlement", migrations: app::settlement::MIGRATIONS, durability: Durability::Full },
    Context { name: "dashboard", migrations: app::dashboard::MIGRATIONS, durability: Durability::Rebuildable },
];

/// Names of the contexts, for `--contexts`.
#[must_use]
pub fn context_names() -> Vec<&'static str> {
    CONTEXTS.iter().map(|context| context.name).collect()
}

/// Where the data of a context, or of the API keys (`access`), lies.
///
/// # Errors
/// A bad database URL.
pub fn location(settings: &Settings, context: &str) -> Result<Location> {
    Location::parse(settings.database_url(context), Path::new(settings.text("data")), context)
}

/// Opens the store of a context without looking at its schema.
///
/// # Errors
/// A bad database URL, or a store that cannot be reached.
pub fn open(settings: &Settings, context: &Context) -> Result<Arc<Database>> {
    Database::open(context.name, &location(settings, context.name)?, context.durability)
}

/// Opens the store of a context that is to be there already.
///
/// # Errors
/// As [`open`]; `store.none` when there is no file.
pub fn open_existing(settings: &Settings, context: &Context) -> Result<Arc<Database>> {
    if let Location::Sqlite(path) = &location(settings, context.name)?
        && !path.exists()
    {
        let message = format!("there is no {}; is --data right?", path.display());
        return Err(Error::new(ErrorKind::NotFound, "store.none", message));
    }
    open(settings, context)
}

/// Opens the store of a context with its schema up to date. Without `apply`, a step that is due is an error.
///
/// # Errors
/// As [`open`]; `store.behind` or `store.newer` when the schema does not fit.
pub fn open_migrated(settings: &Settings, context: &Context, apply: bool) -> Result<Arc<Database>> {
    let database = open(settings, context)?;
    let mut session = database.session()?;
    if apply {
        migrate(&mut *session, context.migrations)?;
    } else if !pending(&mut *session, context.migrations)?.is_empty() {
        let message = format!("the store of {} is behind this program; run 'onepoint migrate' first", context.name);
        return Err(Error::new(ErrorKind::Conflict, "store.behind", message));
    }
    Ok(database)
}

/// Opens the store of the API keys.
///
/// # Errors
/// A bad database URL, or a store that cannot be reached.
pub fn open_access(settings: &Settings) -> Result<Arc<access::AccessKeys>> {
    let database = Database::open("access", &location(settings, "access")?, Durability::Full)?;
    access::AccessKeys::open(database, app::kit::OWNERS).map(Arc::new)
}
