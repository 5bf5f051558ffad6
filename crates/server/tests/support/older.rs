//! Stores put back to what an older program left.

use platform::db::Database;
use server::config::Settings;
use server::stores::{CONTEXTS, location};

use super::TestApp;

/// Undoes migration 36 of my page, which knows by a column whether a member ever bought anything.
pub const UNDO_BOUGHT: &str = "DELETE FROM migration WHERE number = 36; ALTER TABLE page DROP COLUMN bought; \
                               ALTER TABLE bought_cart RENAME TO page_cart; \
                               ALTER TABLE bought_membership RENAME TO page_membership;";

impl TestApp {
    /// What runs scripts on the store of a context while no server has it open; as older programs did, without wiping.
    pub fn scripts(&self, context: &str) -> impl FnMut(&str) + use<> {
        let settings = Settings::from_sources(None, std::iter::empty(), &self.store_settings()).expect("settings");
        let context = CONTEXTS.iter().find(|known| known.name == context).expect("a context");
        let place = location(&settings, context.name).expect("a place");
        let database = Database::open(context.name, &place, context.durability).expect("the store opens");
        let mut session = database.session().expect("a session");
        move |sql| session.run_script(sql).unwrap_or_else(|error| panic!("{error}: {sql}"))
    }
}
