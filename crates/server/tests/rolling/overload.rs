//! Seeds 0 and 4 under overload, through the gateway: point or gifticon answer too slowly, those who ask them are refused
//! at once while that lasts, everybody else goes on as before, and it ends by itself.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Answer;
use crate::support::cluster::Cluster;

/// Members who may leave, a fresh one for each try.
const LEAVING: i64 = 120;
const USERS: usize = 3;
const BUYERS: usize = 100;
/// Between two requests of a buyer.
const BUYER_PAUSE: Duration = Duration::from_millis(500);
/// The seeds' experiments last 10 s and 60 s.
const LASTING: Duration = Duration::from_secs(10);
/// What is refused without being asked: 20 ms are promised, and shown, of an idle machine.
const QUICK: Duration = Duration::from_millis(20);
/// On one that runs the whole set and its clients, nobody may wait for as long as an answer would have taken.
const AT_ONCE: Duration = Duration::from_millis(200);
/// A withdrawal is answered within this (660 ms), and a busy machine's share.
const ANSWERED: Duration = Duration::from_millis(660 + 340);
const OPEN_WITHIN: Duration = Duration::from_secs(2);
const RECOVERED_WITHIN: Duration = Duration::from_secs(5);

/// An answer, and when it came.
struct Heard {
    at: Instant,
    answer: Answer,
}

/// How long answers took: the middle, nearly all, the longest, in milliseconds.
fn spread(answers: &[Heard]) -> String {
    let mut took: Vec<u128> = answers.iter().map(|heard| heard.answer.took.as_millis()).collect();
    took.sort_unstable();
    let at = |share: usize| took.get((took.len() * share / 100).min(took.len().saturating_sub(1))).unwrap_or(&0);
    format!("{} answers, p50 {} ms, p99 {} ms, longest {} ms", took.len(), at(50), at(99), at(100))
}

/// How many of these were refused within this, in percent.
fn refused_within(answers: &[Heard], limit: Duration) -> usize {
    let quick = answers.iter().filter(|heard| heard.answer.status == 503 && heard.answer.took <= limit).count();
    quick * 100 / answers.len().max(1)
}

/// The share of quick refusals, in words.
fn quick(answers: &[Heard]) -> String {
    let (quick, at_once) = (refused_within(answers, QUICK), refused_within(answers, AT_ONCE));
    format!("refused within 20 ms {quick} %, within 200 ms {at_once} %")
}

fn count(answers: &[Heard], status: u16) -> usize {
    answers.iter().filter(|heard| heard.answer.status == status).count()
}

/// Some users do this again and again while it lasts; all answers, in the order in which they came.
fn crowd(users: usize, pause: Duration, over: &AtomicBool, ask: &(dyn Fn() -> Answer + Sync)) -> Vec<Heard> {
    let mut heard: Vec<Heard> = std::thread::scope(|scope| {
        let user = |number: u32| {
            // Not all at the same moment.
            std::thread::sleep(pause * number / u32::try_from(users).unwrap_or(1));
            let mut heard = Vec::new();
            while !over.load(Ordering::Acquire) {
                let answer = ask();
                heard.push(Heard { at: Instant::now(), answer });
                std::thread::sleep(pause);
            }
            heard
        };
        let users: Vec<_> =
            (0..u32::try_from(users).unwrap_or(1)).map(|number| scope.spawn(move || user(number))).collect();
        users.into_iter().flat_map(|user| user.join().expect("a user goes on")).collect()
    });
    heard.sort_by_key(|heard| heard.at);
    heard
}

fn delay(set: &Cluster, point: &str, gifticon: &str) {
    set.request("PUT", "/bench/faults")
        .json(&json!({"pointDelay": point, "gifticonDelay": gifticon}))
        .send()
        .must_be(204);
}

pub fn a_slow_point(set: &Cluster) {
    for member_id in 1..=LEAVING {
        let body =
            json!({"memberId": member_id, "phoneNo": format!("010{:08}", 50_000_000 + member_id), "nickname": "N"});
        set.post("/members", &body).must_be(201);
    }
    (1..=LEAVING).rev().for_each(|member_id| set.has_everything(member_id));
    let next = AtomicI64::new(1);
    let leave = || set.delete(&format!("/members/{}", (next.fetch_add(1, Ordering::Relaxed) - 1) % LEAVING + 1));

    delay(set, "450ms..680ms", "");
    let (left, joined, others) = around(set, &leave, || std::thread::sleep(LASTING));
    println!("seed 0, point takes 450 to 680 ms: withdrawals: {}", spread(&left));
    println!("  done {}, refused {}, {}", count(&left, 204), count(&left, 503), quick(&left));
    println!(
        "  joins: {}, {} of them failed; looks: {}",
        spread(&joined),
        joined.len() - count(&joined, 201),
        spread(&others)
    );
    assert_eq!(count(&joined, 201), joined.len(), "every join succeeds");
    assert!(left.iter().all(|heard| matches!(heard.answer.status, 202 | 204 | 404 | 503)), "nothing else is answered");
    let longest = left.iter().map(|heard| heard.answer.took).max().unwrap_or_default();
    assert!(longest <= ANSWERED, "a withdrawal took {longest:?}");
    // Without this the delay was not in the way and the rest shows nothing.
    assert!(left.iter().any(|heard| heard.answer.took >= Duration::from_millis(450)), "nobody felt the delay");

    // From closed to open: before, point answers for a while.
    delay(set, "", "");
    recovered(set, "withdrawals", &leave);
    let began = Instant::now();
    delay(set, "700ms", "");
    let (left, joined, others) = around(set, &leave, || std::thread::sleep(LASTING / 2));
    let opened = opened_after(&left, began);
    let after: Vec<Heard> = left.into_iter().filter(|heard| heard.at > began + opened).collect();
    println!(
        "seed 0, point takes 700 ms: open after {} ms; then {}, {}",
        opened.as_millis(),
        spread(&after),
        quick(&after)
    );
    println!("  joins: {}; looks: {}", spread(&joined), spread(&others));
    assert!(opened <= OPEN_WITHIN, "open after {opened:?}");
    assert_eq!(count(&joined, 201), joined.len(), "every join succeeds");
    assert!(refused_within(&after, AT_ONCE) >= 50, "who may not ask is told at once");

    delay(set, "", "");
    let recovered = recovered(set, "withdrawals", &leave);
    assert!(recovered <= RECOVERED_WITHIN, "withdrawals work again after {recovered:?}");
}

