//! The API's description says neither more nor less than the routes, and its examples are examples.

use std::collections::BTreeSet;
use std::path::Path;

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use server::description::Description;
use server::system;

use super::fits::misfits;
use super::{json_of, onepoint};
use crate::support::{Engine, TestApp};

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// `GET /members/{id}` and so on, read from what a router prints of itself.
fn routes_of<S>(router: &Router<S>) -> BTreeSet<String> {
    let text = format!("{router:?}");
    let own = text.split("fallback_router:").next().expect("a beginning");
    let (routes, paths) = own.split_once("node: Node").expect("routes, then paths");
    let number = |text: &str| text.split(')').next().and_then(|number| number.parse::<u32>().ok());
    let mut found = BTreeSet::new();
    for path in paths.split("RouteId(").skip(1) {
        let path_text = path.split('"').nth(1).expect("a path");
        let of_path = |route: &&str| number(route) == number(path);
        let route = routes.split("RouteId(").skip(1).find(of_path).expect("a route for each path");
        let methods = METHODS.iter().filter(|method| {
            let field = format!(" {method}: ");
            route.split_once(&field).is_some_and(|(_, rest)| !rest.starts_with("None"))
        });
        found.extend(methods.map(|method| format!("{} {path_text}", method.to_uppercase())));
    }
    found
}

fn described(whole: &Value) -> BTreeSet<String> {
    operations(whole).map(|(path, method, _)| format!("{} {path}", method.to_uppercase())).collect()
}

fn operations(whole: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = whole["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let app = TestApp::open(Engine::Sqlite);
    let (contexts, their) = app.app().routes();
    let (own, ours) = system::routes(true, true).split_for_parts();
    let mut routes = routes_of(&contexts);
    routes.extend(routes_of(&own));
    assert!(routes.contains("PATCH /points/{id}") && routes.contains("PUT /bench/faults"), "{routes:?}");
    let description = Description::of(their, ours).expect("a description");
    assert_eq!(described(description.json()), routes);
}

#[test]
fn a_route_that_is_not_described_would_be_seen() {
    let hidden = || async {};
    let router: Router = Router::new().route("/a", get(hidden)).route("/a/{id}", get(hidden).delete(hidden));
    let expected: BTreeSet<String> = ["GET /a", "GET /a/{id}", "DELETE /a/{id}"].map(str::to_owned).into();
    assert_eq!(routes_of(&router), expected);
}

#[test]
fn the_program_prints_what_the_server_answers() {
    let app = TestApp::open(Engine::Sqlite);
    let answered = app.get("/openapi.json").must_be(200);
    assert_eq!(json_of(&onepoint(&["openapi"])), answered.json);
    assert_eq!(answered.json["openapi"], "3.1.0");
}

#[test]
fn every_operation_says_who_may_ask_and_what_can_go_wrong() {
    let whole = json_of(&onepoint(&["openapi"]));
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&whole) {
        let what = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].to_string()), "{what}: its id is taken");
        assert!(operation["summary"].is_string(), "{what}: no summary");
        let tag = operation["tags"][0].as_str().expect("a tag");
        let tags = whole["tags"].as_array().expect("tags");
        let is_explained = |listed: &Value| listed["name"] == tag && listed["description"].is_string();
        assert!(tags.iter().any(is_explained), "{what}: the tag {tag} is not explained");
        let is_write = method != "get" && tag != "system";
        let is_keyed = operation["parameters"].to_string().contains("IdempotencyKey");
        // What its provider signed needs neither a key of its own nor one of the API.
        let is_signed = path == "/payments/webhooks";
        let has_none = is_signed || path == "/points/transactions" || path.starts_with("/parked/");
        assert_eq!(is_keyed, is_write && !has_none, "{what}: a write takes an idempotency key, nothing else does");
        let is_told = operation["responses"].to_string().contains("Idempotency-Key");
        assert_eq!(is_told, is_keyed, "{what}: the answers speak of the key that is taken, and of no other");
        let always =
            if is_write { &["400", "401", "403", "408", "413", "422", "429", "503"][..] } else { &["401", "429"] };
        assert!(!is_signed || operation["security"] == serde_json::json!([]), "{what}: anybody may ask");
        for status in always.iter().chain(is_keyed.then_some(&"409")).filter(|status| !(is_signed && **status == "403"))
        {
            assert!(operation["responses"][status].is_object(), "{what}: {status} is missing");
        }
        for (status, response) in operation["responses"].as_object().expect("answers") {
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {status}");
            let problem = &response["content"]["application/problem+json"];
            let is_error = status.starts_with(['4', '5']);
            assert_eq!(problem["schema"]["$ref"] == "#/components/schemas/Problem", is_error, "{what}: {status}");
            assert_eq!(problem["example"]["status"].as_u64().is_some(), is_error, "{what}: {status}");
            if matches!(status.as_str(), "429" | "503") {
                assert!(response["headers"]["Retry-After"].is_object(), "{what}: {status} says when to come back");
            }
        }
    }
}

