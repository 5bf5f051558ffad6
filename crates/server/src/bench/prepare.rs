//! `bench prepare`: joins members 1..=N by the API, waits until the whole system has taken them in, and opens the
//! gifticons of the cart profiles. Repeatable.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;

use super::carts;
use super::connection::Connection;
use super::meter::server_figures;
use super::request::{Keys, RequestWriter, push_number};
use super::source::{PHONE_NUMBERS, join_body};
use super::target::Target;

/// Odd and no multiple of 5, so that multiplying modulo 10^8 gives each member another phone number.
const PHONE_STEP: u64 = 61_803_399;
/// A join is tried so often while the server says that it is busy.
const TRIES_MAX: u32 = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(200);
/// So many of the last members are looked at to see whether all are NORMAL.
const LOOKED_AT: u64 = 16;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Consumers less far behind than this have caught up.
const LAG_DONE_S: f64 = 0.2;
/// Transactions in one request, when points are given; the most that a request may carry.
const GIVEN_AT_ONCE: usize = 1_000;
/// Joins that are not NORMAL, or consumers that have not caught up, after this long are a failure.
const SETTLE_MAX: Duration = Duration::from_secs(900);

struct Joining {
    target: Target,
    writer: RequestWriter,
    members: u64,
    next: AtomicU64,
    joined: AtomicU64,
    existing: AtomicU64,
    progress: ProgressBar,
}

