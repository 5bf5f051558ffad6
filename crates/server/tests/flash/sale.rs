//! The sale, on one process with SQLite and on three with one database, with kills while pieces are sold and after.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::books;
use super::buyers::{Crowd, Record, Told, all_are_told_the_same_again};
use super::market::{GIFTICON, Market, PRICE, Visitor};
use super::watcher::{Pieces, Seen, watch};
use crate::support::{Engine, Setup, TestApp};

/// How many buyers come, if something else is wanted.
const VARIABLE: &str = "ONEPOINT_TEST_BUYERS";
const BUYERS: i64 = 4_000;
/// So many of them get a piece, at least.
const PIECES_MIN: i64 = 100;
/// So many ask at the same time.
const AT_ONCE: usize = 24;
/// Kills while pieces are sold; two more follow while everybody is refused.
const KILLS: i64 = 4;
/// After the last buyer every piece is sold within this: leases of killed processes run out, what nobody claimed returns.
const SOLD_WITHIN: Duration = Duration::from_secs(60);
/// "At once", for the median of all refusals and for nearly all of them, on a busy machine.
const REFUSED_WITHIN: [(f64, Duration); 2] = [(0.5, Duration::from_secs(2)), (0.99, Duration::from_secs(8))];
/// Where no kill has hit a request that was under way some more follow, at most so many.
const MORE_KILLS: usize = 20;

#[test]
fn as_many_are_sold_as_there_are_though_the_process_is_killed_on_sqlite() {
    sell(Engine::Sqlite, 1);
}

#[test]
fn as_many_are_sold_as_there_are_though_three_processes_are_killed_on_postgres() {
    sell(Engine::Postgres, 3);
}

fn buyers() -> i64 {
    std::env::var(VARIABLE).map_or(BUYERS, |text| text.parse().expect("ONEPOINT_TEST_BUYERS is a number"))
}

fn sell(engine: Engine, processes: usize) {
    let buyers = buyers();
    let pieces = (buyers / 100).max(PIECES_MIN);
    let market = Market::open(engine, processes, pieces);
    let (crowd, over) = (Crowd::new(&market, buyers), AtomicBool::new(false));
    let seen = std::thread::scope(|scope| {
        // However this ends, the watcher does.
        let ends = Over(&over);
        let watcher = scope.spawn(|| watch(&market, pieces, &over));
        for visitor in 0..AT_ONCE {
            let crowd = &crowd;
            scope.spawn(move || crowd.shop(visitor));
        }
        kill_meanwhile(&market, &crowd, pieces);
        sell_the_rest(&market, &crowd);
        drop(ends);
        watcher.join().expect("it looks to the end")
    });
    let record = crowd.record();
    println!("{engine:?}: {}", text(&market, &record, &seen, pieces));
    assert_eq!(seen.wrongs, Vec::<String>::new());
    assert!(seen.free.len() > 2, "so little was seen that little is shown: {seen:?}");
    assert!(record.broken > 0, "no kill hit a request that was under way");
    assert!(record.refusals.len() > record.told.len() / 2, "most went home without a piece");
    for (share, limit) in REFUSED_WITHIN {
        assert!(quantile(&record, share) < limit, "{share} of the refusals took {:?}", quantile(&record, share));
    }
    books::must_agree(&market, &record, pieces);
    all_are_told_the_same_again(&market, &record);
    let store = market.close();
    books::must_verify(&store);
    if engine == Engine::Sqlite {
        books::leaks_are_seen(&store);
    }
}

/// Ends the watching when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Kills one process after the other while pieces are sold, and twice while everybody is refused.
fn kill_meanwhile(market: &Market, crowd: &Crowd<'_>, pieces: i64) {
    let kill_when = |reached: &dyn Fn() -> bool| {
        while !reached() && !crowd.is_over() {
            std::thread::sleep(Duration::from_micros(200));
        }
        market.kill_and_restart(market.kills() % market.processes());
    };
    for kill in 1..=KILLS {
        kill_when(&|| crowd.bought() >= pieces * kill / (KILLS + 1));
    }
    for part in [2, 3] {
        kill_when(&|| crowd.answered() >= crowd.buyers() * part / 4);
    }
    for _ in 0..MORE_KILLS {
        if crowd.broken() > 0 || crowd.is_over() {
            break;
        }
        market.kill_and_restart(market.kills() % market.processes());
    }
}

/// Waits until every piece is sold. What a broken connection left reserved comes back, and then there are buyers for it.
fn sell_the_rest(market: &Market, crowd: &Crowd<'_>) {
    let mut visitor = Visitor::new(market, 0);
    let mut since = None;
    loop {
        if crowd.is_over() {
            let since = since.get_or_insert_with(Instant::now);
            let pieces = Pieces::asked(&mut visitor);
            match pieces {
                Some(pieces) if pieces.all_sold() => return,
                Some(pieces) if pieces.free > 0 => crowd.late(),
                _ => {}
            }
            assert!(since.elapsed() < SOLD_WITHIN, "not sold: {pieces:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The time within which this share of the refusals came.
fn quantile(record: &Record, share: f64) -> Duration {
    let mut took = record.refusals.clone();
    took.sort_unstable();
    took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default()
}

fn text(market: &Market, record: &Record, seen: &Seen, pieces: i64) -> String {
    let told = |wanted: fn(&Told) -> bool| record.told.iter().filter(|(_, told)| wanted(told)).count();
    format!(
        "{} buyers, {pieces} pieces, {} kills: {} told that they have one, {} refused (p50 {:?}, p99 {:?}), {} not told; \
         {} connections broke, {} answers 503; {} looks at the stock",
        record.told.len(),
        market.kills(),
        told(|told| matches!(told, Told::Bought(_))),
        told(|told| *told == Told::SoldOut),
        quantile(record, 0.5),
        quantile(record, 0.99),
        told(|told| *told == Told::Nothing),
        record.broken,
        record.later,
        seen.looks,
    )
}

#[test]
fn control_where_keys_are_not_remembered_a_repeat_buys_again() {
    for (remembers_keys, sold) in [(true, 1), (false, 2)] {
        let app = TestApp::start_up(Setup { remembers_keys, ..Setup::on(Engine::Sqlite) });
        let gifticon = json!({"gifticonId": GIFTICON, "name": "Americano", "availableQuantity": 9, "price": PRICE});
        app.post("/gifticons", &gifticon).must_be(201);
        for _ in 0..2 {
            let cart = json!({"gifticonId": GIFTICON, "quantity": 1});
            app.request("POST", "/carts").key("again").json(&cart).send().must_be(201);
        }
        crate::support::eventually("all are sold", || {
            app.get(&format!("/gifticons/{GIFTICON}")).json["soldQuantity"] == sold
        });
    }
}
