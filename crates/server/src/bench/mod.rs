//! `onepoint bench`: a load generator about as cheap as wrk, because it shares the cores with the server that it measures.
//!
//! Read in this order: [`profile`] and [`source`] (what is sent), [`load`] (one run), [`report`] (what is printed), then [`compare`] and [`prepare`].

mod acked;
mod carts;
mod compare;
mod connection;
mod deals;
mod load;
mod meter;
mod prepare;
mod profile;
mod report;
mod request;
mod response;
mod source;
mod tally;
mod target;

use std::path::PathBuf;

use acked::AckedFile;
use load::{Plan, run_load};
use profile::Profile;
use report::Report;
use request::{Keys, Random};
use target::Target;

/// Measure a server on this machine: throughput, latency, CPU per request
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BenchArgs {
    #[command(subcommand)]
    task: Option<Task>,
    /// What to send
    #[arg(value_enum, required = true)]
    profile: Option<Profile>,
    #[command(flatten)]
    server: ServerArgs,
    /// How long, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Arrivals per second over all connections, and latency counted from when each was due (default: as fast as answers come)
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: Option<u64>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Append a line KEY ID to this file for each acknowledged write
    #[arg(long, value_name = "FILE")]
    acked: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Run echo (or another profile) and a profile by turns and print the ratio of their throughputs
    Compare(CompareArgs),
    /// Join members 1 to N, open the gifticons of the cart profiles and wait until all can be used; may be repeated
    Prepare(PrepareArgs),
}

#[derive(Debug, clap::Args)]
struct PrepareArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Give every member so many points more, for profiles that use them
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    points: Option<u64>,
}

#[derive(Debug, clap::Args)]
struct CompareArgs {
    /// What to compare
    #[arg(value_enum)]
    profile: Profile,
    /// What to compare it with
    #[arg(long, value_enum, default_value_t = Profile::Echo)]
    to: Profile,
    #[command(flatten)]
    server: ServerArgs,
    /// How often, each round being one run of echo and one of the profile
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long each run lasts, in seconds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ServerArgs {
    /// The server: a loopback address
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Connections kept open at once (default: 100 for carts, 64 otherwise)
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: Option<u16>,
    /// Members 1 to this number exist
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    members: u64,
    /// API key, if the server asks for one
    #[arg(long, value_name = "API_KEY")]
    key: Option<String>,
}

impl ServerArgs {
    fn plan(&self, profile: Profile, seconds: u64, rate: Option<u64>) -> Plan {
        let connections = usize::from(self.connections.unwrap_or_else(|| profile.connections()));
        Plan { profile, connections, seconds, rate, members: self.members }
    }

    fn target(&self) -> Result<Target, String> {
        Target::new(&self.url, self.key.as_deref())
    }
}

/// Does what the command line asks for, on a runtime of its own: it must not be called from inside another one.
/// An error is a sentence for people; the figures of a run that failed half way have been printed by then.
pub fn run(args: &BenchArgs) -> Result<(), String> {
    // One thread: a second one would take the server's core.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| format!("cannot start: {cause}"))?;
    let keys = Keys::new(&mut Random::from_environment());
    match (&args.task, args.profile) {
        (Some(Task::Compare(compare)), _) => {
            let plan = compare.server.plan(compare.profile, compare.seconds, None);
            let sides = compare::Sides { base: Plan { profile: compare.to, ..plan }, plan };
            runtime.block_on(compare::compare(&compare.server.target()?, sides, compare.rounds, &keys, compare.json))
        }
        (Some(Task::Prepare(PrepareArgs { server, points })), _) => {
            let target = server.target()?;
            let connections = usize::from(server.connections.unwrap_or(64));
            runtime.block_on(prepare::prepare(&target, server.members, connections, *points, &keys))
        }
        (None, Some(profile)) => {
            let plan = args.server.plan(profile, args.seconds, args.rate);
            runtime.block_on(single(args, plan, &keys))
        }
        (None, None) => Err("name a profile, compare or prepare".to_owned()),
    }
}

async fn single(args: &BenchArgs, plan: Plan, keys: &Keys) -> Result<(), String> {
    let target = args.server.target()?;
    let acked = args.acked.as_deref().map(AckedFile::open).transpose()?;
    let measured = run_load(&target, plan, keys, acked).await?;
    for sample in &measured.tally.samples {
        eprintln!("{sample}");
    }
    let report = Report::new(&measured);
    if args.json {
        let text = serde_json::to_string(&report).map_err(|cause| format!("cannot write JSON: {cause}"))?;
        println!("{text}");
    } else {
        println!("{}", report.text());
    }
    report::verdict(&measured)
}
