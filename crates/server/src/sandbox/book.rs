//! What the sandbox knows: every order, what it charged for it and what it gave back; kept in a journal, so that it
//! remembers over restarts.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::acts::Act;

/// Times that a busy sandbox turns a charge away.
const BUSY_TIMES: u32 = 3;
/// Characters of a reference at most.
const REFERENCE_CHARS: usize = 64;

/// How an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is to be decided later.
    Pending,
    Charged,
    Declined(&'static str),
    Canceled,
}

#[derive(Debug)]
struct Entry {
    amount: i64,
    state: State,
    /// Times that it was charged and given back; each is 1 at most, which whoever compares may see for themselves.
    charges: u32,
    refunds: u32,
    /// Won that were given back.
    refunded: i64,
}

/// What is said of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Approved,
    Declined(&'static str),
}

/// How a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said<T> {
    /// This is answered.
    Answer(T),
    /// It is done, or not; the connection is closed without a word.
    Nothing,
    /// It is not decided yet.
    Undecided,
    /// 503.
    Busy,
    /// 422: the reference was used for another amount.
    Reused,
}

/// What came of a request to charge.
pub(super) struct Charged {
    pub(super) said: Said<Word>,
    /// It was decided by this request: this is to be told by webhook, or not.
    pub(super) decided: Option<Word>,
    /// It is to be decided later from now on.
    pub(super) begun: bool,
}

/// What the sandbox knows.
pub(super) struct Book {
    entries: HashMap<String, Entry>,
    /// References in the order in which they came.
    order: Vec<String>,
    /// Times that something was turned away, or not answered.
    tries: HashMap<(String, bool), u32>,
    journal: File,
    /// Bytes of the journal's whole lines.
    length: u64,
    /// Whether a line was not written to its end: what there is of it goes before the next one is written.
    is_torn: bool,
    line: Vec<u8>,
}

