//! Thousands of valid requests with something broken in them. The breaking is seeded, so that a failure can be
//! repeated.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{Answer, Engine, TestApp};
use crate::{Write, with_member, writes};

const ROUNDS: u64 = 800;

#[test]
fn broken_bodies_never_give_500_on_sqlite() {
    broken_bodies_never_give_500(Engine::Sqlite);
}

#[test]
fn broken_bodies_never_give_500_on_postgres() {
    broken_bodies_never_give_500(Engine::Postgres);
}

/// What the broken requests came to.
#[derive(Default)]
struct Tally {
    accepted: usize,
    joined: usize,
    moved: i64,
    /// Entries of bulk transactions; one that is repeated under its key is the same entry.
    bulk: HashSet<i64>,
    refused: usize,
}

fn broken_bodies_never_give_500(engine: Engine) {
    let app = with_member(engine);
    let mut tally = Tally::default();
    for (place, write) in (1_u64..).zip(writes(&app)) {
        for round in 0..ROUNDS {
            let seed = place * 1_000_000 + round;
            let body = broken(&mut Dice::new(seed), &write.body);
            let answer = app.request(write.method, write.path).bytes(body.clone()).send();
            judge(&write, &body, &answer, seed, &mut tally);
        }
    }
    println!("{engine:?}: {} broken bodies refused, {} still meant something", tally.refused, tally.accepted);
    assert!(tally.refused as u64 >= ROUNDS, "most broken bodies are refused: {}", tally.refused);
    assert!(tally.accepted > 0, "control: some changes leave a body valid");
    app.settle();
    app.verify();
    // Exactly what was answered with success has happened.
    assert_eq!(app.all_of("members").as_array().map(Vec::len), Some(1 + tally.joined));
    assert_eq!(moved_entries(&app), tally.moved + tally.bulk.len() as i64);
}

fn moved_entries(app: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM point_entry WHERE kind NOT IN ('WELCOME', 'OWED_REPAY')";
    app.app().points.funnel.with_session(|tx| tx.query(sql, &[])).expect("the ledger can be read")[0].int(0)
}

fn judge(write: &Write, body: &[u8], answer: &Answer, seed: u64, tally: &mut Tally) {
    let shown = || format!("seed {seed}: {} {} {}", write.method, write.path, String::from_utf8_lossy(body));
    match answer.status {
        200 | 201 => {
            // A settlement that has nothing new is the one before.
            let is_known = write.path == "/billings" && answer.status == 200;
            assert!(answer.status == write.status || is_known, "{}: {}", answer.status, shown());
            assert!(serde_json::from_slice::<Value>(body).is_ok(), "accepted no JSON: {}", shown());
            tally.accepted += 1;
            tally.joined += usize::from(write.path == "/members");
            let donated = write.path == "/donations" && answer.json["status"] == "DONATED";
            let number = |field: &str| answer.json[field].as_i64().unwrap_or_default();
            let dealt = answer.json["status"] == "success" && number("point") + number("cancelledPoint") > 0;
            let takes = number("takenPoint") > 0 || donated || (write.path == "/deals" && dealt);
            let results = answer.json["results"].as_array();
            tally.bulk.extend(results.into_iter().flatten().filter_map(|result| result["entry"]["entryId"].as_i64()));
            let moves = write.path.ends_with("/1/transactions")
                || write.path.ends_with("/captures")
                || answer.json["result"] == "APPLIED"
                || takes;
            tally.moved += i64::from(moves);
        }
        400 | 409 | 413 | 422 => {
            answer.must_be_problem(answer.status);
            let is_json = serde_json::from_slice::<Value>(body).is_ok();
            assert!(!is_json || answer.status != 400, "JSON was called none: {}: {}", shown(), answer.text);
            tally.refused += 1;
        }
        404 if write.path == "/billings" => {
            assert_eq!(answer.code(), "settlement.merchant_unknown", "{}", shown());
            tally.refused += 1;
        }
        404 if write.path == "/memberships" => {
            let codes = ["product.unknown", "membership.renewed_unknown"];
            assert!(codes.contains(&answer.code()), "{}: {}", shown(), answer.text);
            tally.refused += 1;
        }
        404 if write.path == "/carts" => {
            assert_eq!(answer.code(), "gifticon.unknown", "{}", shown());
            tally.refused += 1;
        }
        404 if write.path == "/coupons/redemptions" => {
            assert_eq!(answer.code(), "coupon.code_unknown", "{}", shown());
            tally.refused += 1;
        }
        404 if write.path == "/coupons" => {
            let codes = ["coupon.campaign_unknown", "coupon.wallet_unknown"];
            assert!(codes.contains(&answer.code()), "{}: {}", shown(), answer.text);
            tally.refused += 1;
        }
        status => panic!("{status}: {}: {}", shown(), answer.text),
    }
}

