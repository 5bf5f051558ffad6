//! The read models alone, without threads and without those whom they follow: here the test tells them what happened.

use std::sync::Arc;

use platform::clock::ManualClock;
use platform::db::{Cursor, Database, Durability, Location, Session};
use platform::log::{Event, encode};
use serde::Serialize;
use serde_json::Value;
use server::assembly::{App, Options};
use server::config::Settings;
use tokio::runtime::Runtime;

use crate::support::{Engine, postgres};

/// Whose log an event stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Member's.
    Member,
    /// Cart's.
    Cart,
    /// Membership's.
    Membership,
    /// Payment's.
    Payment,
    /// Gifticon's.
    Gifticon,
}

/// The contexts, of which only the read models are used.
pub struct Views {
    app: Arc<App>,
    runtime: Runtime,
    _data: tempfile::TempDir,
    database: Option<postgres::Database>,
}

impl Views {
    /// On a fresh store, with a clock that stands still at this instant.
    pub fn on(engine: Engine, now_ms: i64) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let database = (engine == Engine::Postgres).then(postgres::Database::fresh);
        let url = database.as_ref().map_or("sqlite:", |database| &database.url);
        let secret = "programme.secret=0123456789abcdef0123456789abcdef".to_owned();
        let sets = [format!("data={}", data.path().display()), format!("database.url={url}"), secret];
        let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
        let runtime = server::serve::runtime(&settings).expect("a runtime");
        let options = Options { clock: Some(Arc::new(ManualClock::new(now_ms)) as _), ..Options::default() };
        let app = Arc::new(App::open(&settings, options, runtime.handle()).expect("the contexts open"));
        Self { app, runtime, _data: data, database }
    }

    /// A connection to my page's store on PostgreSQL, as another process has one.
    pub fn another(&self) -> Box<dyn Session> {
        let url = self.database.as_ref().expect("PostgreSQL").url.clone();
        let store = Database::open("mypage", &Location::Postgres(url), Durability::Full).expect("the store opens");
        store.session().expect("a session")
    }

    /// Tells my page.
    pub fn tell_pages(&self, of: Of, events: &[Event]) {
        let (pages, purchases) = (&self.app.pages, &self.app.purchases);
        let mut consumer = match of {
            Of::Member => pages.follow_members(Arc::clone(&self.app.members.log)),
            Of::Cart => pages.follow_carts(Arc::clone(&purchases.carts.log)),
            Of::Membership => pages.follow_memberships(Arc::clone(&purchases.memberships.log)),
            Of::Payment => pages.follow_payments(Arc::clone(&purchases.payments.log)),
            Of::Gifticon => panic!("my page does not follow gifticon"),
        };
        consumer.take_in(events, Cursor::default()).expect("it is taken in");
    }

    /// Tells the dashboard.
    pub fn tell_dashboard(&self, of: Of, events: &[Event]) {
        let (dashboards, purchases) = (&self.app.dashboards, &self.app.purchases);
        let mut consumer = match of {
            Of::Member => dashboards.follow_members(Arc::clone(&self.app.members.log)),
            Of::Cart => dashboards.follow_carts(Arc::clone(&purchases.carts.log)),
            Of::Membership => dashboards.follow_memberships(Arc::clone(&purchases.memberships.log)),
            Of::Payment => dashboards.follow_payments(Arc::clone(&purchases.payments.log)),
            Of::Gifticon => dashboards.follow_gifticons(Arc::clone(&purchases.gifticons.log)),
        };
        consumer.take_in(events, Cursor::default()).expect("it is taken in");
    }

    /// Empties my page.
    pub fn forget_pages(&self) {
        self.app.pages.start_over(|_| Ok(())).expect("my page can be emptied");
    }

    /// What my page holds, as a digest.
    pub fn pages(&self) -> String {
        self.app.pages.digest().expect("a digest")
    }

    /// A member's page.
    pub fn page(&self, member_id: i64) -> Value {
        let page = self.runtime.block_on(self.app.pages.page(member_id)).expect("there is a page");
        serde_json::to_value(page).expect("JSON")
    }

    /// Carts and memberships beside the pages.
    pub fn alone(&self) -> (Vec<Value>, Vec<Value>) {
        let value = |view: Result<Value, serde_json::Error>| view.expect("JSON");
        let carts = self.runtime.block_on(self.app.pages.carts_alone(0, 200)).expect("carts");
        let memberships = self.runtime.block_on(self.app.pages.memberships_alone(0, 200)).expect("memberships");
        let carts = carts.into_iter().map(|cart| value(serde_json::to_value(cart))).collect();
        (carts, memberships.into_iter().map(|membership| value(serde_json::to_value(membership))).collect())
    }

    /// What the dashboard holds, as a digest.
    pub fn dashboard(&self) -> String {
        self.app.dashboards.digest().expect("a digest")
    }

    /// The summary.
    pub fn summary(&self) -> Value {
        let summary = self.runtime.block_on(self.app.dashboards.summary()).expect("a summary");
        serde_json::to_value(summary).expect("JSON")
    }

    /// Some days.
    pub fn series(&self, span: app::dashboard::Span) -> Value {
        let series = self.runtime.block_on(self.app.dashboards.series(span)).expect("a series");
        serde_json::to_value(series).expect("JSON")
    }
}

/// An event about this subject, with this number among its events.
pub fn event<E: Serialize>((subject, sequence): (i64, i64), at_ms: i64, told: &E) -> Event {
    let (kind, data) = encode(told).expect("it can be written");
    Event { cursor: Cursor::default(), kind, subject, sequence, at_ms, data, origin: None }
}
