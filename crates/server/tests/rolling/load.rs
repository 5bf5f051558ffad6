//! A steady load of many kinds of requests, and the books of what was answered: what a set holds afterwards has to agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::cluster::Cluster;
use crate::support::{Answer, Client, Request};

/// Users who ask at the same time, each over connections of its own.
const USERS: u64 = 6;
/// Between two requests of a user: 60 a second together, if the answers come soon.
const PAUSE: Duration = Duration::from_millis(100);
/// Members whose points move.
const MEMBERS: std::ops::RangeInclusive<i64> = 1..=12;
/// Pieces of the gifticon that carts take.
const PIECES: i64 = 100_000;
/// A write that was not answered is repeated with its key, at most for so long.
const REPEATED_FOR: Duration = Duration::from_secs(90);
const REPEATED_EVERY: Duration = Duration::from_millis(100);

/// One look at each context, beside the writes.
const LOOKS: [&str; 14] = [
    "/members/1",
    "/messages?limit=1",
    "/points/2",
    "/coupons?memberId=3",
    "/mypages/4",
    "/donations?limit=1",
    "/deals?limit=1",
    "/billings?limit=1",
    "/dealDashboards?limit=1",
    "/products?limit=1",
    "/memberships?limit=1",
    "/payments?limit=1",
    "/gifticons/1",
    "/carts?limit=1",
];

/// What was answered.
#[derive(Default)]
pub struct Books {
    /// Points of each of [`MEMBERS`], as its own requests moved them.
    points: BTreeMap<i64, i64>,
    /// Members who joined.
    joined: BTreeSet<i64>,
    deals: BTreeSet<i64>,
    carts: BTreeSet<i64>,
    /// Acknowledged twice: the same number for two requests.
    doubled: Vec<String>,
}

/// What became of the requests of one span of time.
#[derive(Default)]
pub struct Report {
    /// Requests, without repeats.
    pub asked: u64,
    /// Those that were answered as they should be, the first time.
    pub succeeded: u64,
    /// What the others were told or met, and how often.
    pub failed: BTreeMap<String, u64>,
    /// Requests that met a connection which its server had closed between two requests, sent again on a new one.
    pub resent: u64,
    /// The longest wait for a first answer.
    pub slowest: Duration,
    /// How long all of it took.
    pub lasted: Duration,
}

impl Report {
    /// Requests that failed.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Prints it.
    pub fn print(&self, what: &str) {
        println!(
            "{what}: {} requests in {:.1} s, {} failed {:?}, {} sent again on a new connection, slowest {} ms",
            self.asked,
            self.lasted.as_secs_f64(),
            self.failures(),
            self.failed,
            self.resent,
            self.slowest.as_millis()
        );
    }
}

/// Asks a set, and keeps the books.
pub struct Load<'a> {
    set: &'a Cluster,
    books: Mutex<Books>,
    report: Mutex<Report>,
    next: AtomicU64,
    over: AtomicBool,
}

impl<'a> Load<'a> {
    /// Joins the members and registers the gifticon that the load is about.
    pub fn on(set: &'a Cluster) -> Self {
        let body = json!({"gifticonId": 1, "name": "Americano", "availableQuantity": PIECES, "price": 5_000});
        set.post("/gifticons", &body).must_be(201);
        for member_id in MEMBERS {
            let phone_no = format!("010{:08}", 60_000_000 + member_id);
            let body = json!({"memberId": member_id, "phoneNo": phone_no, "nickname": "N"});
            set.post("/members", &body).must_be(201);
        }
        MEMBERS.for_each(|member_id| set.has_everything(member_id));
        MEMBERS.for_each(|member_id| set.is_welcomed(member_id));
        let points = MEMBERS.map(|member_id| (member_id, set.points_of(member_id).expect("an account"))).collect();
        let books = Books { points, joined: MEMBERS.collect(), ..Books::default() };
        let (report, next, over) = (Mutex::default(), AtomicU64::new(0), AtomicBool::new(false));
        Self { set, books: Mutex::new(books), report, next, over }
    }

