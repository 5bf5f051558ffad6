//! A small context to put behind a funnel: purses with a balance, and a movement for every change.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::clock::SystemClock;
use platform::db::{Cursor, Database, Durability, Kind, Location, Migration, Row, Session, Table, Value, migrate};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::{Funnel, KeyStamp, Moment, Out, Surroundings, Writer};
use platform::log::{self, Log, Scope};
use platform::zone::Zone;
use serde::{Deserialize, Serialize};

use super::{mariadb, postgres};

/// A log is not held back for longer than this by other tests on the same server.
const SETTLED: Duration = Duration::from_secs(10);
/// The store refuses movements of so many coins, which makes a poison command that no rule stops.
pub const FORBIDDEN: i64 = 666;

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "purses",
    sql: "CREATE TABLE purse (id {id}, balance {int} NOT NULL, sequence {int} NOT NULL);\n\
          CREATE TABLE movement (position {id}, purse {int} NOT NULL, coins {int} NOT NULL CHECK (coins <> 666));",
    lives_with: 1,
}];

static PURSE: Table =
    Table { name: "purse", columns: &[("id", Kind::Int), ("balance", Kind::Int), ("sequence", Kind::Int)] };
static MOVEMENT: Table =
    Table { name: "movement", columns: &[("position", Kind::Int), ("purse", Kind::Int), ("coins", Kind::Int)] };

/// What happened to a purse.
#[derive(Serialize, Deserialize)]
pub enum Event {
    /// Coins went in or out.
    CoinsMoved { coins: i64, balance: i64 },
}

/// Puts coins into a purse or takes them out.
#[derive(Clone, Copy, Default)]
pub struct Move {
    pub purse: i64,
    pub coins: i64,
    /// The balance as the sender read it: a rule that trusts it decides on a stale read.
    pub seen: Option<i64>,
    /// The rule has a defect and panics.
    pub panics: bool,
}

impl Move {
    /// So many coins, the rule as it should be.
    pub fn of(purse: i64, coins: i64) -> Self {
        Self { purse, coins, ..Self::default() }
    }
}

/// The purses' side of the funnel.
pub struct Purses {
    /// How long a batch lingers between its decision and its commit.
    pub linger: Duration,
    /// Refuses commands under a lease that has passed on.
    pub checks_fences: bool,
}

impl Default for Purses {
    fn default() -> Self {
        Self { linger: Duration::ZERO, checks_fences: true }
    }
}

/// Purses by number: balance and sequence; and what is to be added.
pub struct Loaded(HashMap<i64, (i64, i64)>, Vec<Row>);

impl Writer for Purses {
    type Command = Move;
    type Answer = i64;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Move], _moment: &Moment) -> Result<Loaded> {
        let mut ids: Vec<i64> = commands.iter().map(|command| command.purse).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys: Vec<Value> = ids.into_iter().map(Value::Int).collect();
        Ok(Loaded(
            tx.lock_many(&PURSE, &keys)?.iter().map(|row| (row.int(0), (row.int(1), row.int(2)))).collect(),
            Vec::new(),
        ))
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Move, out: &mut Out<'_>) -> Result<i64> {
        assert!(!command.panics, "the defect that a test asked for");
        let (balance, sequence) = loaded.0.entry(command.purse).or_default();
        if command.seen.unwrap_or(*balance) + command.coins < 0 {
            return Err(Error::new(ErrorKind::Conflict, "purse.empty", "there are not so many coins"));
        }
        *balance += command.coins;
        *sequence += 1;
        let (balance, sequence) = (*balance, *sequence);
        let happened = Event::CoinsMoved { coins: command.coins, balance };
        let position = out.emit(command.purse, sequence, &happened)?;
        loaded.1.push(Row(vec![position.into(), command.purse.into(), command.coins.into()]));
        Ok(balance)
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        std::thread::sleep(self.linger);
        let rows =
            loaded.0.into_iter().map(|(id, (balance, sequence))| Row(vec![id.into(), balance.into(), sequence.into()]));
        tx.upsert_many(&PURSE, rows.collect())?;
        tx.insert_many(&MOVEMENT, loaded.1)
    }

    fn recall(&self, _command: &Move, event: &log::Event) -> Result<i64> {
        let Event::CoinsMoved { balance, .. } = event.decode()?;
        Ok(balance)
    }
}

/// A place for purses that a test may open again and again.
pub enum Place {
    /// A folder.
    Folder(tempfile::TempDir),
    /// A database on a server.
    Server(postgres::Database),
    /// A database on a server of MariaDB.
    MariaDb(mariadb::Databases),
}