/// Users leave and join and look while something is done.
fn around(
    set: &Cluster,
    leave: &(dyn Fn() -> Answer + Sync),
    work: impl FnOnce(),
) -> (Vec<Heard>, Vec<Heard>, Vec<Heard>) {
    let over = AtomicBool::new(false);
    // One phone number and no member's number, as in the seed.
    let join = || set.post("/members", &json!({"phoneNo": "01085580000", "nickname": "SEQ1", "memberStatus": "READY"}));
    let look = || set.get("/gifticons?limit=1");
    std::thread::scope(|scope| {
        let leaving = scope.spawn(|| crowd(USERS, Duration::from_millis(100), &over, leave));
        let joining = scope.spawn(|| crowd(USERS, Duration::from_millis(50), &over, &join));
        let looking = scope.spawn(|| crowd(1, Duration::from_millis(50), &over, &look));
        work();
        over.store(true, Ordering::Release);
        let all = [leaving, joining, looking].map(|users| users.join().expect("users go on"));
        let [left, joined, looked] = all;
        (left, joined, looked)
    })
}

/// When the first refusal came that nobody had to wait for.
fn opened_after(answers: &[Heard], began: Instant) -> Duration {
    let quick = |heard: &&Heard| heard.answer.status == 503 && heard.answer.took <= AT_ONCE;
    let first = answers.iter().filter(|heard| heard.at > began).find(quick);
    first.map_or(Duration::MAX, |heard| heard.at - began)
}

/// Asks until it succeeds; how long that took.
fn recovered(set: &Cluster, what: &str, ask: &(dyn Fn() -> Answer + Sync)) -> Duration {
    let since = Instant::now();
    set.eventually(&format!("{what} succeed again"), || {
        std::thread::sleep(Duration::from_millis(50));
        matches!(ask().status, 201 | 204)
    });
    let took = since.elapsed();
    println!("  {what} succeed again after {} ms", took.as_millis());
    took
}

pub fn a_slow_gifticon(set: &Cluster) {
    const PIECES: i64 = 100_000;
    let body = json!({"gifticonId": 1, "name": "Americano", "availableQuantity": PIECES, "price": 5_000});
    set.post("/gifticons", &body).must_be(201);
    let put_in = || set.post("/carts", &json!({"gifticonId": 1, "quantity": 1, "customerId": 1}));
    recovered(set, "carts", &put_in);
    let mut taken = 1;
    let over = AtomicBool::new(false);
    let look = || set.get("/points/1");
    let (carts, looks, began) = std::thread::scope(|scope| {
        let began = Instant::now();
        delay(set, "", "300ms");
        let buying = scope.spawn(|| crowd(BUYERS, BUYER_PAUSE, &over, &put_in));
        let looking = scope.spawn(|| crowd(1, Duration::from_millis(50), &over, &look));
        std::thread::sleep(LASTING);
        over.store(true, Ordering::Release);
        (buying.join().expect("buyers go on"), looking.join().expect("it goes on"), began)
    });
    taken += count(&carts, 201);
    let opened = opened_after(&carts, began);
    let after: Vec<Heard> = carts.into_iter().filter(|heard| heard.at > began + opened).collect();
    println!(
        "seed 4, gifticon takes 300 ms, {BUYERS} users: open after {} ms; then {}",
        opened.as_millis(),
        spread(&after)
    );
    println!("  refused {}, {}; others meanwhile: {}", count(&after, 503), quick(&after), spread(&looks));
    assert!(opened <= OPEN_WITHIN, "open after {opened:?}");
    assert!(after.iter().all(|heard| matches!(heard.answer.status, 201 | 503)), "nothing else is answered");
    assert_eq!(looks.iter().filter(|heard| heard.answer.status == 503).count(), 0, "nobody else is refused");

    delay(set, "", "");
    let recovered = recovered(set, "carts", &put_in);
    assert!(recovered <= RECOVERED_WITHIN, "carts are taken in again after {recovered:?}");
    taken += 1;
    let left = PIECES - i64::try_from(taken).expect("few");
    set.eventually("what was kept for nobody is back", || set.get("/gifticons/1").json["availableQuantity"] == left);
}
