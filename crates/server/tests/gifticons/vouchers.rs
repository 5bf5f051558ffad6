//! Vouchers: used once, extended, expired, taken back; found by their codes and listed.

use domain::gifticon::VoucherCode;
use serde_json::json;

use crate::ENGINES;
use crate::kit::{
    SOON, codes, figures, is_now, must_refuse, number, on_voucher, register, sell, shop, status, vouchers,
};
use crate::senders::{Sent, send_together};
use crate::support::{Engine, TestApp, within};

const PEOPLE: usize = 64;

fn extend(app: &TestApp, code: &str, body: &serde_json::Value) -> crate::support::Answer {
    app.post(&format!("/vouchers/{code}/extensions"), body)
}

#[test]
fn of_64_people_one_uses_a_voucher() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        let (_, codes) = sell(&app, 2);
        let sent = Sent { method: "POST", path: format!("/vouchers/{}/uses", codes[0]), body: None, key: None };
        let answers = send_together(&vec![(app.address(), sent); PEOPLE]);
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(409)), (1, PEOPLE - 1), "{answers:?}");
        assert!(answers.iter().all(|answer| answer.status == 201 || answer.code() == "gifticon.voucher_used"));
        assert_eq!(codes.iter().map(|code| status(&app, code)).collect::<Vec<_>>(), ["USED", "ISSUED"]);
        assert_eq!(figures(&app, 1), [8, 0, 2, 10], "its piece stays sold");
        app.verify_gifticons();
    }
}

#[test]
fn a_repeat_under_its_key_gets_the_first_answer() {
    for engine in ENGINES {
        let mut app = shop(engine, 10);
        let (_, codes) = sell(&app, 1);
        let path = format!("/vouchers/{}", codes[0]);
        let body = json!({"months": 3});
        let later = |app: &TestApp| app.request("POST", &format!("{path}/extensions")).key("e").json(&body).send();
        let using = |app: &TestApp| app.request("POST", &format!("{path}/uses")).key("u").send();
        let extended = later(&app).must_be(201).json;
        let used = using(&app).must_be(201).json;
        assert_eq!(used["status"], "USED");
        app.restart();
        assert_eq!(using(&app).must_be(201).json["usedAt"], used["usedAt"]);
        let again = later(&app).must_be(201).json;
        assert_eq!((&again["status"], &again["expiresAt"]), (&json!("ISSUED"), &extended["expiresAt"]));
        must_refuse(&on_voucher(&app, &codes[0], "uses"), 409, "gifticon.voucher_used");
        assert_eq!(number(&app, "SELECT count(*) FROM event WHERE type IN ('VoucherUsed', 'VoucherExtended')"), 2);
        app.verify_gifticons();
    }
}

#[test]
fn a_voucher_is_good_to_the_end_of_its_last_day_and_longer_if_it_is_extended() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        let (cart_id, codes) = sell(&app, 4);
        assert_eq!(vouchers(&app, cart_id)[0]["expiresAt"], "2027-09-01T00:00:00.000+09:00");
        let until = extend(&app, &codes[1], &json!({"months": " 6"})).must_be(201).json;
        // The last of August, six months later, is the last of February.
        assert_eq!(until["expiresAt"], "2028-03-01T00:00:00.000+09:00");
        is_now(&app, "2027-08-31T23:59:58+09:00");
        on_voucher(&app, &codes[0], "uses").must_be(201);
        is_now(&app, "2027-09-01T00:00:00+09:00");
        // Nobody has to have come by for that.
        must_refuse(&on_voucher(&app, &codes[2], "uses"), 409, "gifticon.voucher_expired");
        assert_eq!(status(&app, &codes[2]), "EXPIRED");
        let expired = "SELECT count(*) FROM event WHERE type = 'VoucherExpired'";
        within(SOON, "what is over expires", || number(&app, expired) == 2);
        assert_eq!(status(&app, &codes[1]), "ISSUED");
        must_refuse(&on_voucher(&app, &codes[3], "cancellations"), 409, "gifticon.voucher_expired");
        // An expired one is good again once it is extended: months count from today then.
        let again = extend(&app, &codes[2], &json!({"months": 1})).must_be(201).json;
        assert_eq!(
            (&again["status"], &again["expiresAt"]),
            (&json!("ISSUED"), &json!("2027-10-02T00:00:00.000+09:00"))
        );
        on_voucher(&app, &codes[2], "uses").must_be(201);
        let to_day = extend(&app, &codes[3], &json!({"expiresAt": "2027-12-31"})).must_be(201).json;
        assert_eq!(to_day["expiresAt"], "2028-01-01T00:00:00.000+09:00");
        let told = r#"SELECT count(*) FROM event WHERE type = 'VoucherExtended' AND data LIKE '%"hadExpired":true%'"#;
        assert_eq!(number(&app, told), 2);
        app.verify_gifticons();
    }
}

