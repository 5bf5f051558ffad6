//! What a run bills.

use serde_json::json;

use crate::support::{Engine, within};
use crate::{Programme, SOON, on_both, told};

const JULY: &str = "2020-07-15T12:00:00+09:00";
const AUGUST: &str = "2020-08-15T12:00:00+09:00";

#[test]
fn five_hundred_points_are_490_won_however_often_it_is_asked() {
    on_both(|engine| {
        let programme = Programme::at(engine, JULY);
        programme.open_merchant(20, None);
        for point in [100, 200, 200] {
            programme.use_points(20, point, JULY);
        }
        programme.tell(|told| told.something_else(20, 1_594_782_000_000));
        let order = json!({"mercharntId": " 0020", "billingMonth": 202_007});
        let first = programme.app.post("/billings", &order).must_be(201);
        assert_eq!(first.header("location"), Some(format!("{}/billings/1", programme.app.base()).as_str()));
        for _ in 0..3 {
            let again = programme.app.post("/billings", &order).must_be(200);
            assert_eq!(again.json, first.json);
        }
        assert_eq!(first.json["billingAmount"], 490);
        assert_eq!((&first.json["dealCount"], &first.json["feeRate"]), (&3.into(), &200.into()));
        let lines = programme.app.get("/billings/1/lines?limit=2").must_be(200);
        assert_eq!(lines.json["_embedded"]["lines"].as_array().map(Vec::len), Some(2));
        assert!(lines.json["_links"]["next"]["href"].is_string(), "{}", lines.text);
        let line = programme.app.get("/billingAmountViews/1").must_be(200).json;
        assert_eq!((&line["billingId"], &line["billingAmount"]), (&1.into(), &98.into()), "{line}");
        let deal = line["_links"]["deal"]["href"].as_str().unwrap_or_default();
        assert!(deal.ends_with("/deals/1"), "{line}");
        programme.app.get("/billingAmountViews/4").must_be(404);
        let statement = programme.app.get("/billings/1/statement").must_be(200);
        let rows: Vec<&str> = statement.text.lines().collect();
        assert_eq!(rows.len(), 5, "{}", statement.text);
        assert!(rows[4].starts_with("total,") && rows[4].ends_with(",500,490"), "{}", statement.text);
    });
}

/// A programme in August whose calendar is through with July, so that nothing but what is asked bills merchant 20.
fn with_july_over(engine: Engine) -> Programme {
    let programme = Programme::at(engine, AUGUST);
    programme.open_merchant(20, None);
    told::caught_up(programme.app.app());
    // The job looks at its calendar before each of the closings, and the second begins after the first is over.
    for month in ["202006", "202007"] {
        programme.close(month);
    }
    programme
}

#[test]
fn what_comes_late_is_a_further_run_with_that_alone() {
    on_both(|engine| {
        let programme = with_july_over(engine);
        programme.use_points(20, 500, JULY);
        assert_eq!(programme.figures(20, "202007"), (201, 1, 500, 490));
        programme.use_points(20, 30, JULY);
        assert_eq!(programme.figures(20, "202007"), (201, 2, 30, 29));
        assert_eq!(programme.figures(20, "202007"), (200, 2, 30, 29));
        // Cut off towards zero, over the sum of the run and not line by line.
        programme.use_points(20, 10, JULY);
        programme.use_points(20, 60, JULY);
        assert_eq!(programme.figures(20, "202007"), (201, 3, 70, 68));
    });
}

#[test]
fn a_cancel_goes_off_the_month_that_is_billed_next_and_may_leave_less_than_nothing() {
    on_both(|engine| {
        let programme = with_july_over(engine);
        programme.use_points(20, 500, JULY);
        programme.use_points(20, 100, AUGUST);
        assert_eq!(programme.figures(20, "202007"), (201, 1, 500, 490));
        programme.cancel_use(20, 500, AUGUST);
        assert_eq!(programme.figures(20, "202007"), (200, 1, 500, 490), "it is dated in August");
        assert_eq!(programme.figures(20, "202008"), (201, 1, -400, -392));
        assert_eq!(programme.figures(20, "202008"), (200, 1, -400, -392));
        // A cancel of July that comes late goes off August; a use of July stays in July.
        programme.cancel_use(20, 7, JULY);
        programme.use_points(20, 50, JULY);
        assert_eq!(programme.figures(20, "202008"), (201, 2, -7, -6));
        assert_eq!(programme.figures(20, "202007"), (201, 2, 50, 49));
    });
}

