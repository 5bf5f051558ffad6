//! Months that are closed: by hand, by the calendar, after a time without the program, and carried on after a restart.

use std::time::Duration;

use serde_json::json;

use crate::support::{Engine, within};
use crate::{Programme, SOON, on_both};

const JULY: &str = "2020-07-15T12:00:00+09:00";
const LAST: &str = "2020-07-31T23:59:59.999+09:00";
const AUGUST: &str = "2020-08-01T00:00:00+09:00";
/// Longer than the pause between two looks of an idle job.
const SEVERAL_LOOKS: Duration = Duration::from_millis(1_300);

/// How many closings there are, and whether all are over.
fn closings(programme: &Programme) -> Vec<(String, bool)> {
    let all = programme.app.all_of("closings");
    let read = |closing: &serde_json::Value| {
        (closing["billingMonth"].as_str().unwrap_or_default().to_owned(), closing["status"] == "DONE")
    };
    all.as_array().expect("a list").iter().map(read).collect()
}

#[test]
fn a_closing_bills_every_merchant_with_something_open_once() {
    on_both(|engine| {
        let programme = Programme::at(engine, JULY);
        for merchant_id in 1..=5 {
            programme.open_merchant(merchant_id, None);
        }
        for merchant_id in 1..=3 {
            programme.use_points(merchant_id, 500, JULY);
        }
        let closing = programme.close("202007");
        assert_eq!((&closing["merchants"], &closing["billed"]), (&3.into(), &3.into()), "{closing}");
        assert_eq!(closing["billingAmount"], 3 * 490);
        assert_eq!(programme.billings().len(), 3);
        // Asked again it bills what is new, and nothing else.
        programme.use_points(2, 100, JULY);
        let again = programme.close("202007");
        assert_eq!(
            (&again["merchants"], &again["billed"], &again["billingAmount"]),
            (&1.into(), &1.into(), &98.into())
        );
        let again = programme.close("202007");
        assert_eq!((&again["merchants"], &again["billed"], &again["billingAmount"]), (&0.into(), &0.into(), &0.into()));
        assert_eq!(programme.billings().len(), 4);
    });
}

#[test]
fn a_key_begins_a_closing_once() {
    on_both(|engine| {
        let programme = Programme::at(engine, JULY);
        programme.open_merchant(1, None);
        let ask = || {
            let body = json!({"billingMonth": "202007"});
            programme.app.request("POST", "/closings").key("k").json(&body).send().must_be(201)
        };
        ask();
        programme.closed("202007");
        programme.use_points(1, 500, JULY);
        assert_eq!(ask().json["status"], "DONE", "it does not begin anew");
        assert!(programme.billings().is_empty());
    });
}

#[test]
fn a_month_closes_by_itself_when_it_is_over() {
    on_both(|engine| {
        let programme = Programme::at(engine, JULY);
        programme.open_merchant(1, None);
        programme.use_points(1, 500, JULY);
        // The clock runs on: what belongs to July is in the log before July is as good as over.
        programme.use_points(1, 100, LAST);
        programme.is_now(LAST);
        std::thread::sleep(SEVERAL_LOOKS);
        // By now the clock has come to August by itself.
        programme.closed("202007");
        assert_eq!(programme.billings(), [(1, "202007".to_owned(), 1, 600)]);
        programme.use_points(1, 40, AUGUST);
        std::thread::sleep(SEVERAL_LOOKS);
        assert_eq!(programme.billings().len(), 1, "August is not over, and July is not closed again");
        // What came late for July is billed with August, as a further run of July.
        programme.use_points(1, 30, JULY);
        programme.cancel_use(1, 5, LAST);
        programme.is_now("2020-09-01T00:00:00+09:00");
        programme.closed("202008");
        let expected =
            [(1, "202007".to_owned(), 1, 600), (1, "202007".to_owned(), 2, 25), (1, "202008".to_owned(), 1, 40)];
        assert_eq!(programme.billings(), expected);
    });
}