#[test]
fn what_is_no_later_time_extends_nothing() {
    let app = shop(Engine::Sqlite, 10);
    let (_, codes) = sell(&app, 1);
    let wrong = [
        json!({}),
        json!({"months": 1, "expiresAt": "2028-01-01"}),
        json!({"months": 0}),
        json!({"months": -1}),
        json!({"months": 121}),
        json!({"months": 1_000_000_000_000_i64}),
        json!({"expiresAt": "soon"}),
        json!({"expiresAt": "2027-02-30"}),
        json!({"expiresAt": "2026-01-01"}),
        json!({"expiresAt": "2027-08-31"}),
        json!({"expiresAt": "2036-12-31"}),
        json!({"expiresAt": "9999-12-31"}),
        json!({"expiresAt": "2027-09-01T00:00:00+09:00"}),
    ];
    for body in wrong {
        extend(&app, &codes[0], &body).must_be_problem(422);
    }
    let path = format!("/vouchers/{}/extensions", codes[0]);
    for (text, status) in [("", 400), ("{", 400), ("[]", 422), ("7", 422), (r#"{"until": 1}"#, 422)] {
        app.request("POST", &path).bytes(text).send().must_be_problem(status);
    }
    let long = format!(r#"{{"expiresAt": "{}"}}"#, " ".repeat(70_000));
    app.request("POST", &path).bytes(long).send().must_be_problem(413);
    extend(&app, &codes[0], &json!({"expiresAt": "2027-09-01T00:00:00.001+09:00"})).must_be(201);
    assert_eq!(number(&app, "SELECT count(*) FROM event WHERE type = 'VoucherExtended'"), 1);
}

#[test]
fn what_the_server_owns_of_a_voucher_is_ignored() {
    let app = shop(Engine::Sqlite, 10);
    let (cart_id, codes) = sell(&app, 2);
    let body = json!({"months": 1, "code": codes[1], "voucherId": 2, "gifticonId": 9, "cartId": 9, "status": "USED",
        "usedAt": "2026-09-01T00:00:00+09:00"});
    let extended = extend(&app, &codes[0], &body).must_be(201).json;
    let shown = ["code", "voucherId", "gifticonId", "cartId", "status", "usedAt"].map(|field| extended[field].clone());
    assert_eq!(json!(shown), json!([codes[0], 1, 1, cart_id, "ISSUED", null]));
}

#[test]
fn a_voucher_that_is_taken_back_is_void_and_its_piece_stays_sold() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        let (_, codes) = sell(&app, 1);
        assert_eq!(on_voucher(&app, &codes[0], "cancellations").must_be(201).json["status"], "CANCELLED");
        for what in ["uses", "cancellations"] {
            must_refuse(&on_voucher(&app, &codes[0], what), 409, "gifticon.voucher_cancelled");
        }
        must_refuse(&extend(&app, &codes[0], &json!({"months": 1})), 409, "gifticon.voucher_cancelled");
        assert_eq!(figures(&app, 1), [9, 0, 1, 10]);
        app.verify_gifticons();
    }
}

#[test]
fn a_code_is_found_as_it_is_typed_and_no_other_is() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        let (cart_id, codes) = sell(&app, 2);
        let typed = codes[0].to_lowercase().replace('-', "");
        assert_eq!(app.get(&format!("/vouchers/{typed}")).must_be(200).json["code"], codes[0].as_str());
        let known = VoucherCode::read(&codes[0]).expect("a code");
        let other = VoucherCode { secret: known.secret ^ 1, ..known }.to_string();
        let beyond = VoucherCode { voucher_id: 99, ..known }.to_string();
        for unknown in [&other, &beyond] {
            app.get(&format!("/vouchers/{unknown}")).must_be(404);
            must_refuse(&on_voucher(&app, unknown, "uses"), 404, "gifticon.voucher_unknown");
            must_refuse(&extend(&app, unknown, &json!({"months": 1})), 404, "gifticon.voucher_unknown");
        }
        let slip = if codes[0].ends_with('0') { '1' } else { '0' };
        let mut slipped = codes[0].clone();
        slipped.pop();
        slipped.push(slip);
        for malformed in [slipped.as_str(), "1", "7-K3F9", "0-0000-0000-00000"] {
            must_refuse(&on_voucher(&app, malformed, "uses"), 422, "gifticon.code_malformed");
        }
        // No code stands in what others may read.
        let secret = codes[0].split_once('-').expect("a hyphen").1;
        let told = format!("SELECT count(*) FROM event WHERE data LIKE '%{secret}%' OR data LIKE '%{}%'", known.secret);
        assert_eq!((number(&app, &told), vouchers(&app, cart_id).len()), (0, 2));
    }
}

#[test]
fn vouchers_are_listed_by_cart_gifticon_and_status() {
    for engine in ENGINES {
        let app = shop(engine, 20);
        register(&app, 2, 5).must_be(201);
        let (first, of_first) = sell(&app, 3);
        let (second, of_second) = sell(&app, 2);
        on_voucher(&app, &of_first[0], "uses").must_be(201);
        let list = |query: &str| {
            let page = app.get(&format!("/vouchers{query}")).must_be(200).json;
            let found = page["_embedded"]["vouchers"].as_array().cloned().unwrap_or_default();
            let next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
            (found.iter().map(|one| one["code"].as_str().expect("a code").to_owned()).collect::<Vec<_>>(), next)
        };
        let all: Vec<String> = of_first.iter().chain(&of_second).cloned().collect();
        assert_eq!(list("").0, all);
        assert_eq!(list(&format!("?cartId={second}")).0, of_second);
        assert_eq!(list(&format!("?cartId={first}&status=ISSUED")).0, of_first[1..]);
        assert_eq!(list("?gifticonId=1&status=USED").0, of_first[..1]);
        assert_eq!(list("?gifticonId=2").0, [] as [String; 0]);
        assert_eq!(list("?cartId=99").0, [] as [String; 0]);
        let (page, next) = list(&format!("?cartId={first}&limit=2"));
        assert_eq!(page, of_first[..2]);
        let rest = next.expect("a next page");
        let rest = rest.split_once("/vouchers").expect("a path").1;
        assert_eq!((list(rest).0, list(rest).1), (of_first[2..].to_vec(), None));
        app.get("/vouchers?status=GOOD").must_be_problem(422);
        assert_eq!(codes(&app, first), of_first);
    }
}
