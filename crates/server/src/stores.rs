//! The contexts' stores: where they lie, and bringing their schemas up to date.

use std::path::Path;
use std::sync::Arc;

use platform::access;
use platform::bus::Bus;
use platform::db::{Database, Durability, Fill, Location, Migration, Session, migrate, migrate_sealed, pending};
use platform::error::{Error, ErrorKind, Result};
use platform::seal::Seal;

use crate::config::Settings;
use crate::secret::programme_secret;

/// A context that has a store.
pub struct Context {
    /// Its name.
    pub name: &'static str,
    /// Its schema.
    pub migrations: &'static [Migration],
    /// What a commit promises there.
    pub durability: Durability,
    /// The Rust steps of its schema, if it holds personal data, which it seals.
    pub sealed: Option<&'static [Fill]>,
}

const fn context(
    name: &'static str,
    migrations: &'static [Migration],
    durability: Durability,
    sealed: Option<&'static [Fill]>,
) -> Context {
    Context { name, migrations, durability, sealed }
}

/// Every context, in the order in which they are opened.
pub const CONTEXTS: &[Context] = &[
    context("point", app::point::MIGRATIONS, Durability::Full, None),
    context("coupon", app::coupon::MIGRATIONS, Durability::Full, None),
    context("member", app::member::MIGRATIONS, Durability::Full, Some(app::member::FILLS)),
    context("notification", app::notification::MIGRATIONS, Durability::Full, None),
    context("mypage", app::mypage::MIGRATIONS, Durability::Rebuildable, Some(app::mypage::FILLS)),
    context("donation", app::donation::MIGRATIONS, Durability::Full, None),
    context("deal", app::deal::MIGRATIONS, Durability::Full, None),
    context("settlement", app::settlement::MIGRATIONS, Durability::Full, None),
    context("dashboard", app::dashboard::MIGRATIONS, Durability::Rebuildable, None),
    context("product", app::product::MIGRATIONS, Durability::Full, None),
    context("membership", app::membership::MIGRATIONS, Durability::Full, None),
    context("payment", app::payment::MIGRATIONS, Durability::Full, None),
    context("gifticon", app::gifticon::MIGRATIONS, Durability::Full, None),
    context("cart", app::cart::MIGRATIONS, Durability::Full, None),
];

/// What may lie on MariaDB: contexts without points or personal data, and the API keys.
const ON_MARIADB: [&str; 3] = ["access", "coupon", "notification"];

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
    let location = Location::parse(settings.database_url(context), Path::new(settings.text("data")), context)?;
    if matches!(location, Location::MariaDb(_)) && !ON_MARIADB.contains(&context) {
        let may = ON_MARIADB.join(", ");
        let message = format!(
            "'{context}' cannot lie on MariaDB, only {may} can: give it a URL of its own with {context}.database.url"
        );
        return Err(Error::new(ErrorKind::Invalid, "config.database_url", message));
    }
    Ok(location)
}

/// How events travel between contexts; reaches out for nothing.
///
/// # Errors
/// `config.bus_url` and the like for settings that make no sense.
pub fn bus(settings: &Settings) -> Result<Bus> {
    let replicas = i32::try_from(settings.int_in("bus.replicas", 1..=100)?).unwrap_or(1);
    Bus::parse(settings.text("bus.url"))?.with_topics(settings.text("bus.prefix"), replicas)
}

/// Opens the store of a context without looking at its schema.
///
/// # Errors
/// A bad database URL, or a store that cannot be reached.
pub fn open(settings: &Settings, context: &Context) -> Result<Arc<Database>> {
    open_as(settings, context, true)
}

fn open_as(settings: &Settings, context: &Context, wipes: bool) -> Result<Arc<Database>> {
    let location = location(settings, context.name)?;
    if wipes && context.sealed.is_some() {
        return Database::open_wiping(context.name, &location, context.durability);
    }
    Database::open(context.name, &location, context.durability)
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

/// How [`open_migrated`] opens a store.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// Bring the schema up to date; otherwise a step that is due is an error.
    pub applies: bool,
    /// Wipe what is deleted where personal data lies; turned off only by the control run of a test.
    pub wipes: bool,
}

/// Opens the store of a context with its schema up to date.
///
/// # Errors
/// As [`open`]; `store.behind` or `store.newer` when the schema does not fit.
pub fn open_migrated(settings: &Settings, context: &Context, opening: Opening) -> Result<Arc<Database>> {
    let database = open_as(settings, context, opening.wipes)?;
    let mut session = database.session()?;
    if opening.applies {
        bring_up_to_date(settings, context, &mut *session)?;
    } else if !pending(&mut *session, context.migrations)?.is_empty() {
        let message = format!("the store of {} is behind this program; run 'onepoint migrate' first", context.name);
        return Err(Error::new(ErrorKind::Conflict, "store.behind", message));
    } else if context.sealed.is_some() {
        let seal = seal(settings, context.name)?;
        if seal.fits(&mut *session)? == Some(false) {
            return Err(seal.other_secret());
        }
    }
    Ok(database)
}

/// Takes the steps that the schema of a context lacks; how many.
///
/// # Errors
/// What a step said; `config.secret` for a store that is sealed under another secret.
pub fn bring_up_to_date(settings: &Settings, context: &Context, session: &mut dyn Session) -> Result<usize> {
    match context.sealed {
        Some(fills) => migrate_sealed(session, context.migrations, &seal(settings, context.name)?, fills),
        None => migrate(session, context.migrations),
    }
}

/// The seal of a context that holds personal data.
///
/// # Errors
/// `config.secret` for a secret that is too short, or if it can be neither read nor made.
pub fn seal(settings: &Settings, context: &'static str) -> Result<Seal> {
    Seal::new(&programme_secret(settings)?, context)
}

/// Opens the store of the API keys.
///
/// # Errors
/// A bad database URL, or a store that cannot be reached.
pub fn open_access(settings: &Settings) -> Result<Arc<access::AccessKeys>> {
    let database = Database::open("access", &location(settings, "access")?, Durability::Full)?;
    access::AccessKeys::open(database, app::kit::OWNERS).map(Arc::new)
}
