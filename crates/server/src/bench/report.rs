//! Turns what was measured into the JSON object and the table that people read.

use serde::Serialize;

use super::carts::Ended;
use super::load::{Ending, Measured};

/// The result of one run. CPU figures are microseconds per answered request; `null` where a side does not publish them.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    pub(super) profile: &'static str,
    pub(super) connections: usize,
    /// How long requests were sent.
    pub(super) seconds: f64,
    /// Arrivals per second that were asked for; `null` in the closed loop.
    pub(super) rate: Option<u64>,
    /// Answers per second, whatever they said.
    pub(super) requests_per_s: f64,
    /// Commands carried out (or pages read) per second: without refusals and errors.
    pub(super) items_per_s: f64,
    pub(super) p50_ms: f64,
    pub(super) p90_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) max_ms: f64,
    pub(super) requests: u64,
    pub(super) refused: u64,
    pub(super) errors: u64,
    /// Arrivals that were due but never sent, because every connection was still waiting. They count in the latencies.
    pub(super) unsent: u64,
    pub(super) client_cpu_us: Option<f64>,
    pub(super) server_cpu_us: Option<f64>,
    pub(super) server_memory_mb: Option<f64>,
    pub(super) lag_s: Option<f64>,
    /// Until all carts of the run were paid, counted from its last answer; `null` if it is not about carts.
    pub(super) sagas_ended_s: Option<f64>,
}

impl Report {
    pub(super) fn new(measured: &Measured) -> Self {
        let Measured { plan, tally, .. } = measured;
        let seconds = measured.elapsed.as_secs_f64();
        let per_s = |count: u64| rounded(count as f64 / seconds.max(0.001), 1);
        let per_request_us = |total_us: f64| (tally.answered > 0).then(|| rounded(total_us / tally.answered as f64, 2));
        Self {
            profile: plan.profile.name(),
            connections: plan.connections,
            seconds: rounded(seconds, 3),
            rate: plan.rate,
            requests_per_s: per_s(tally.in_window),
            items_per_s: per_s(tally.done_in_window),
            p50_ms: tally.quantile_ms(0.5),
            p90_ms: tally.quantile_ms(0.9),
            p99_ms: tally.quantile_ms(0.99),
            p999_ms: tally.quantile_ms(0.999),
            max_ms: tally.max_ms(),
            requests: tally.answered,
            refused: tally.refused,
            errors: tally.errors,
            unsent: measured.unsent,
            client_cpu_us: measured.client_cpu_ns.and_then(|cpu_ns| per_request_us(cpu_ns as f64 / 1e3)),
            server_cpu_us: measured.server_cpu_s.and_then(|cpu_s| per_request_us(cpu_s * 1e6)),
            server_memory_mb: measured
                .server
                .and_then(|server| server.memory_bytes)
                .map(|bytes| rounded(bytes / 1e6, 1)),
            lag_s: measured.server.map(|server| rounded(server.lag_s, 3)),
            sagas_ended_s: measured.carts.map(|carts| rounded(carts.after_s, 3)),
        }
    }

    /// The table for people.
    pub(super) fn text(&self) -> String {
        let loop_kind = self.rate.map_or_else(|| "closed loop".to_owned(), |rate| format!("{rate} arrivals/s"));
        let rows = [
            ("requests/s", format!("{:.0}", self.requests_per_s)),
            ("items/s", format!("{:.0}", self.items_per_s)),
            ("latency p50", format!("{:.3} ms", self.p50_ms)),
            ("latency p90", format!("{:.3} ms", self.p90_ms)),
            ("latency p99", format!("{:.3} ms", self.p99_ms)),
            ("latency p99.9", format!("{:.3} ms", self.p999_ms)),
            ("latency max", format!("{:.3} ms", self.max_ms)),
            ("requests", self.requests.to_string()),
            ("refused", self.refused.to_string()),
            ("errors", self.errors.to_string()),
            ("unsent", self.unsent.to_string()),
            ("client CPU", figure(self.client_cpu_us, "µs/request")),
            ("server CPU", figure(self.server_cpu_us, "µs/request")),
            ("server memory", figure(self.server_memory_mb, "MB")),
            ("event lag", figure(self.lag_s, "s")),
            ("sagas ended", figure(self.sagas_ended_s, "s")),
        ];
        let head = format!("{}: {} connections, {:.1} s, {loop_kind}", self.profile, self.connections, self.seconds);
        rows.iter().fold(head, |text, (name, value)| format!("{text}\n  {name:<14} {value:>20}"))
    }
}

/// A number with its unit, or a dash.
pub(super) fn figure(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2} {unit}"))
}

/// Cut to so many decimals, so that JSON does not pretend to more.
pub(super) fn rounded(value: f64, decimals: i32) -> f64 {
    let factor = 10_f64.powi(decimals);
    (value * factor).round() / factor
}

/// The value in the middle; the mean of the two in the middle if their count is even; `None` of none.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// A run that was cut short or had errors is a failure of the command, after its figures were printed.
pub(super) fn verdict(measured: &Measured) -> Result<(), String> {
    match &measured.ending {
        Ending::ServerGone(cause) => Err(format!("the server is gone: {cause}")),
        Ending::Interrupted => Err("interrupted".to_owned()),
        Ending::Complete if measured.tally.errors > 0 => Err(format!("{} requests failed", measured.tally.errors)),
        Ending::Complete => measured.carts.map_or(Ok(()), Ended::verdict),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0]), Some(3.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn rounding_keeps_so_many_decimals() {
        assert!((rounded(1.23456, 2) - 1.23).abs() < 1e-12);
    }
}