    /// Asks steadily while this is done; what became of it. What fails is repeated until it is answered.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> (T, Report) {
        self.over.store(false, Ordering::Release);
        let started = Instant::now();
        let done = std::thread::scope(|scope| {
            for _ in 0..USERS {
                scope.spawn(|| {
                    while !self.over.load(Ordering::Acquire) {
                        self.ask_once();
                        std::thread::sleep(PAUSE);
                    }
                });
            }
            // A panic in the work must end the users, too.
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            self.over.store(true, Ordering::Release);
            done
        });
        let done = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let mut report = std::mem::take(&mut *self.report.lock().unwrap_or_else(PoisonError::into_inner));
        report.lasted = started.elapsed();
        (done, report)
    }

    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request: four of nine write, the others look at each context in turn.
    fn ask_once(&self) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let member_id = MEMBERS.start() + i64::try_from(turn / 9).unwrap_or(0) % MEMBERS.end();
        let key = format!("load-{turn}");
        match turn % 9 {
            0 => self.join(&key, turn),
            1 => self.move_points(&key, member_id),
            2 => self.deal(&key, member_id),
            3 => self.put_in_cart(&key),
            _ => {
                let look = LOOKS[usize::try_from(turn).unwrap_or(0) % LOOKS.len()];
                self.answered("GET", look, None, &Value::Null, 200);
            }
        }
    }

    fn join(&self, key: &str, turn: u64) {
        let body = json!({"phoneNo": format!("0105{:07}", turn % 10_000_000), "nickname": "N"});
        let joined = self.answered("POST", "/members", Some(key), &body, 201);
        let member_id = number(&joined, "memberId");
        let mut books = self.books();
        if !books.joined.insert(member_id) {
            books.doubled.push(format!("member {member_id}"));
        }
    }

    fn move_points(&self, key: &str, member_id: i64) {
        let body = json!({"requirePoint": 7});
        let moved = self.answered("PATCH", &format!("/points/{member_id}"), Some(key), &body, 200);
        assert_eq!(moved.json["result"], "APPLIED", "{}", moved.text);
        *self.books().points.entry(member_id).or_default() += 7;
    }

    fn deal(&self, key: &str, member_id: i64) {
        let body = json!({"memberId": member_id, "merchantId": 20, "dealAmount": 1_000, "type": "save"});
        let posted = self.answered("POST", "/deals", Some(key), &body, 201);
        let mut books = self.books();
        if !books.deals.insert(number(&posted, "dealId")) {
            books.doubled.push(format!("deal {}", posted.json["dealId"]));
        }
        assert_eq!(posted.json["status"], "success", "{}", posted.text);
        *books.points.entry(member_id).or_default() += 10;
    }

    fn put_in_cart(&self, key: &str) {
        let body = json!({"gifticonId": 1, "quantity": 1, "customerId": 1});
        let put = self.answered("POST", "/carts", Some(key), &body, 201);
        let mut books = self.books();
        if !books.carts.insert(number(&put, "cartId")) {
            books.doubled.push(format!("cart {}", put.json["cartId"]));
        }
    }

    /// Sends a request until it is answered with this status; only the first try counts as success.
    fn answered(&self, method: &str, path: &str, key: Option<&str>, body: &Value, status: u16) -> Answer {
        let started = Instant::now();
        let (mut key, mut is_first) = (key.map(str::to_owned), true);
        loop {
            let answer = self.try_once(method, path, key.as_deref(), body, is_first);
            let said = match answer {
                Ok(answer) if answer.status == status => {
                    if is_first {
                        self.note(|report| {
                            report.succeeded += 1;
                            report.slowest = report.slowest.max(started.elapsed());
                        });
                    }
                    return answer;
                }
                Ok(answer) => format!("{} {}", answer.status, answer.code()),
                Err(error) => error.kind().to_string(),
            };
            if is_first {
                self.note(|report| *report.failed.entry(format!("{} {said}", resource(path))).or_default() += 1);
            }
            // Given up several times before it could be stored; the server asks for another key then.
            if said.ends_with("cart.key_is_over") {
                key = key.map(|key| format!("{key}+"));
            }
            assert!(started.elapsed() < REPEATED_FOR, "{method} {path} was not answered: {said}");
            is_first = false;
            std::thread::sleep(REPEATED_EVERY);
        }
    }

    /// As HTTP allows it: what met a connection that was closed between two requests is sent again on a new one, once.
    fn try_once(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: &Value,
        counts: bool,
    ) -> std::io::Result<Answer> {
        let send = |client: &Client| {
            let mut request = Request::new(client, method, path);
            if let Some(key) = key {
                request = request.key(key).json(body);
            }
            request.try_send()
        };
        if counts {
            self.note(|report| report.asked += 1);
        }
        send(self.set).or_else(|_| {
            if counts {
                self.note(|report| report.resent += 1);
            }
            send(&Client::new(self.set.address()))
        })
    }

    fn note(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Everything that was answered is there, once, and everything that follows from it, within this time.
    pub fn must_be_found(&self, within: Duration) {
        let started = Instant::now();
        let books = self.books();
        assert!(books.doubled.is_empty(), "one number for two requests: {:?}", books.doubled);
        let eventually = |what: &str, holds: &mut dyn FnMut() -> bool| {
            crate::support::within(within.saturating_sub(started.elapsed()), what, holds);
        };
        for (member_id, points) in &books.points {
            assert_eq!(self.set.points_of(*member_id), Some(*points), "points of member {member_id}");
            let path = format!("/mypages/{member_id}");
            eventually("my page shows the balance", &mut || self.set.get(&path).json["remainPoint"] == *points);
        }
        for member_id in books.joined.iter().rev() {
            let path = format!("/mypages/{member_id}");
            eventually("who joined has a page with points and a coupon", &mut || {
                let page = self.set.get(&path).json;
                page["memberStatus"] == "NORMAL" && page["coupons"][0]["status"] == "ISSUED" && page["remainPoint"] != 0
            });
        }
        for cart_id in books.carts.iter().rev() {
            let path = format!("/carts/{cart_id}");
            eventually("every cart is paid", &mut || self.set.get(&path).json["status"] == "PaymentApproved");
        }
        for deal_id in &books.deals {
            let deal = self.set.get(&format!("/deals/{deal_id}")).must_be(200).json;
            assert_eq!((&deal["status"], &deal["point"]), (&json!("success"), &json!(10)), "deal {deal_id}");
        }
        // Nothing is there beyond what was answered: no effect of a repeat, nothing of a request that was given up.
        for (path, number, expected) in [
            ("members", "memberId", &books.joined),
            ("deals", "dealId", &books.deals),
            ("carts", "cartId", &books.carts),
        ] {
            assert_eq!(&self.all(path, number), expected, "{path}");
        }
        let left = PIECES - i64::try_from(books.carts.len()).expect("few");
        eventually("what was kept for nobody is back", &mut || {
            self.set.get("/gifticons/1").json["availableQuantity"] == left
        });
        println!(
            "found: {} members, {} deals, {} carts, points of {} members, all views after {:.1} s",
            books.joined.len(),
            books.deals.len(),
            books.carts.len(),
            books.points.len(),
            started.elapsed().as_secs_f64()
        );
    }

    /// The newest member of all who joined.
    pub fn newest(&self) -> i64 {
        self.books().joined.last().copied().unwrap_or_default()
    }

    /// The first member who joined with a number beyond this one; numbers may be left out.
    pub fn first_behind(&self, member_id: i64) -> i64 {
        self.books().joined.range(member_id + 1..).next().copied().expect("somebody joined")
    }

    /// The numbers of all items of a collection, page by page.
    fn all(&self, collection: &str, number: &str) -> BTreeSet<i64> {
        let mut found = BTreeSet::new();
        let mut path = format!("/{collection}?limit=200");
        loop {
            let page = self.set.get(&path).must_be(200).json;
            let items = page["_embedded"][collection].as_array().cloned().unwrap_or_default();
            found.extend(items.iter().filter_map(|item| item[number].as_i64()));
            let Some(next) = page["_links"]["next"]["href"].as_str() else { return found };
            path = next[next.find(&format!("/{collection}")).expect("a link to the collection")..].to_owned();
        }
    }
}

fn number(answer: &Answer, field: &str) -> i64 {
    answer.json[field].as_i64().unwrap_or_else(|| panic!("no {field}: {}", answer.text))
}

fn resource(path: &str) -> &str {
    path.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default()
}
