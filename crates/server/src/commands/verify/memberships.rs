//! How `onepoint verify` looks at memberships: at themselves, and at what product and payment say of them.

use app::kit::Findings;
use app::membership::Beside;
use app::product::KnownUnits;
use platform::db::Session;
use platform::error::Result;

use super::{before, followed, read_only};
use crate::config::Settings;

/// Looks at membership before payment, and after what was given back there, so that what a server does meanwhile is
/// nothing wrong.
pub(super) fn inspect(settings: &Settings, session: &mut dyn Session, units: &KnownUnits) -> Result<Findings> {
    let canceled = before(settings, "payment", app::payment::canceled)?;
    let look =
        |session: &mut dyn Session| Ok((app::membership::standing(session)?, followed(session, "membership<payment")?));
    let (memberships, heard) = read_only(session, look)?;
    let mut findings = read_only(session, |session| app::membership::inspect(session, units))?;
    let look =
        |session: &mut dyn Session| Ok((app::payment::payments(session)?, followed(session, "payment<membership")?));
    let (paid, paid_to) = before(settings, "payment", look)?;
    let beside = Beside { canceled, heard, paid, paid_to };
    app::membership::compare(&memberships, &beside, &mut findings);
    Ok(findings)
}
