//! Many senders at the same moment, each with a connection of its own, and chance that can be repeated.

use std::net::SocketAddr;
use std::sync::Barrier;

use serde_json::Value;

use crate::support::{Answer, Client, Request};

/// A write as several senders send it.
#[derive(Clone)]
pub struct Sent {
    pub method: &'static str,
    pub path: String,
    pub body: Option<Value>,
    pub key: Option<String>,
}

impl Sent {
    /// A POST without a key.
    pub fn post(path: &str, body: Value) -> Self {
        Self { method: "POST", path: path.to_owned(), body: Some(body), key: None }
    }

    /// The same under this key.
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Sends it over a new connection.
    pub fn to(&self, address: SocketAddr) -> Answer {
        let client = Client::new(address);
        self.over(&client)
    }

    fn over(&self, client: &Client) -> Answer {
        let mut request = Request::new(client, self.method, &self.path);
        if let Some(key) = &self.key {
            request = request.key(key);
        }
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        request.send()
    }
}

/// Sends everything at once; the answers in the same order.
pub fn send_together(all: &[(SocketAddr, Sent)]) -> Vec<Answer> {
    let start = Barrier::new(all.len());
    std::thread::scope(|scope| {
        let start = &start;
        let send = |(address, sent): &(SocketAddr, Sent)| {
            let (client, sent) = (Client::new(*address), sent.clone());
            scope.spawn(move || {
                start.wait();
                sent.over(&client)
            })
        };
        let threads: Vec<_> = all.iter().map(send).collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    })
}

/// What an answer says: its status, where the thing is and its body, without the number of the request.
pub fn said(answer: &Answer) -> (u16, Option<String>, Value) {
    let mut body = answer.json.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("requestId");
    }
    (answer.status, answer.header("location").map(str::to_owned), body)
}

/// Fails unless all answers say the same; the first of them.
pub fn all_equal(answers: &[Answer]) -> Answer {
    let first = answers.first().expect("there are answers");
    for answer in answers {
        assert_eq!(said(answer), said(first));
    }
    first.clone()
}

/// Chance with a seed.
pub struct Random(u64);

impl Random {
    /// The chance that this seed stands for.
    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }
}
