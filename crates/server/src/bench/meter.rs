//! What a run costs: CPU time of this process and of the server, memory of the server, and how far its consumers are behind.

use super::connection::Connection;
use super::request::RequestWriter;
use super::target::Target;

/// `/proc/PID/stat` counts in ticks of this many nanoseconds (USER_HZ is 100 on every Linux that matters).
const TICK_NS: u64 = 10_000_000;

/// CPU time this process has used since it started, in ns; `None` where there is no `/proc`.
pub(super) fn client_cpu_ns() -> Option<u64> {
    scheduled_ns().or_else(ticks_ns)
}

/// Exact, but a kernel may be built without it.
fn scheduled_ns() -> Option<u64> {
    let mut sum_ns = 0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        sum_ns += text.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
    }
    (sum_ns > 0).then_some(sum_ns)
}

fn ticks_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name stands in brackets and may contain blanks; utime and stime are the 12th and 13th word behind it.
    let mut words = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = words.next()?.parse().ok()?;
    let system: u64 = words.next()?.parse().ok()?;
    Some((user + system) * TICK_NS)
}

/// The figures of the server that a run reports. `None`: the server does not publish it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct ServerFigures {
    pub(super) cpu_s: Option<f64>,
    pub(super) memory_bytes: Option<f64>,
    /// The consumer furthest behind. Without any such line no consumer is behind: 0.
    pub(super) lag_s: f64,
}

/// Reads the server's figures from `GET /metrics`.
pub(super) async fn server_figures(target: &Target, writer: &RequestWriter) -> Result<ServerFigures, String> {
    let mut request = Vec::new();
    writer.get(&mut request, b"/metrics");
    let mut connection = Connection::open(target.address).await?;
    let answer = connection.ask(&request).await?;
    match answer.status {
        200 => Ok(read_figures(&String::from_utf8_lossy(answer.body))),
        status => Err(format!("GET /metrics answered {status}")),
    }
}

fn read_figures(text: &str) -> ServerFigures {
    let mut figures = ServerFigures::default();
    for (name, value) in text.lines().filter_map(sample) {
        match name {
            "process_cpu_seconds_total" => figures.cpu_s = Some(value),
            "process_resident_memory_bytes" => figures.memory_bytes = Some(value),
            "event_lag_seconds" => figures.lag_s = figures.lag_s.max(value),
            _ => {}
        }
    }
    figures
}

/// `name{labels} value [time]`; labels may contain blanks and braces inside quotes, but values and times cannot.
fn sample(line: &str) -> Option<(&str, f64)> {
    if line.starts_with('#') {
        return None;
    }
    let name = &line[..line.find(['{', ' '])?];
    let rest = match line[name.len()..].strip_prefix('{') {
        Some(labelled) => labelled.rsplit_once('}')?.1,
        None => &line[name.len()..],
    };
    let value: f64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
    value.is_finite().then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_consumer_furthest_behind_counts() {
        let text = "# TYPE event_lag_seconds gauge\nevent_lag_seconds{consumer=\"my } page\"} 0.5\nevent_lag_seconds{consumer=\"a\"} 2.25 1700000000\n\
            event_lag_seconds{consumer=\"b\"} NaN\nevent_lag_seconds_count 9\nprocess_cpu_seconds_total 1.5e1\nprocess_resident_memory_bytes 1048576\n";
        let expected = ServerFigures { cpu_s: Some(15.0), memory_bytes: Some(1_048_576.0), lag_s: 2.25 };
        assert_eq!(read_figures(text), expected);
    }

    #[test]
    fn absent_figures_are_none_and_absent_lag_is_zero() {
        assert_eq!(read_figures("\nup 1\n"), ServerFigures { cpu_s: None, memory_bytes: None, lag_s: 0.0 });
    }

    #[test]
    fn this_process_has_used_cpu() {
        assert!(client_cpu_ns().is_some_and(|cpu_ns| cpu_ns > 0));
        assert!(ticks_ns().is_some());
    }
}
