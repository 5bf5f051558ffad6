//! `onepoint settle`: has the running server close a month, and shows how far it is.

use std::process::ExitCode;
use std::time::Duration;

use axum::http::Method;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use platform::error::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::config::Settings;

/// How often a closing is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is to be settled, and where the server is.
#[derive(Debug, Args)]
pub struct SettleArgs {
    /// The month, yyyyMM
    #[arg(long, value_name = "YYYYMM", value_parser = clap::value_parser!(u32).range(101..=999_912))]
    month: u32,
    /// Only this merchant
    #[arg(long, value_name = "NUMBER")]
    merchant: Option<u64>,
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

/// Runs the command: 0 when all that was to be billed is, 3 when some merchants could not be, 1 when the server refuses.
///
/// # Errors
/// A server that does not answer, or what it refused.
pub fn run(settings: &Settings, args: &SettleArgs) -> Result<ExitCode> {
    let url = args.url.clone().unwrap_or_else(|| format!("http://{}", settings.text("listen")));
    let client = Client::new(&url, args.key.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::internal("no runtime for the client").caused_by(error))?;
    runtime.block_on(async {
        match args.merchant {
            Some(merchant_id) => settle_merchant(&client, args, merchant_id).await,
            None => settle_month(&client, args).await,
        }
    })
}

async fn settle_merchant(client: &Client, args: &SettleArgs, merchant_id: u64) -> Result<ExitCode> {
    let month = format!("{:06}", args.month);
    let body = json!({"merchantId": merchant_id, "billingMonth": month});
    let billing = written(client.write(Method::POST, "/billings", Some(&body), &key()).await?)?;
    if args.json {
        println!("{billing}");
        return Ok(ExitCode::SUCCESS);
    }
    let figure = |name: &str| billing[name].as_i64().unwrap_or_default();
    println!("Month {month} of merchant {merchant_id}, run {}:", figure("run"));
    println!("  {:<16} {:>20}", "deals", figure("dealCount"));
    println!("  {:<16} {:>20}", "points", figure("usedPoint"));
    println!("  {:<16} {:>20} won", "to be paid", figure("billingAmount"));
    Ok(ExitCode::SUCCESS)
}

async fn settle_month(client: &Client, args: &SettleArgs) -> Result<ExitCode> {
    let month = format!("{:06}", args.month);
    let body = json!({"billingMonth": month});
    written(client.write(Method::POST, "/closings", Some(&body), &key()).await?)?;
    let bar = bar();
    let closing = loop {
        let answer = client.get(&format!("/closings/{month}")).await?;
        // A server that is busy or being replaced says so and goes on afterwards.
        if matches!(answer.status, 429 | 503) {
            tokio::time::sleep(answer.retry_after.unwrap_or(LOOK_EVERY)).await;
            continue;
        }
        let closing = written(answer)?;
        bar.set_length(closing["merchants"].as_u64().unwrap_or_default());
        bar.set_position(closing["billed"].as_u64().unwrap_or_default());
        if closing["status"] == "DONE" {
            break closing;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    bar.finish_and_clear();
    let figure = |name: &str| closing[name].as_i64().unwrap_or_default();
    let (merchants, billed) = (figure("merchants"), figure("billed"));
    if args.json {
        println!("{closing}");
    } else {
        println!("Month {month} is closed:");
        println!("  {:<16} {billed:>20} of {merchants}", "merchants billed");
        println!("  {:<16} {:>20} won", "to be paid", figure("billingAmount"));
        println!("  {:<16} {}", "begun", closing["startedAt"].as_str().unwrap_or_default());
        println!("  {:<16} {}", "ended", closing["endedAt"].as_str().unwrap_or_default());
    }
    // One that was billed by hand meanwhile is missing here too; either way the operator should look.
    Ok(match billed < merchants {
        true if billed == 0 => ExitCode::FAILURE,
        true => ExitCode::from(3),
        false => ExitCode::SUCCESS,
    })
}

/// A key for this call of the command: it counts once, however often it is sent.
fn key() -> String {
    format!("settle-{:08x}{:08x}", std::process::id(), getrandom::u32().unwrap_or_default())
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} merchants {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// The body of a good answer; what the server refused, under the code that it gave.
fn written(answer: Answer) -> Result<Value> {
    if (200..300).contains(&answer.status) {
        return Ok(answer.json);
    }
    let code = answer.json["code"].as_str().unwrap_or("settle.refused").to_owned();
    Err(Error::new(ErrorKind::Conflict, code, format!("{}: {}", answer.status, answer.detail())))
}
