//! The contexts of purchases: how they are opened, whom they ask, whose log they follow, and what they do by themselves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use app::cart::{CartApi, Carts, GifticonQuestions, RemoteCarts};
use app::gifticon::{CartQuestions, GifticonApi, Gifticons, RemoteGifticons};
use app::kit::Kit;
use app::payment::{self, LedgerProvider, Payments, ProviderQuestions, Providers};
use app::point::PointApi;
use app::{cart, gifticon};
use axum::Router;
use parking_lot::Mutex;
use platform::db::Database;
use platform::error::Result;
use platform::fault::Delay;
use platform::guard::Guard;
use platform::log::{Log, Scope};
use platform::work::Wake;
use tokio::runtime::Handle;
use utoipa_axum::router::OpenApiRouter;

use super::App;
use super::open::{guard, guard_of, guard_settings, peer};
use crate::config::Settings;
use crate::provider::{CardProvider, card_provider};
use crate::sandbox::Sandbox;

/// How long a sweep sleeps when it has found nothing.
const IDLE: Duration = Duration::from_millis(500);

/// The contexts of purchases in this process.
pub struct Purchases {
    /// Context payment.
    pub payments: Arc<Payments>,
    /// The provider for cards, if it is the sandbox inside this process.
    sandbox: Mutex<Option<Sandbox>>,
    /// Context gifticon.
    pub gifticons: Arc<Gifticons>,
    /// How gifticon asks cart.
    pub cart_questions: Arc<CartQuestions>,
    /// Context cart.
    pub carts: Arc<Carts>,
    /// Fault injection in front of gifticon, where cart asks it.
    pub gifticon_delay: Arc<Delay>,
}

impl Purchases {
    /// Opens them, each on the next store.
    pub(super) fn open(
        settings: &Settings,
        kit: &Kit,
        next: &mut dyn FnMut() -> Result<Arc<Database>>,
        (runtime, point, listens): (&Handle, Arc<dyn PointApi>, Option<SocketAddr>),
    ) -> Result<Arc<Self>> {
        let (payments, sandbox) = open_payments(settings, kit, next()?, (point, listens))?;
        let voucher_months = i32::try_from(settings.int_in("gifticon.voucher_months", 1..=1_200)?).unwrap_or(12);
        let gifticons = Gifticons::open(kit.clone(), next()?, gifticon::Policy { voucher_months })?;
        let gifticon_delay = Arc::new(Delay::default());
        gifticon_delay.set(settings.millis_range("gifticon.delay")?);
        let capacity = usize::try_from(settings.int_in("carts.capacity", 1..=100_000)?).unwrap_or(1);
        let questions = GifticonQuestions {
            api: gifticon_api(settings, &gifticons)?,
            // Carts have their own limit in front; what was let in is to be asked.
            guard: guard_of(settings, ("cart", "gifticon"), capacity, &kit.clock)?,
            delay: Arc::clone(&gifticon_delay),
        };
        let carts = Carts::open(kit.clone(), next()?, capacity, questions)?;
        let cart_questions = Arc::new(CartQuestions {
            api: cart_api(settings, &carts)?,
            guard: guard(settings, ("gifticon", "cart"), &kit.clock)?,
            runtime: runtime.clone(),
        });
        Ok(Arc::new(Self { payments, sandbox: Mutex::new(sandbox), gifticons, cart_questions, carts, gifticon_delay }))
    }

    /// The guards in front of those whom they ask.
    pub(super) fn guards(&self) -> Vec<&Guard> {
        let mut guards = vec![&self.cart_questions.guard, self.carts.gifticon_guard()];
        guards.extend(self.payments.guards());
        guards
    }

    /// Stops or starts one of them; whether the name is one of theirs.
    pub(super) fn set_running(&self, context: &str, running: bool) -> bool {
        match context {
            "payment" => self.payments.funnel.set_open(running),
            "gifticon" => self.gifticons.funnel.set_open(running),
            "cart" => self.carts.funnel.set_open(running),
            _ => return false,
        }
        true
    }

    /// Their logs.
    pub(super) fn logs(&self) -> Vec<Arc<Log>> {
        vec![Arc::clone(&self.payments.log), Arc::clone(&self.gifticons.log), Arc::clone(&self.carts.log)]
    }

    /// Their routes for questions of other processes.
    pub(super) fn internal_routes(&self) -> Router {
        gifticon::http::internal_routes(Arc::clone(&self.gifticons))
            .merge(cart::http::internal_routes(Arc::clone(&self.carts)))
    }

