//! `onepoint parked`: lists, retries and drops parked events by asking the running server, which holds the stores.

use std::process::ExitCode;

use axum::http::Method;
use clap::{Args, Subcommand};
use platform::error::{Error, ErrorKind, Result};
use platform::http::percent::encoded;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::client::{Answer, Client};
use crate::config::Settings;

/// Where the server is, and as whom to ask it.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// Address of the server (default: http:// and the setting listen)
    #[arg(long)]
    url: Option<String>,
    /// An operator's API key; not needed on loopback
    #[arg(long)]
    key: Option<String>,
    /// JSON instead of text
    #[arg(long)]
    json: bool,
}

/// What to do with parked events.
#[derive(Debug, Subcommand)]
pub enum ParkedCommand {
    /// List the events that could not be taken in
    List {
        /// Only those of this consumer, for instance 'point<member'
        #[arg(long)]
        consumer: Option<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Deliver an event again, with all that are parked of the same subject, in order
    Retry {
        /// Context and number as in the list, for instance point/1
        event: String,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Give an event up: what it would have done never happens
    Drop {
        /// Context and number as in the list, for instance point/1
        event: String,
        #[command(flatten)]
        server: ServerArgs,
    },
}

/// Runs the command. A retry that leaves events parked exits with 3 if it delivered some, with 1 if none.
///
/// # Errors
/// A server that does not answer, or what it refused.
pub fn run(settings: &Settings, command: &ParkedCommand) -> Result<ExitCode> {
    match command {
        ParkedCommand::List { consumer, server } => {
            list(&Asking::of(settings, server)?, consumer.as_deref(), server.json)
        }
        ParkedCommand::Retry { event, server } => {
            let answer =
                Asking::of(settings, server)?.ask(Method::POST, &format!("/parked/{}/retry", checked(event)?))?;
            show_retried(&answer, server.json)
        }
        ParkedCommand::Drop { event, server } => {
            Asking::of(settings, server)?.ask(Method::DELETE, &format!("/parked/{}", checked(event)?))?;
            if !server.json {
                println!("{event} is dropped");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(asking: &Asking, consumer: Option<&str>, json: bool) -> Result<ExitCode> {
    let mut all = Vec::new();
    let mut path = "/parked?limit=200".to_owned();
    if let Some(consumer) = consumer {
        path.push_str(&format!("&consumer={}", encoded(consumer)));
    }
    loop {
        let page = asking.ask(Method::GET, &path)?;
        all.extend(page["_embedded"]["parked"].as_array().cloned().unwrap_or_default());
        // Links may name the server as others know it; what follows the host is the same.
        let next = page["_links"]["next"]["href"].as_str().and_then(|href| href.find("/parked?").map(|at| &href[at..]));
        match next {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    if json {
        println!("{}", Value::Array(all));
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:<22} {:<22} {:<24} {:>8} {:>5}  reason", "event", "consumer", "type", "subject", "tries");
    for event in &all {
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let name = format!("{}/{}", text("context"), event["parkedId"]);
        println!(
            "{name:<22} {:<22} {:<24} {:>8} {:>5}  {}",
            text("consumer"),
            text("type"),
            event["subject"].to_string(),
            event["tries"].to_string(),
            text("reason")
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn show_retried(answer: &Value, json: bool) -> Result<ExitCode> {
    let figure = |field: &str| answer[field].as_i64().unwrap_or_default();
    let (delivered, left) = (figure("delivered"), figure("left"));
    if json {
        println!("{answer}");
    } else {
        println!("{delivered} delivered, {left} still parked");
        if let Some(reason) = answer["reason"].as_str() {
            println!("because: {reason}");
        }
    }
    Ok(match (delivered, left) {
        (_, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::FAILURE,
        _ => ExitCode::from(3),
    })
}

fn checked(event: &str) -> Result<&str> {
    let parts = event.split_once('/');
    let is_well = parts.is_some_and(|(context, id)| {
        context.bytes().all(|byte| byte.is_ascii_lowercase())
            && !id.is_empty()
            && id.bytes().all(|b| b.is_ascii_digit())
    });
    let wrong = || Error::new(ErrorKind::Invalid, "config.parked", "write context and number, for instance point/1");
    if is_well { Ok(event) } else { Err(wrong()) }
}

/// A server that is asked one question at a time.
struct Asking {
    client: Client,
    runtime: Runtime,
}

impl Asking {
    fn of(settings: &Settings, server: &ServerArgs) -> Result<Self> {
        let url = server.url.clone().unwrap_or_else(|| format!("http://{}", settings.text("listen")));
        let client = Client::new(&url, server.key.as_deref())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::internal("no runtime for the client").caused_by(error))?;
        Ok(Self { client, runtime })
    }

    /// The body of the answer; null if it has none.
    fn ask(&self, method: Method, path: &str) -> Result<Value> {
        let answer = self.runtime.block_on(self.client.send(method, path))?;
        if (200..300).contains(&answer.status) { Ok(answer.json) } else { Err(refused(&answer)) }
    }
}

/// What the server refused, under the code that it gave.
fn refused(answer: &Answer) -> Error {
    let later = answer.retry_after.map_or(String::new(), |pause| format!("; repeat after {} s", pause.as_secs()));
    let code = answer.json["code"].as_str().unwrap_or("parked.refused").to_owned();
    Error::new(ErrorKind::Conflict, code, format!("{}: {}{later}", answer.status, answer.detail()))
}
