//! `onepoint relay`: publishes a context's log again from a place on. It moves no cursor, so it may run beside the server
//! that publishes what is new, and as often as one likes: whoever has seen an event passes over it.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use platform::bus::{Bus, publish_again};
use platform::clock::SystemClock;
use platform::db::Cursor;
use platform::error::{Error, ErrorKind, Result};
use platform::log::{Log, LogSource};

use crate::config::Settings;
use crate::stores::{self, CONTEXTS, context_names, open_existing};

/// What is published again.
#[derive(Debug, Args)]
pub struct RelayArgs {
    /// The context whose log it is
    #[arg(long, value_parser = context_names())]
    context: String,
    /// The place behind which it begins: START, or XID:POSITION as the log says it
    #[arg(long, value_name = "START|XID:POSITION", value_parser = place)]
    from: Cursor,
    /// Only count the events
    #[arg(long)]
    dry_run: bool,
}

/// Publishes, and says how much it was.
///
/// # Errors
/// A bus or a store that cannot be reached; `config.bus_url` where there is no bus.
pub fn run(settings: &Settings, args: &RelayArgs) -> Result<ExitCode> {
    let bus = stores::bus(settings)?;
    let kafka = match &bus {
        Bus::Kafka(kafka) => Some(kafka.as_ref()).filter(|_| !args.dry_run),
        Bus::Local if args.dry_run => None,
        Bus::Local => {
            let message = "bus.url is local:, where nothing is published; set it to kafka://host:port";
            return Err(Error::new(ErrorKind::Invalid, "config.bus_url", message));
        }
    };
    let context = CONTEXTS.iter().find(|context| context.name == args.context);
    let context = context.ok_or_else(|| Error::internal("a context without a store"))?;
    let log = Log::new(open_existing(settings, context)?, sources(context.name));
    let started = Instant::now();
    let counted = publish_again(&log, kafka, &SystemClock::new(), args.from)?;
    let seconds = started.elapsed().as_secs_f64();
    let (events, rate) = (counted.events, counted.events as f64 / seconds.max(0.001));
    let done = if args.dry_run { "would be published" } else { "published" };
    println!(
        "{events} events of {} {done}, {seconds:.1} s, {rate:.0} events/s; the log ends at {}",
        args.context, counted.end
    );
    Ok(ExitCode::SUCCESS)
}

fn place(text: &str) -> Result<Cursor, String> {
    if text == "START" {
        Ok(Cursor::default())
    } else {
        text.parse().map_err(|error: Error| error.message.into_owned())
    }
}

/// The tables of a context's log beside its events.
fn sources(context: &str) -> &'static [LogSource] {
    if context == "point" { &app::point::LOG_SOURCES } else { &[] }
}
