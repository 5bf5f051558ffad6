//! `onepoint demo`: fills a fresh store with a believable programme, by the public API alone.

mod coupons;
mod people;
mod purchases;
mod story;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use platform::error::{Error, ErrorKind, Result};
use serde_json::json;
use tokio::task::JoinSet;

use crate::client::Client;
use purchases::Goods;
use story::{Settled, Story, Tally, won};

/// Members whose stories are told at the same time.
const AT_ONCE: u64 = 16;
/// Work that was partly done.
const PARTLY: u8 = 3;

/// What to fill, and how.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The running server
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Members who join
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    members: u64,
    /// The same seed tells the same story
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// API key of an operator, if the server asks for one
    #[arg(long, value_name = "API_KEY")]
    key: Option<String>,
    /// Go on although the store already has members
    #[arg(long)]
    force: bool,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Fills the store behind a running server. Exit code 3 if the server has no donations, which are
/// then left out, or if payments were declined.
///
/// # Errors
/// `client.unreachable` without a server, `demo.not_empty` if it has members already, `demo.refused` if it refuses
/// what it should take.
pub fn run(args: &DemoArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::internal("no runtime for the client").caused_by(error))?;
    runtime.block_on(tell(args))
}

async fn tell(args: &DemoArgs) -> Result<ExitCode> {
    let started = Instant::now();
    let client = Client::new(&args.url, args.key.as_deref())?;
    let is_fresh = look_around(&client).await?;
    if !is_fresh && !args.force {
        let message = format!("{} already has members; use a fresh store, or --force to add to it", client.base());
        return Err(Error::new(ErrorKind::Conflict, "demo.not_empty", message));
    }
    // Two runs with the same seed on one store are two stories, so their keys differ.
    let run = format!("demo-{}-{:08x}", args.seed, getrandom::u32().unwrap_or_default());
    let (causes, merchants, campaign, goods) = (Vec::new(), Vec::new(), 0, Goods::default());
    let mut story =
        Story { client, run, seed: args.seed, chooses_numbers: is_fresh, causes, merchants, campaign, goods };
    story.causes = story.open_causes().await?;
    story.merchants = story.open_merchants().await?;
    story.campaign = story.open_campaign().await?;
    story.goods = story.open_goods().await?;
    let tally = everyone(Arc::new(story.clone()), args.members).await?;
    let settled = match &tally.month {
        Some(month) => story.settle(month).await?,
        None => Settled::default(),
    };
    print(args, &story, &tally, &settled, started.elapsed().as_secs_f64())?;
    Ok(if note(&story, &tally).is_some() { ExitCode::from(PARTLY) } else { ExitCode::SUCCESS })
}

/// Whether nobody has joined yet.
async fn look_around(client: &Client) -> Result<bool> {
    let answer = client.get("/members?limit=1").await?;
    if answer.status != 200 {
        return Err(story::refused("the list of members", &answer));
    }
    Ok(answer.json["_embedded"]["members"].as_array().is_none_or(Vec::is_empty))
}

/// Tells every member's story, some at a time.
async fn everyone(story: Arc<Story>, members: u64) -> Result<Tally> {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} eta {eta}")
        .map_err(|error| Error::internal("a progress bar cannot be drawn").caused_by(error))?;
    let bar = ProgressBar::new(members).with_style(style).with_message("members");
    let next = Arc::new(AtomicU64::new(1));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE.min(members) {
        let (story, next, bar) = (Arc::clone(&story), Arc::clone(&next), bar.clone());
        tasks.spawn(async move {
            let mut tally = Tally::default();
            loop {
                let member = next.fetch_add(1, Ordering::Relaxed);
                if member > members {
                    return Ok::<_, Error>(tally);
                }
                story.live(member, &mut tally).await?;
                bar.inc(1);
            }
        });
    }
    let mut all = Tally::default();
    while let Some(ended) = tasks.join_next().await {
        // Dropping the set ends the other tasks too.
        let told = ended.map_err(|error| Error::internal("a story broke off").caused_by(error))?;
        all.add(&told.inspect_err(|_| bar.finish_and_clear())?);
    }
    bar.finish_and_clear();
    Ok(all)
}