impl Place {
    /// Files in a folder of their own.
    pub fn sqlite() -> Self {
        Self::Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A database of its own.
    pub fn postgres() -> Self {
        Self::Server(postgres::Database::fresh())
    }

    /// A database of its own on MariaDB.
    pub fn mariadb() -> Self {
        Self::MariaDb(mariadb::Databases::fresh())
    }

    /// One on each engine.
    pub fn all() -> [Self; 3] {
        [Self::sqlite(), Self::postgres(), Self::mariadb()]
    }

    /// How to make one that several processes may share, on each engine where they may.
    pub fn shared() -> [fn() -> Self; 2] {
        [Self::postgres, Self::mariadb]
    }

    /// The folder of the files.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder.path(),
            Self::Server(_) | Self::MariaDb(_) => panic!("a server has no folder"),
        }
    }

    /// Opens it as one more process would.
    pub fn open(&self) -> Arc<Database> {
        let location = match self {
            Self::Folder(folder) => Location::Sqlite(folder.path().join("purses.sqlite")),
            Self::Server(database) => Location::Postgres(database.url.clone()),
            Self::MariaDb(databases) => Location::MariaDb(databases.url.clone()),
        };
        let database = Database::open("purses", &location, Durability::Full).expect("the store opens");
        migrate(&mut *database.session().expect("a session"), MIGRATIONS).expect("the schema is made");
        database
    }

    /// A funnel in front of it.
    pub fn shop(&self) -> Shop {
        self.shop_with(Purses::default(), true)
    }

    /// A funnel in front of it, with some protection taken away.
    pub fn shop_with(&self, purses: Purses, remembers_keys: bool) -> Shop {
        let database = self.open();
        let log = Log::new(Arc::clone(&database), &[]);
        let surroundings = Surroundings {
            database: Arc::clone(&database),
            log: Arc::clone(&log),
            clock: Arc::new(SystemClock::new()),
            zone: Zone::named("Asia/Seoul").expect("a zone"),
            remembers_keys,
            checks_fences: purses.checks_fences,
        };
        let funnel = Funnel::new(surroundings, purses).expect("a funnel");
        Shop { database, log, funnel }
    }
}

/// One process's way to the purses.
pub struct Shop {
    pub database: Arc<Database>,
    pub log: Arc<Log>,
    pub funnel: Arc<Funnel<Purses>>,
}

impl Shop {
    /// Carries commands out in one batch; their answers.
    pub fn batch(&self, moves: impl IntoIterator<Item = (Move, Option<KeyStamp>)>) -> Vec<Result<i64>> {
        let submit = |(command, stamp)| self.funnel.submit(command, stamp).expect("there is room");
        let mut waiting: Vec<_> = moves.into_iter().map(submit).collect();
        assert_eq!(self.funnel.step(), waiting.len(), "one batch");
        waiting.iter_mut().map(|answer| answer.try_recv().expect("answered after the commit")).collect()
    }

    /// Carries one command out.
    pub fn run(&self, command: Move) -> Result<i64> {
        self.batch([(command, None)]).remove(0)
    }

    /// What a purse holds by its own row, and by its movements.
    pub fn balances(&self, purse: i64) -> (i64, i64) {
        let mut session = self.database.read_session().expect("a session");
        let mut first = |sql: &str| {
            let rows = session.query(sql, &[purse.into()]).expect("the store can be read");
            rows.first().map_or(0, |row| row.int(0))
        };
        let stored = first("SELECT balance FROM purse WHERE id = $1");
        // A sum is of another type than its parts on some engines, so it is done here.
        let rows = session.query("SELECT coins FROM movement WHERE purse = $1", &[purse.into()]);
        (stored, rows.expect("the store can be read").iter().map(|row| row.int(0)).sum())
    }

    /// Everything in the log, in log order, once there are so many. On a server a transaction of anybody holds back
    /// what was committed after it began.
    pub fn events(&self, at_least: usize) -> Vec<log::Event> {
        let mut reader = self.log.reader(Scope::Everything).expect("a reader");
        let mut found = Vec::new();
        let mut after = Cursor::default();
        let started = Instant::now();
        loop {
            let page = reader.read(after, 1_000).expect("the log can be read");
            let is_end = page.end == after;
            after = page.end;
            found.extend(page.events);
            if is_end && (found.len() >= at_least || started.elapsed() > SETTLED) {
                return found;
            }
        }
    }
}

/// Does it again while it says 0, which a consumer does while the log is held back.
pub fn patiently(mut step: impl FnMut() -> usize) -> usize {
    let started = Instant::now();
    loop {
        let done = step();
        if done > 0 || started.elapsed() > SETTLED {
            return done;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The stamp of a key with a body.
pub fn stamp(key: &str, body: &str) -> Option<KeyStamp> {
    Some(KeyStamp::new("test", "POST", "/purses", key, body.as_bytes()))
}
