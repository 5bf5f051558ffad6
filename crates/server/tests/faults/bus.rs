//! The contexts without the threads that carry events: here the test carries them, in order or in disorder.

use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::clock::ManualClock;
use platform::consumer::Consumer;
use platform::db::{Cursor, Dialect, Session};
use platform::error::Result;
use platform::funnel::{Funnel, Writer};
use platform::log::{Event, Log, LogReader, Page, Scope};
use server::assembly::{App, Options};
use server::config::Settings;
use tokio::runtime::Runtime;

use super::senders::Random;
use crate::support::{Engine, postgres};

/// Monday noon; it never moves, so two runs write the same times.
const NOON_MS: i64 = 1_780_282_800_000;
/// Events read at once.
const PIECE: usize = 40;
/// Events delivered in one transaction when they come in disorder.
const CRUMB: usize = 7;

const SETTLED: Duration = Duration::from_secs(30);

/// How events come.
pub enum Delivery {
    /// Each once, as they happened.
    Once,
    /// Each at least once, some of them much later again, and aggregates in any order among each other.
    Disorderly(Random),
}

type Carrier = Box<dyn FnMut(&[Event], Cursor) -> Result<()>>;

/// One context following one log.
struct Lane {
    /// Whether there is something behind this place in the log, whoever may be allowed to see it yet.
    has_more: Box<dyn Fn(Cursor) -> bool>,
    reader: LogReader,
    cursor: Cursor,
    past: Vec<Event>,
    deliver: Carrier,
}

/// The contexts, and the bus between them.
pub struct System {
    pub app: Arc<App>,
    pub runtime: Runtime,
    /// Stands still unless a test moves it.
    pub clock: Arc<ManualClock>,
    lanes: Vec<Lane>,
    delivery: Delivery,
    funnels: Vec<std::thread::JoinHandle<()>>,
    _data: tempfile::TempDir,
    _database: Option<postgres::Database>,
}

