//! How `onepoint verify` looks at carts: at themselves, and at what gifticon and payment say of them.

use app::cart::Waiting;
use app::kit::Findings;
use platform::db::Session;
use platform::error::Result;

use super::{before, read_only};
use crate::config::Settings;

/// Looks at cart first and at the two others after it, so that what a server does meanwhile is nothing wrong; what is on
/// its way comes with it, in words.
pub(super) fn inspect(
    settings: &Settings,
    session: &mut dyn Session,
    now_ms: i64,
) -> Result<(Findings, Option<String>)> {
    let carts = read_only(session, app::cart::standing)?;
    let (mut findings, waiting) = read_only(session, app::cart::inspect)?;
    let reservations = before(settings, "gifticon", app::gifticon::reservations)?;
    let payments = before(settings, "payment", app::payment::payments)?;
    app::cart::compare(&carts, &reservations, &payments, &mut findings);
    Ok((findings, in_words(waiting, now_ms)))
}

fn in_words(Waiting { unpaid, removing, since_ms }: Waiting, now_ms: i64) -> Option<String> {
    let age_s = (now_ms - since_ms?).max(0) / 1_000;
    Some(format!(
        "carts that wait for payment: {unpaid}, removals that wait for gifticon: {removing}; the oldest for {age_s} s"
    ))
}