#[test]
fn months_that_were_missed_are_closed_when_the_program_is_back() {
    on_both(|engine| {
        let mut programme = Programme::at(engine, JULY);
        programme.open_merchant(1, None);
        programme.use_points(1, 500, JULY);
        programme.is_now("2020-08-15T12:00:00+09:00");
        programme.closed("202007");
        programme.use_points(1, 100, "2020-08-14T12:00:00+09:00");
        programme.verify();
        programme.app.shut_down();
        programme.is_now("2020-12-24T12:00:00+09:00");
        programme.app.restart();
        within(SOON, "every month is closed", || {
            let all = closings(&programme);
            all.len() == 5 && all.iter().all(|(_, done)| *done)
        });
        assert_eq!(closings(&programme).last().map(|(month, _)| month.clone()), Some("202011".to_owned()));
        assert_eq!(programme.billings(), [(1, "202007".to_owned(), 1, 500), (1, "202008".to_owned(), 1, 100)]);
    });
}

#[test]
fn a_closing_that_was_begun_by_hand_begins_anew_when_the_month_is_over() {
    let programme = Programme::at(Engine::Sqlite, JULY);
    programme.open_merchant(1, None);
    programme.use_points(1, 500, JULY);
    programme.close("202007");
    programme.use_points(1, 100, JULY);
    programme.is_now(AUGUST);
    within(SOON, "July is closed again", || programme.billings().len() == 2);
    assert_eq!(programme.billings()[1], (1, "202007".to_owned(), 2, 100));
}

#[test]
fn a_closing_waits_while_deal_cannot_be_asked() {
    on_both(|engine| {
        let programme = Programme::at(engine, JULY);
        programme.open_merchant(1, None);
        programme.use_points(1, 500, JULY);
        programme.verify();
        programme.app.stop("deal");
        programme.app.post("/closings", &json!({"billingMonth": "202007"})).must_be(201);
        std::thread::sleep(SEVERAL_LOOKS);
        assert_eq!(programme.app.get("/closings/202007").json["status"], "RUNNING");
        assert!(programme.billings().is_empty());
        programme.app.start("deal");
        programme.closed("202007");
        assert_eq!(programme.billings().len(), 1);
    });
}

#[test]
fn a_thousand_merchants_are_billed_page_by_page() {
    on_both(|engine| {
        let programme = Programme::at(engine, JULY);
        programme.tell(|told| {
            for merchant_id in 1..=2_100 {
                told.opened(merchant_id, None);
                if merchant_id % 2 == 0 {
                    told.used(merchant_id, 100, 1_594_782_000_000);
                }
            }
        });
        programme.verify();
        let closing = programme.close("202007");
        assert_eq!((&closing["merchants"], &closing["billed"]), (&1_050.into(), &1_050.into()), "{closing}");
        assert_eq!(closing["billingAmount"], 1_050 * 98);
        assert_eq!(programme.billings().len(), 1_050);
    });
}

#[test]
fn the_command_closes_a_month_and_says_what_came_of_it() {
    let programme = Programme::at(Engine::Sqlite, JULY);
    programme.open_merchant(20, None);
    programme.open_merchant(21, None);
    programme.use_points(20, 500, JULY);
    let url = programme.app.base();
    let settle = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_onepoint"));
        command.args(["settle", "--url", &url]).args(more).current_dir(std::env::temp_dir());
        command.output().expect("the program runs")
    };
    let output = settle(&["--month", "202007"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("490"), "{text}{complaint}");
    programme.use_points(21, 1_000, JULY);
    let output = settle(&["--month", "202007", "--merchant", "21", "--json"]);
    let billing: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &billing["billingAmount"]), (Some(0), &980.into()));
    assert_eq!(settle(&["--month", "202008"]).status.code(), Some(1), "it has not begun");
    assert_eq!(settle(&["--month", "202013"]).status.code(), Some(1), "there is no such month");
    assert_eq!(settle(&["--month", "July"]).status.code(), Some(2));
}
