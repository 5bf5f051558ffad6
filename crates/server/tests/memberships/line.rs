//! What stands between membership and product: loses questions and answers, or lets product ask membership before
//! membership is told.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use app::kit::Asked;
use app::membership::{MembershipApi, Memberships};
use app::product::{ProductApi, ReserveUnit, ReservedUnit};
use domain::product::UnitRefusal;
use platform::error::Error;
use server::assembly::Betweens;

use crate::support::{Engine, Setup, TestApp};
use crate::{PATIENT, register};

/// What gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Lost {
    /// Nothing.
    Nothing,
    /// Questions: product never hears them.
    Questions,
    /// Answers: product has decided, and nobody hears of it.
    Answers,
}

/// Decides what gets lost from now on.
#[derive(Clone, Default)]
pub struct Line(Arc<State>);

#[derive(Default)]
struct State {
    lost: AtomicU8,
    /// So many of the next units are refused by membership before it hears of them, as if it had been too slow.
    overtaken: AtomicUsize,
    /// Not held: a server that is started again has to let go of its store.
    memberships: OnceLock<Weak<Memberships>>,
}

impl Line {
    /// A server with this line between membership and product, breakers that stay closed, and one unit of product 1.
    pub fn open(&self, engine: Engine) -> TestApp {
        let line = self.clone();
        let wrap = move |api| Arc::new(Losing { api, line: line.clone() }) as Arc<dyn ProductApi>;
        let betweens = Betweens { membership_and_product: Some(Arc::new(wrap)), ..Betweens::default() };
        let setup = Setup { betweens, ..Setup::on(engine) };
        let app = TestApp::start_up(setup.with(&[PATIENT, "breaker.min_calls=1000"]));
        let _ = self.0.memberships.set(Arc::downgrade(&app.app().purchases.memberships));
        register(&app, serde_json::json!({"salesLimit": 1}));
        app
    }

    /// Loses this from now on.
    pub fn lose(&self, lost: Lost) {
        self.0.lost.store(lost as u8, Ordering::SeqCst);
    }

    /// Membership comes too late for so many of the next units.
    pub fn overtake(&self, count: usize) {
        self.0.overtaken.store(count, Ordering::SeqCst);
    }

    fn loses(&self, lost: Lost) -> bool {
        self.0.lost.load(Ordering::SeqCst) == lost as u8
    }

    fn overtakes(&self) -> bool {
        let less = |count: usize| count.checked_sub(1);
        self.0.overtaken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }
}

struct Losing {
    api: Arc<dyn ProductApi>,
    line: Line,
}

impl ProductApi for Losing {
    fn reserve_unit(&self, question: ReserveUnit) -> Asked<'_, ReservedUnit, UnitRefusal> {
        Box::pin(async move {
            let lost = || Error::unavailable("test.lost", "lost on the way");
            if self.line.loses(Lost::Questions) {
                return Err(lost());
            }
            let kept = self.api.reserve_unit(question).await?;
            if self.line.loses(Lost::Answers) {
                return Err(lost());
            }
            if let Ok(kept) = &kept
                && self.line.overtakes()
            {
                let memberships = self.line.0.memberships.get().and_then(Weak::upgrade).expect("the server runs");
                let claims = memberships.claims(vec![kept.unit_id]).await?;
                assert_eq!(claims[0].mem_id, None, "no membership has come");
            }
            Ok(kept)
        })
    }
}
