//! The contexts without the threads that carry events: here the test carries them, in order or in disorder.

use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::clock::ManualClock;
use platform::consumer::Consumer;
use platform::db::Cursor;
use platform::error::Result;
use platform::funnel::Writer;
use platform::log::{Event, Log, LogReader, Scope};
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

/// How events come.
pub enum Delivery {
    /// Each once, as they happened.
    Once,
    /// Each at least once, some of them much later again, and aggregates in any order among each other.
    Disorderly(Random),
}

/// One context following one log.
struct Lane {
    reader: LogReader,
    cursor: Cursor,
    past: Vec<Event>,
    deliver: Box<dyn FnMut(&[Event], Cursor) -> Result<()>>,
}

/// The contexts, and the bus between them.
pub struct System {
    pub app: Arc<App>,
    pub runtime: Runtime,
    lanes: Vec<Lane>,
    delivery: Delivery,
    silence: Duration,
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
        let options = Options { clock: Some(Arc::new(ManualClock::new(NOON_MS))), ..Options::default() };
        let app = Arc::new(App::open(&settings, options, runtime.handle()).expect("the contexts open"));
        let spawned = [app.members.funnel.spawn(), app.notifications.funnel.spawn(), app.points.funnel.spawn()];
        let funnels = spawned.into_iter().map(|thread| thread.expect("a thread")).collect();
        // Below the horizon of a server nothing is seen for a moment, though it is committed.
        let silence = Duration::from_millis(if database.is_some() { 300 } else { 0 });
        let lanes = lanes(&app);
        Self { app, runtime, lanes, delivery, silence, funnels, _data: data, _database: database }
    }

    /// Carries what there is and sends what is due; how much it was.
    pub fn pump(&mut self) -> usize {
        let mut carried = 0;
        for lane in &mut self.lanes {
            carried += lane.pump(&mut self.delivery);
        }
        carried + self.app.notifications.send_due(self.runtime.handle()).expect("messages are sent")
    }

    /// Carries until nothing happens any more.
    pub fn settle(&mut self) {
        let mut silent_since = Instant::now();
        loop {
            if self.pump() > 0 {
                silent_since = Instant::now();
            } else if silent_since.elapsed() >= self.silence {
                return;
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

    /// Builds my page anew from these events of member and of point; its digest.
    pub fn fold_pages(&self, member: &[Event], point: &[Event]) -> String {
        let app = &self.app;
        app.pages.start_over().expect("my page can be emptied");
        let mut folding = [
            carrier(app.pages.follow_members(Arc::clone(&app.members.log))),
            carrier(app.pages.follow_point(Arc::clone(&app.points.log))),
        ];
        // By turns, so that neither log is ahead of the other for long.
        let (mut members, mut points) = (member.chunks(CRUMB), point.chunks(CRUMB));
        loop {
            let next = [members.next(), points.next()];
            if next == [None, None] {
                return app.pages.digest().expect("a digest");
            }
            for (carry, crumb) in folding.iter_mut().zip(next) {
                carry(crumb.unwrap_or_default(), Cursor::default()).expect("it is taken in");
            }
        }
    }

    /// Everything that member and point have said.
    pub fn logs(&self) -> (Vec<Event>, Vec<Event>) {
        (whole(&self.app.members.log), whole(&self.app.points.log))
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.app.members.funnel.shut_down();
        self.app.notifications.funnel.shut_down();
        self.app.points.funnel.shut_down();
        for funnel in self.funnels.drain(..) {
            let _ = funnel.join();
        }
    }
}

fn carrier<W: Writer>(mut consumer: Consumer<W>) -> Box<dyn FnMut(&[Event], Cursor) -> Result<()>> {
    Box::new(move |events, end| consumer.take_in(events, end))
}

fn lanes(app: &App) -> Vec<Lane> {
    let (member, notification, point) = (&app.members.log, &app.notifications.log, &app.points.log);
    let lane = |log: &Arc<Log>, scope, deliver| Lane {
        reader: log.reader(scope).expect("a reader"),
        cursor: Cursor::default(),
        past: Vec::new(),
        deliver,
    };
    let all = Scope::Everything;
    vec![
        lane(member, all, carrier(app.notifications.follow_members(Arc::clone(member)))),
        lane(notification, all, carrier(app.members.follow_notification(Arc::clone(notification)))),
        lane(member, all, carrier(app.points.follow_members(Arc::clone(member)))),
        lane(point, Scope::EventTable, carrier(app.members.follow_point(Arc::clone(point)))),
        lane(member, all, carrier(app.pages.follow_members(Arc::clone(member)))),
        lane(point, all, carrier(app.pages.follow_point(Arc::clone(point)))),
    ]
}

impl Lane {
    fn pump(&mut self, delivery: &mut Delivery) -> usize {
        let page = self.reader.read(self.cursor, PIECE).expect("the log can be read");
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

fn whole(log: &Log) -> Vec<Event> {
    let mut reader = log.reader(Scope::Everything).expect("a reader");
    let mut events = Vec::new();
    let mut after = Cursor::default();
    loop {
        let page = reader.read(after, 1_000).expect("the log can be read");
        if page.end == after {
            return events;
        }
        after = page.end;
        events.extend(page.events);
    }
}
