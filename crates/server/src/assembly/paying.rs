//! Context payment in the assembly: who moves the money, whose log it follows, who follows its log.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use app::kit::Kit;
use app::payment::{Conduct, LedgerProvider, Payments, Policy, ProviderQuestions, Providers};
use app::point::PointApi;
use platform::db::Database;
use platform::error::Result;
use platform::log::Scope;
use platform::work::Wake;
use tokio::runtime::Handle;

use super::open::{guard_of, guard_settings};
use super::{App, Purchases, runs};
use crate::config::Settings;
use crate::provider::{CardProvider, card_provider};
use crate::sandbox::Sandbox;

/// How long the worker sleeps when no bell rings: so late at most it sees what is to be tried again.
const IDLE: Duration = Duration::from_millis(500);

/// What purchases are opened in.
pub(super) struct Surroundings<'a> {
    /// Where what waits is waited for.
    pub(super) runtime: &'a Handle,
    /// Point as payment asks it.
    pub(super) point: Arc<dyn PointApi>,
    /// Where the program listens, if it does.
    pub(super) listens: Option<SocketAddr>,
    /// Whether a sandbox may be brought along.
    pub(super) plays: bool,
}

/// Payment, with who moves the money; and the sandbox, if that is inside this process.
pub(super) fn open_payments(
    settings: &Settings,
    kit: &Kit,
    database: Arc<Database>,
    surroundings: Surroundings<'_>,
) -> Result<(Arc<Payments>, Option<Sandbox>)> {
    let Surroundings { point, listens, plays, .. } = surroundings;
    let (conduct, sandbox) = if runs(settings, "payment")? {
        conduct(settings, kit, point, listens.filter(|_| plays))?
    } else {
        (idle(settings, kit, point)?, None)
    };
    Ok((Payments::open(kit.clone(), database, conduct)?, sandbox))
}

/// How payments are made in a process that makes them.
fn conduct(
    settings: &Settings,
    kit: &Kit,
    point: Arc<dyn PointApi>,
    listens: Option<SocketAddr>,
) -> Result<(Conduct, Option<Sandbox>)> {
    let parallel = usize::try_from(settings.int_in("payment.parallel", 1..=1_024)?).unwrap_or(1);
    let mut guard = guard_settings(settings, "payment.time_limit_ms", parallel)?;
    // What fails is a job, which is tried again by and by.
    guard.retries = 0;
    let CardProvider { questions: card, webhook_key, sandbox } = card_provider(settings, listens, guard, &kit.clock)?;
    let policy =
        Policy { give_up_ms: settings.int_in("payment.give_up_s", 1..=604_800)? * 1_000, takes_cards: card.is_some() };
    let points = ledger(settings, kit, point, parallel)?;
    Ok((Conduct { policy, providers: Providers { card, points, parallel }, webhook_key }, sandbox))
}

/// In a process where payment does not run, whatever is set for it: nobody is asked, and nothing is started.
fn idle(settings: &Settings, kit: &Kit, point: Arc<dyn PointApi>) -> Result<Conduct> {
    let policy = Policy { give_up_ms: i64::MAX, takes_cards: false };
    let points = ledger(settings, kit, point, 1)?;
    Ok(Conduct { policy, providers: Providers { card: None, points, parallel: 1 }, webhook_key: None })
}

fn ledger(settings: &Settings, kit: &Kit, point: Arc<dyn PointApi>, parallel: usize) -> Result<ProviderQuestions> {
    let guard = guard_of(settings, ("payment", "point"), parallel, &kit.clock)?;
    Ok(ProviderQuestions { provider: Arc::new(LedgerProvider(point)), guard })
}

impl App {
    /// Starts the threads of payment: its funnel, its worker, and who follows whom.
    pub(super) fn start_payments(&self) -> Result<()> {
        let Purchases { memberships, payments, carts, .. } = &*self.purchases;
        self.run(&payments.funnel, &payments.log)?;
        self.follow(payments.follow_carts(Arc::clone(&carts.log)))?;
        self.follow(payments.follow_memberships(Arc::clone(&memberships.log)))?;
        self.follow(carts.follow_payment(Arc::clone(&payments.log)))?;
        self.follow(memberships.follow_payment(Arc::clone(&payments.log)))?;
        let wake = Wake::Bell(Arc::clone(&payments.log), Scope::Everything, IDLE);
        let (paying, runtime) = (Arc::clone(payments), self.runtime.clone());
        self.work("payment", "payment-worker", wake, move || paying.work(&runtime))
    }
}
