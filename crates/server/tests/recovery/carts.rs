//! Kills while carts are bought and removed, the provider living on: what was answered is stored, what was half done ends,
//! no piece is lost or sold twice, and the provider has charged each cart once and given back once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::sandbox::{Conduct, Sandbox};

use super::kills::must_verify;
use super::process::{Serving, Store};
use crate::support::{Answer, Client, Engine, Request, within};

const BUYERS: i64 = 12;
const LOADED: i64 = 1_000_000;
/// Kills, and as many more as it takes until one hits a cart that is under way, within reason.
const ROUNDS: i64 = 2;
const ROUNDS_AT_MOST: i64 = 8;
/// Carts that are answered before a server is killed.
const ANSWERED: i64 = 60;
/// On a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
const ENDS_WITHIN: Duration = Duration::from_secs(30);
/// Each new server's clock is so much ahead of the one before: stock that no cart came for is asked about at once.
const STEP_S: i64 = 60;
const KEY: &str = "test-key";
/// What the last digits of a price make the provider do: nothing, decline, lose its answer, lose the answer to a refund.
const ACTS: [i64; 4] = [0, 901, 921, 924];

#[test]
fn killed_servers_end_the_carts_that_they_began_on_sqlite() {
    kill_and_end(Engine::Sqlite);
}

#[test]
fn killed_servers_end_the_carts_that_they_began_on_postgres() {
    kill_and_end(Engine::Postgres);
}

/// A cart as it was asked for, and what was answered to that and to its removal, if anything was.
#[derive(Clone, Default)]
struct Bought {
    body: Value,
    cart_id: Option<i64>,
    /// Asked for, and answered.
    removed: Option<Option<u16>>,
}

/// Carts by key.
type Book = HashMap<String, Bought>;

fn kill_and_end(engine: Engine) {
    let (store, beside) = (Store::fresh(engine), tempfile::tempdir().expect("a temporary folder"));
    let sandbox = sandbox(&beside.path().join("journal"));
    let mut server = serve(&store, sandbox.address, 0);
    for (gifticon_id, act) in (1..).zip(ACTS) {
        let price = 5_000 + act;
        let body = json!({"gifticonId": gifticon_id, "name": "Americano", "availableQuantity": LOADED, "price": price});
        Request::new(&Client::new(server.address), "POST", "/gifticons").json(&body).send().must_be(201);
    }
    let (mut book, mut unanswered, mut round) = (Book::new(), 0, 0);
    while round < ROUNDS || (unanswered == 0 && round < ROUNDS_AT_MOST) {
        let bought = buy_until_killed(server, round);
        unanswered += bought.values().filter(|bought| bought.cart_id.is_none()).count();
        book.extend(bought);
        must_verify(&store);
        round += 1;
        server = serve(&store, sandbox.address, round);
        repeat(&server, &mut book);
    }
    within(ENDS_WITHIN, "everything has ended", || wrongs(&server, sandbox.address, &book).is_empty());
    println!("{engine:?}: {} carts, {unanswered} of them unanswered, {round} kills", book.len());
    assert!(unanswered > 0, "no kill hit a cart that was under way");
    server.kill();
    must_verify(&store);
}

/// A provider that outlives the servers.
fn sandbox(journal: &std::path::Path) -> Sandbox {
    let (key, slow, late) = (KEY.to_owned(), Duration::from_secs(1), Duration::from_secs(15));
    let conduct = Conduct { key, webhook: None, tells_all: false, slow, late };
    let started = Sandbox::start(SocketAddr::from(([127, 0, 0, 1], 0)), journal, conduct);
    started.expect("it starts").expect("nobody else has its journal")
}

/// A server whose clock is so many steps ahead.
fn serve(store: &Store, provider: SocketAddr, step: i64) -> Serving {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let ahead_s = i64::try_from(now.as_secs()).expect("not so late") + step * STEP_S;
    let instant = platform::zone::Zone::named("Asia/Seoul").expect("a zone").format(ahead_s * 1_000);
    let (clock, url, key) =
        (format!("clock.now={instant}"), format!("payment.url=http://{provider}"), format!("payment.key={KEY}"));
    let patient = "questions.gifticon.time_limit_ms=10000";
    let words = ["serve", "--listen", "127.0.0.1:0", "--set", &clock, "--set", &url, "--set", &key, "--set", patient];
    Store::start(store.command(&words))
}

/// Everybody buys as fast as they are answered, and removes every third cart, until the server is gone.
fn buy_until_killed(server: Serving, round: i64) -> Book {
    let (book, address, answered) = (Mutex::new(Book::new()), server.address, AtomicI64::new(0));
    std::thread::scope(|scope| {
        for customer_id in 1..=BUYERS {
            let (book, answered) = (&book, &answered);
            scope.spawn(move || {
                let (client, started) = (Client::new(address), Instant::now());
                for number in 0.. {
                    let key = format!("{customer_id}-{round}-{number}");
                    let gifticon_id = 1 + (customer_id + number) % 4;
                    let body =
                        json!({"gifticonId": gifticon_id, "quantity": 1 + number % 3, "customerId": customer_id});
                    let cart_id = add(&client, &key, &body);
                    answered.fetch_add(i64::from(cart_id.is_some()), Ordering::Relaxed);
                    let removed = cart_id.filter(|_| number % 3 == 0).map(|cart_id| remove(&client, &key, cart_id));
                    let is_gone = cart_id.is_none() || removed == Some(None);
                    book.lock().expect("nobody panics").insert(key, Bought { body, cart_id, removed });
                    if is_gone || started.elapsed() > 2 * ANSWERED_WITHIN {
                        break;
                    }
                }
            });
        }
        within(ANSWERED_WITHIN, "carts are bought", || answered.load(Ordering::Relaxed) >= ANSWERED);
        server.kill();
    });
    book.into_inner().expect("nobody panics")
}

