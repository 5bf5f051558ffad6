//! What the program says about itself: log lines on stderr (stdout is for data) and figures for `/metrics`.

use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use rustix::time::{ClockId, clock_gettime};
use tracing_subscriber::EnvFilter;

use crate::error::{Error, ErrorKind, Result};

/// Bounds for everything that is measured in seconds: from a read in memory to a client that gave up.
const SECONDS_BUCKETS: [f64; 17] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0];
/// Bounds for the number of commands that share one commit.
const BATCH_BUCKETS: [f64; 12] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0];
/// Between two rounds of upkeep: histograms keep every sample until then, whether anyone asks for them or not.
const UPKEEP_PAUSE: Duration = Duration::from_secs(5);

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, otherwise JSON.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Sends log lines to stderr from now on. A second call changes nothing.
///
/// `level` is a level (`info`) or a list of them by target (`info,hyper=warn`).
///
/// # Errors
/// `config.log_level` if it is neither.
pub fn init_logging(format: LogFormat, level: &str) -> Result<()> {
    let filter = EnvFilter::builder().parse(level).map_err(|error| {
        let message = format!("log.level is '{level}'; write error, warn, info, debug or trace, or info,hyper=warn");
        Error::new(ErrorKind::Invalid, "config.log_level", message).caused_by(error)
    })?;
    let terminal = std::io::stderr().is_terminal();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    // A reader of stderr that went away must not end a request: without this a failed write panics.
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let json = format == LogFormat::Json || (format == LogFormat::Auto && !terminal);
    // The only way to fail is that the first call did it already.
    let _ = if json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        lines.with_ansi(terminal && !plain).try_init()
    };
    Ok(())
}

/// The figures of this process, rendered for Prometheus.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    started_s: f64,
}

/// Collects the process's metrics from now on. Every call gives the same figures.
#[must_use]
pub fn install_metrics() -> Metrics {
    static INSTALLED: OnceLock<Metrics> = OnceLock::new();
    INSTALLED.get_or_init(install).clone()
}

fn install() -> Metrics {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full("funnel_batch_commands".to_owned()), &BATCH_BUCKETS)
        })
        .expect("the lists of bounds are not empty")
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("another recorder of metrics is installed; /metrics will show the process's figures only");
    }
    let kept_up = handle.clone();
    let upkeep = move || {
        loop {
            std::thread::sleep(UPKEEP_PAUSE);
            kept_up.run_upkeep();
        }
    };
    if let Err(error) = std::thread::Builder::new().name("metrics-upkeep".to_owned()).spawn(upkeep) {
        tracing::warn!(%error, "no upkeep of metrics; histograms grow until /metrics is asked for");
    }
    let started_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    Metrics { handle, started_s }
}

impl Metrics {
    /// Everything that was recorded, and the process's own figures as they are now, in Prometheus's text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        self.process(&mut text);
        text
    }

    /// These are written by hand: the recorder's counters are whole numbers, too coarse for seconds of CPU.
    fn process(&self, text: &mut String) {
        family(
            text,
            "build_info",
            "gauge",
            "The running version",
            concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        );
        let mut plain = |name, kind, help, value: Option<String>| {
            if let Some(value) = value {
                family(text, name, kind, help, &format!(" {value}"));
            }
        };
        plain("process_cpu_seconds_total", "counter", "CPU time used, all threads", Some(format!("{:.9}", cpu_s())));
        plain("process_start_time_seconds", "gauge", "When it began to count", Some(format!("{:.3}", self.started_s)));
        let resident = resident_bytes().map(|bytes| bytes.to_string());
        plain("process_resident_memory_bytes", "gauge", "Memory held", resident);
        plain("process_open_fds", "gauge", "Open files and sockets", open_fds().map(|count| count.to_string()));
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str, labels_and_value: &str) {
    use std::fmt::Write as _;
    // Writing into a String cannot fail.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{labels_and_value}\n");
}

/// Seconds of CPU that all threads used, ended ones too; the kernel counts nanoseconds.
fn cpu_s() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(used.tv_sec).unwrap_or(0), u32::try_from(used.tv_nsec).unwrap_or(0)).as_secs_f64()
}

/// Memory held, where the system tells it (Linux).
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let figure = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = figure.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Open file descriptors, where the system tells them (Linux); without the one that counting needs.
fn open_fds() -> Option<usize> {
    std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(text: &str, name: &str) -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.expect("the metric is there").parse().expect("a figure")
    }

    #[test]
    fn installing_twice_gives_the_same_figures_and_a_histogram_has_buckets() {
        let (first, second) = (install_metrics(), install_metrics());
        metrics::histogram!("telemetry_test_seconds").record(0.003);
        metrics::histogram!("funnel_batch_commands").record(3.0);
        for text in [first.render(), second.render()] {
            assert!(text.contains("telemetry_test_seconds_bucket{le=\"0.005\"} 1"), "{text}");
            assert!(text.contains("funnel_batch_commands_bucket{le=\"4\"} 1"), "{text}");
            assert!(text.contains("build_info{version=\""), "{text}");
        }
    }

    #[test]
    fn cpu_time_counts_what_every_thread_uses_finer_than_a_tick() {
        let metrics = install_metrics();
        let before = figure(&metrics.render(), "process_cpu_seconds_total");
        let spin = || {
            let until = cpu_s() + 0.002;
            while cpu_s() < until {}
        };
        std::thread::spawn(spin).join().expect("it ends");
        let used = figure(&metrics.render(), "process_cpu_seconds_total") - before;
        assert!(used >= 0.002, "{used}");
        assert!(figure(&metrics.render(), "process_resident_memory_bytes") > 100_000.0);
        assert!(figure(&metrics.render(), "process_open_fds") >= 1.0);
        assert!(figure(&metrics.render(), "process_start_time_seconds") > 1.7e9);
    }

    #[test]
    fn logging_can_be_set_up_twice_and_refuses_what_is_no_level() {
        assert!(init_logging(LogFormat::Json, "info,hyper=warn").is_ok());
        assert!(init_logging(LogFormat::Auto, "debug").is_ok());
        let error = init_logging(LogFormat::Text, "info,hyper=loudly").expect_err("no level");
        assert_eq!(error.code, "config.log_level");
    }
}
