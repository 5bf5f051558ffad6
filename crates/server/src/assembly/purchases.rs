//! The contexts of purchases: how they are opened, whom they ask, whose log they follow, and what they do by themselves.

use std::sync::Arc;
use std::time::Duration;

use app::cart::{CartApi, Carts, GifticonQuestions, RemoteCarts};
use app::gifticon::{CartQuestions, GifticonApi, Gifticons, RemoteGifticons};
use app::kit::Kit;
use app::membership::{MembershipApi, Memberships, ProductQuestions, RemoteMemberships};
use app::payment::Payments;
use app::product::{MembershipQuestions, ProductApi, Products, RemoteProducts, UnitSweep};
use app::{cart, gifticon, membership, payment, product};
use axum::Router;
use parking_lot::Mutex;
use platform::db::Database;
use platform::error::Result;
use platform::fault::Delay;
use platform::guard::Guard;
use platform::log::Log;
use platform::work::Wake;
use tokio::runtime::Handle;
use utoipa_axum::router::OpenApiRouter;

use super::open::{between, guard, guard_of, peer};
use super::paying::{Surroundings, open_payments};
use super::{App, Betweens, delay};
use crate::config::Settings;
use crate::sandbox::Sandbox;

/// How long a sweep sleeps when it has found nothing.
const IDLE: Duration = Duration::from_millis(500);
/// Purchases of memberships that may ask product at once.
const ASKING_AT_ONCE: usize = 512;

/// The contexts of purchases in this process.
pub struct Purchases {
    /// Context product.
    pub products: Arc<Products>,
    /// Context membership.
    pub memberships: Arc<Memberships>,
    /// Looks after units that nobody claims.
    pub unit_sweep: Arc<UnitSweep>,
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
        betweens: &Betweens,
        surroundings: Surroundings<'_>,
    ) -> Result<Arc<Self>> {
        let runtime = surroundings.runtime;
        let (products, memberships, unit_sweep) = open_memberships(settings, kit, next, (betweens, runtime))?;
        let (payments, sandbox) = open_payments(settings, kit, next()?, surroundings)?;
        let voucher_months = i32::try_from(settings.int_in("gifticon.voucher_months", 1..=1_200)?).unwrap_or(12);
        let gifticons = Gifticons::open(kit.clone(), next()?, gifticon::Policy { voucher_months })?;
        let gifticon_delay = delay(settings, "gifticon.delay")?;
        let capacity = usize::try_from(settings.int_in("cart.capacity", 1..=100_000)?).unwrap_or(1);
        let questions = GifticonQuestions {
            api: between(betweens.cart_and_gifticon.clone(), gifticon_api(settings, &gifticons)?),
            // Carts have their own limit in front; what was let in is to be asked.
            guard: guard_of(settings, ("cart", "gifticon"), capacity, &kit.clock)?,
            removals: guard(settings, ("cart_removal", "gifticon"), &kit.clock)?,
            delay: Arc::clone(&gifticon_delay),
        };
        let carts = Carts::open(kit.clone(), next()?, capacity, questions)?;
        let cart_questions = Arc::new(CartQuestions {
            api: cart_api(settings, &carts)?,
            guard: guard(settings, ("gifticon", "cart"), &kit.clock)?,
            runtime: runtime.clone(),
        });
        Ok(Arc::new(Self {
            products,
            memberships,
            unit_sweep,
            payments,
            sandbox: Mutex::new(sandbox),
            gifticons,
            cart_questions,
            carts,
            gifticon_delay,
        }))
    }

    /// The guards in front of those whom they ask.
    pub(super) fn guards(&self) -> Vec<&Guard> {
        let mut guards = vec![
            self.memberships.product_guard(),
            self.unit_sweep.membership_guard(),
            &self.cart_questions.guard,
            self.carts.gifticon_guard(),
            self.carts.removal_guard(),
        ];
        guards.extend(self.payments.guards());
        guards
    }

    /// Stops or starts one of them; whether the name is one of theirs.
    pub(super) fn set_running(&self, context: &str, running: bool) -> bool {
        match context {
            "product" => self.products.funnel.set_open(running),
            "membership" => self.memberships.funnel.set_open(running),
            "payment" => self.payments.funnel.set_open(running),
            "gifticon" => self.gifticons.funnel.set_open(running),
            "cart" => self.carts.funnel.set_open(running),
            _ => return false,
        }
        true
    }

    /// Their logs.
    pub(super) fn logs(&self) -> Vec<Arc<Log>> {
        let memberships = [&self.products.log, &self.memberships.log, &self.payments.log];
        memberships.into_iter().chain([&self.gifticons.log, &self.carts.log]).map(Arc::clone).collect()
    }

    /// Their routes for questions of other processes.
    pub(super) fn internal_routes(&self) -> Router {
        product::http::internal_routes(Arc::clone(&self.products))
            .merge(membership::http::internal_routes(Arc::clone(&self.memberships)))
            .merge(gifticon::http::internal_routes(Arc::clone(&self.gifticons)))
            .merge(cart::http::internal_routes(Arc::clone(&self.carts)))
    }

    /// Their routes.
    pub(super) fn routes(&self) -> OpenApiRouter {
        OpenApiRouter::new()
            .merge(product::http::routes(Arc::clone(&self.products)))
            .merge(membership::http::routes(Arc::clone(&self.memberships)))
            .merge(payment::http::routes(Arc::clone(&self.payments)))
            .merge(gifticon::http::routes(Arc::clone(&self.gifticons)))
            .merge(cart::http::routes(Arc::clone(&self.carts)))
    }

    /// Lets their funnels finish what waits and end.
    pub(super) fn shut_down(&self, runtime: &Handle) {
        self.payments.finish_work(runtime);
        // What is charged after this is charged by nobody.
        drop(self.sandbox.lock().take());
        self.products.funnel.shut_down();
        self.memberships.funnel.shut_down();
        self.payments.funnel.shut_down();
        self.gifticons.funnel.shut_down();
        self.carts.funnel.shut_down();
    }
}