fn add(client: &Client, key: &str, body: &Value) -> Option<i64> {
    let answer = Request::new(client, "POST", "/carts").key(key).json(body).try_send().ok();
    answer.filter(|answer| answer.status == 201).and_then(|answer| answer.json["cartId"].as_i64())
}

fn remove(client: &Client, key: &str, cart_id: i64) -> Option<u16> {
    let path = format!("/carts/{cart_id}");
    let removal = Request::new(client, "DELETE", &path).key(&format!("remove-{key}"));
    removal.try_send().ok().map(|answer| answer.status)
}

/// What was answered is answered the same again, and what was not is carried out now, at the latest.
fn repeat(server: &Serving, book: &mut Book) {
    let client = Client::new(server.address);
    for (key, bought) in book.iter_mut() {
        let again = add(&client, key, &bought.body);
        assert!(again.is_some() && (bought.cart_id.is_none() || bought.cart_id == again), "{key} became {again:?}");
        bought.cart_id = again;
        if bought.removed.is_some_and(|answered| answered != Some(204)) {
            bought.removed = again.map(|cart_id| remove(&client, key, cart_id));
            assert_eq!(bought.removed, Some(Some(204)), "{key}");
        }
    }
}

/// What is not as it has to be in the end.
fn wrongs(server: &Serving, provider: SocketAddr, book: &Book) -> Vec<String> {
    let client = Client::new(server.address);
    let (carts, payments) = (all(&client, "carts"), all(&client, "payments"));
    let mut wrongs = Vec::new();
    let shown: HashMap<i64, &Value> = carts.iter().filter_map(|cart| Some((cart["cartId"].as_i64()?, cart))).collect();
    if payments.len() != book.len() {
        wrongs.push(format!("{} payments for {} carts", payments.len(), book.len()));
    }
    for (key, bought) in book {
        let cart = bought.cart_id.and_then(|cart_id| shown.get(&cart_id));
        if cart.is_some() == bought.removed.is_some() {
            wrongs.push(format!("{key}: {cart:?}, removed: {:?}", bought.removed));
        }
    }
    let charges = charges(provider);
    for payment in &payments {
        let begins = format!("{}-", payment["paymentId"]);
        let is_its = |charge: &&Value| charge["reference"].as_str().is_some_and(|text| text.starts_with(&begins));
        let charge = charges.iter().find(is_its);
        let moved = charge.map_or((json!(0), json!(0)), |one| (one["charges"].clone(), one["refunds"].clone()));
        let is_right = match payment["status"].as_str() {
            Some("PaymentApproved") => moved == (json!(1), json!(0)),
            Some("PaymentDeclined" | "PaymentCanceled") => moved.0 == moved.1 && payment["refundStatus"] != "PENDING",
            _ => false,
        };
        if !is_right {
            wrongs.push(format!("{payment}, but the provider has {charge:?}"));
        }
    }
    for gifticon in all(&client, "gifticons") {
        let is_sold =
            |cart: &&Value| cart["gifticonId"] == gifticon["gifticonId"] && cart["status"] == "PaymentApproved";
        let sold: i64 = carts.iter().filter(is_sold).filter_map(|cart| cart["quantity"].as_i64()).sum();
        let stock = ["availableQuantity", "reservedQuantity", "soldQuantity"].map(|field| gifticon[field].as_i64());
        if stock != [Some(LOADED - sold), Some(0), Some(sold)] {
            wrongs.push(format!("{sold} pieces are sold, but the stock is {stock:?}"));
        }
    }
    wrongs
}

fn charges(provider: SocketAddr) -> Vec<Value> {
    let client = Client::new(provider);
    let request = Request::new(&client, "GET", "/v1/charges?limit=10000");
    let page = request.header("authorization", &format!("Bearer {KEY}")).send().must_be(200).json;
    assert_eq!(page["next"], json!(null), "all of it on one page");
    page["charges"].as_array().cloned().expect("charges")
}

/// Every item of a collection.
fn all(client: &Client, collection: &str) -> Vec<Value> {
    let (mut items, mut path) = (Vec::new(), format!("/{collection}?limit=200"));
    loop {
        let page: Answer = Request::new(client, "GET", &path).send().must_be(200);
        items.extend(page.json["_embedded"][collection].as_array().cloned().unwrap_or_default());
        let Some(next) = page.json["_links"]["next"]["href"].as_str() else { return items };
        path = next[next.find(&format!("/{collection}")).expect("a link")..].to_owned();
    }
}
