//! What stays right when clock or zone change, and when something of a merchant is missing.

use platform::db::Value;
use serde_json::json;

use crate::support::{Engine, within};
use crate::{CONTEXTS, Programme, SOON, on_both};

const MAY: &str = "2020-05-15T12:00:00+09:00";
const JUNE: &str = "2020-06-15T12:00:00+09:00";
const JULY: &str = "2020-07-15T12:00:00+09:00";
const AUGUST: &str = "2020-08-01T00:00:00+09:00";

#[test]
fn months_are_closed_again_after_a_clock_that_was_ahead_is_put_back() {
    on_both(|engine| {
        let programme = Programme::at(engine, JULY);
        programme.open_merchant(1, None);
        programme.use_points(1, 500, JUNE);
        programme.closed("202006");
        programme.is_now("2020-12-24T12:00:00+09:00");
        programme.closed("202011");
        programme.is_now(JULY);
        programme.use_points(1, 100, JULY);
        programme.is_now(AUGUST);
        within(SOON, "July is closed when it is over", || programme.billings().len() == 2);
        assert_eq!(programme.billings()[1], (1, "202007".to_owned(), 1, 100));
    });
}

/// Breaks what was told last, so that it cannot be read; what stood there.
fn spoil(programme: &Programme) -> (i64, String) {
    programme.app.stop("settlement");
    programme.use_points(20, 70, JULY);
    let deals = &programme.app.app().deals.funnel;
    let last = "SELECT position, data FROM event ORDER BY position DESC LIMIT 1";
    let row = deals.with_session(|tx| Ok(tx.query(last, &[])?.remove(0))).expect("deal's log can be read");
    let sql = "UPDATE event SET data = '{}' WHERE position = $1";
    let params = [Value::Int(row.int(0))];
    deals.with_session(|tx| tx.execute(sql, &params)).expect("deal's log can be changed");
    programme.app.start("settlement");
    let is_parked = || programme.app.all_of("parked").as_array().is_some_and(|parked| parked.len() == 1);
    within(SOON * 3, "it is parked", is_parked);
    (row.int(0), row.text(1).to_owned())
}

#[test]
fn a_merchant_with_parked_events_is_not_billed_too_little() {
    on_both(|engine| {
        let programme = Programme::at(engine, JULY);
        for merchant_id in [20, 21] {
            programme.open_merchant(merchant_id, None);
            programme.use_points(merchant_id, 500, JULY);
        }
        let ask = |key: &str| {
            let body = json!({"merchantId": 20, "billingMonth": "202007"});
            programme.app.request("POST", "/billings").key(key).json(&body).send()
        };
        let first = ask("first").must_be(201).json;
        programme.use_points(20, 30, JULY);
        programme.verify();
        let (position, good) = spoil(&programme);
        let refused = ask("second");
        refused.must_be_problem(503);
        assert_eq!(refused.code(), "settlement.behind");
        assert!(refused.text.contains("parked"), "{}", refused.text);
        assert_eq!(ask("first").must_be(201).json, first, "what was answered is answered again");
        let closing = programme.close("202007");
        assert_eq!((&closing["merchants"], &closing["billed"], &closing["failed"]), (&2.into(), &1.into(), &1.into()));
        assert_eq!(programme.billings().len(), 2, "merchant 21 is billed");

        let params = [Value::Text(good), Value::Int(position)];
        let (deals, settlements) = (&programme.app.app().deals.funnel, &programme.app.app().settlements.funnel);
        let mend = "UPDATE event SET data = $1 WHERE position = $2";
        deals.with_session(|tx| tx.execute(mend, &params)).expect("deal's log can be changed");
        let mend = "UPDATE parked_event SET data = $1 WHERE position = $2";
        settlements.with_session(|tx| tx.execute(mend, &params)).expect("what is parked can be changed");
        let parked = programme.app.get("/parked").must_be(200).json;
        let event = parked["_embedded"]["parked"][0]["_links"]["self"]["href"].as_str().unwrap_or_default().to_owned();
        let path = event.strip_prefix(&programme.app.base()).expect("links lead to this server");
        programme.app.request("POST", &format!("{path}/retry")).send().must_be(200);
        assert_eq!(ask("second").must_be(201).json["usedPoint"], 100);
    });
}

#[test]
fn a_repeated_request_for_a_run_is_answered_while_deal_is_down() {
    on_both(|engine| {
        let programme = Programme::at(engine, JULY);
        programme.open_merchant(20, None);
        programme.use_points(20, 500, JULY);
        let ask = |key: &str| {
            let body = json!({"merchantId": 20, "billingMonth": "202007"});
            programme.app.request("POST", "/billings").key(key).json(&body).send()
        };
        let (new, same) = (ask("new").must_be(201).json, ask("same").must_be(200).json);
        programme.app.stop("deal");
        assert_eq!(ask("new").must_be(201).json, new);
        assert_eq!(ask("same").must_be(200).json, same);
        ask("other").must_be_problem(503);
        programme.app.start("deal");
        within(SOON, "the key of a run that was not made is free", || ask("other").status == 200);
    });
}

#[test]
fn a_closing_counts_what_it_billed_at_a_merchant_before_it_failed() {
    const MOST: i64 = 9_007_199_254_740_991;
    let programme = Programme::at(Engine::Sqlite, JULY);
    programme.open_merchant(20, None);
    programme.use_points(20, 1, JUNE);
    programme.closed("202006");
    // The late run of May is billed; what is left is too much for the one of July.
    programme.use_points(20, 100, MAY);
    programme.cancel_use(20, MOST, JUNE);
    programme.cancel_use(20, MOST, JULY);
    programme.verify();
    let closing = programme.close("202007");
    assert_eq!((&closing["billed"], &closing["failed"], &closing["billingAmount"]), (&1.into(), &1.into(), &98.into()));
    assert_eq!(programme.billings()[0], (20, "202005".to_owned(), 1, 100));
}

#[test]
fn a_deal_stays_in_its_month_when_the_programme_gets_another_zone() {
    on_both(|engine| {
        let in_zone = |zone: &str| format!("timezone={zone}");
        let seoul = in_zone("Asia/Seoul");
        let mut programme = Programme::with(engine, "2020-08-01T06:00:00+09:00", &[&seoul]);
        programme.open_merchant(20, None);
        // Still July in New York.
        programme.use_points(20, 100, AUGUST);
        programme.verify();
        let new_york = in_zone("America/New_York");
        programme.app.restart_with(&[&new_york, CONTEXTS]);
        programme.is_now("2020-08-02T12:00:00+09:00");
        programme.use_points(20, 30, AUGUST);
        assert_eq!(programme.figures(20, "202007"), (201, 1, 0, 0));
        assert_eq!(programme.figures(20, "202008"), (201, 1, 130, 127));
    });
}
