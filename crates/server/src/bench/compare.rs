//! `bench compare`: a base, which is echo or what `--to` names, and a profile by turns, so that whatever slows the machine
//! for a while hits both alike. Which of the two runs first alternates, so that neither always meets what the other leaves.

use serde::Serialize;

use super::load::{Ending, Measured, Plan, run_load};
use super::profile::Profile;
use super::report::{Report, figure, median, rounded, verdict};
use super::request::Keys;
use super::target::Target;

/// Before the first round each side runs so long, unmeasured: caches, allocator and CPU clock settle.
const WARM_UP_S: u64 = 1;

/// What is compared with what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides {
    pub(super) base: Plan,
    pub(super) plan: Plan,
}

/// One run of each side, right after the other.
#[derive(Debug, Serialize)]
struct Round {
    base: Report,
    profile: Report,
    /// Requests/s of the profile, or items/s where a request carries many, ÷ the same of the base.
    ratio: f64,
}

/// All rounds and their medians. CPU figures are microseconds per request.
#[derive(Debug, Serialize)]
struct Comparison {
    profile: &'static str,
    to: &'static str,
    median_ratio: Option<f64>,
    median_base_requests_per_s: Option<f64>,
    median_requests_per_s: Option<f64>,
    base_client_cpu_us: Option<f64>,
    base_server_cpu_us: Option<f64>,
    client_cpu_us: Option<f64>,
    server_cpu_us: Option<f64>,
    errors: u64,
    /// The longest of the rounds.
    sagas_ended_s: Option<f64>,
    rounds: Vec<Round>,
}

/// Runs and prints the comparison. Stops at the first run that fails: figures of a failing server compare nothing.
pub(super) async fn compare(target: &Target, sides: Sides, rounds: u32, keys: &Keys, json: bool) -> Result<(), String> {
    let Sides { base, plan } = sides;
    for side in [base, plan] {
        measure(target, Plan { seconds: WARM_UP_S, ..side }, keys).await?;
    }
    let mut done = Vec::new();
    for number in 1..=rounds {
        let round = one_round(target, sides, number % 2 == 1, keys).await?;
        if !json {
            print_round(number, &round);
        }
        done.push(round);
    }
    let comparison = Comparison::new(plan.profile.name(), base.profile.name(), done);
    if json {
        let text = serde_json::to_string(&comparison).map_err(|cause| format!("cannot write JSON: {cause}"))?;
        println!("{text}");
    } else {
        println!("{}", comparison.text());
    }
    Ok(())
}

async fn one_round(target: &Target, sides: Sides, is_base_first: bool, keys: &Keys) -> Result<Round, String> {
    let Sides { base, plan } = sides;
    let (first, second) = if is_base_first { (base, plan) } else { (plan, base) };
    let first = Report::new(&measure(target, first, keys).await?);
    let second = Report::new(&measure(target, second, keys).await?);
    let (base, profile) = if is_base_first { (first, second) } else { (second, first) };
    // What was refused is an answer, but no work.
    let ratio = rounded(profile.items_per_s / base.items_per_s.max(0.1), 4);
    Ok(Round { base, profile, ratio })
}

async fn measure(target: &Target, plan: Plan, keys: &Keys) -> Result<Measured, String> {
    let measured = run_load(target, plan, keys, None).await?;
    verdict(&measured).map_err(|cause| {
        let hint = match (&measured.ending, plan.profile) {
            (Ending::Complete, Profile::Echo) => " (is the server started with --set bench.echo=true?)",
            _ => "",
        };
        format!("{}: {cause}{hint}\n{}", plan.profile.name(), measured.tally.samples.join("\n"))
    })?;
    Ok(measured)
}

fn print_round(number: u32, round: &Round) {
    if number == 1 {
        let (to, profile) = (round.base.profile, round.profile.profile);
        println!("round {to:>13}/s {profile:>20}/s     ratio    p99 ms   sagas ended s");
    }
    let Round { base, profile, ratio } = round;
    if profile.items_per_s > profile.requests_per_s {
        println!("{:>14} {:>21.0} items/s", "", profile.items_per_s);
    }
    println!(
        "{number:>5} {:>15.0} {:>22.0} {ratio:>9.3} {:>9.3} {:>15}",
        base.requests_per_s,
        profile.requests_per_s,
        profile.p99_ms,
        profile.sagas_ended_s.map_or_else(|| "-".to_owned(), |ended_s| format!("{ended_s:.2}"))
    );
}

impl Comparison {
    fn new(profile: &'static str, to: &'static str, rounds: Vec<Round>) -> Self {
        let base = |figure: fn(&Report) -> Option<f64>| {
            median(rounds.iter().filter_map(|round| figure(&round.base)).collect())
        };
        let measured = |figure: fn(&Report) -> Option<f64>| {
            median(rounds.iter().filter_map(|round| figure(&round.profile)).collect())
        };
        Self {
            profile,
            to,
            median_ratio: median(rounds.iter().map(|round| round.ratio).collect()),
            median_base_requests_per_s: base(|report| Some(report.requests_per_s)),
            median_requests_per_s: measured(|report| Some(report.requests_per_s)),
            base_client_cpu_us: base(|report| report.client_cpu_us),
            base_server_cpu_us: base(|report| report.server_cpu_us),
            client_cpu_us: measured(|report| report.client_cpu_us),
            server_cpu_us: measured(|report| report.server_cpu_us),
            errors: rounds.iter().map(|round| round.base.errors + round.profile.errors).sum(),
            sagas_ended_s: rounds.iter().filter_map(|round| round.profile.sagas_ended_s).reduce(f64::max),
            rounds,
        }
    }

    fn text(&self) -> String {
        let unit = "µs/request";
        format!(
            "median ratio {}/{}: {}\n  {:<12} client CPU {:>18}   server CPU {:>18}\n  {:<12} client CPU {:>18}   server CPU {:>18}",
            self.profile,
            self.to,
            self.median_ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")),
            self.to,
            figure(self.base_client_cpu_us, unit),
            figure(self.base_server_cpu_us, unit),
            self.profile,
            figure(self.client_cpu_us, unit),
            figure(self.server_cpu_us, unit),
        )
    }
}