/// The program's own sources, without the description's.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("description") {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn every_code_in_an_example_is_one_that_the_program_sends() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of the crates");
    let mut text = String::new();
    for part in ["app", "platform", "server"] {
        sources(&crates.join(part).join("src"), &mut text);
    }
    let is_sent = |code: &str| text.contains(&format!("\"{code}\""));
    assert!(!is_sent("request.too_many"), "control");
    let whole = json_of(&onepoint(&["openapi"]));
    let mut codes = BTreeSet::new();
    for (path, method, operation) in operations(&whole) {
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            let Some(code) = response["content"]["application/problem+json"]["example"]["code"].as_str() else {
                continue;
            };
            assert!(is_sent(code), "{method} {path}: {status} {code}");
            codes.insert(code.to_owned());
        }
    }
    assert!(codes.contains("rate.limited") && codes.contains("parked.unknown") && codes.len() > 15, "{codes:?}");
}

#[test]
fn every_example_fits_its_schema() {
    let whole = json_of(&onepoint(&["openapi"]));
    let mut looked_at = 0;
    for (path, method, operation) in operations(&whole) {
        let messages = operation["responses"].as_object().into_iter().flatten().map(|(_, response)| response);
        for message in messages.chain([&operation["requestBody"]]) {
            for (kind, body) in message["content"].as_object().into_iter().flatten() {
                if !kind.contains("json") || path == "/openapi.json" {
                    continue;
                }
                assert!(!body["example"].is_null() || !body["examples"].is_null(), "{method} {path}: no example");
                let wrong = misfits(&body["example"], &body["schema"], &whole);
                assert!(wrong.is_empty(), "{method} {path} ({kind}): {wrong:?}\n{}", body["example"]);
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 100, "only {looked_at} examples");
}

#[test]
fn an_example_that_does_not_fit_would_be_seen() {
    let whole = json_of(&onepoint(&["openapi"]));
    let schema =
        &whole["paths"]["/points/{id}/transactions"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let wrongs = |value: Value| misfits(&value, schema, &whole).len();
    assert_eq!(wrongs(json!({"kind": "EARN", "amount": 1})), 0);
    assert_eq!(wrongs(json!({"kind": "EARN", "amount": " 1"})), 0);
    for wrong in [
        json!({"kind": "EARN"}),
        json!({"kind": "GIVE", "amount": 1}),
        json!({"kind": "EARN", "amount": true}),
        json!({"kind": "EARN", "amount": 1_000_000_000_001_i64}),
        json!({"kind": "EARN", "amount": 1, "balance": 5}),
        json!({"kind": "EARN", "amount": 1, "reference": {"type": ""}}),
        json!([]),
    ] {
        assert_ne!(wrongs(wrong.clone()), 0, "{wrong}");
    }
}