/// Product, membership, and what looks after units that nobody claims.
fn open_memberships(
    settings: &Settings,
    kit: &Kit,
    next: &mut dyn FnMut() -> Result<Arc<Database>>,
    (betweens, runtime): (&Betweens, &Handle),
) -> Result<(Arc<Products>, Arc<Memberships>, Arc<UnitSweep>)> {
    let months = settings.int_in("membership.months", 1..=1_200)?;
    let products = Products::open(kit.clone(), next()?, product::Policy { months })?;
    let questions = ProductQuestions {
        api: between(betweens.membership_and_product.clone(), product_api(settings, &products)?),
        guard: guard_of(settings, ("membership", "product"), ASKING_AT_ONCE, &kit.clock)?,
    };
    let policy = membership::Policy { refund_days: settings.int_in("membership.refund_days", 0..=36_500)? };
    let memberships = Memberships::open(kit.clone(), next()?, policy, questions)?;
    let questions = MembershipQuestions {
        api: membership_api(settings, &memberships)?,
        guard: guard(settings, ("product", "membership"), &kit.clock)?,
        runtime: runtime.clone(),
    };
    let unit_sweep = UnitSweep::new(&products, questions);
    Ok((products, memberships, unit_sweep))
}

/// Product as others ask it: here, or in another process.
fn product_api(settings: &Settings, here: &Arc<Products>) -> Result<Arc<dyn ProductApi>> {
    Ok(match peer(settings, "product")? {
        Some(peer) => Arc::new(RemoteProducts(peer)),
        None => Arc::clone(here) as Arc<dyn ProductApi>,
    })
}

/// Membership as others ask it: here, or in another process.
fn membership_api(settings: &Settings, here: &Arc<Memberships>) -> Result<Arc<dyn MembershipApi>> {
    Ok(match peer(settings, "membership")? {
        Some(peer) => Arc::new(RemoteMemberships(peer)),
        None => Arc::clone(here) as Arc<dyn MembershipApi>,
    })
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
        self.start_memberships()?;
        self.start_payments()?;
        let Purchases { gifticons, cart_questions, carts, .. } = &*self.purchases;
        self.run(&gifticons.funnel, &gifticons.log)?;
        self.run(&carts.funnel, &carts.log)?;
        self.follow(gifticons.follow_carts(Arc::clone(&carts.log)))?;
        let mut sweep = gifticons.sweep(Arc::clone(cart_questions));
        self.work("gifticon", "gifticon-sweep", Wake::Pause(IDLE), move || sweep.step())?;
        let mut expiry = gifticons.voucher_expiry();
        self.work("gifticon", gifticon::EXPIRY_JOB, Wake::Pause(IDLE), move || expiry.step())?;
        let (removing, runtime) = (Arc::clone(carts), self.runtime.clone());
        self.work("cart", "cart-sweep", Wake::Pause(IDLE), move || removing.sweep(&runtime))
    }

    /// Starts the threads of products and memberships.
    fn start_memberships(&self) -> Result<()> {
        let Purchases { products, memberships, unit_sweep, .. } = &*self.purchases;
        self.run(&products.funnel, &products.log)?;
        self.run(&memberships.funnel, &memberships.log)?;
        self.follow(products.follow_memberships(Arc::clone(&memberships.log)))?;
        let sweep = Arc::clone(unit_sweep);
        self.work("product", "unit-sweep", Wake::Pause(IDLE), move || sweep.step())?;
        let expiring = Arc::clone(memberships);
        self.work("membership", "membership-expiry", Wake::Pause(IDLE), move || expiring.expire_due())
    }

    /// Gives back the leases of purchases.
    pub(super) fn give_back_leases_of_purchases(&self) {
        self.give_back_leases(&self.purchases.products.funnel);
        self.give_back_leases(&self.purchases.memberships.funnel);
        self.give_back_leases(&self.purchases.payments.funnel);
        self.give_back_leases(&self.purchases.gifticons.funnel);
        self.give_back_leases(&self.purchases.carts.funnel);
    }
}