/// Addresses worth a look, with what is there.
fn sights(story: &Story, tally: &Tally) -> Vec<(String, &'static str)> {
    let base = story.client.base();
    let mut sights = vec![
        (format!("{base}/docs"), "the whole API, to read and to try"),
        (format!("{base}/members"), "the members"),
        (format!("{base}/points"), "their balances"),
        (format!("{base}/merchants"), "where they buy, and what was agreed with each"),
        (format!("{base}/dashboards/summary"), "what the operator looks at"),
        (format!("{base}/notifications"), "what the operator was told"),
        (
            format!("{base}/coupons?campaignId={}", story.campaign),
            "coupons of a campaign, who has them, which are free",
        ),
        (format!("{base}/memberships"), "paid memberships, and until when they are good"),
        (format!("{base}/gifticons"), "gifticons, and how many pieces are left"),
        (format!("{base}/carts"), "what was bought of them"),
        (format!("{base}/payments"), "how both were paid"),
    ];
    if let Some(member_id) = tally.busiest {
        sights.push((format!("{base}/mypages/{member_id}"), "the page of a busy member"));
        sights.push((format!("{base}/dealDashboards?memberId={member_id}"), "that member's deals"));
    }
    if tally.month.is_some() {
        sights.push((format!("{base}/billings"), "what each merchant is paid for the month"));
    }
    if tally.withdrawn > 0 {
        sights.push((format!("{base}/withdrawals"), "who has left"));
    }
    if !story.causes.is_empty() {
        sights.push((format!("{base}/causes"), "what was given to whom"));
    }
    sights
}

/// What of the story could not be told here.
fn note(story: &Story, tally: &Tally) -> Option<String> {
    let mut notes = Vec::new();
    if story.causes.is_empty() {
        notes.push("this server has no donations; they are left out".to_owned());
    }
    if tally.declined > 0 {
        let declined = tally.declined;
        notes.push(format!("the payments of {declined} carts were declined; GET /payments says why"));
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

fn print(args: &DemoArgs, story: &Story, tally: &Tally, settled: &Settled, seconds: f64) -> Result<()> {
    let sights = sights(story, tally);
    let note = note(story, tally);
    if args.json {
        let look: Vec<&str> = sights.iter().map(|(url, _)| url.as_str()).collect();
        let report = json!({
            "url": story.client.base(), "seed": args.seed, "seconds": (seconds * 10.0).round() / 10.0,
            "joined": tally.joined, "normal": tally.normal, "abnormal": tally.abnormal, "withdrawn": tally.withdrawn,
            "earned": tally.earned, "used": tally.used, "cancelled": tally.cancelled, "adjusted": tally.adjusted,
            "refused": tally.refused, "merchants": story.merchants.len(), "month": tally.month,
            "billed": settled.merchants, "billedPoint": settled.used_point, "billingAmount": settled.paid,
            "causes": story.causes.len(), "donations": tally.donations,
            "campaign": story.campaign, "coupons": tally.coupons, "redeemed": tally.redeemed,
            "products": story.goods.products.len(), "memberships": tally.memberships,
            "gifticons": story.goods.gifticons.len(), "carts": tally.carts, "declined": tally.declined,
            "removed": tally.removed,
            "vouchers": tally.vouchers, "note": note, "look": look,
        });
        let text = serde_json::to_string_pretty(&report);
        println!("{}", text.map_err(|error| Error::internal("the report cannot be written").caused_by(error))?);
        return Ok(());
    }
    println!(
        "{} members joined in {seconds:.1} s: {} NORMAL, {} ABNORMAL; {} of them have left again.",
        tally.joined, tally.normal, tally.abnormal, tally.withdrawn
    );
    println!(
        "{} purchases at {} merchants earned points, {} were paid with points, {} were taken back.",
        tally.earned,
        story.merchants.len(),
        tally.used,
        tally.cancelled
    );
    println!("{} coupons of a campaign went to members, and {} were redeemed.", tally.coupons, tally.redeemed);
    println!(
        "{} memberships were bought and {} carts of gifticons, of which {} were removed; {} vouchers were used.",
        tally.memberships, tally.carts, tally.removed, tally.vouchers
    );
    println!("Balances were adjusted {} times; {} requests were refused by a rule.", tally.adjusted, tally.refused);
    if let Some(month) = &tally.month {
        println!(
            "Month {month} is settled: {} points were used, and {} merchants are paid {} won.",
            won(settled.used_point),
            settled.merchants,
            won(settled.paid)
        );
    }
    if !story.causes.is_empty() {
        println!("{} donations went to {} causes.", tally.donations, story.causes.len());
    }
    if let Some(note) = note {
        println!("Note: {note}.");
    }
    println!("Look next:");
    for (url, what) in sights {
        println!("  {url:<40} {what}");
    }
    Ok(())
}