    /// Their routes.
    pub(super) fn routes(&self) -> OpenApiRouter {
        OpenApiRouter::new()
            .merge(payment::http::routes(Arc::clone(&self.payments)))
            .merge(gifticon::http::routes(Arc::clone(&self.gifticons)))
            .merge(cart::http::routes(Arc::clone(&self.carts)))
    }

    /// Lets their funnels finish what waits and end.
    pub(super) fn shut_down(&self, runtime: &Handle) {
        self.payments.finish_work(runtime);
        // What is charged after this is charged by nobody.
        drop(self.sandbox.lock().take());
        self.payments.funnel.shut_down();
        self.gifticons.funnel.shut_down();
        self.carts.funnel.shut_down();
    }
}

/// Payment, with who moves the money; and the sandbox, if that is inside this process.
fn open_payments(
    settings: &Settings,
    kit: &Kit,
    database: Arc<Database>,
    (point, listens): (Arc<dyn PointApi>, Option<SocketAddr>),
) -> Result<(Arc<Payments>, Option<Sandbox>)> {
    let parallel = usize::try_from(settings.int_in("payment.parallel", 1..=1_024)?).unwrap_or(1);
    let mut guard = guard_settings(settings, "payment.time_limit_ms", parallel)?;
    // What fails is a job, which is tried again by and by.
    guard.retries = 0;
    let CardProvider { questions: card, webhook_key, sandbox } = card_provider(settings, listens, guard, &kit.clock)?;
    let policy = payment::Policy {
        give_up_ms: settings.int_in("payment.give_up_s", 1..=604_800)? * 1_000,
        takes_cards: card.is_some(),
    };
    let points = ProviderQuestions {
        provider: Arc::new(LedgerProvider(point)),
        guard: guard_of(settings, ("payment", "point"), parallel, &kit.clock)?,
    };
    let conduct = payment::Conduct { policy, providers: Providers { card, points, parallel }, webhook_key };
    Ok((Payments::open(kit.clone(), database, conduct)?, sandbox))
}

/// Gifticon as others ask it: here, or in another process.
fn gifticon_api(settings: &Settings, here: &Arc<Gifticons>) -> Result<Arc<dyn GifticonApi>> {
    Ok(match peer(settings, "gifticon")? {
        Some(peer) => Arc::new(RemoteGifticons(peer)),
        None => Arc::clone(here) as Arc<dyn GifticonApi>,
    })
}

/// Cart as others ask it: here, or in another process.
fn cart_api(settings: &Settings, here: &Arc<Carts>) -> Result<Arc<dyn CartApi>> {
    Ok(match peer(settings, "cart")? {
        Some(peer) => Arc::new(RemoteCarts(peer)),
        None => Arc::clone(here) as Arc<dyn CartApi>,
    })
}

impl App {
    /// Starts the threads of purchases: funnels, consumers, sweeps.
    pub(super) fn start_purchases(&self) -> Result<()> {
        let Purchases { payments, gifticons, cart_questions, carts, .. } = &*self.purchases;
        self.funnels.lock().extend([payments.funnel.spawn()?, gifticons.funnel.spawn()?, carts.funnel.spawn()?]);
        self.follow(payments.follow_carts(Arc::clone(&carts.log)))?;
        self.follow(carts.follow_payment(Arc::clone(&payments.log)))?;
        let wake = Wake::Bell(Arc::clone(&payments.log), Scope::Everything, IDLE);
        let (paying, runtime) = (Arc::clone(payments), self.runtime.clone());
        self.workers.spawn("payment-worker".to_owned(), wake, move || paying.work(&runtime))?;
        self.follow(gifticons.follow_carts(Arc::clone(&carts.log)))?;
        let mut sweep = gifticons.sweep(Arc::clone(cart_questions));
        self.workers.spawn("gifticon-sweep".to_owned(), Wake::Pause(IDLE), move || sweep.step())?;
        let mut expiry = gifticons.voucher_expiry();
        self.workers.spawn(gifticon::EXPIRY_JOB.to_owned(), Wake::Pause(IDLE), move || expiry.step())?;
        let (removing, runtime) = (Arc::clone(carts), self.runtime.clone());
        self.workers.spawn("cart-sweep".to_owned(), Wake::Pause(IDLE), move || removing.sweep(&runtime))
    }

    /// Gives back the leases of purchases.
    pub(super) fn give_back_leases_of_purchases(&self) {
        self.give_back_leases(&self.purchases.payments.funnel);
        self.give_back_leases(&self.purchases.gifticons.funnel);
        self.give_back_leases(&self.purchases.carts.funnel);
    }
}
