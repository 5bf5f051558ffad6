//! One batch: from commands to a commit.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use metrics::{Histogram, histogram};
use serde::Serialize;

use super::cursor::{Standing, read_standing};
use super::keys::{KeyMemory, KeyStamp, Known};
use super::out::{Out, Positions};
use super::{Moment, Surroundings, Waiting, Writer};
use crate::db::{Dialect, Row, Session, transaction};
use crate::error::{Error, ErrorKind, Result};
use crate::lease::{self, Fence};
use crate::log::EVENTS;

/// Log rows that one command may write at most; [`Writer::more_rows`] adds to it.
const ROWS_PER_COMMAND: usize = 4;
/// How often a command that met another writer is tried.
const CONTENTION_TRIES: usize = 8;
/// A consumer that delivers so many at once has fallen behind, and gives way to no one until it has caught up.
const HURRIED_COMMANDS: usize = 1_000;
const LOG_POSITION: &str = "log_position";

/// A command as a batch sees it: with the stamp of its key, and the lease under which its sender works.
type Asked<'a, C> = (&'a C, Option<KeyStamp>, Option<Fence>, Option<&'a str>);

/// What is written in the transaction of a batch, after its effects: a consumer's cursor.
pub(super) type Along<'a> = &'a mut dyn FnMut(&mut dyn Session) -> Result<()>;

/// What a funnel works with, used by one thread at a time.
pub(super) struct Core<W: Writer> {
    writer: W,
    around: Surroundings,
    session: Box<dyn Session>,
    keys: KeyMemory,
    positions: Positions,
    batch_size: Histogram,
    commit_seconds: Histogram,
}

/// The answers of a batch that is committed, and the keys to remember.
struct Decided<A> {
    answers: Vec<Result<A>>,
    remembered: Vec<(KeyStamp, i64)>,
    wrote_log: bool,
    wrote_events: bool,
    wipes: bool,
}

impl<W: Writer> Core<W> {
    pub(super) fn new(around: Surroundings, writer: W) -> Result<Self> {
        let session = around.database.session()?;
        let keys = KeyMemory::open(&around)?;
        let context = around.database.context();
        Ok(Self {
            writer,
            session,
            keys,
            positions: Positions::default(),
            batch_size: histogram!("funnel_batch_commands", "context" => context),
            commit_seconds: histogram!("funnel_batch_seconds", "context" => context),
            around,
        })
    }

    pub(super) fn session(&mut self) -> &mut dyn Session {
        &mut *self.session
    }

    /// Carries a batch out and answers everyone. If it fails as a whole, its commands are tried one by one, so that
    /// one that cannot be carried out does not take its neighbours with it.
    pub(super) fn run(&mut self, waiting: Vec<Waiting<W>>) {
        let started_ms = self.around.clock.monotonic_ms();
        self.batch_size.record(waiting.len() as f64);
        let requests: Vec<Asked<'_, W::Command>> = waiting
            .iter()
            .map(|Waiting { request: one, .. }| (&one.command, one.stamp, one.fence, one.origin.as_deref()))
            .collect();
        let answers = match self.commit_batch(&requests, None) {
            Ok(answers) => answers,
            Err(error) if requests.len() == 1 && !is_contended(&error) => vec![Err(error)],
            // What may have happened must not be done again, and what cannot be reached need not be asked one by one.
            Err(error) if is_out_of_reach(&error) => requests.iter().map(|_| Err(error.clone())).collect(),
            Err(error) => {
                tracing::warn!(context = self.around.database.context(), %error, commands = requests.len(), "a batch failed; its commands run one by one");
                requests.iter().map(|request| self.commit_alone(*request)).collect()
            }
        };
        for (one, answer) in waiting.into_iter().zip(answers) {
            // A sender that went away misses its answer, nothing else.
            let _ = one.answer.send(answer);
        }
        self.commit_seconds.record((self.around.clock.monotonic_ms() - started_ms) as f64 / 1_000.0);
    }

    fn commit_alone(&mut self, request: Asked<'_, W::Command>) -> Result<W::Answer> {
        let mut outcome = Err(Error::internal("a batch without commands"));
        for _ in 0..CONTENTION_TRIES {
            outcome = self.commit_batch(&[request], None).and_then(|mut answers| answers.remove(0));
            match &outcome {
                Err(error) if is_contended(error) => {}
                _ => break,
            }
        }
        outcome
    }

