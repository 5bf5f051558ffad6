//! The funnel: the one way in which a context's state changes.
//!
//! Commands queue up. One batch at a time is decided in memory and written in one transaction, so that one sync of
//! the disk serves everyone who waits, and the next batch gathers meanwhile. Senders are answered after the commit.
//! A sender that goes away takes nothing with it: what is queued is carried out.
//!
//! `step()` runs one batch on the caller's thread; the funnel's thread only loops over it. Events of other contexts
//! come in through `deliver`, which moves the consumer's cursor in the same transaction as their effect.

mod batch;
mod cursor;
mod keys;
mod out;
mod queue;
mod runs;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(crate) use cursor::take_cursor;
pub use cursor::{Standing, move_cursor, read_cursor};
pub use keys::KeyStamp;
pub use out::Out;

use self::batch::Core;
use self::queue::Queue;
use crate::clock::Clock;
use crate::db::{Cursor, Database, Session, transaction};
use crate::error::{Error, ErrorKind, Result};
use crate::lease::Fence;
use crate::log::{Event, Log};
use crate::trace::origin;
use crate::zone::{CivilDay, Zone};

/// Commands in one transaction at most.
const BATCH_COMMANDS: usize = 512;
/// How long a sender waits for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Commands that may wait; beyond it senders are told to come back.
const QUEUE_COMMANDS: usize = 8_192;

/// A context's side of the funnel: how to load, decide and store. Implemented by each context's store.
pub trait Writer: Send + 'static {
    /// What can be asked for.
    type Command: Send + 'static;
    /// What the sender is told.
    type Answer: Clone + Send + 'static;
    /// What a batch works on, loaded and locked.
    type Loaded;

    /// Loads and locks what the commands touch, one statement per table.
    ///
    /// # Errors
    /// Infrastructure only.
    fn load(&mut self, tx: &mut dyn Session, commands: &[&Self::Command], moment: &Moment) -> Result<Self::Loaded>;

    /// Asks the rule about one command, and applies what it decided to `loaded`, so that the next command sees it.
    ///
    /// # Errors
    /// A refusal, after which `loaded` is as before.
    fn decide(&mut self, loaded: &mut Self::Loaded, command: &Self::Command, out: &mut Out<'_>)
    -> Result<Self::Answer>;

    /// Log rows that this batch may write beyond four for each command, because of what was loaded for it.
    fn more_rows(&self, _loaded: &Self::Loaded) -> usize {
        0
    }

    /// Stores what has changed, one statement per table.
    ///
    /// # Errors
    /// Infrastructure only.
    fn store(&mut self, tx: &mut dyn Session, loaded: Self::Loaded) -> Result<()>;

    /// What was stored last is committed. Called before anyone is answered; for what the context remembers of it.
    fn committed(&mut self) {}

    /// The answer that this command got when it came first, from the row that it left.
    ///
    /// # Errors
    /// `Internal` if the row does not belong to such a command.
    fn recall(&self, command: &Self::Command, event: &Event) -> Result<Self::Answer>;
}

/// Runs something in a transaction of a context, for whoever does not know its commands.
pub type InTransaction = Box<dyn Fn(&mut dyn FnMut(&mut dyn Session) -> Result<()>) -> Result<()> + Send + Sync>;

/// When a batch is decided.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Milliseconds since 1970 in UTC.
    pub now_ms: i64,
    /// The day in the programme's time zone.
    pub day: CivilDay,
}

/// A command with the stamp of its idempotency key.
pub struct Request<C> {
    /// What is asked for.
    pub command: C,
    /// The key under which its answer is remembered.
    pub stamp: Option<KeyStamp>,
    /// The lease under which its sender works.
    pub fence: Option<Fence>,
    /// The `traceparent` of what it is done for, if that is traced.
    pub origin: Option<Box<str>>,
}

pub(crate) struct Waiting<W: Writer> {
    request: Request<W::Command>,
    answer: oneshot::Sender<Result<W::Answer>>,
}

impl<W: Writer> Waiting<W> {
    fn new(request: Request<W::Command>) -> (Self, oneshot::Receiver<Result<W::Answer>>) {
        let (answer, answered) = oneshot::channel();
        (Self { request, answer }, answered)
    }
}

/// What surrounds a funnel.
pub struct Surroundings {
    /// The context's store.
    pub database: Arc<Database>,
    /// The context's log, rung at every commit.
    pub log: Arc<Log>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The programme's time zone.
    pub zone: Zone,
    /// Remembers idempotency keys. Turned off only by the control run of a test that shows why it is on.
    pub remembers_keys: bool,
    /// Refuses commands of a job whose lease has passed on. Turned off only by the control run of a test.
    pub checks_fences: bool,
}

