//! The processes that sell, and where they are while they are killed and started again.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::process::{Serving, Store};
use crate::support::{Answer, Client, Engine, Request};

/// The gifticon of the sale.
pub const GIFTICON: i64 = 1;
/// What a piece costs, in won.
pub const PRICE: i64 = 5_000;
/// Longer than this no process is away.
const SOME_PROCESS_WITHIN: Duration = Duration::from_secs(60);

/// Where the sandbox for payments notes what it charged: inside a server it is this file in the data folder.
const JOURNAL: &str = "sandbox-payments.journal";
const PAYMENT_KEY: &str = "payment.key=0123456789abcdef0123456789abcdef";

/// A store, and the processes that serve it.
pub struct Market {
    store: Store,
    /// Where several processes pay; one alone has it inside, where it is killed with it.
    sandbox: Option<Serving>,
    processes: Vec<Mutex<Option<Serving>>>,
    addresses: Vec<Mutex<Option<SocketAddr>>>,
    kills: AtomicUsize,
}

impl Market {
    /// One process on SQLite, or several on one database, with so many pieces to be sold.
    pub fn open(engine: Engine, processes: usize, pieces: i64) -> Self {
        let store = Store::fresh(engine);
        let sandbox = (processes > 1).then(|| start_sandbox(&store));
        let market = Self {
            store,
            sandbox,
            processes: (0..processes).map(|_| Mutex::default()).collect(),
            addresses: (0..processes).map(|_| Mutex::default()).collect(),
            kills: AtomicUsize::new(0),
        };
        for process in 0..processes {
            market.start(process);
        }
        let gifticon =
            json!({"gifticonId": GIFTICON, "name": "Americano", "availableQuantity": pieces, "price": PRICE});
        let client = Client::new(market.address(0));
        Request::new(&client, "POST", "/gifticons").json(&gifticon).send().must_be(201);
        market
    }

    /// How many processes there are, dead or alive.
    pub fn processes(&self) -> usize {
        self.processes.len()
    }

    /// How many were killed so far.
    pub fn kills(&self) -> usize {
        self.kills.load(Ordering::Relaxed)
    }

    fn start(&self, process: usize) {
        let mut command = self.store.command(&["serve", "--listen", "127.0.0.1:0"]);
        if let Some(sandbox) = &self.sandbox {
            command.args(["--set", PAYMENT_KEY, "--set", &format!("payment.url=http://{}", sandbox.address)]);
        }
        let serving = Store::start(command);
        *self.addresses[process].lock().expect("nobody panics") = Some(serving.address);
        *self.processes[process].lock().expect("nobody panics") = Some(serving);
    }

    /// Kills a process where it is, and starts it again.
    pub fn kill_and_restart(&self, process: usize) {
        self.kill(process);
        self.kills.fetch_add(1, Ordering::Relaxed);
        self.start(process);
    }

    /// Changes what the store of gifticon holds behind the back of the first process.
    pub fn change_and_restart(&self, sql: &str) {
        self.kill(0);
        self.store.with("gifticon", |session| session.execute(sql, &[]));
        self.start(0);
    }

    fn kill(&self, process: usize) {
        *self.addresses[process].lock().expect("nobody panics") = None;
        if let Some(serving) = self.processes[process].lock().expect("nobody panics").take() {
            serving.kill();
        }
    }

    /// Ends every process; the store that they leave.
    pub fn close(self) -> Store {
        for process in 0..self.processes() {
            self.kill(process);
        }
        self.store
    }

    /// The lines of the sandbox's journal: each one a charge, or something else.
    pub fn journal(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.store.folder().join(JOURNAL)).expect("a journal");
        text.lines().map(str::to_owned).collect()
    }

    /// Where a process is: this one, or the next one that runs.
    pub fn address(&self, near: usize) -> SocketAddr {
        let started = Instant::now();
        loop {
            let at = |process: usize| *self.addresses[process % self.processes()].lock().expect("nobody panics");
            if let Some(address) = (near..near + self.processes()).find_map(at) {
                return address;
            }
            assert!(started.elapsed() < SOME_PROCESS_WITHIN, "no process has come back");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn start_sandbox(store: &Store) -> Serving {
    let journal = store.folder().join(JOURNAL).display().to_string();
    let words = ["sandbox-payments", "--listen", "127.0.0.1:0", "--data", &journal, "--set", PAYMENT_KEY];
    Store::start(store.command(&words))
}

/// Somebody who asks the market, wherever its processes are.
pub struct Visitor<'a> {
    market: &'a Market,
    near: usize,
    client: Option<(SocketAddr, Client)>,
}

impl<'a> Visitor<'a> {
    /// One who goes to this process first.
    pub fn new(market: &'a Market, near: usize) -> Self {
        Self { market, near: near % market.processes(), client: None }
    }

    fn client(&mut self) -> &Client {
        let address = self.market.address(self.near);
        let known = self.client.take().filter(|(known, _)| *known == address);
        &self.client.insert(known.unwrap_or_else(|| (address, Client::new(address)))).1
    }

    /// One request; an error if there was no answer to it.
    pub fn post(&mut self, path: &str, key: Option<&str>, body: &Value) -> std::io::Result<Answer> {
        let mut request = Request::new(self.client(), "POST", path).json(body);
        if let Some(key) = key {
            request = request.key(key);
        }
        request.try_send()
    }

    /// One request; an error if there was no answer to it.
    pub fn get(&mut self, path: &str) -> std::io::Result<Answer> {
        Request::new(self.client(), "GET", path).try_send()
    }

    /// Every item of a collection, page by page; all processes run.
    pub fn all_of(&mut self, collection: &str, filter: &str) -> Vec<Value> {
        let (mut items, mut path) = (Vec::new(), format!("/{collection}?limit=200{filter}"));
        loop {
            let page = self.get(&path).expect("the processes run").must_be(200).json;
            items.extend(page["_embedded"][collection].as_array().cloned().unwrap_or_default());
            let Some(next) = page["_links"]["next"]["href"].as_str() else { return items };
            path = next[next.find(&format!("/{collection}?")).expect("a link to the next page")..].to_owned();
        }
    }
}
