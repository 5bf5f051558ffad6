//! Compares what was acknowledged with what is stored.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use platform::db::{Row, Session};
use platform::error::Result;
use platform::funnel::KeyStamp;

use super::process::Store;
use crate::support::{Client, Request};

const REPLAYING: usize = 8;

/// An acknowledged write: its key and the number of its entry.
pub type Acked = (String, i64);

/// Reads the file of `onepoint bench --acked`.
pub fn read_acked(file: &Path) -> Vec<Acked> {
    let text = std::fs::read_to_string(file).expect("the file of acknowledged writes");
    let read = |line: &str| {
        let (key, entry) = line.split_once(' ').expect("KEY ID");
        (key.to_owned(), entry.parse().expect("an entry's number"))
    };
    text.lines().map(read).collect()
}

/// An entry as it was sent.
pub struct Entry {
    pub path: String,
    pub body: String,
    key: Option<Vec<u8>>,
}

impl Entry {
    fn read(row: &Row) -> Self {
        let (kind, amount) = (row.text(2), row.int(3).abs());
        let reference = format!(r#"{{"type":"{}","id":"{}"}}"#, row.text(4), row.text(5));
        Self {
            path: format!("/points/{}/transactions", row.int(1)),
            body: format!(r#"{{"kind":"{kind}","amount":{amount},"reference":{reference}}}"#),
            key: row.blob(6).map(<[u8]>::to_vec),
        }
    }
}

/// The ledger, by number.
pub fn ledger(store: &Store) -> HashMap<i64, Entry> {
    let read = |session: &mut dyn Session| -> Result<HashMap<i64, Entry>> {
        let sql = "SELECT position, member_id, kind, amount, reference_type, reference_id, key FROM point_entry";
        Ok(session.query(sql, &[])?.iter().map(|row| (row.int(0), Entry::read(row))).collect())
    };
    store.with("point", read)
}

/// What is wrong: an acknowledged write that is not there or is another one, and a key with two effects.
pub fn wrongs(acked: &[Acked], ledger: &HashMap<i64, Entry>) -> Vec<String> {
    let mut wrongs = Vec::new();
    for (key, id) in acked {
        let stamp = |entry: &Entry| KeyStamp::new("local", "POST", &entry.path, key, entry.body.as_bytes());
        match ledger.get(id) {
            None => wrongs.push(format!("{key} was acknowledged as entry {id}, which is not there")),
            Some(entry) if entry.key.as_deref() != Some(&stamp(entry).hash[..]) => {
                wrongs.push(format!("{key} was acknowledged as entry {id}, which is another one's"));
            }
            Some(_) => {}
        }
    }
    let mut effects: HashMap<&[u8], usize> = HashMap::new();
    for key in ledger.values().filter_map(|entry| entry.key.as_deref()) {
        *effects.entry(key).or_default() += 1;
    }
    wrongs.extend(effects.values().filter(|count| **count > 1).map(|count| format!("one key has {count} effects")));
    wrongs
}

/// Sends every acknowledged write again; what is answered otherwise than the first time.
pub fn replay(address: SocketAddr, acked: &[Acked], ledger: &HashMap<i64, Entry>) -> Vec<String> {
    let client = Client::new(address);
    let again = |(key, id): &Acked| {
        let entry = &ledger[id];
        let answer = Request::new(&client, "POST", &entry.path).key(key).bytes(entry.body.as_bytes()).send();
        let same = answer.status == 201 && answer.json["entryId"].as_i64() == Some(*id);
        (!same).then(|| format!("{key} was entry {id}, and again: {} {}", answer.status, answer.text))
    };
    std::thread::scope(|scope| {
        let again = &again;
        let parts = acked.chunks(acked.len() / REPLAYING + 1);
        let threads: Vec<_> =
            parts.map(|part| scope.spawn(move || part.iter().filter_map(again).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("answers")).collect()
    })
}