/// The one way in which a context's state changes.
pub struct Funnel<W: Writer> {
    context: &'static str,
    is_shared: bool,
    queue: Queue<Waiting<W>>,
    core: Mutex<Core<W>>,
    open: AtomicBool,
    shutting_down: AtomicBool,
}

/// Whether this funnel may move a consumer's cursor.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The consumer.
    pub consumer: &'a str,
    /// The fencing number of the lease under which it runs.
    pub fence: i64,
    /// Where its cursor stands afterwards.
    pub end: Cursor,
    /// Where that stands in a topic, if it is known.
    pub offset: Option<i64>,
}

impl<W: Writer> Funnel<W> {
    /// A funnel in front of `writer`. It is open; nothing happens until it is stepped.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn new(surroundings: Surroundings, writer: W) -> Result<Arc<Self>> {
        let (context, is_shared) = (surroundings.database.context(), surroundings.database.is_shared());
        let core = Core::new(surroundings, writer)?;
        Ok(Arc::new(Self {
            context,
            is_shared,
            queue: Queue::new(context, QUEUE_COMMANDS),
            core: Mutex::new(core),
            open: AtomicBool::new(true),
            shutting_down: AtomicBool::new(false),
        }))
    }

    /// The context whose state it changes.
    #[must_use]
    pub fn context(&self) -> &'static str {
        self.context
    }

    /// Hands a command over and waits for its answer, which comes after the commit.
    ///
    /// # Errors
    /// The rule's refusal; `Unavailable` when the context is stopped, its queue is full or its store is gone.
    pub async fn ask(&self, command: W::Command, stamp: Option<KeyStamp>) -> Result<W::Answer> {
        let is_keyed = stamp.is_some();
        let answered = self.submit(command, stamp)?;
        self.wait_for(answered, is_keyed, Instant::now() + ANSWER_TIME).await
    }

    /// Hands many commands over at once, all or none, and waits for the answer of each. They are carried out in this
    /// order, each on its own.
    ///
    /// # Errors
    /// `Unavailable` when the context is stopped or has no room for all of them; nothing was done.
    pub async fn ask_all(&self, commands: Vec<(W::Command, Option<KeyStamp>)>) -> Result<Vec<Result<W::Answer>>> {
        self.must_be_open()?;
        let keyed: Vec<bool> = commands.iter().map(|(_, stamp)| stamp.is_some()).collect();
        let (waiting, waiters): (Vec<_>, Vec<_>) = commands
            .into_iter()
            .map(|(command, stamp)| Waiting::new(Request { command, stamp, fence: None, origin: origin() }))
            .unzip();
        self.queue.push_all(waiting).map_err(|_| self.overloaded())?;
        let deadline = Instant::now() + ANSWER_TIME;
        let mut answers = Vec::with_capacity(waiters.len());
        for (waiter, is_keyed) in waiters.into_iter().zip(keyed) {
            answers.push(self.wait_for(waiter, is_keyed, deadline).await);
        }
        Ok(answers)
    }

    async fn wait_for(
        &self,
        answered: oneshot::Receiver<Result<W::Answer>>,
        is_keyed: bool,
        deadline: Instant,
    ) -> Result<W::Answer> {
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(answered) => answered.map_err(|_| self.stopped())?,
            Err(_) => Err(self.still_at_it(is_keyed)),
        }
    }

    /// As [`Funnel::ask`], without waiting.
    ///
    /// # Errors
    /// `Unavailable` when the context is stopped or its queue is full.
    pub fn submit(&self, command: W::Command, stamp: Option<KeyStamp>) -> Result<oneshot::Receiver<Result<W::Answer>>> {
        self.enqueue(Request { command, stamp, fence: None, origin: origin() })
    }

    /// As [`Funnel::submit`], for a job of which there may be only one worker: carried out only while its lease has
    /// not passed on, which is looked up in the same transaction. Otherwise the answer is `lease.lost`, and nothing
    /// has changed.
    ///
    /// # Errors
    /// As [`Funnel::submit`].
    pub fn submit_under(&self, fence: Fence, command: W::Command) -> Result<oneshot::Receiver<Result<W::Answer>>> {
        self.enqueue(Request { command, stamp: None, fence: Some(fence), origin: None })
    }

    fn enqueue(&self, request: Request<W::Command>) -> Result<oneshot::Receiver<Result<W::Answer>>> {
        self.must_be_open()?;
        let (waiting, answered) = Waiting::new(request);
        self.queue.push(waiting).map_err(|_| self.overloaded())?;
        Ok(answered)
    }

    /// Runs one batch of what waits; how many commands it had.
    pub fn step(&self) -> usize {
        let waiting = self.queue.take(BATCH_COMMANDS);
        let count = waiting.len();
        if count > 0 {
            self.core.lock().run(waiting);
        }
        count
    }

    /// Carries out commands that follow from another context's events, and moves the consumer's cursor with them.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached or the lease has passed to another; nothing was changed.
    pub fn deliver(&self, delivery: Delivery<'_>, commands: Vec<W::Command>) -> Result<()> {
        self.deliver_along(commands, &mut |tx| move_cursor(tx, delivery))
    }

    /// As [`Funnel::deliver`]; what `along` writes is committed together with the effect, and nothing if it fails.
    ///
    /// # Errors
    /// As [`Funnel::deliver`], the first refusal of a command, or whatever `along` said; nothing was changed.
    pub fn deliver_along(
        &self,
        commands: Vec<W::Command>,
        along: &mut dyn FnMut(&mut dyn Session) -> Result<()>,
    ) -> Result<()> {
        self.must_be_open()?;
        self.core.lock().deliver(commands, along)
    }

    /// Where a consumer's cursor stands.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn cursor(&self, consumer: &str) -> Result<Cursor> {
        self.standing(consumer).map(|standing| standing.cursor)
    }

    /// How far a consumer has read.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn standing(&self, consumer: &str) -> Result<Standing> {
        self.core.lock().standing(consumer)
    }

    /// Whether several processes may write this context's store, so that each job needs a lease.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Runs something rare on the writing connection, in a transaction (leases, rebuilds).
    ///
    /// # Errors
    /// Whatever `work` said.
    pub fn with_session<T>(&self, work: impl FnOnce(&mut dyn Session) -> Result<T>) -> Result<T> {
        transaction(self.core.lock().session(), work)
    }

    /// What runs something in a transaction of this context, for whoever does not know its commands.
    pub fn in_transaction(self: &Arc<Self>) -> InTransaction {
        let funnel = Arc::clone(self);
        Box::new(move |work| funnel.with_session(|tx| work(tx)))
    }

    /// Commands that wait.
    pub fn depth(&self) -> usize {
        self.queue.len()
    }

    /// Stops or starts the context: a stopped one answers 503 and takes no events in.
    pub fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    /// Refuses a read while the context is stopped.
    ///
    /// # Errors
    /// `Unavailable` when it is.
    pub fn must_be_open(&self) -> Result<()> {
        if self.is_open() { Ok(()) } else { Err(self.stopped()) }
    }

    /// Whether it takes commands.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Starts the thread that steps this funnel until [`Funnel::shut_down`].
    ///
    /// # Errors
    /// `Internal` if the machine has no thread left.
    pub fn spawn(self: &Arc<Self>) -> Result<std::thread::JoinHandle<()>> {
        let this = Arc::clone(self);
        let run = move || {
            while !this.shutting_down.load(Ordering::Acquire) || this.queue.len() > 0 {
                if this.step() == 0 {
                    this.queue.wait(Duration::from_millis(500));
                }
                // On a busy machine those who are about to ask get to ask first, which makes fewer, larger batches;
                // on an idle one this costs nothing.
                std::thread::yield_now();
            }
        };
        let named = std::thread::Builder::new().name(format!("{}-funnel", self.context));
        named.spawn(run).map_err(|error| Error::internal("no thread for a funnel").caused_by(error))
    }

    /// Lets the thread finish what waits and end.
    pub fn shut_down(&self) {
        self.shutting_down.store(true, Ordering::Release);
        self.queue.wake();
    }

    /// The command goes on without its sender.
    fn still_at_it(&self, is_keyed: bool) -> Error {
        if is_keyed {
            let message = "this request is still being worked on; repeat it with the same Idempotency-Key";
            return Error::new(ErrorKind::InProgress, "idempotency.in_progress", message);
        }
        let message = format!("{} is slow at present; whether this was done is not known yet", self.context);
        Error::unavailable(format!("{}.slow", self.context), message)
    }

    fn overloaded(&self) -> Error {
        let message = format!("{} has more to do than it can take; repeat in a moment", self.context);
        Error::unavailable(format!("{}.overloaded", self.context), message)
    }

    fn stopped(&self) -> Error {
        let message = format!("{} is stopped at present; repeat later", self.context);
        Error::unavailable(format!("{}.stopped", self.context), message)
    }
}
