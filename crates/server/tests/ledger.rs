//! The ledger over time: statements, lots that end, points that are taken back, and a store from before.

mod support;

#[path = "ledger/clawbacks.rs"]
mod clawbacks;
#[path = "ledger/deals.rs"]
mod deals;
#[path = "ledger/expiry.rs"]
mod expiry;
#[path = "ledger/hold_payments.rs"]
mod hold_payments;
#[path = "ledger/hold_races.rs"]
mod hold_races;
#[path = "ledger/holds.rs"]
mod holds;
#[path = "ledger/migration.rs"]
mod migration;
#[path = "ledger/statement.rs"]
mod statement;
#[path = "ledger/years.rs"]
mod years;

use platform::access::Role;
use platform::clock::Clock;
use platform::db::Row;
use platform::zone::{CivilDay, Zone};
use serde_json::{Value, json};
use server::config::Settings;
use server::stores::open_access;
use support::{Answer, TestApp, eventually};

impl TestApp {
    /// The day by the server's clock, where the programme is.
    fn today(&self) -> CivilDay {
        Zone::named("Asia/Seoul").expect("built in").day(self.clock.now_ms())
    }

    /// Moves the clock to the next first day of a month.
    fn to_next_month(&self) {
        self.clock.advance_days(1);
        while self.today().2 != 1 {
            self.clock.advance_days(1);
        }
    }

    /// The month so many months after this one, `yyyyMM`.
    fn month(&self, ahead: i32) -> String {
        let (year, month, _) = self.today();
        let months = year * 12 + month - 1 + ahead;
        format!("{:04}{:02}", months / 12, months % 12 + 1)
    }

    /// A movement of points.
    fn transact(&self, member_id: i64, kind: &str, amount: i64) -> Answer {
        self.post(&format!("/points/{member_id}/transactions"), &json!({"kind": kind, "amount": amount}))
    }

    /// Rows of point's store.
    fn rows(&self, sql: &str) -> Vec<Row> {
        self.app().points.funnel.with_session(|tx| tx.query(sql, &[])).expect("the store can be read")
    }

    /// What point said in events of this type, in order, with the place in the log.
    fn events(&self, kind: &str) -> Vec<(i64, Value)> {
        let rows = self.rows(&format!("SELECT position, data FROM event WHERE type = '{kind}' ORDER BY position"));
        rows.iter().map(|row| (row.int(0), serde_json::from_str(row.text(1)).expect("JSON"))).collect()
    }

    /// Every entry of a member, newest first, page by page.
    fn statement(&self, member_id: i64, query: &str) -> Vec<Value> {
        let mut path = format!("/points/{member_id}/entries?limit=200&{query}");
        let mut entries = Vec::new();
        loop {
            let page = self.get(&path).must_be(200);
            entries.extend(page.json["_embedded"]["entries"].as_array().expect("entries").iter().cloned());
            let Some(next) = page.json["_links"]["next"]["href"].as_str() else { return entries };
            path = next.strip_prefix(&self.base()).expect("links lead to this server").to_owned();
        }
    }

    /// An API key of this role.
    fn key(&self, role: Role, owner_id: Option<i64>) -> String {
        let settings = Settings::from_sources(None, std::iter::empty(), &self.store_settings()).expect("settings");
        let keys = open_access(&settings).expect("the store of the keys");
        let (_, text) = keys.create(role, owner_id, "test", 0).expect("a key");
        // The server looks for new ones every second.
        eventually("the key is known", || self.with_key(&text, "/members").status != 401);
        text
    }

    /// GET with an API key.
    fn with_key(&self, key: &str, path: &str) -> Answer {
        self.request("GET", path).header("Authorization", &format!("Bearer {key}")).send()
    }
}

/// Kinds and amounts of entries.
fn moves(entries: &[Value]) -> Vec<(&str, i64)> {
    let of = |entry: &Value| entry["amount"].as_i64().expect("an amount");
    entries.iter().map(|entry| (entry["kind"].as_str().expect("a kind"), of(entry))).collect()
}
