//! The sandbox as a process of its own, which can be killed and started again.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{Answer, Client, Request};

pub const KEY: &str = "a key that both sides have";

/// A place for a sandbox, and the process, if it runs.
pub struct Sandbox {
    pub address: SocketAddr,
    folder: tempfile::TempDir,
    child: RefCell<Option<Child>>,
}

impl Sandbox {
    /// One that does not run yet; its address is free.
    pub fn down() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        Self { address, folder: tempfile::tempdir().expect("a folder"), child: RefCell::new(None) }
    }

    /// One that runs, told so.
    pub fn up(args: &[&str]) -> Self {
        let sandbox = Self::down();
        sandbox.start(args);
        sandbox
    }

    /// The settings that lead to it.
    pub fn sets(&self) -> Vec<String> {
        vec![format!("payment.url=http://{}", self.address), format!("payment.key={KEY}")]
    }

    /// Starts it and waits until it listens.
    pub fn start(&self, args: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onepoint"));
        command.args(["sandbox-payments", "--listen", &self.address.to_string(), "--data"]);
        command.arg(self.folder.path().join("journal")).args(args);
        command.args(["--set", &format!("payment.key={KEY}")]);
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let mut said = Vec::new();
        let is_ready = lines.by_ref().map_while(Result::ok).any(|line| {
            said.push(line);
            said.last().is_some_and(|line| line.contains("sandbox for payments is ready"))
        });
        assert!(is_ready, "the sandbox did not start: {said:?}");
        // Reads to the end, or it would stop at a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        *self.child.borrow_mut() = Some(child);
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&self) {
        if let Some(mut child) = self.child.borrow_mut().take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// Asks it.
    pub fn get(&self, path: &str) -> Answer {
        let client = Client::new(self.address);
        Request::new(&client, "GET", path).header("Authorization", &format!("Bearer {KEY}")).send()
    }

    /// Everything that it ever charged, refused and gave back.
    pub fn list(&self) -> Vec<Value> {
        let page = self.get("/v1/charges?limit=10000").must_be(200).json;
        assert!(page["next"].is_null(), "one page is enough for a test");
        page["charges"].as_array().cloned().unwrap_or_default()
    }

    /// What it did about a reference: how often it charged and gave back, and how much of it.
    pub fn moved(&self, reference: &str) -> [i64; 3] {
        let shown = self.get(&format!("/v1/charges/{reference}")).json;
        ["charges", "refunds", "refunded"].map(|field| shown[field].as_i64().unwrap_or(0))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill();
    }
}
