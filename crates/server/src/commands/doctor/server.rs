//! A running server, asked over its public API: is it ready, does it follow, does it shed?

use platform::error::{Error, Result};

use super::{DoctorArgs, Report};
use crate::client::Client;

/// A consumer further behind than this is slow, and further than the second does not follow at all.
const LAG_WANTED_S: f64 = 5.0;
const LAG_MOST_S: f64 = 60.0;
/// More commands than this in a funnel's queue, and it soon answers 503.
const QUEUE_WANTED: f64 = 4_096.0;
/// The figure of an open breaker.
const OPEN: f64 = 2.0;

/// Whether a server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Running {
    Yes,
    No,
}

/// Asks the server at `url`.
pub(super) fn look(url: &str, args: &DoctorArgs, report: &mut Report) -> Running {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = runtime
        .map_err(|error| Error::internal("no runtime for the client").caused_by(error))
        .and_then(|runtime| runtime.block_on(ask(url, args, report)));
    asked.unwrap_or_else(|error| {
        report.fail("server", error.message, "look at its log");
        Running::No
    })
}

async fn ask(url: &str, args: &DoctorArgs, report: &mut Report) -> Result<Running> {
    let client = Client::new(url, args.key.as_deref())?;
    let ready = match client.get("/readyz").await {
        Ok(ready) => ready,
        Err(error) if args.url.is_some() => return Err(error),
        Err(_) => {
            report.ok("server", format!("none runs at {url}; start it with 'onepoint serve'"));
            return Ok(Running::No);
        }
    };
    if ready.status == 200 {
        report.ok("server", format!("{url} is ready"));
    } else {
        report.warn("server", format!("{url} is not ready: {}", ready.detail()), "wait, or look at its log");
    }
    let version = client.get("/version").await?;
    let (theirs, ours) = (version.json["version"].as_str().unwrap_or("another program"), env!("CARGO_PKG_VERSION"));
    if theirs != ours {
        let found = format!("the server is {theirs}, this program {ours}");
        report.warn("version", found, "use the same version for both");
    }
    let metrics = client.get("/metrics").await?;
    match metrics.status {
        200 => figures(&metrics.text, report),
        401 | 403 => report.warn("figures", "the server keeps them to itself", "give an operator's key with --key"),
        status => report.warn("figures", format!("/metrics answered {status}"), "look at its log"),
    }
    Ok(Running::Yes)
}

fn figures(text: &str, report: &mut Report) {
    let of = |family: &str| -> Vec<(String, f64)> {
        let samples = text.lines().filter_map(sample).filter(|(name, ..)| *name == family);
        samples.map(|(_, labels, value)| (labels, value)).collect()
    };
    let lags = of("event_lag_seconds");
    match lags.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
        Some((consumer, lag)) if *lag > LAG_MOST_S => {
            let advice = "its log says why a step fails; see docs/operations.md";
            report.fail("consumers", format!("{consumer} is {lag:.0} s behind"), advice);
        }
        Some((consumer, lag)) if *lag > LAG_WANTED_S => {
            let advice = "look again; if it does not fall, its log says why";
            report.warn("consumers", format!("{consumer} is {lag:.1} s behind"), advice);
        }
        _ => report.ok("consumers", format!("{} follow, none is behind", lags.len())),
    }
    let states = of("breaker_state").into_iter();
    let open: Vec<String> = states.filter(|(_, state)| *state == OPEN).map(|(between, _)| between).collect();
    if open.is_empty() {
        report.ok("breakers", "none is open");
    } else {
        let found = format!("open: {}; the second does not answer the first", open.join(", "));
        report.warn("breakers", found, "look at the second's process and store; the breaker probes every 2 s");
    }
    match of("funnel_queue_depth").into_iter().find(|(_, depth)| *depth > QUEUE_WANTED) {
        Some((context, depth)) => {
            let advice = "more comes in than can be made durable; fewer senders, or a faster disk";
            report.warn("queues", format!("{depth:.0} commands wait in {context}"), advice);
        }
        None => report.ok("queues", "none is long"),
    }
    let parked = of("parked_events");
    match parked.iter().filter(|(_, count)| *count > 0.0).map(|(_, count)| count).sum::<f64>() {
        0.0 if parked.is_empty() => {}
        0.0 => report.ok("parked events", "none"),
        count => report.warn("parked events", format!("{count:.0} wait for a person"), "onepoint parked list"),
    }
}

/// Name, values of the labels and value of a line of figures; `name{labels} value [time]`.
fn sample(line: &str) -> Option<(&str, String, f64)> {
    if line.starts_with('#') {
        return None;
    }
    let name = &line[..line.find(['{', ' '])?];
    let (labels, rest) = match line[name.len()..].strip_prefix('{') {
        Some(labelled) => {
            let (labels, rest) = labelled.rsplit_once('}')?;
            (labels.split('"').skip(1).step_by(2).collect::<Vec<_>>().join(" to "), rest)
        }
        None => (String::new(), &line[name.len()..]),
    };
    let value: f64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
    value.is_finite().then_some((name, labels, value))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn verdicts(text: &str) -> Vec<(String, Verdict)> {
        let mut report = Report::default();
        figures(text, &mut report);
        report.0.into_iter().map(|check| (check.check, check.verdict)).collect()
    }

    fn verdict(text: &str, name: &str) -> Option<Verdict> {
        verdicts(text).into_iter().find(|(check, _)| check == name).map(|(_, verdict)| verdict)
    }

    #[test]
    fn a_server_that_does_nothing_is_well() {
        assert!(verdicts("").iter().all(|(_, verdict)| *verdict == Verdict::Ok));
    }

    #[test]
    fn two_breakers_towards_one_callee_are_told_apart() {
        let line = "breaker_state{caller=\"donation\",callee=\"point\"} 2";
        assert_eq!(sample(line), Some(("breaker_state", "donation to point".to_owned(), 2.0)));
    }

    #[test]
    fn a_consumer_that_is_behind_is_seen() {
        let lag =
            |value: &str| verdict(&format!("event_lag_seconds{{consumer=\"point<member\"}} {value}\n"), "consumers");
        assert_eq!(lag("0.2"), Some(Verdict::Ok));
        assert_eq!(lag("6"), Some(Verdict::Warn));
        assert_eq!(lag("61"), Some(Verdict::Fail));
        assert_eq!(lag("NaN"), Some(Verdict::Ok));
    }

    #[test]
    fn an_open_breaker_a_long_queue_and_parked_events_are_seen() {
        assert_eq!(verdict("breaker_state{caller=\"member\",callee=\"point\"} 2\n", "breakers"), Some(Verdict::Warn));
        assert_eq!(verdict("breaker_state{caller=\"member\",callee=\"point\"} 1\n", "breakers"), Some(Verdict::Ok));
        assert_eq!(verdict("funnel_queue_depth{context=\"point\"} 8000\n", "queues"), Some(Verdict::Warn));
        assert_eq!(verdict("parked_events{consumer=\"point<member\"} 1\n", "parked events"), Some(Verdict::Warn));
        assert_eq!(verdict("parked_events{consumer=\"point<member\"} 0\n", "parked events"), Some(Verdict::Ok));
        assert_eq!(verdict("", "parked events"), None);
    }
}