/// Whether this can be a reference.
pub(super) fn is_reference(text: &str) -> bool {
    (1..=REFERENCE_CHARS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

impl Book {
    /// Opens a journal, and makes it if there is none. Nothing if another process has it open.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut journal = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        match journal.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
        let mut text = String::new();
        journal.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let length = whole.len() as u64;
        if whole.len() < text.len() {
            // What a kill left of a line was never answered, and must not be read as another amount.
            journal.set_len(length)?;
        }
        let mut book = Self {
            entries: HashMap::new(),
            order: Vec::new(),
            tries: HashMap::new(),
            journal,
            length,
            is_torn: false,
            line: Vec::with_capacity(128),
        };
        whole.lines().for_each(|line| book.read_line(line));
        Ok(Some(book))
    }

    fn read_line(&mut self, line: &str) {
        let mut parts = line.split('\t');
        let (Some(what), Some(reference), Some(amount)) = (parts.next(), parts.next(), parts.next()) else { return };
        let (Ok(amount), more) = (amount.parse::<i64>(), parts.next().unwrap_or_default()) else { return };
        match what {
            "charged" => self.note(reference, amount, State::Charged, 0),
            "declined" => {
                let reason = match Act::of(amount) {
                    Act::Decline(reason) => reason,
                    _ => "declined",
                };
                self.note(reference, amount, State::Declined(reason), 0);
            }
            "canceled" => self.note(reference, amount, State::Canceled, more.parse().unwrap_or(0)),
            _ => {}
        }
    }

    /// Takes in what a line of the journal says.
    fn note(&mut self, reference: &str, amount: i64, state: State, refunded: i64) {
        if !self.entries.contains_key(reference) {
            self.order.push(reference.to_owned());
            let fresh = Entry { amount, state: State::Pending, charges: 0, refunds: 0, refunded: 0 };
            self.entries.insert(reference.to_owned(), fresh);
        }
        if let Some(entry) = self.entries.get_mut(reference) {
            entry.charges += u32::from(state == State::Charged);
            entry.refunds += u32::from(refunded > 0);
            entry.refunded += refunded;
            entry.state = state;
        }
    }

    /// Writes a line, and takes it in once it is written.
    fn write(&mut self, reference: &str, amount: i64, state: State, refunded: i64) -> io::Result<()> {
        self.line.clear();
        match state {
            State::Pending => return Ok(()),
            State::Charged => writeln!(self.line, "charged\t{reference}\t{amount}")?,
            State::Declined(reason) => writeln!(self.line, "declined\t{reference}\t{amount}\t{reason}")?,
            State::Canceled => writeln!(self.line, "canceled\t{reference}\t{amount}\t{refunded}")?,
        }
        if self.is_torn {
            self.journal.set_len(self.length)?;
        }
        self.is_torn = true;
        self.journal.write_all(&self.line)?;
        self.is_torn = false;
        self.length += self.line.len() as u64;
        self.note(reference, amount, state, refunded);
        Ok(())
    }

    /// Charges, once for a reference.
    ///
    /// # Errors
    /// What the operating system says of the journal; then nothing is charged.
    pub(super) fn charge(&mut self, reference: &str, amount: i64) -> io::Result<Charged> {
        let act = Act::of(amount);
        let said = |said| Ok(Charged { said, decided: None, begun: false });
        if let Some(entry) = self.entries.get(reference) {
            return said(match entry.state {
                _ if entry.amount != amount => Said::Reused,
                State::Charged if act == Act::LoseEveryAnswer => Said::Nothing,
                State::Pending => Said::Undecided,
                State::Charged => Said::Answer(Word::Approved),
                State::Declined(reason) => Said::Answer(Word::Declined(reason)),
                State::Canceled => Said::Answer(Word::Declined("canceled")),
            });
        }
        match act {
            Act::Busy if self.count(reference, false) <= BUSY_TIMES => return said(Said::Busy),
            Act::LoseQuestion if self.count(reference, false) == 1 => return said(Said::Nothing),
            Act::Late => {
                self.order.push(reference.to_owned());
                let entry = Entry { amount, state: State::Pending, charges: 0, refunds: 0, refunded: 0 };
                self.entries.insert(reference.to_owned(), entry);
                return Ok(Charged { said: Said::Undecided, decided: None, begun: true });
            }
            _ => {}
        }
        let word = self.decide(reference, amount)?;
        let is_silent = matches!(act, Act::LoseAnswer | Act::LoseEveryAnswer);
        let said = if is_silent { Said::Nothing } else { Said::Answer(word) };
        Ok(Charged { said, decided: Some(word), begun: false })
    }

    fn decide(&mut self, reference: &str, amount: i64) -> io::Result<Word> {
        let (word, state) = match Act::of(amount) {
            Act::Decline(reason) => (Word::Declined(reason), State::Declined(reason)),
            _ => (Word::Approved, State::Charged),
        };
        self.write(reference, amount, state, 0)?;
        Ok(word)
    }

    /// Decides what was put off, unless it was cancelled meanwhile; what is to be told of it.
    ///
    /// # Errors
    /// As [`Book::charge`].
    pub(super) fn decide_late(&mut self, reference: &str) -> io::Result<Option<(i64, Word)>> {
        let waiting = self.entries.get(reference).filter(|entry| entry.state == State::Pending);
        let Some(amount) = waiting.map(|entry| entry.amount) else { return Ok(None) };
        self.decide(reference, amount).map(|word| Some((amount, word)))
    }

    /// Gives back what was charged under a reference and never charges under it again; how much was given back.
    ///
    /// # Errors
    /// As [`Book::charge`].
    pub(super) fn cancel(&mut self, reference: &str, amount: i64) -> io::Result<Said<i64>> {
        let known = self.entries.get(reference).map(|entry| (entry.amount, entry.state, entry.refunded));
        let refunded = match known {
            Some((known, ..)) if known != amount => return Ok(Said::Reused),
            Some((_, State::Canceled, refunded)) => return Ok(Said::Answer(refunded)),
            Some((_, State::Declined(_), _)) => return Ok(Said::Answer(0)),
            Some((_, State::Charged, _)) => amount,
            Some((_, State::Pending, _)) | None => 0,
        };
        self.write(reference, amount, State::Canceled, refunded)?;
        let is_silent = Act::of(amount) == Act::LoseRefund && self.count(reference, true) == 1;
        Ok(if is_silent { Said::Nothing } else { Said::Answer(refunded) })
    }

    /// How often this was called for a reference, for a cancellation or a charge.
    fn count(&mut self, reference: &str, cancels: bool) -> u32 {
        let tries = self.tries.entry((reference.to_owned(), cancels)).or_default();
        *tries += 1;
        *tries
    }

    /// An order as it stands.
    pub(super) fn show(&self, reference: &str) -> Option<Value> {
        let entry = self.entries.get(reference)?;
        let mut shown = Map::new();
        let (status, reason) = match entry.state {
            State::Pending => ("pending", None),
            State::Charged => ("approved", None),
            State::Declined(reason) => ("declined", Some(reason)),
            State::Canceled => ("canceled", None),
        };
        shown.insert("reference".to_owned(), json!(reference));
        shown.insert("amount".to_owned(), json!(entry.amount));
        shown.insert("status".to_owned(), json!(status));
        shown.extend(reason.map(|reason| ("reason".to_owned(), json!(reason))));
        shown.insert("charges".to_owned(), json!(entry.charges));
        shown.insert("refunds".to_owned(), json!(entry.refunds));
        shown.insert("refunded".to_owned(), json!(entry.refunded));
        Some(Value::Object(shown))
    }

    /// Orders after so many others, in the order in which they came; and how many there are up to the end of this page,
    /// if there are more.
    pub(super) fn list(&self, after: usize, limit: usize) -> Value {
        let end = after.saturating_add(limit).min(self.order.len());
        let page = self.order.get(after..end).unwrap_or_default();
        let charges: Vec<Value> = page.iter().filter_map(|reference| self.show(reference)).collect();
        let next = (end < self.order.len()).then_some(end);
        json!({"charges": charges, "next": next})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Book {
        Book::open(path).expect("a journal").expect("nobody else has it")
    }

    fn charge(book: &mut Book, reference: &str, amount: i64) -> Said<Word> {
        book.charge(reference, amount).expect("it is written").said
    }

    fn cancel(book: &mut Book, reference: &str, amount: i64) -> Said<i64> {
        book.cancel(reference, amount).expect("it is written")
    }

    fn moved(book: &Book, reference: &str) -> [i64; 3] {
        let shown = book.show(reference).expect("it is known");
        ["charges", "refunds", "refunded"].map(|field| shown[field].as_i64().expect("a number"))
    }

    #[test]
    fn it_charges_once_and_gives_back_once_over_restarts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut book = open(&path);
        assert_eq!(charge(&mut book, "a", 5_000), Said::Answer(Word::Approved));
        assert_eq!(charge(&mut book, "b", 5_901), Said::Answer(Word::Declined("insufficient_funds")));
        assert_eq!(cancel(&mut book, "c", 5_000), Said::Answer(0), "never to be charged");
        assert!(Book::open(&path).expect("a journal").is_none(), "one process at a time");
        drop(book);
        // What a kill leaves of a line over 50000.
        let half = OpenOptions::new().append(true).open(&path).and_then(|mut file| file.write_all(b"charged\td\t50"));
        half.expect("a rest");
        for _ in 0..2 {
            let mut book = open(&path);
            assert_eq!(charge(&mut book, "a", 5_000), Said::Answer(Word::Approved));
            assert_eq!(charge(&mut book, "a", 5_001), Said::Reused);
            assert_eq!(charge(&mut book, "b", 5_901), Said::Answer(Word::Declined("insufficient_funds")));
            assert_eq!(charge(&mut book, "c", 5_000), Said::Answer(Word::Declined("canceled")));
            assert!(book.show("d").is_none());
            assert_eq!(moved(&book, "a"), [1, 0, 0]);
        }
        let mut book = open(&path);
        assert_eq!(cancel(&mut book, "a", 5_000), Said::Answer(5_000));
        assert_eq!(cancel(&mut book, "a", 5_000), Said::Answer(5_000), "the same answer");
        assert_eq!(charge(&mut book, "a", 5_000), Said::Answer(Word::Declined("canceled")));
        drop(book);
        let mut book = open(&path);
        assert_eq!(cancel(&mut book, "a", 5_000), Said::Answer(5_000));
        assert_eq!(moved(&book, "a"), [1, 1, 5_000]);
        assert_eq!(book.list(0, 2)["next"], 2);
        assert_eq!(book.list(2, 2)["charges"][0]["reference"], "c");
    }

    #[test]
    fn a_line_that_was_not_written_to_its_end_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut book = open(&path);
        assert_eq!(charge(&mut book, "a", 5_000), Said::Answer(Word::Approved));
        // A full disk takes a part of a line and refuses the rest.
        book.journal.write_all(b"charged\tb\t50").expect("a part");
        book.is_torn = true;
        assert_eq!(charge(&mut book, "c", 6_000), Said::Answer(Word::Approved));
        drop(book);
        let mut book = open(&path);
        assert!(book.show("b").is_none());
        assert_eq!(["a", "c"].map(|reference| moved(&book, reference)), [[1, 0, 0]; 2]);
        assert_eq!(charge(&mut book, "b", 50_000), Said::Answer(Word::Approved));
    }

    #[test]
    fn amounts_say_what_goes_wrong() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut book = open(&folder.path().join("journal"));
        assert_eq!([(); 2].map(|()| charge(&mut book, "a", 921)), [Said::Nothing, Said::Answer(Word::Approved)]);
        assert_eq!([(); 2].map(|()| charge(&mut book, "b", 922)), [Said::Nothing, Said::Answer(Word::Approved)]);
        assert_eq!([(); 3].map(|()| charge(&mut book, "c", 923)), [Said::Nothing; 3]);
        assert_eq!(moved(&book, "c"), [1, 0, 0]);
        assert_eq!(charge(&mut book, "d", 924), Said::Answer(Word::Approved));
        assert_eq!([(); 2].map(|()| cancel(&mut book, "d", 924)), [Said::Nothing, Said::Answer(924)]);
        assert_eq!(moved(&book, "d"), [1, 1, 924]);
        assert_eq!(
            [(); 4].map(|()| charge(&mut book, "e", 951)),
            [Said::Busy, Said::Busy, Said::Busy, Said::Answer(Word::Approved)]
        );
        for (reference, cancels) in [("f", false), ("g", true)] {
            assert_eq!(charge(&mut book, reference, 941), Said::Undecided);
            if cancels {
                assert_eq!(cancel(&mut book, reference, 941), Said::Answer(0));
            }
            let decided = book.decide_late(reference).expect("it is written");
            assert_eq!(decided, (!cancels).then_some((941, Word::Approved)));
            assert_eq!(moved(&book, reference), [i64::from(!cancels), 0, 0]);
        }
    }
}
