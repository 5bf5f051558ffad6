//! The contexts of purchases: opening them, their threads, and how they end.

use std::sync::Arc;

use app::gifticon::{self, Gifticons};
use app::kit::Kit;
use axum::Router;
use platform::db::Database;
use platform::error::Result;
use platform::fault::Delay;
use platform::log::Log;
use platform::work::Wake;
use utoipa_axum::router::OpenApiRouter;

use super::App;
use super::threads::IDLE;
use crate::config::Settings;

/// The contexts of purchases.
pub struct Purchases {
    /// Context gifticon.
    pub gifticons: Arc<Gifticons>,
    /// Fault injection in front of gifticon, where cart asks it.
    pub gifticon_delay: Arc<Delay>,
}

impl Purchases {
    /// Opens them on their stores, which come in the order of the contexts.
    pub(super) fn open(
        settings: &Settings,
        kit: &Kit,
        next: &mut dyn FnMut() -> Result<Arc<Database>>,
    ) -> Result<Self> {
        let gifticon_delay = Arc::new(Delay::default());
        gifticon_delay.set(settings.millis_range("gifticon.delay")?);
        let gifticons = open_gifticons(settings, kit, next()?)?;
        Ok(Self { gifticons, gifticon_delay })
    }

    /// Stops or starts a context; whether it is one of these.
    pub(super) fn set_running(&self, context: &str, running: bool) -> bool {
        match context {
            "gifticon" => self.gifticons.funnel.set_open(running),
            _ => return false,
        }
        true
    }

    pub(super) fn logs(&self) -> Vec<Arc<Log>> {
        vec![Arc::clone(&self.gifticons.log)]
    }

    pub(super) fn internal_routes(&self) -> Router {
        gifticon::http::internal_routes(Arc::clone(&self.gifticons))
    }

    pub(super) fn routes(&self) -> OpenApiRouter {
        gifticon::http::routes(Arc::clone(&self.gifticons))
    }
}

fn open_gifticons(settings: &Settings, kit: &Kit, database: Arc<Database>) -> Result<Arc<Gifticons>> {
    let voucher_months = i32::try_from(settings.int_in("gifticon.voucher_months", 1..=1_200)?).unwrap_or(12);
    Gifticons::open(kit.clone(), database, gifticon::Policy { voucher_months })
}

impl App {
    /// Starts the funnels of purchases.
    pub(super) fn start_purchase_funnels(&self) -> Result<Vec<std::thread::JoinHandle<()>>> {
        Ok(vec![self.purchases.gifticons.funnel.spawn()?])
    }

    /// Who follows whom among purchases, and their jobs.
    pub(super) fn follow_purchases(&self) -> Result<()> {
        let mut expiry = self.purchases.gifticons.voucher_expiry();
        self.workers.spawn(gifticon::EXPIRY_JOB.to_owned(), Wake::Pause(IDLE), move || expiry.step())
    }

    /// Lets the funnels of purchases finish what waits.
    pub(super) fn shut_down_purchases(&self) {
        self.purchases.gifticons.funnel.shut_down();
    }

    pub(super) fn give_back_leases_of_purchases(&self) {
        self.give_back_leases(&self.purchases.gifticons.funnel);
    }
}
