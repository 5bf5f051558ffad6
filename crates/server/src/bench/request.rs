//! Writes request bytes into a reusable buffer, without `format!`: building must cost next to nothing beside the two system calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::target::Target;

/// Digits of the counter in a key: enough for a week at a million requests a second, and fixed so that keys sort by time.
const COUNTER_DIGITS: usize = 12;

/// The idempotency keys of this process: a prefix that rises from run to run, then a counter. Clones share the counter.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: Arc<str>,
    next: Arc<AtomicU64>,
}

impl Keys {
    /// The seconds make keys of a later run sort behind, the random part keeps two runs of one second apart.
    pub(super) fn new(random: &mut Random) -> Self {
        let since_epoch_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
        let prefix = format!("{since_epoch_s:010x}{:08x}-", random.draw() as u32);
        Self { prefix: prefix.into(), next: Arc::new(AtomicU64::new(1)) }
    }

    /// The number of the next key.
    pub(super) fn take(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Appends the key with this number.
    pub(super) fn push(&self, out: &mut Vec<u8>, number: u64) {
        out.extend_from_slice(self.prefix.as_bytes());
        push_padded(out, number, COUNTER_DIGITS);
    }
}

/// Writes whole requests to one target.
#[derive(Debug)]
pub(super) struct RequestWriter {
    common_headers: Vec<u8>,
    keys: Keys,
}

impl RequestWriter {
    pub(super) fn new(target: &Target, keys: Keys) -> Self {
        Self { common_headers: target.common_headers.clone(), keys }
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Replaces `out` by a GET of `path`.
    pub(super) fn get(&self, out: &mut Vec<u8>, path: &[u8]) {
        out.clear();
        self.head(out, b"GET ", path);
        out.extend_from_slice(b"\r\n");
    }

    /// Replaces `out` by a POST of a JSON `body`, with the idempotency key of this number if there is one.
    pub(super) fn post(&self, out: &mut Vec<u8>, path: &[u8], key_number: Option<u64>, body: &[u8]) {
        out.clear();
        self.head(out, b"POST ", path);
        if let Some(number) = key_number {
            out.extend_from_slice(b"Idempotency-Key: ");
            self.keys.push(out, number);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"Content-Type: application/json\r\nContent-Length: ");
        push_number(out, body.len() as u64);
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
    }

    fn head(&self, out: &mut Vec<u8>, method: &[u8], path: &[u8]) {
        out.extend_from_slice(method);
        out.extend_from_slice(path);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        out.extend_from_slice(&self.common_headers);
    }
}

/// Appends a whole number in decimal.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    push_padded(out, number, 1);
}

/// Appends a whole number in decimal with leading zeros up to `width` digits (at most 20); a longer number is not cut.
pub(super) fn push_padded(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    while number > 0 {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let first = first.min(digits.len() - width.min(digits.len()));
    out.extend_from_slice(&digits[first..]);
}

/// SplitMix64: cheap, and good enough to choose members. Never for secrets.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// Seeded from the clock and the process number, so that two runs do not do the same.
    pub(super) fn from_environment() -> Self {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as u64);
        Self(nanos ^ (u64::from(std::process::id()) << 40))
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`. The bias is below bound / 2^64.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(number: u64, width: usize) -> String {
        let mut out = Vec::new();
        push_padded(&mut out, number, width);
        String::from_utf8(out).expect("digits are ASCII")
    }

    #[test]
    fn numbers_are_written_like_format_writes_them() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
            assert_eq!(padded(number, 1), format!("{number}"));
            assert_eq!(padded(number, 12), format!("{number:012}"));
            assert_eq!(padded(number, 20), format!("{number:020}"));
        }
    }

    #[test]
    fn a_post_carries_key_and_length() {
        let target = Target::new("http://127.0.0.1:81", None).expect("loopback");
        let keys = Keys::new(&mut Random(7));
        let writer = RequestWriter::new(&target, keys.clone());
        let mut out = b"left over".to_vec();
        writer.post(&mut out, b"/members", Some(5), b"{}");
        let text = String::from_utf8(out).expect("ASCII");
        let key = format!("{}000000000005", keys.prefix);
        assert!(key.len() <= 64, "keys are stored in 64 characters");
        assert_eq!(
            text,
            format!(
                "POST /members HTTP/1.1\r\nHost: 127.0.0.1:81\r\nIdempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
            )
        );
    }

    #[test]
    fn keys_rise_and_clones_share_the_counter() {
        let keys = Keys::new(&mut Random(7));
        let clone = keys.clone();
        let mut texts = Vec::new();
        for keys in [&keys, &clone, &keys] {
            let mut text = Vec::new();
            keys.push(&mut text, keys.take());
            texts.push(text);
        }
        assert!(texts.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn random_numbers_stay_below_the_bound_and_reach_both_ends() {
        let mut random = Random(1);
        let drawn: Vec<u64> = (0..1000).map(|_| random.below(5)).collect();
        assert!(drawn.iter().all(|&number| number < 5));
        assert!(drawn.contains(&0) && drawn.contains(&4));
    }
}