    pub(super) fn deliver(&mut self, commands: Vec<W::Command>, along: Along<'_>) -> Result<()> {
        self.session.give_way(commands.len() < HURRIED_COMMANDS);
        let requests: Vec<_> = commands.iter().map(|command| (command, None, None, None)).collect();
        let answers = self.commit_batch(&requests, Some(along))?;
        answers.into_iter().find_map(Result::err).map_or(Ok(()), Err)
    }

    pub(super) fn standing(&mut self, consumer: &str) -> Result<Standing> {
        read_standing(&mut *self.session, consumer)
    }

    fn commit_batch(
        &mut self,
        requests: &[Asked<'_, W::Command>],
        along: Option<Along<'_>>,
    ) -> Result<Vec<Result<W::Answer>>> {
        // The clock is read once, so that the moment and its day belong together.
        let now_ms = self.around.clock.now_ms();
        let moment = Moment { now_ms, day: self.around.zone.day(now_ms) };
        let last_position = self.positions.last;
        let Self { writer, session, keys, positions, around, .. } = self;
        let work = || {
            transaction(&mut **session, |tx| {
                let lost = if around.checks_fences { lost_fences(tx, requests)? } else { Vec::new() };
                batch(writer, keys, positions, tx, Batch { requests, lost, moment }, along)
            })
        };
        // A rule that panics is a defect, but not a reason to stop the shop: the batch is rolled back and reported.
        let decided = catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Error::internal("a rule failed; nothing was changed")));
        if decided.is_err() {
            self.session.rollback();
            self.positions = Positions { last: last_position, ..Positions::default() };
        }
        let Decided { answers, remembered, wrote_log, wrote_events, wipes } = decided?;
        self.writer.committed();
        self.keys.remember(remembered, self.positions.last, moment.now_ms);
        if wipes {
            self.around.database.wipe_soon();
        }
        if wrote_log {
            self.around.log.ring(wrote_events);
        }
        Ok(answers)
    }
}

fn is_contended(error: &Error) -> bool {
    error.code == "store.contended"
}

fn is_out_of_reach(error: &Error) -> bool {
    matches!(&*error.code, "store.outcome_unknown" | "store.cannot_open" | "store.gone")
}

/// The leases in this batch that have passed on. Nothing is looked up for commands that stand under none.
fn lost_fences<C>(tx: &mut dyn Session, requests: &[Asked<'_, C>]) -> Result<Vec<Fence>> {
    let mut fences: Vec<Fence> = requests.iter().filter_map(|(_, _, fence, _)| *fence).collect();
    fences.sort_unstable();
    fences.dedup();
    let mut lost = Vec::new();
    for fence in fences {
        if !lease::is_held(tx, fence.lease, fence.number)? {
            lost.push(fence);
        }
    }
    Ok(lost)
}

/// What a batch is made of.
struct Batch<'a, C> {
    requests: &'a [Asked<'a, C>],
    /// Leases that have passed on to others.
    lost: Vec<Fence>,
    moment: Moment,
}

/// Sees to it that there are free places in the log for so many rows.
fn take_positions(positions: &mut Positions, tx: &mut dyn Session, wanted: usize) -> Result<()> {
    if tx.dialect() == Dialect::MariaDb {
        // Its log has no other order than the places: what is left over from the batch before may lie behind places
        // that another process has given out and others have followed since.
        positions.free.clear();
        positions.free.extend(tx.next_ids(LOG_POSITION, wanted)?);
    } else if positions.free.len() < wanted {
        let missing = 2 * wanted - positions.free.len();
        positions.free.extend(tx.next_ids(LOG_POSITION, missing)?);
    }
    Ok(())
}

