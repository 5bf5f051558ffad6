//! Campaigns for tests, and members that coupon is told of past member.

use std::ops::RangeInclusive;
use std::time::Duration;

use domain::member::Event;
use platform::clock::Clock;
use platform::db::{Row, Session, Value as Field};
use platform::error::Result;
use platform::log::{EVENTS, encode};
use serde_json::{Value, json};

use crate::support::{Answer, Engine, Setup, TestApp, within};

/// What the tests of this program take for granted of a busy machine.
pub const SOON: Duration = Duration::from_secs(20);
/// Where members come from their log alone, so that ten thousand of them are there at once.
pub const ALONE: &str = "contexts=coupon";
/// The first day of every campaign here, and the day of the tests.
pub const TODAY: &str = "2026-08-31";
/// When members join: 10 o'clock on that day.
const JOINED_AT_MS: i64 = 1_788_138_000_000;
/// The last one.
pub const LAST_DAY: &str = "2026-09-02";

/// A store with members 1 to `count` who have wallets with nothing in them.
pub fn alone(engine: Engine, count: i64) -> TestApp {
    let app = TestApp::start_up(Setup::on(engine).starting_at(crate::BEGINS).with(&[ALONE]));
    joined(&app, count);
    app
}

/// Members 1 to `count` join, as member would tell of it.
pub fn joined(app: &TestApp, count: i64) {
    app.app()
        .members
        .funnel
        .with_session(|tx| write_joined(tx, 1..=count, false))
        .expect("member's log can be written");
    app.app().members.log.ring(true);
    let wallets = || number(app, "SELECT count(*) FROM coupon_wallet");
    within(SOON * 3, "every member has a wallet", || wallets() == count);
}

/// Writes what member tells of these members, with or without a coupon for joining, and when.
fn write_joined(tx: &mut dyn Session, members: RangeInclusive<i64>, coupon: bool) -> Result<()> {
    let joined = |member_id| (member_id, 1, Event::MemberJoined { member_id, phone_revision: 1, coupon });
    write(tx, &members.map(joined).collect::<Vec<_>>())
}

/// Writes events into member's log, each with its member and sequence.
fn write(tx: &mut dyn Session, events: &[(i64, i64, Event)]) -> Result<()> {
    let positions = tx.next_ids("log_position", events.len())?;
    let mut rows = Vec::with_capacity(positions.len());
    for ((member_id, sequence, event), position) in events.iter().zip(positions) {
        let (kind, data) = encode(event)?;
        let mut row: Vec<Field> =
            vec![position.into(), kind.into(), (*member_id).into(), (*sequence).into(), JOINED_AT_MS.into()];
        row.extend([Field::Null, Field::Null, data.into(), Field::Null, Field::Null]);
        rows.push(Row(row));
    }
    tx.insert_many(&EVENTS, rows)
}

/// A member of whose joining nothing is told leaves.
pub fn gone(app: &TestApp, member_id: i64) {
    let event = (member_id, 2, Event::MemberWithdrawn { member_id, attempt: 1 });
    let funnel = &app.app().members.funnel;
    funnel.with_session(|tx| write(tx, &[event])).expect("member's log can be written");
    app.app().members.log.ring(true);
}

/// Member `member_id` joins and gets a coupon for it.
pub fn joined_with_coupon(app: &TestApp, member_id: i64) {
    let write = |tx: &mut dyn Session| write_joined(tx, member_id..=member_id, true);
    app.app().members.funnel.with_session(write).expect("member's log can be written");
    app.app().members.log.ring(true);
    let coupons = format!("SELECT count(*) FROM coupon WHERE member_id = {member_id}");
    within(SOON, "the member has a coupon", || number(app, &coupons) == 1);
}

/// A number from coupon's store.
pub fn number(app: &TestApp, sql: &str) -> i64 {
    app.app().coupons.funnel.with_session(|tx| tx.query(sql, &[])).expect(sql)[0].int(0)
}

/// What is said of a campaign with so many coupons.
pub fn terms(quantity: i64, per_member_limit: i64) -> Value {
    json!({"name": "summer", "codePattern": "SUMMER-####-####-####", "quantity": quantity,
        "perMemberLimit": per_member_limit, "startDate": TODAY, "endDate": LAST_DAY})
}

/// Opens a campaign with so many coupons; its number.
pub fn campaign(app: &TestApp, quantity: i64, per_member_limit: i64) -> i64 {
    let answer = app.post("/couponCampaigns", &terms(quantity, per_member_limit)).must_be(201);
    answer.json["campaignId"].as_i64().expect("a number")
}

/// A campaign as it is shown.
pub fn shown(app: &TestApp, campaign_id: i64) -> Value {
    app.get(&format!("/couponCampaigns/{campaign_id}")).must_be(200).json
}

/// Issued, promised, in stock, redeemed, cancelled, expired.
pub fn figures(app: &TestApp, campaign_id: i64) -> [i64; 6] {
    let shown = shown(app, campaign_id);
    ["issued", "promised", "inStock", "redeemed", "cancelled", "expired"].map(|name| shown[name].as_i64().expect(name))
}

/// What a member says who wants a coupon.
pub fn wish(campaign_id: i64, member_id: i64) -> Value {
    json!({"campaignId": campaign_id, "memberId": member_id})
}

/// A member asks for a coupon.
pub fn claim(app: &TestApp, campaign_id: i64, member_id: i64) -> Answer {
    app.post("/coupons", &wish(campaign_id, member_id))
}

/// Has codes made in advance; the address of the bulk issue.
pub fn request(app: &TestApp, campaign_id: i64, count: i64) -> String {
    let answer = app.post(&format!("/couponCampaigns/{campaign_id}/issues"), &json!({"count": count})).must_be(201);
    let location = answer.header("location").expect("where it is").to_owned();
    location.strip_prefix(&app.base()).expect("on this server").to_owned()
}

/// Has codes made in advance and waits until they are.
pub fn stock(app: &TestApp, campaign_id: i64, count: i64) {
    let path = request(app, campaign_id, count);
    within(SOON * 3, "the codes are made", || app.get(&path).json["status"] == "DONE");
}

/// The codes of a campaign that nobody has, in the order in which they were made.
pub fn free_codes(app: &TestApp, campaign_id: i64) -> Vec<String> {
    let lines = csv(app, campaign_id);
    let free = lines.iter().filter(|line| line[2] == "ISSUED" && line[3].is_empty());
    free.map(|line| line[1].clone()).collect()
}

/// The lines of a campaign's codes, without the head.
pub fn csv(app: &TestApp, campaign_id: i64) -> Vec<Vec<String>> {
    let answer = app.get(&format!("/couponCampaigns/{campaign_id}/codes")).must_be(200);
    let mut lines = answer.text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let head = lines.next().expect("a head");
    assert_eq!(head, ["couponId", "code", "status", "memberId", "startDate", "endDate"]);
    lines.collect()
}

/// Somebody brings a code for a member.
pub fn bring(app: &TestApp, code: &str, member_id: i64) -> Answer {
    app.post("/coupons/redemptions", &json!({"code": code, "memberId": member_id}))
}

/// Fails unless what `onepoint verify` knows of coupon holds.
pub fn verify(app: &TestApp) {
    let findings = app.app().coupons.funnel.with_session(app::coupon::inspect).expect("coupon can be inspected");
    assert!(findings.is_clean(), "{findings:?}");
}

/// Sets the clock.
pub fn is_now(app: &TestApp, instant: &str) {
    let now_ms = platform::zone::parse_instant(instant).expect("an instant");
    app.clock.advance_ms(now_ms - app.clock.now_ms());
}
