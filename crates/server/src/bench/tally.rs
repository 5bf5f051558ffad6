//! Counts answers and their latencies while a run lasts.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::profile::Verdict;

/// Latencies above this (10 minutes) are counted as this.
const LATENCY_MAX_US: u64 = 600_000_000;
/// Three significant digits: a reported latency is off by 0.1 % at most.
const DIGITS: u8 = 3;
/// So many errors are shown in full.
const SAMPLES_MAX: usize = 5;
const SAMPLE_MAX_CHARS: usize = 400;

/// The counts of one run.
#[derive(Debug)]
pub(super) struct Tally {
    latency_us: Histogram<u64>,
    /// The throughput counts only answers before this time, so that one slow straggler does not change it.
    window_end: Instant,
    pub(super) in_window: u64,
    pub(super) done_in_window: u64,
    pub(super) answered: u64,
    /// Items over the whole run, also those whose answers came after its end.
    pub(super) done: u64,
    pub(super) refused: u64,
    pub(super) errors: u64,
    pub(super) samples: Vec<String>,
}

impl Tally {
    pub(super) fn new(window_end: Instant) -> Result<Self, String> {
        let latency_us =
            Histogram::new_with_bounds(1, LATENCY_MAX_US, DIGITS).map_err(|cause| format!("histogram: {cause}"))?;
        Ok(Self {
            latency_us,
            window_end,
            in_window: 0,
            done_in_window: 0,
            answered: 0,
            done: 0,
            refused: 0,
            errors: 0,
            samples: Vec::new(),
        })
    }

    /// Counts one answer that came at `now` and says that so many items were carried out.
    pub(super) fn answered(&mut self, verdict: Verdict, items: u64, now: Instant, latency: Duration) {
        self.answered += 1;
        self.delayed(latency);
        let in_window = u64::from(now <= self.window_end);
        self.in_window += in_window;
        match verdict {
            Verdict::Done => {
                self.done += items;
                self.done_in_window += in_window * items;
            }
            Verdict::Refused => self.refused += 1,
            Verdict::Unexpected => self.errors += 1,
        }
    }

    /// Counts a latency without an answer: an arrival that waited so long and was never sent.
    pub(super) fn delayed(&mut self, latency: Duration) {
        self.latency_us.saturating_record(latency.as_micros() as u64);
    }

    /// Counts a request that got no answer.
    pub(super) fn lost(&mut self, cause: &str) {
        self.errors += 1;
        self.keep_sample(|| cause.to_owned());
    }

    /// Keeps the first few unexpected answers for people to look at.
    pub(super) fn keep_answer(&mut self, status: u16, body: &[u8]) {
        self.keep_sample(|| format!("answer {status}: {}", String::from_utf8_lossy(body)));
    }

    fn keep_sample(&mut self, text: impl FnOnce() -> String) {
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(text().chars().take(SAMPLE_MAX_CHARS).collect());
        }
    }

    /// The latency in ms that this share (0..=1) of the requests did not exceed; 0 if there were none.
    pub(super) fn quantile_ms(&self, share: f64) -> f64 {
        self.latency_us.value_at_quantile(share) as f64 / 1000.0
    }

    /// The longest latency in ms.
    pub(super) fn max_ms(&self) -> f64 {
        self.latency_us.max() as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_after_the_end_count_for_latency_but_not_for_throughput() {
        let end = Instant::now();
        let mut tally = Tally::new(end).expect("the bounds are valid");
        tally.answered(Verdict::Done, 1, end, Duration::from_millis(2));
        tally.answered(Verdict::Refused, 1, end, Duration::from_millis(2));
        tally.answered(Verdict::Done, 1, end + Duration::from_millis(1), Duration::from_millis(50));
        assert_eq!(
            (tally.answered, tally.in_window, tally.done_in_window, tally.refused, tally.errors),
            (3, 2, 1, 1, 0)
        );
        assert_eq!(tally.done, 2);
        assert!((tally.quantile_ms(0.5) - 2.0).abs() < 0.01 && tally.max_ms() >= 50.0);
    }

    #[test]
    fn only_the_first_errors_are_kept_and_long_ones_are_cut() {
        let mut tally = Tally::new(Instant::now()).expect("the bounds are valid");
        for _ in 0..20 {
            tally.lost(&"x".repeat(1000));
        }
        assert_eq!((tally.errors, tally.samples.len(), tally.samples[0].len()), (20, SAMPLES_MAX, SAMPLE_MAX_CHARS));
    }
}
