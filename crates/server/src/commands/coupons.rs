//! `onepoint coupons issue`: has the running server make codes of a campaign in advance, and shows how far it is.

use std::process::ExitCode;
use std::time::Duration;

use axum::http::Method;
use clap::{Args, Subcommand};
use platform::error::{Error, Result};
use serde_json::json;

use super::asking::{bar, key, written};
use crate::client::Client;
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
    let begun = written(
        client.write(Method::POST, &list, Some(&json!({"count": args.count})), &key("coupons")).await?,
        "coupons",
    )?;
    let path = format!("{list}/{}", begun["issueId"]);
    let bar = bar(args.count, "codes");
    let issue = loop {
        let issue = written(client.look(&path).await?, "coupons")?;
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