#[test]
fn the_fee_is_that_of_the_moment_of_the_run() {
    on_both(|engine| {
        let programme = Programme::with(engine, JULY, &["settlement.fee_rate_bp=300"]);
        programme.open_merchant(20, Some(150));
        programme.open_merchant(21, None);
        for merchant_id in [20, 21] {
            programme.use_points(merchant_id, 10_000, JULY);
        }
        assert_eq!(programme.figures(20, "202007"), (201, 1, 10_000, 9_850));
        assert_eq!(programme.figures(21, "202007"), (201, 1, 10_000, 9_700));
        programme.use_points(20, 10_000, JULY);
        programme.tell(|told| told.changed(20, Some(0)));
        assert_eq!(programme.figures(20, "202007"), (201, 2, 10_000, 10_000));
        programme.use_points(20, 10_000, JULY);
        programme.tell(|told| told.changed(20, None));
        assert_eq!(programme.figures(20, "202007"), (201, 3, 10_000, 9_700));
        let first = programme.app.get("/billings/1").must_be(200).json;
        assert_eq!((&first["feeRate"], &first["billingAmount"]), (&150.into(), &9_850.into()), "what is billed stays");
    });
}

#[test]
fn a_key_gets_the_same_answer_for_ever() {
    on_both(|engine| {
        let mut programme = Programme::with(engine, JULY, &["http.base_url=http://onepoint.test"]);
        programme.open_merchant(20, None);
        programme.use_points(20, 500, JULY);
        let ask = |programme: &Programme, key: &str, merchant_id: i64| {
            let body = json!({"merchantId": merchant_id, "billingMonth": "202007"});
            programme.app.request("POST", "/billings").key(key).json(&body).send()
        };
        let new = ask(&programme, "new", 20).must_be(201);
        let same = ask(&programme, "same", 20).must_be(200);
        let unknown = ask(&programme, "unknown", 99);
        unknown.must_be_problem(404);
        assert_eq!(unknown.code(), "settlement.merchant_unknown");
        programme.use_points(20, 30, JULY);
        programme.open_merchant(99, None);
        assert_eq!(programme.figures(20, "202007"), (201, 2, 30, 29));
        for _ in 0..2 {
            assert_eq!(ask(&programme, "new", 20).must_be(201).json, new.json);
            assert_eq!(ask(&programme, "same", 20).must_be(200).json, same.json);
            ask(&programme, "unknown", 99).must_be_problem(404);
            ask(&programme, "new", 99).must_be_problem(422);
            programme.app.restart();
        }
        assert_eq!(programme.billings().len(), 2);
    });
}

#[test]
fn what_cannot_be_billed_is_refused() {
    on_both(|engine| {
        let programme = Programme::at(engine, JULY);
        programme.open_merchant(20, None);
        for (body, status) in [
            (json!({"merchantId": 20, "billingMonth": "202008"}), 422),
            (json!({"merchantId": 20, "billingMonth": "202013"}), 422),
            (json!({"merchantId": 20, "billingMonth": "2020-07"}), 422),
            (json!({"merchantId": 0, "billingMonth": "202007"}), 422),
            (json!({"merchantId": 21, "billingMonth": "202007"}), 404),
            (json!({"billingMonth": "202007"}), 422),
            (json!({"merchantId": 20, "billingMonth": "202007", "amount": 1}), 422),
        ] {
            programme.app.post("/billings", &body).must_be_problem(status);
        }
        programme.app.post("/closings", &json!({"billingMonth": "202008"})).must_be_problem(422);
        programme.app.get("/closings/202007").must_be(404);
        assert!(programme.billings().is_empty());
        programme.app.stop("deal");
        let behind = programme.bill(20, "202007");
        behind.must_be_problem(503);
        programme.app.start("deal");
        within(SOON, "deal is asked again", || programme.bill(20, "202007").status == 201);
    });
}

#[test]
fn a_run_has_every_deal_that_ended_before_it_was_asked_for() {
    let programme = Programme::at(Engine::Sqlite, JULY);
    programme.open_merchant(20, None);
    assert_eq!(programme.figures(20, "202007"), (201, 1, 0, 0));
    for point in 1..=50 {
        programme.use_points(20, point, JULY);
        assert_eq!(programme.figures(20, "202007").2, point, "each deal that has ended is in the next run");
    }
}
