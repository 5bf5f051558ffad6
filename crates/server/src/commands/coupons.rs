//! `onepoint coupons issue`: has the running server make codes of a campaign in advance, and shows how far it is.

use std::process::ExitCode;
use std::time::Duration;

use axum::http::Method;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use platform::error::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::config::Settings;

/// How often a bulk issue is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What can be done about coupons.
#[derive(Debug, Subcommand)]
pub enum CouponsCommand {
    /// Make codes of a campaign, without members; exit code 1 if the campaign was over before all were made
    Issue(IssueArgs),
}

/// What is to be made, and where the server is.
#[derive(Debug, Args)]
pub struct IssueArgs {
    /// The campaign's number
    #[arg(value_name = "CAMPAIGN")]
    campaign: u64,
    /// How many codes
    #[arg(value_name = "COUNT")]
    count: u64,
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

/// Runs the command: 0 when all codes are made, 1 when they are not or the server refuses.
///
/// # Errors
/// A server that does not answer, or what it refused.
pub fn run(settings: &Settings, command: &CouponsCommand) -> Result<ExitCode> {
    let CouponsCommand::Issue(args) = command;
    let url = args.url.clone().unwrap_or_else(|| format!("http://{}", settings.text("listen")));
    let client = Client::new(&url, args.key.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::internal("no runtime for the client").caused_by(error))?;
    runtime.block_on(issue(&client, args))
}

async fn issue(client: &Client, args: &IssueArgs) -> Result<ExitCode> {
    let list = format!("/couponCampaigns/{}/issues", args.campaign);
    let begun = written(client.write(Method::POST, &list, Some(&json!({"count": args.count})), &key()).await?)?;
    let path = format!("{list}/{}", begun["issueId"]);
    let bar = bar(args.count);
    let issue = loop {
        let answer = client.get(&path).await?;
        // A server that is busy or being replaced says so and goes on afterwards.
        if matches!(answer.status, 429 | 503) {
            tokio::time::sleep(answer.retry_after.unwrap_or(LOOK_EVERY)).await;
            continue;
        }
        let issue = written(answer)?;
        bar.set_position(issue["issued"].as_u64().unwrap_or_default());
        if issue["status"] != "RUNNING" {
            break issue;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    bar.finish_and_clear();
    if args.json {
        println!("{issue}");
    } else {
        println!("Bulk issue {} of campaign {}:", issue["issueId"], args.campaign);
        println!("  {:<16} {:>20} of {}", "codes made", issue["issued"].as_i64().unwrap_or_default(), args.count);
        println!("  {:<16} {}", "begun", issue["requestedAt"].as_str().unwrap_or_default());
        println!("  {:<16} {}", "ended", issue["endedAt"].as_str().unwrap_or_default());
        println!("The codes: GET /couponCampaigns/{}/codes", args.campaign);
    }
    Ok(if issue["status"] == "DONE" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A key for this call of the command: it counts once, however often it is sent.
fn key() -> String {
    format!("coupons-{:08x}{:08x}", std::process::id(), getrandom::u32().unwrap_or_default())
}

fn bar(count: u64) -> ProgressBar {
    let bar = ProgressBar::new(count);
    let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} codes {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// The body of a good answer; what the server refused, under the code that it gave.
fn written(answer: Answer) -> Result<Value> {
    if (200..300).contains(&answer.status) {
        return Ok(answer.json);
    }
    let code = answer.json["code"].as_str().unwrap_or("coupons.refused").to_owned();
    Err(Error::new(ErrorKind::Conflict, code, format!("{}: {}", answer.status, answer.detail())))
}