impl System {
    /// A fresh one.
    pub fn on(engine: Engine, delivery: Delivery) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let database = (engine == Engine::Postgres).then(postgres::Database::fresh);
        let url = database.as_ref().map_or("sqlite:", |database| &database.url);
        let secret = "programme.secret=0123456789abcdef0123456789abcdef".to_owned();
        let sets = [format!("data={}", data.path().display()), format!("database.url={url}"), secret];
        let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
        let runtime = server::serve::runtime(&settings).expect("a runtime");
        let clock = Arc::new(ManualClock::new(NOON_MS));
        // With an address there is a provider for payments; what it tells by itself goes nowhere.
        let address = Some(std::net::SocketAddr::from(([127, 0, 0, 1], 9)));
        let options = Options { clock: Some(Arc::clone(&clock) as _), address, ..Options::default() };
        let app = Arc::new(App::open(&settings, options, runtime.handle()).expect("the contexts open"));
        let spawned = [
            app.members.funnel.spawn(),
            app.notifications.funnel.spawn(),
            app.points.funnel.spawn(),
            app.coupons.funnel.spawn(),
            app.donations.funnel.spawn(),
            app.deals.funnel.spawn(),
            app.settlements.funnel.spawn(),
            app.dashboards.funnel.spawn(),
            app.purchases.products.funnel.spawn(),
            app.purchases.memberships.funnel.spawn(),
            app.purchases.payments.funnel.spawn(),
            app.purchases.gifticons.funnel.spawn(),
            app.purchases.carts.funnel.spawn(),
        ];
        let funnels = spawned.into_iter().map(|thread| thread.expect("a thread")).collect();
        let lanes = lanes(&app);
        Self { app, runtime, clock, lanes, delivery, funnels, _data: data, _database: database }
    }

    /// Carries what there is, sends and pays what is due; how much it was.
    pub fn pump(&mut self) -> usize {
        let mut carried = 0;
        for lane in &mut self.lanes {
            carried += lane.pump(&mut self.delivery);
        }
        carried += self.app.purchases.payments.work(self.runtime.handle()).expect("payments are handed out");
        carried + self.app.notifications.send_due(self.runtime.handle()).expect("messages are sent")
    }

    /// Whether the provider is still to be heard of.
    fn is_paying(&self) -> bool {
        let sql = "SELECT payment_id FROM payment WHERE due_at IS NOT NULL LIMIT 1";
        let found = self.app.purchases.payments.funnel.with_session(|tx| tx.query(sql, &[]));
        !found.expect("payments can be read").is_empty()
    }

    /// Carries until nothing happens any more. On a server a transaction of anybody holds the logs back for a moment.
    pub fn settle(&mut self) {
        let started = Instant::now();
        while self.pump() > 0 || self.lanes.iter().any(|lane| (lane.has_more)(lane.cursor)) || self.is_paying() {
            assert!(started.elapsed() < SETTLED, "something goes on for ever");
            if self.is_paying() {
                // What is to be tried again becomes due.
                self.clock.advance_ms(500);
            }
        }
    }

    /// Delivers the whole past again, in disorder, to everyone.
    pub fn redeliver(&mut self, random: &mut Random) {
        for lane in &mut self.lanes {
            let past = lane.past.clone();
            for crumb in disarranged(&past, &past, random).chunks(CRUMB) {
                (lane.deliver)(crumb, lane.cursor).expect("it is taken in");
            }
        }
    }

    /// Builds my page anew from these events of member, of point, of donation and of coupon; its digest.
    pub fn fold_pages(&self, logs: &[Vec<Event>; 4]) -> String {
        let app = &self.app;
        app.pages.start_over(|_| Ok(())).expect("my page can be emptied");
        let mut folding = [
            carrier(app.pages.follow_members(Arc::clone(&app.members.log))),
            carrier(app.pages.follow_point(Arc::clone(&app.points.log))),
            carrier(app.pages.follow_donations(Arc::clone(&app.donations.log))),
            carrier(app.pages.follow_coupons(Arc::clone(&app.coupons.log))),
        ];
        // By turns, so that no log is ahead of the others for long.
        let mut chunks = logs.each_ref().map(|events| events.chunks(CRUMB));
        loop {
            let next = chunks.each_mut().map(Iterator::next);
            if next == [None; 4] {
                return app.pages.digest().expect("a digest");
            }
            for (carry, crumb) in folding.iter_mut().zip(next) {
                carry(crumb.unwrap_or_default(), Cursor::default()).expect("it is taken in");
            }
        }
    }

    /// Everything that member, point, donation and coupon have said to my page.
    pub fn logs(&self) -> [Vec<Event>; 4] {
        let [.., member, point, donation, coupon] = &self.lanes[..] else { panic!("my page has four lanes") };
        [member, point, donation, coupon].map(|lane| lane.past.clone())
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.app.members.funnel.shut_down();
        self.app.notifications.funnel.shut_down();
        self.app.points.funnel.shut_down();
        self.app.coupons.funnel.shut_down();
        self.app.donations.funnel.shut_down();
        self.app.deals.funnel.shut_down();
        self.app.settlements.funnel.shut_down();
        self.app.dashboards.funnel.shut_down();
        let purchases = &self.app.purchases;
        purchases.payments.finish_work(self.runtime.handle());
        purchases.products.funnel.shut_down();
        purchases.memberships.funnel.shut_down();
        purchases.payments.funnel.shut_down();
        purchases.gifticons.funnel.shut_down();
        purchases.carts.funnel.shut_down();
        for funnel in self.funnels.drain(..) {
            let _ = funnel.join();
        }
    }
}

fn carrier<W: Writer>(mut consumer: Consumer<W>) -> Carrier {
    Box::new(move |events, end| consumer.take_in(events, end))
}

