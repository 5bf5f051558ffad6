//! The contexts of purchases: how they are opened, whom they ask, whose log they follow, and what they do by themselves.

use std::sync::Arc;
use std::time::Duration;

use app::cart::{CartApi, Carts, GifticonQuestions, RemoteCarts};
use app::gifticon::{CartQuestions, GifticonApi, Gifticons, RemoteGifticons};
use app::kit::Kit;
use app::{cart, gifticon};
use axum::Router;
use platform::db::Database;
use platform::error::Result;
use platform::fault::Delay;
use platform::guard::Guard;
use platform::log::Log;
use platform::work::Wake;
use tokio::runtime::Handle;
use utoipa_axum::router::OpenApiRouter;

use super::App;
use super::open::{guard, guard_of, peer};
use crate::config::Settings;

/// How long a sweep sleeps when it has found nothing.
const IDLE: Duration = Duration::from_millis(500);

/// The contexts of purchases in this process.
pub struct Purchases {
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
        runtime: &Handle,
    ) -> Result<Arc<Self>> {
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
        Ok(Arc::new(Self { gifticons, cart_questions, carts, gifticon_delay }))
    }

    /// The guards in front of those whom they ask.
    pub(super) fn guards(&self) -> Vec<&Guard> {
        vec![&self.cart_questions.guard, self.carts.gifticon_guard()]
    }

    /// Stops or starts one of them; whether the name is one of theirs.
    pub(super) fn set_running(&self, context: &str, running: bool) -> bool {
        match context {
            "gifticon" => self.gifticons.funnel.set_open(running),
            "cart" => self.carts.funnel.set_open(running),
            _ => return false,
        }
        true
    }

    /// Their logs.
    pub(super) fn logs(&self) -> Vec<Arc<Log>> {
        vec![Arc::clone(&self.gifticons.log), Arc::clone(&self.carts.log)]
    }

    /// Their routes for questions of other processes.
    pub(super) fn internal_routes(&self) -> Router {
        gifticon::http::internal_routes(Arc::clone(&self.gifticons))
            .merge(cart::http::internal_routes(Arc::clone(&self.carts)))
    }

    /// Their routes.
    pub(super) fn routes(&self) -> OpenApiRouter {
        OpenApiRouter::new()
            .merge(gifticon::http::routes(Arc::clone(&self.gifticons)))
            .merge(cart::http::routes(Arc::clone(&self.carts)))
    }

    /// Lets their funnels finish what waits and end.
    pub(super) fn shut_down(&self) {
        self.gifticons.funnel.shut_down();
        self.carts.funnel.shut_down();
    }
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
        let Purchases { gifticons, cart_questions, carts, .. } = &*self.purchases;
        self.funnels.lock().extend([gifticons.funnel.spawn()?, carts.funnel.spawn()?]);
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
        self.give_back_leases(&self.purchases.gifticons.funnel);
        self.give_back_leases(&self.purchases.carts.funnel);
    }
}
