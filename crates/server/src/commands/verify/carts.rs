//! How `onepoint verify` looks at carts: at themselves, and at what gifticon and payment say of them.

use app::cart::{Beside, Waiting};
use app::kit::Findings;
use platform::db::Session;
use platform::error::Result;

use super::{before, followed, read_only};
use crate::config::Settings;

/// Looks at cart before the two others, and after what was given back in these, so that what a server does meanwhile is
/// nothing wrong; what is on its way comes with it, in words.
pub(super) fn inspect(
    settings: &Settings,
    session: &mut dyn Session,
    now_ms: i64,
) -> Result<(Findings, Option<String>)> {
    let returned = before(settings, "gifticon", app::gifticon::returned)?;
    let canceled = before(settings, "payment", app::payment::canceled)?;
    let look = |session: &mut dyn Session| Ok((app::cart::standing(session)?, followed(session, "cart<payment")?));
    let (carts, heard) = read_only(session, look)?;
    let (mut findings, waiting) = read_only(session, app::cart::inspect)?;
    let look =
        |session: &mut dyn Session| Ok((app::gifticon::reservations(session)?, followed(session, "gifticon<cart")?));
    let (reservations, kept_to) = before(settings, "gifticon", look)?;
    let look = |session: &mut dyn Session| Ok((app::payment::payments(session)?, followed(session, "payment<cart")?));
    let (paid, paid_to) = before(settings, "payment", look)?;
    let beside = Beside { returned, canceled, heard, reservations, kept_to, paid, paid_to };
    app::cart::compare(&carts, &beside, &mut findings);
    Ok((findings, in_words(waiting, now_ms)))
}

fn in_words(Waiting { unpaid, removing, since_ms }: Waiting, now_ms: i64) -> Option<String> {
    let age_s = (now_ms - since_ms?).max(0) / 1_000;
    Some(format!(
        "carts that wait for payment: {unpaid}, removals that wait for gifticon: {removing}; the oldest for {age_s} s"
    ))
}