fn lanes(app: &App) -> Vec<Lane> {
    let (member, notification, point) = (&app.members.log, &app.notifications.log, &app.points.log);
    let (members, notifications, points) = (&app.members.funnel, &app.notifications.funnel, &app.points.funnel);
    let (donation, donations) = (&app.donations.log, &app.donations.funnel);
    let (deal, deals) = (&app.deals.log, &app.deals.funnel);
    let (coupon, coupons) = (&app.coupons.log, &app.coupons.funnel);
    let all = Scope::Everything;
    let entries = &["event", "point_entry"];
    let mut lanes = for_dashboard(app);
    lanes.extend(for_purchases(app));
    lanes.extend([
        lane(member, all, more(members, &["event"]), carrier(app.notifications.follow_members(Arc::clone(member)))),
        lane(
            point,
            Scope::EventTable,
            more(points, &["event"]),
            carrier(app.notifications.follow_points(Arc::clone(point))),
        ),
        lane(
            notification,
            all,
            more(notifications, &["event"]),
            carrier(app.members.follow_notification(Arc::clone(notification))),
        ),
        lane(member, all, more(members, &["event"]), carrier(app.points.follow_members(Arc::clone(member)))),
        lane(point, Scope::EventTable, more(points, &["event"]), carrier(app.members.follow_point(Arc::clone(point)))),
        lane(donation, all, more(donations, &["event"]), carrier(app.points.follow_donations(Arc::clone(donation)))),
        lane(
            donation,
            all,
            more(donations, &["event"]),
            carrier(app.notifications.follow_donations(Arc::clone(donation))),
        ),
        lane(
            point,
            Scope::EventTable,
            more(points, &["event"]),
            carrier(app.donations.follow_point(Arc::clone(point))),
        ),
        lane(deal, all, more(deals, &["event"]), carrier(app.points.follow_deals(Arc::clone(deal)))),
        lane(point, Scope::EventTable, more(points, &["event"]), carrier(app.deals.follow_point(Arc::clone(point)))),
        lane(member, all, more(members, &["event"]), carrier(app.coupons.follow_members(Arc::clone(member)))),
        lane(coupon, all, more(coupons, &["event"]), carrier(app.members.follow_coupon(Arc::clone(coupon)))),
        lane(member, all, more(members, &["event"]), carrier(app.pages.follow_members(Arc::clone(member)))),
        lane(point, all, more(points, entries), carrier(app.pages.follow_point(Arc::clone(point)))),
        lane(donation, all, more(donations, &["event"]), carrier(app.pages.follow_donations(Arc::clone(donation)))),
        lane(coupon, all, more(coupons, &["event"]), carrier(app.pages.follow_coupons(Arc::clone(coupon)))),
    ]);
    lanes
}

/// Settlement, and whom the dashboard follows. Entries and what happens to coupons are not carried to it: they have no
/// number there, and what keeps their sums is the cursor, which does not move here.
fn for_dashboard(app: &App) -> Vec<Lane> {
    let events = &["event"];
    let (dashboards, deal, settlement) = (&app.dashboards, &app.deals.log, &app.settlements.log);
    let (deals, settlements) = (&app.deals.funnel, &app.settlements.funnel);
    let (member, donation) = (&app.members.log, &app.donations.log);
    let all = Scope::Everything;
    vec![
        lane(deal, all, more(deals, events), carrier(app.settlements.follow_deals(Arc::clone(deal)))),
        lane(settlement, all, more(settlements, events), carrier(app.deals.follow_settlement(Arc::clone(settlement)))),
        lane(member, all, more(&app.members.funnel, events), carrier(dashboards.follow_members(Arc::clone(member)))),
        lane(
            donation,
            all,
            more(&app.donations.funnel, events),
            carrier(dashboards.follow_donations(Arc::clone(donation))),
        ),
        lane(deal, all, more(deals, events), carrier(dashboards.follow_deals(Arc::clone(deal)))),
        lane(settlement, all, more(settlements, events), carrier(dashboards.follow_settlement(Arc::clone(settlement)))),
    ]
}

