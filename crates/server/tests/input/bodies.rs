//! Bodies that cannot be read, and the headers that come with them.

use serde_json::{Value, json};

use crate::paths::described;
use crate::support::{Answer, Engine, TestApp};
use crate::{Write, changes_nothing, with_member, writes};

#[test]
fn bodies_that_cannot_be_read_are_refused_on_sqlite() {
    bodies_that_cannot_be_read_are_refused(Engine::Sqlite);
}

#[test]
fn bodies_that_cannot_be_read_are_refused_on_postgres() {
    bodies_that_cannot_be_read_are_refused(Engine::Postgres);
}

fn bodies_that_cannot_be_read_are_refused(engine: Engine) {
    let app = with_member(engine);
    every_write_is_attacked(&app);
    changes_nothing(&app, || {
        for write in writes(&app) {
            text_that_is_no_json(&app, &write);
            json_that_is_no_object(&app, &write);
            fields_that_do_not_exist(&app, &write);
            bodies_that_are_too_large(&app, &write);
            bodies_that_are_called_something_else(&app, &write);
        }
        keys_that_are_none(&app);
    });
}

/// Every route of the API that takes a body is one of [`writes`].
fn every_write_is_attacked(app: &TestApp) {
    let mut described: Vec<(String, String)> = Vec::new();
    // A retry has nothing to say beyond its address, a webhook is not even read unless its provider signed it, and the
    // address of a voucher cannot be foretold: the tests of gifticon attack it.
    let is_attacked =
        |path: &str| !path.ends_with("/retry") && !path.ends_with("/webhooks") && !path.starts_with("/vouchers/");
    for (path, methods) in described_writes(app).into_iter().filter(|(path, _)| is_attacked(path)) {
        described.extend(methods.into_iter().map(|method| (method, path.clone())));
    }
    let mut attacked: Vec<_> =
        writes(app).iter().map(|write| (write.method.to_owned(), write.path.to_owned())).collect();
    described.sort();
    attacked.sort();
    assert_eq!(attacked, described);
}

fn described_writes(app: &TestApp) -> Vec<(String, Vec<String>)> {
    let takes_body = |method: &String| ["POST", "PUT", "PATCH"].contains(&method.as_str());
    described(app).into_iter().map(|(path, methods)| (path, methods.into_iter().filter(takes_body).collect())).collect()
}

fn send(app: &TestApp, write: &Write, body: impl Into<Vec<u8>>) -> Answer {
    app.request(write.method, write.path).bytes(body).send()
}

fn text_that_is_no_json(app: &TestApp, write: &Write) {
    let whole = write.body.to_string();
    let nested = "[".repeat(10_000);
    let texts: [&[u8]; 17] = [
        b"",
        b" ",
        b"{",
        b"}",
        b"{\"a\"}",
        b"{'a': 1}",
        b"{\"a\": 1,}",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe",
        b"{\"phoneNo\": \"\xc3\x28\"}",
        b"{\"reason\": \"\\ud800\"}",
        b"{\"nickname\": \"a\0b\"}",
        b"memberId=1",
        b"<member/>",
        &whole.as_bytes()[..whole.len() - 1],
        nested.as_bytes(),
    ];
    for text in texts {
        let answer = send(app, write, text);
        answer.must_be_problem(400);
        assert_eq!(answer.code(), "request.malformed_json");
    }
}

fn json_that_is_no_object(app: &TestApp, write: &Write) {
    for body in [json!(null), json!(true), json!(1), json!("x"), json!([[]]), json!([write.body])] {
        let answer = send(app, write, body.to_string());
        answer.must_be_problem(422);
    }
}

fn fields_that_do_not_exist(app: &TestApp, write: &Write) {
    for field in ["surprise", "Nickname", "__proto__", "amount ", ""] {
        let mut body = write.body.clone();
        body[field] = json!(1);
        let answer = send(app, write, body.to_string());
        answer.must_be_problem(422);
        assert_eq!(answer.code(), "request.unknown_field", "{}", answer.text);
        assert_eq!(answer.json["pointer"], format!("/{field}"), "{}", answer.text);
    }
    let field = write.body.as_object().and_then(|body| body.keys().next()).expect("a field").clone();
    let twice = write.body.to_string().replacen('{', &format!("{{{}: 1, ", Value::from(field)), 1);
    send(app, write, twice).must_be_problem(422);
}

fn bodies_that_are_too_large(app: &TestApp, write: &Write) {
    for size in [write.limit + 1, 2 * write.limit, 8 * 1024 * 1024] {
        let answer = send(app, write, vec![b' '; size]);
        answer.must_be_problem(413);
    }
}

fn bodies_that_are_called_something_else(app: &TestApp, write: &Write) {
    for name in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", "", "application/xml"]
    {
        let answer = app.request(write.method, write.path).header("Content-Type", name).json(&write.body).send();
        answer.must_be_problem(415);
    }
    // Control: these do mean JSON, so it is the value that is refused.
    for name in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
        let answer = app.request(write.method, write.path).header("Content-Type", name).json(&json!({"x": 1})).send();
        answer.must_be_problem(422);
    }
}

fn keys_that_are_none(app: &TestApp) {
    let long = "k".repeat(256);
    for key in ["", &long, "a\tb", "clé"] {
        for write in writes(app) {
            let answer = app.request(write.method, write.path).key(key).json(&write.body).send();
            must_blame_the_key(&answer);
        }
        must_blame_the_key(&app.request("DELETE", "/members/1").key(key).send());
    }
    app.request("DELETE", "/members/1").bytes(vec![b' '; 1024 * 1024]).send().must_be_problem(413);
    // Control: the longest key is fine, and it is the missing member that is refused.
    let longest = "k".repeat(255);
    app.request("DELETE", "/members/999").key(&longest).send().must_be_problem(404);
}

fn must_blame_the_key(answer: &Answer) {
    answer.must_be_problem(422);
    assert_eq!(answer.json["pointer"], "/headers/Idempotency-Key", "{}", answer.text);
}