#[test]
fn broken_addresses_never_give_500() {
    let app = with_member(Engine::Sqlite);
    let state = app.state();
    for seed in 0..1_500 {
        let mut dice = Dice::new(seed);
        let collection = *dice.pick(&[
            "members",
            "withdrawals",
            "messages",
            "notifications",
            "points",
            "mypages",
            "donations",
            "causes",
            "deals",
            "merchants",
            "coupons",
            "couponCampaigns",
            "x",
        ]);
        let mut path = format!("/{collection}");
        for _ in 0..dice.below(4) {
            path.push(*dice.pick(&['/', '?', '&', '=', '1']));
            path.push_str(&noise(&mut dice));
        }
        let method = *dice.pick(&["GET", "GET", "PUT", "HEAD"]);
        let answer = app.request(method, &path).send();
        assert!([200, 400, 404, 405, 422].contains(&answer.status), "seed {seed}: {method} {path}: {}", answer.text);
        if answer.status >= 400 && !answer.text.is_empty() {
            answer.must_be_problem(answer.status);
        }
    }
    assert_eq!(app.state(), state);
}

/// A few bytes as they may stand in an address.
fn noise(dice: &mut Dice) -> String {
    let count = dice.below(4);
    (0..count)
        .map(|_| match dice.below(3) {
            0 => format!("%{:02X}", dice.below(256)),
            1 => (*dice.pick(&[
                "limit",
                "after",
                "entries",
                "transactions",
                "receipts",
                "memberId",
                "merchantId",
                "n1",
                "1",
                "..",
                "*",
            ]))
            .to_owned(),
            _ => char::from(b'!' + u8::try_from(dice.below(90)).unwrap_or(0))
                .to_string()
                .replace(['#', '"', '<', '>', '\\', '^', '`', '{', '|', '}'], "-"),
        })
        .collect()
}

/// A body with something broken in it: in its fields or in its bytes.
fn broken(dice: &mut Dice, body: &Value) -> Vec<u8> {
    let mut body = body.clone();
    if dice.below(2) == 0 {
        for _ in 0..=dice.below(2) {
            break_field(dice, &mut body);
        }
        return body.to_string().into_bytes();
    }
    let mut bytes = body.to_string().into_bytes();
    for _ in 0..=dice.below(3) {
        break_bytes(dice, &mut bytes);
    }
    bytes
}

fn break_field(dice: &mut Dice, body: &mut Value) {
    let Some(fields) = body.as_object_mut() else { return };
    let names: Vec<String> = fields.keys().cloned().collect();
    let name = if names.is_empty() { "x".to_owned() } else { dice.pick(&names).clone() };
    match dice.below(5) {
        0 => {
            fields.remove(&name);
        }
        1 => {
            fields.insert(format!("{name}{}", dice.pick(&["", "x", " ", "\u{0}", "é"])), hostile(dice));
        }
        2 | 3 if is_nested(fields.get(&name)) => match &mut fields[&name] {
            Value::Array(items) => break_field(dice, &mut items[0]),
            object => break_field(dice, object),
        },
        _ => {
            fields.insert(name, hostile(dice));
        }
    }
}

fn is_nested(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.is_object() || value.get(0).is_some_and(Value::is_object))
}

fn hostile(dice: &mut Dice) -> Value {
    match dice.below(12) {
        0 => json!(null),
        1 => json!(dice.next() as i64),
        2 => json!(dice.next()),
        3 => json!(dice.next() as f64 / 3.0),
        4 => json!(dice.below(2_000) as i64 - 1_000),
        5 => json!(format!("{}", dice.next() as i64)),
        6 => json!("x".repeat(dice.below(400) as usize)),
        7 => json!([hostile(dice)]),
        8 => json!({"type": hostile(dice), "id": hostile(dice)}),
        9 => json!(String::from_utf8_lossy(&dice.next().to_le_bytes())),
        10 => {
            json!(dice.pick(&["'; DROP TABLE member; --", "\u{0}", "\u{202e}", "🦀", "\\u0000", "EARN", "USE", "-0"]))
        }
        _ => json!(dice.below(2) == 0),
    }
}

fn break_bytes(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let place = dice.below(bytes.len() as u64 + 1) as usize;
    match dice.below(5) {
        0 => bytes.truncate(place),
        1 => bytes.insert(place, dice.next() as u8),
        2 => {
            let slice = bytes[place..].to_vec();
            bytes.extend(slice);
        }
        3 if place < bytes.len() => bytes[place] ^= 1 << dice.below(8),
        _ if place < bytes.len() => {
            bytes.remove(place);
        }
        _ => bytes.push(b'}'),
    }
}

/// A small generator of numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}
