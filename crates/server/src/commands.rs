//! The command line. Exit codes: 0 done, 1 failed, 2 wrong use (3 is for work that was partly done).

mod asking;
mod coupons;
mod demo;
mod doctor;
mod healthcheck;
mod keys;
mod parked;
mod rebuild;
mod relay;
mod settle;
pub mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use platform::error::{Error, ErrorKind, Result};
use platform::telemetry::{LogFormat, init_logging};

use crate::assembly::{App, Options};
use crate::bench::{self, BenchArgs};
use crate::config::Settings;
use crate::description::Description;
use crate::sandbox::{self, SandboxArgs};
use crate::stores::{CONTEXTS, bring_up_to_date, open};

/// Self-hosted loyalty: members, points, my page.
#[derive(Debug, Parser)]
#[command(name = "onepoint", version, about, max_term_width = 100)]
pub struct Cli {
    /// Settings from this TOML file (default: onepoint.toml, if there is one here)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, for instance points.welcome=0; `onepoint config` lists them
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder of the data
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve {
        /// Address and port
        #[arg(long)]
        listen: Option<String>,
        /// Run only these contexts; the others count as stopped
        #[arg(long, value_name = "NAMES")]
        contexts: Option<String>,
        /// Refuse to start when a schema is behind, instead of bringing it up to date
        #[arg(long)]
        no_migrate: bool,
    },
    /// Run the gateway: passes requests on to the processes that run the contexts
    Gateway {
        /// Address and port
        #[arg(long)]
        listen: Option<String>,
    },
    /// Check every invariant of the stored data; exit code 1 if one does not hold
    Verify {
        /// One JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
    /// Look at this installation and say what to do; exit code 1 if something fails, 3 if there are warnings
    Doctor(doctor::DoctorArgs),
    /// Ask the server at hand whether it can be sent work; exit code 1 if it cannot
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Fill a fresh store with a believable programme, by the API of a running server
    Demo(demo::DemoArgs),
    /// Measure a running server on this machine
    Bench(Box<BenchArgs>),
    /// Bring the stores' schemas up to date
    Migrate,
    /// Build a read model anew from the event logs
    Rebuild {
        /// Which one
        #[arg(value_parser = rebuild::VIEWS)]
        view: String,
    },
    /// Publish a context's log again from a place on, for those who miss events; beside a running server
    Relay(relay::RelayArgs),
    /// Settle a month with every merchant; asks the running server. Exit code 3 if some merchants could not be billed
    Settle(settle::SettleArgs),
    /// Make codes of a campaign in advance; asks the running server
    #[command(subcommand)]
    Coupons(coupons::CouponsCommand),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// List, retry and drop events that could not be taken in; asks the running server
    #[command(subcommand)]
    Parked(parked::ParkedCommand),
    /// Run a payment provider for trying things out: an HTTP server that moves no money, with its journal in `--data FILE`
    SandboxPayments(SandboxArgs),
    /// Print the API's description (OpenAPI 3.1)
    Openapi,
    /// List all settings, with where each value comes from
    Config {
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Runs the program.
#[must_use]
pub fn run(cli: &Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("onepoint: {}", error.message);
            if let Some(source) = &error.source {
                eprintln!("  because: {source}");
            }
            // A wrong setting is wrong use, everything else is a failure.
            let wrong_use = error.kind == ErrorKind::Invalid && error.code.starts_with("config.");
            if wrong_use { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode> {
    match &cli.command {
        Command::Bench(args) => {
            bench::run(args).map_err(|message| Error::new(ErrorKind::Conflict, "bench.failed", message))?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Demo(args) => return demo::run(args),
        // What is wrong with the settings is part of its report.
        Command::Doctor(args) => return doctor::run(settings(cli), args),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "onepoint", &mut std::io::stdout());
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let settings = settings(cli)?;
    let formats = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    init_logging(settings.choice("log.format", &formats)?, settings.text("log.level"))?;
    match &cli.command {
        Command::Serve { no_migrate, .. } => crate::serve::run(&settings, !no_migrate).map(|()| ExitCode::SUCCESS),
        Command::Healthcheck(args) => healthcheck::run(&settings, args),
        Command::Gateway { .. } => crate::gateway::run(&settings).map(|()| ExitCode::SUCCESS),
        Command::Verify { json } => verify::run(&settings, *json),
        Command::Migrate => migrate(&settings),
        Command::Rebuild { view } => rebuild::run(&settings, view),
        Command::Relay(args) => relay::run(&settings, args),
        Command::Settle(args) => settle::run(&settings, args),
        Command::Coupons(command) => coupons::run(&settings, command),
        Command::Keys(command) => keys::run(&settings, command),
        Command::Parked(command) => parked::run(&settings, command),
        Command::SandboxPayments(args) => sandbox::run(&settings, args, cli.data.as_deref()),
        Command::Openapi => openapi(),
        Command::Config { json } => show_config(&settings, *json),
        Command::Bench(_) | Command::Demo(_) | Command::Doctor(_) | Command::Completions { .. } => {
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The settings, with the flags that stand for some of them.
fn settings(cli: &Cli) -> Result<Settings> {
    let mut sets = cli.set.clone();
    sets.extend(cli.data.iter().map(|folder| format!("data={folder}")));
    if let Command::Serve { listen, contexts, .. } = &cli.command {
        sets.extend(listen.iter().map(|address| format!("listen={address}")));
        sets.extend(contexts.iter().map(|names| format!("contexts={names}")));
    }
    if let Command::Gateway { listen } = &cli.command {
        sets.extend(listen.iter().map(|address| format!("listen={address}")));
    }
    Settings::load(cli.config.as_deref(), &sets)
}

fn migrate(settings: &Settings) -> Result<ExitCode> {
    for context in CONTEXTS {
        let database = open(settings, context)?;
        let steps = bring_up_to_date(settings, context, &mut *database.session()?)?;
        let done = if steps == 0 { "up to date".to_owned() } else { format!("{steps} steps done") };
        println!("{:<14} {done}", context.name);
    }
    crate::stores::open_access(settings)?;
    println!("{:<14} up to date", "access");
    Ok(ExitCode::SUCCESS)
}

/// The description is made from the routes themselves, on an empty store that is thrown away.
fn openapi() -> Result<ExitCode> {
    let folder = std::env::temp_dir().join(format!("onepoint-openapi-{}", std::process::id()));
    let settings = Settings::defaults_with(&[format!("data={}", folder.display())])?;
    let runtime = crate::serve::runtime(&settings)?;
    let opened = App::open(&settings, Options::default(), runtime.handle());
    let program = crate::system::routes(false, false).split_for_parts().1;
    let described = opened.and_then(|app| Description::of(app.routes().1, program));
    let _ = std::fs::remove_dir_all(&folder);
    let text = serde_json::to_string_pretty(described?.json())
        .map_err(|error| Error::internal("the description cannot be written").caused_by(error))?;
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}

fn show_config(settings: &Settings, json: bool) -> Result<ExitCode> {
    let described = settings.describe();
    if json {
        let text = serde_json::to_string_pretty(&described)
            .map_err(|error| Error::internal("the settings cannot be written").caused_by(error))?;
        println!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    for setting in described {
        println!("{:<32} {:<24} {} [{}]", setting.key, setting.value, setting.help, setting.source);
    }
    Ok(ExitCode::SUCCESS)
}