/// Joins members 1..=`members` over so many connections, waits until they can be used, and gives each of them so many
/// points if any are asked for.
pub(super) async fn prepare(
    target: &Target,
    members: u64,
    connections: usize,
    points: Option<u64>,
    keys: &Keys,
) -> Result<(), String> {
    let started = Instant::now();
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} eta {eta}")
        .map_err(|cause| cause.to_string())?;
    let joining = Arc::new(Joining {
        target: target.clone(),
        writer: RequestWriter::new(target, keys.clone()),
        members,
        next: AtomicU64::new(1),
        joined: AtomicU64::new(0),
        existing: AtomicU64::new(0),
        progress: ProgressBar::new(members).with_style(style).with_message("joining"),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let connection = Connection::open(target.address).await?;
        tasks.spawn(join_members(Arc::clone(&joining), connection));
    }
    while let Some(ended) = tasks.join_next().await {
        // Dropping the set ends the other connections too.
        ended.map_err(|cause| format!("joining stopped: {cause}"))??;
    }
    joining.progress.set_message("waiting for NORMAL and for consumers");
    let mut ready = settle(&joining).await;
    if let (Ok(()), Some(points)) = (&ready, points) {
        joining.progress.set_message("giving points");
        ready = give_points(&joining, points).await;
        if ready.is_ok() {
            ready = settle(&joining).await;
        }
    }
    joining.progress.finish_and_clear();
    ready?;
    let opened = carts::open(target, &joining.writer).await?;
    let (joined, existing) = (joining.joined.load(Ordering::Relaxed), joining.existing.load(Ordering::Relaxed));
    eprintln!(
        "prepared {members} members in {:.1} s: {joined} joined, {existing} were there; opened {opened} gifticons",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

async fn join_members(joining: Arc<Joining>, mut connection: Connection) -> Result<(), String> {
    let (mut request, mut body) = (Vec::new(), Vec::new());
    loop {
        let member = joining.next.fetch_add(1, Ordering::Relaxed);
        if member > joining.members {
            return Ok(());
        }
        join_body(&mut body, Some(member), phone_of(member), member);
        // One key for all tries: a join whose answer was lost is not done twice.
        joining.writer.post(&mut request, b"/members", Some(joining.writer.keys().take()), &body);
        join_member(&joining, &mut connection, member, &request).await?;
        joining.progress.inc(1);
    }
}

async fn join_member(
    joining: &Joining,
    connection: &mut Connection,
    member: u64,
    request: &[u8],
) -> Result<(), String> {
    let mut last = String::new();
    for _ in 0..TRIES_MAX {
        if connection.is_closed() {
            *connection = Connection::open(joining.target.address).await?;
        }
        match connection.ask(request).await {
            Ok(answer) => match answer.status {
                201 => {
                    joining.joined.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                409 => {
                    joining.existing.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                status => {
                    last = format!("answer {status}: {}", String::from_utf8_lossy(answer.body));
                    if status != 503 && status != 429 {
                        break;
                    }
                }
            },
            Err(cause) => last = cause,
        }
        tokio::time::sleep(BUSY_PAUSE).await;
    }
    Err(format!("member {member} could not join: {last}"))
}

/// Gives every member so many points, in requests of many transactions.
async fn give_points(joining: &Joining, points: u64) -> Result<(), String> {
    let mut connection = Connection::open(joining.target.address).await?;
    let (mut request, mut body) = (Vec::new(), Vec::new());
    for first in (1..=joining.members).step_by(GIVEN_AT_ONCE) {
        let members = first..=joining.members.min(first + GIVEN_AT_ONCE as u64 - 1);
        let count = members.clone().count();
        earn_body(&mut body, members, points, joining.writer.keys());
        joining.writer.post(&mut request, b"/points/transactions", None, &body);
        let answer = connection.ask(&request).await?;
        let text = String::from_utf8_lossy(answer.body);
        let given = text.matches("{\"status\":201").count();
        if answer.status != 200 || given != count {
            let text: String = text.chars().take(400).collect();
            return Err(format!("{given} of {count} members got points: answer {} {text}", answer.status));
        }
    }
    Ok(())
}

/// Replaces `body` by an earning of each of these members.
fn earn_body(body: &mut Vec<u8>, members: RangeInclusive<u64>, points: u64, keys: &Keys) {
    body.clear();
    for member in members {
        body.extend_from_slice(if body.is_empty() { b"{\"transactions\":[" } else { b"," });
        body.extend_from_slice(b"{\"memberId\":");
        push_number(body, member);
        body.extend_from_slice(b",\"key\":\"");
        keys.push(body, keys.take());
        body.extend_from_slice(b"\",\"kind\":\"EARN\",\"amount\":");
        push_number(body, points);
        body.push(b'}');
    }
    body.extend_from_slice(b"]}");
}

fn phone_of(member: u64) -> u64 {
    (member % PHONE_NUMBERS) * PHONE_STEP % PHONE_NUMBERS
}

/// Waits until the last members are NORMAL, have a point account, and no consumer is behind.
async fn settle(joining: &Joining) -> Result<(), String> {
    let started = Instant::now();
    loop {
        let Some(reason) = unsettled(joining).await? else { return Ok(()) };
        if started.elapsed() > SETTLE_MAX {
            return Err(format!("still not ready after {} s: {reason}", SETTLE_MAX.as_secs()));
        }
        joining.progress.set_message(format!("waiting: {reason}"));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is still missing; `None` if nothing is. An error if waiting cannot help.
async fn unsettled(joining: &Joining) -> Result<Option<String>, String> {
    let mut connection = Connection::open(joining.target.address).await?;
    let mut request = Vec::new();
    for member in (1..=joining.members).rev().take(LOOKED_AT as usize) {
        joining.writer.get(&mut request, format!("/members/{member}").as_bytes());
        let answer = connection.ask(&request).await?;
        let body: serde_json::Value = serde_json::from_slice(answer.body).unwrap_or_default();
        match (answer.status, body["memberStatus"].as_str()) {
            (200, Some("NORMAL")) => {}
            (200, Some("READY")) | (503 | 429, _) => return Ok(Some(format!("member {member} is not NORMAL yet"))),
            (status, found) => return Err(format!("member {member} cannot be used: {status} {}", found.unwrap_or(""))),
        }
        joining.writer.get(&mut request, format!("/points/{member}").as_bytes());
        if connection.ask(&request).await?.status != 200 {
            return Ok(Some(format!("member {member} has no point account yet")));
        }
    }
    let lag_s = server_figures(&joining.target, &joining.writer).await?.lag_s;
    Ok((lag_s >= LAG_DONE_S).then(|| format!("consumers are {lag_s:.1} s behind")))
}

#[cfg(test)]
mod tests {
    use super::super::request::Random;
    use super::*;

    #[test]
    fn points_are_given_to_each_member_under_a_key_of_its_own() {
        let (mut body, keys) = (Vec::new(), Keys::new(&mut Random::from_environment()));
        earn_body(&mut body, 4..=6, 500, &keys);
        let body: serde_json::Value = serde_json::from_slice(&body).expect("the body is JSON");
        let items = body["transactions"].as_array().expect("a list");
        let members: Vec<_> = items.iter().map(|item| item["memberId"].as_u64().unwrap_or_default()).collect();
        let different: std::collections::HashSet<_> = items.iter().filter_map(|item| item["key"].as_str()).collect();
        assert_eq!((members, different.len()), (vec![4, 5, 6], 3));
        assert!(items.iter().all(|item| item["kind"] == "EARN" && item["amount"] == 500));
    }

    #[test]
    fn every_member_has_a_phone_number_of_its_own() {
        let phones: std::collections::HashSet<u64> = (1..=200_000).map(phone_of).collect();
        assert_eq!(phones.len(), 200_000);
        assert!(phones.iter().all(|&phone| phone < PHONE_NUMBERS));
        const { assert!(PHONE_STEP % 2 == 1 && !PHONE_STEP.is_multiple_of(5), "or numbers repeat further on") };
    }
}
