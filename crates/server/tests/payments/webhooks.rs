//! What the provider tells by itself, and who else would like to.

use std::time::{SystemTime, UNIX_EPOCH};

use app::payment::signature;
use serde_json::json;

use crate::sandbox::KEY;
use crate::support::{Answer, Engine, TestApp, eventually};
use crate::{Sandbox, payment, programme, put, reference, stands};

/// A webhook as it is sent.
#[derive(Clone)]
pub struct Webhook {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_secs()).expect("it is before the end of time")
}

fn signed_at(at_s: i64, key: &str, body: String) -> Webhook {
    let signature = signature(key.as_bytes(), "m1", at_s, body.as_bytes());
    Webhook { id: "m1".to_owned(), timestamp: at_s.to_string(), signature, body }
}

fn body(reference: &str, amount: i64, status: &str) -> String {
    json!({"type": "charge", "reference": reference, "amount": amount, "status": status}).to_string()
}

/// One that the provider signed just now.
pub fn signed(reference: &str, amount: i64, status: &str) -> Webhook {
    signed_at(now_s(), KEY, body(reference, amount, status))
}

/// Sends it.
pub fn say(app: &TestApp, webhook: &Webhook) -> Answer {
    let request = app.request("POST", "/payments/webhooks").header("webhook-id", &webhook.id);
    let request = request.header("webhook-timestamp", &webhook.timestamp);
    request.header("webhook-signature", &webhook.signature).bytes(webhook.body.clone()).send()
}

fn forged(engine: Engine) {
    let sandbox = Sandbox::down();
    let app = programme(engine, &sandbox, &[5_000], &[]);
    let cart_id = put(&app, 1);
    eventually("it is requested", || payment(&app, cart_id)["status"] == "PaymentRequested");
    let reference = reference(&app, cart_id);
    let (good, said) = (signed(&reference, 5_000, "approved"), || body(&reference, 5_000, "approved"));
    let forged = [
        Webhook { signature: String::new(), ..good.clone() },
        Webhook { signature: "v1,AAAA".to_owned(), ..good.clone() },
        Webhook { signature: good.signature.replacen("v1,", "v2,", 1), ..good.clone() },
        Webhook { timestamp: (now_s() + 1).to_string(), ..good.clone() },
        Webhook { id: "m2".to_owned(), ..good.clone() },
        Webhook { body: body(&reference, 5_000, "declined"), ..good.clone() },
        signed_at(now_s(), "another key", said()),
        signed_at(now_s() - 301, KEY, said()),
        signed_at(now_s() + 302, KEY, said()),
    ];
    for webhook in &forged {
        let answer = say(&app, webhook);
        answer.must_be_problem(401);
        assert_eq!(answer.code(), "payment.webhook_signature", "{}", webhook.body);
    }
    app.post("/payments/webhooks", &json!({"type": "charge", "reference": reference})).must_be_problem(401);
    // Signed, and still not about this payment.
    assert_eq!(say(&app, &signed("1-0000000000000000", 5_000, "approved")).code(), "payment.unknown");
    assert_eq!(say(&app, &signed("no number", 5_000, "approved")).code(), "payment.unknown");
    say(&app, &signed(&reference, 4_999, "approved")).must_be(204);
    say(&app, &signed(&reference, 5_000, "pending")).must_be(204);
    say(&app, &signed_at(now_s(), KEY, json!({"type": "settlement"}).to_string())).must_be(204);
    assert_eq!(say(&app, &signed_at(now_s(), KEY, "{".to_owned())).status, 400);
    assert_eq!(payment(&app, cart_id)["status"], "PaymentRequested", "nothing of it changed anything");
    say(&app, &good).must_be(204);
    stands(&app, cart_id, "PaymentApproved");
    let events = || {
        let sql = "SELECT count(*) FROM event";
        let funnel = &app.app().purchases.payments.funnel;
        funnel.with_session(|tx| tx.query(sql, &[])).expect("payment's log can be read")[0].int(0)
    };
    let before = events();
    for again in [&good, &signed(&reference, 5_000, "approved"), &signed(&reference, 5_000, "declined")] {
        say(&app, again).must_be(204);
    }
    assert_eq!((events(), payment(&app, cart_id)["status"].as_str()), (before, Some("PaymentApproved")));
}

#[test]
fn a_webhook_counts_only_if_the_provider_signed_it_and_once_sqlite() {
    forged(Engine::Sqlite);
}

#[test]
fn a_webhook_counts_only_if_the_provider_signed_it_and_once_postgres() {
    forged(Engine::Postgres);
}
