//! The contexts of purchases: how they are opened, whom they ask, whose log they follow, and what they do by themselves.

use std::sync::Arc;
use std::time::Duration;

use app::kit::Kit;
use app::membership::{MembershipApi, Memberships, ProductQuestions, RemoteMemberships};
use app::product::{MembershipQuestions, ProductApi, Products, RemoteProducts, UnitSweep};
use app::{membership, product};
use axum::Router;
use platform::db::Database;
use platform::error::Result;
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
}

impl Purchases {
    /// Opens them, each on the next store.
    pub(super) fn open(
        settings: &Settings,
        kit: &Kit,
        next: &mut dyn FnMut() -> Result<Arc<Database>>,
        runtime: &Handle,
    ) -> Result<Arc<Self>> {
        let months = settings.int_in("membership.months", 1..=1_200)?;
        let products = Products::open(kit.clone(), next()?, product::Policy { months })?;
        let questions = ProductQuestions {
            api: product_api(settings, &products)?,
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
        Ok(Arc::new(Self { products, memberships, unit_sweep }))
    }

    /// The guards in front of those whom they ask.
    pub(super) fn guards(&self) -> Vec<&Guard> {
        vec![self.memberships.product_guard(), self.unit_sweep.membership_guard()]
    }

    /// Stops or starts one of them; whether the name is one of theirs.
    pub(super) fn set_running(&self, context: &str, running: bool) -> bool {
        match context {
            "product" => self.products.funnel.set_open(running),
            "membership" => self.memberships.funnel.set_open(running),
            _ => return false,
        }
        true
    }

    /// Their logs.
    pub(super) fn logs(&self) -> Vec<Arc<Log>> {
        vec![Arc::clone(&self.products.log), Arc::clone(&self.memberships.log)]
    }

    /// Their routes for questions of other processes.
    pub(super) fn internal_routes(&self) -> Router {
        product::http::internal_routes(Arc::clone(&self.products))
            .merge(membership::http::internal_routes(Arc::clone(&self.memberships)))
    }

    /// Their routes.
    pub(super) fn routes(&self) -> OpenApiRouter {
        OpenApiRouter::new()
            .merge(product::http::routes(Arc::clone(&self.products)))
            .merge(membership::http::routes(Arc::clone(&self.memberships)))
    }

    /// Lets their funnels finish what waits and end.
    pub(super) fn shut_down(&self) {
        self.products.funnel.shut_down();
        self.memberships.funnel.shut_down();
    }
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

impl App {
    /// Starts the threads of purchases: funnels, consumers, sweeps.
    pub(super) fn start_purchases(&self) -> Result<()> {
        let Purchases { products, memberships, unit_sweep } = &*self.purchases;
        self.funnels.lock().extend([products.funnel.spawn()?, memberships.funnel.spawn()?]);
        self.follow(products.follow_memberships(Arc::clone(&memberships.log)))?;
        let sweep = Arc::clone(unit_sweep);
        self.workers.spawn("unit-sweep".to_owned(), Wake::Pause(IDLE), move || sweep.step())?;
        let expiring = Arc::clone(memberships);
        self.workers.spawn("membership-expiry".to_owned(), Wake::Pause(IDLE), move || expiring.expire_due())
    }

    /// Gives back the leases of purchases.
    pub(super) fn give_back_leases_of_purchases(&self) {
        self.give_back_leases(&self.purchases.products.funnel);
        self.give_back_leases(&self.purchases.memberships.funnel);
    }
}