/// Those who decide about purchases, and those who own what is bought or charge for it.
fn for_purchases(app: &App) -> Vec<Lane> {
    let (all, events, purchases) = (Scope::Everything, &["event"], &app.purchases);
    let (membership, payment, cart) = (&purchases.memberships.log, &purchases.payments.log, &purchases.carts.log);
    let told_by_cart = || more(&purchases.carts.funnel, events);
    let told_by_membership = || more(&purchases.memberships.funnel, events);
    let told_by_payment = || more(&purchases.payments.funnel, events);
    vec![
        lane(cart, all, told_by_cart(), carrier(purchases.gifticons.follow_carts(Arc::clone(cart)))),
        lane(cart, all, told_by_cart(), carrier(purchases.payments.follow_carts(Arc::clone(cart)))),
        lane(payment, all, told_by_payment(), carrier(purchases.carts.follow_payment(Arc::clone(payment)))),
        lane(payment, all, told_by_payment(), carrier(purchases.memberships.follow_payment(Arc::clone(payment)))),
        lane(
            membership,
            all,
            told_by_membership(),
            carrier(purchases.payments.follow_memberships(Arc::clone(membership))),
        ),
        lane(
            membership,
            all,
            told_by_membership(),
            carrier(purchases.products.follow_memberships(Arc::clone(membership))),
        ),
    ]
}

fn lane(log: &Arc<Log>, scope: Scope, has_more: Box<dyn Fn(Cursor) -> bool>, deliver: Carrier) -> Lane {
    let reader = log.reader(scope).expect("a reader");
    Lane { has_more, reader, cursor: Cursor::default(), past: Vec::new(), deliver }
}

/// Looks into the tables of a log itself, past the reader.
fn more<W: Writer>(owner: &Arc<Funnel<W>>, tables: &'static [&'static str]) -> Box<dyn Fn(Cursor) -> bool> {
    let owner = Arc::clone(owner);
    let look = move |tx: &mut dyn Session, cursor: Cursor| -> Result<bool> {
        for table in tables {
            let found = match tx.dialect() {
                Dialect::Sqlite | Dialect::MariaDb => {
                    let sql = format!("SELECT position FROM {table} WHERE position > $1 LIMIT 1");
                    tx.query(&sql, &[cursor.position.into()])?
                }
                Dialect::Postgres => {
                    let sql = format!("SELECT position FROM {table} WHERE (xid, position) > ($1, $2) LIMIT 1");
                    tx.query(&sql, &[cursor.xid.into(), cursor.position.into()])?
                }
            };
            if !found.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    };
    Box::new(move |cursor| owner.with_session(|tx| look(tx, cursor)).expect("the log can be read"))
}

impl Lane {
    /// All that stands in the log, at most a piece of it. On a server anybody's open transaction hides what is new for a
    /// moment; what one lane sees the next has to see too, or things would happen in another order each time.
    fn next_page(&mut self) -> Page {
        let started = Instant::now();
        loop {
            let page = self.reader.read(self.cursor, PIECE).expect("the log can be read");
            if page.events.len() >= PIECE || !(self.has_more)(page.end) {
                return page;
            }
            assert!(started.elapsed() < SETTLED, "the log is not shown to its end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn pump(&mut self, delivery: &mut Delivery) -> usize {
        let page = self.next_page();
        if page.end == self.cursor {
            return 0;
        }
        self.cursor = page.end;
        match delivery {
            Delivery::Once => (self.deliver)(&page.events, page.end).expect("it is taken in"),
            Delivery::Disorderly(random) => {
                for crumb in disarranged(&page.events, &self.past, random).chunks(CRUMB) {
                    (self.deliver)(crumb, page.end).expect("it is taken in");
                }
            }
        }
        self.past.extend(page.events);
        1
    }
}

/// The events in an order that a bus may give them: each aggregate's in its own order, aggregates as chance has it,
/// and at any moment some event again that was delivered before, lately or long ago.
pub fn disarranged(events: &[Event], past: &[Event], random: &mut Random) -> Vec<Event> {
    let mut waiting: Vec<Vec<&Event>> = Vec::new();
    for event in events {
        match waiting.iter_mut().find(|queue| queue[0].subject == event.subject) {
            Some(queue) => queue.push(event),
            None => waiting.push(vec![event]),
        }
    }
    let mut delivered: Vec<Event> = Vec::new();
    while !waiting.is_empty() {
        let chosen = random.below(waiting.len());
        delivered.push(waiting[chosen].remove(0).clone());
        if waiting[chosen].is_empty() {
            waiting.swap_remove(chosen);
        }
        for repeats in [&delivered.clone()[..], past] {
            if !repeats.is_empty() && random.below(2) == 0 {
                delivered.push(repeats[random.below(repeats.len())].clone());
            }
        }
    }
    delivered
}
