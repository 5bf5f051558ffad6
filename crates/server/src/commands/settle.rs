//! `onepoint settle`: has the running server close a month, and shows how far it is.

use std::process::ExitCode;
use std::time::Duration;

use axum::http::Method;
use clap::Args;
use platform::error::{Error, Result};
use serde_json::json;

use super::asking::{bar, key, written};
use crate::client::Client;
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
    let billing = written(client.write(Method::POST, "/billings", Some(&body), &key("settle")).await?, "settle")?;
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
    written(client.write(Method::POST, "/closings", Some(&body), &key("settle")).await?, "settle")?;
    let bar = bar(0, "merchants");
    let closing = loop {
        let closing = written(client.look(&format!("/closings/{month}")).await?, "settle")?;
        bar.set_length(closing["merchants"].as_u64().unwrap_or_default());
        bar.set_position(closing["billed"].as_u64().unwrap_or_default());
        if closing["status"] == "DONE" {
            break closing;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    bar.finish_and_clear();
    let figure = |name: &str| closing[name].as_i64().unwrap_or_default();
    let (merchants, billed, failed) = (figure("merchants"), figure("billed"), figure("failed"));
    if args.json {
        println!("{closing}");
    } else {
        println!("Month {month} is closed:");
        println!("  {:<16} {billed:>20} of {merchants}", "merchants billed");
        println!("  {:<16} {failed:>20}", "failed");
        println!("  {:<16} {:>20} won", "to be paid", figure("billingAmount"));
        println!("  {:<16} {}", "begun", closing["startedAt"].as_str().unwrap_or_default());
        println!("  {:<16} {}", "ended", closing["endedAt"].as_str().unwrap_or_default());
    }
    Ok(match (billed, failed) {
        (_, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::FAILURE,
        _ => ExitCode::from(3),
    })
}