/// What stands between begin and commit.
fn batch<W: Writer>(
    writer: &mut W,
    keys: &mut KeyMemory,
    positions: &mut Positions,
    tx: &mut dyn Session,
    asked: Batch<'_, W::Command>,
    along: Option<Along<'_>>,
) -> Result<Decided<W::Answer>> {
    let Batch { requests, lost, moment } = asked;
    let commands: Vec<&W::Command> = requests.iter().map(|(command, ..)| *command).collect();
    let mut loaded = writer.load(tx, &commands, &moment)?;
    // Keys are read after the locks: whoever held them before us has committed by now.
    let known = keys.find(tx, requests.iter().filter_map(|(_, stamp, ..)| *stamp))?;
    let wanted = requests.len() * ROWS_PER_COMMAND + writer.more_rows(&loaded);
    take_positions(positions, tx, wanted)?;
    let mut decided = Decided {
        answers: Vec::with_capacity(requests.len()),
        remembered: Vec::new(),
        wrote_log: false,
        wrote_events: false,
        wipes: false,
    };
    let last_before = positions.last;
    let mut first_of: HashMap<[u8; 16], usize> = HashMap::new();
    let mut events = Vec::new();
    for (place, (command, stamp, fence, origin)) in requests.iter().enumerate() {
        let answer = match repeated(writer, command, *stamp, &known, &first_of, requests, &decided.answers) {
            Some(answer) => answer,
            None if fence.is_some_and(|fence| lost.contains(&fence)) => Err(lease::lost()),
            None => {
                let events_so_far = std::mem::take(&mut events);
                let mut out = Out::new(moment, positions, events_so_far, (*stamp, *origin));
                let answer = writer.decide(&mut loaded, command, &mut out);
                remember_answer(&mut out, &answer)?;
                if let Some(stamp) = stamp {
                    first_of.insert(stamp.hash, place);
                    decided.remembered.extend(out.stamped_at.map(|position| (*stamp, position)));
                }
                decided.wipes |= out.wipes;
                events = out.events;
                answer
            }
        };
        decided.answers.push(answer);
    }
    decided.wrote_log = positions.last != last_before;
    decided.wrote_events = !events.is_empty();
    store(writer, tx, loaded, events, &decided.answers, along)?;
    Ok(decided)
}

/// Stores what was decided, and what goes along with it. What follows from others' events is stored whole or not at
/// all.
fn store<W: Writer>(
    writer: &mut W,
    tx: &mut dyn Session,
    loaded: W::Loaded,
    events: Vec<Row>,
    answers: &[Result<W::Answer>],
    along: Option<Along<'_>>,
) -> Result<()> {
    if along.is_some()
        && let Some(error) = answers.iter().find_map(|answer| answer.as_ref().err())
    {
        return Err(error.clone());
    }
    writer.store(tx, loaded)?;
    tx.insert_many(&EVENTS, events)?;
    along.map_or(Ok(()), |along| along(tx))
}

/// The answer to a command whose key was seen before, in an earlier batch or in this one.
fn repeated<W: Writer>(
    writer: &W,
    command: &W::Command,
    stamp: Option<KeyStamp>,
    known: &HashMap<[u8; 16], Known>,
    first_of: &HashMap<[u8; 16], usize>,
    requests: &[Asked<'_, W::Command>],
    answers: &[Result<W::Answer>],
) -> Option<Result<W::Answer>> {
    let stamp = stamp?;
    if let Some(known) = known.get(&stamp.hash) {
        if known.digest != stamp.digest {
            return Some(Err(key_reused()));
        }
        return Some(recorded_refusal(known).map_or_else(|| writer.recall(command, &known.event), Err));
    }
    let first = *first_of.get(&stamp.hash)?;
    let same_body = requests[first].1.is_some_and(|first| first.digest == stamp.digest);
    Some(if same_body { answers[first].clone() } else { Err(key_reused()) })
}

fn key_reused() -> Error {
    Error::new(
        ErrorKind::Invalid,
        "idempotency.key_reused",
        "this Idempotency-Key was used before with another body; use a new key for a new request",
    )
}

/// A row that remembers a refusal: status, code and words, nothing personal.
#[derive(Serialize, serde::Deserialize)]
struct Refusal {
    status: i64,
    code: String,
    message: String,
    pointer: Option<String>,
}

/// Leaves a row for the key of a command that wrote none: its refusal, or that it was done.
fn remember_answer<A>(out: &mut Out<'_>, answer: &Result<A>) -> Result<()> {
    if out.stamp.is_none() {
        return Ok(());
    }
    let (kind, data) = match answer {
        Ok(_) => ("done", "{}".to_owned()),
        Err(error) if error.kind.is_recorded() => {
            let refusal = Refusal {
                status: i64::from(error.kind.status()),
                code: error.code.to_string(),
                message: error.message.to_string(),
                pointer: error.pointer.as_ref().map(ToString::to_string),
            };
            let text = serde_json::to_string(&refusal)
                .map_err(|error| Error::internal("a refusal cannot be written").caused_by(error))?;
            ("refused", text)
        }
        Err(_) => return Ok(()),
    };
    out.append(kind.to_owned(), 0, 0, data).map(|_| ())
}

fn recorded_refusal(known: &Known) -> Option<Error> {
    if known.event.kind != "refused" {
        return None;
    }
    let refusal: Refusal = serde_json::from_str(&known.event.data).ok()?;
    let mut error = Error::new(ErrorKind::from_recorded(refusal.status), refusal.code, refusal.message);
    error.pointer = refusal.pointer.map(Into::into);
    Some(error)
}
