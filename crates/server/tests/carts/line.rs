//! What stands between cart and gifticon: loses questions and answers, or lets gifticon ask cart before cart is told.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use app::cart::{CartApi, Carts};
use app::gifticon::{GifticonApi, ReserveStock, ReservedStock, Revocation};
use app::kit::Asked;
use domain::gifticon::StockRefusal;
use futures_util::future::BoxFuture;
use platform::error::{Error, Result};
use server::assembly::Betweens;

use crate::PATIENT;
use crate::support::{Engine, Setup, TestApp};

/// What gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Lost {
    /// Nothing.
    Nothing,
    /// Questions: gifticon never hears them.
    Questions,
    /// Answers: gifticon has decided, and nobody hears of it.
    Answers,
}

/// Decides what gets lost from now on.
#[derive(Clone, Default)]
pub struct Line(Arc<State>);

#[derive(Default)]
struct State {
    lost: AtomicU8,
    /// So many of the next reservations are refused by cart before it hears of them, as if it had been too slow.
    overtaken: AtomicUsize,
    /// Questions about the removal of this reservation get lost.
    kept: AtomicI64,
    carts: OnceLock<Weak<Carts>>,
}

impl Line {
    /// A server with this line between cart and gifticon, and breakers that stay closed.
    pub fn open(&self, engine: Engine, sets: &[&str]) -> TestApp {
        let line = self.clone();
        let wrap = move |api| Arc::new(Losing { api, line: line.clone() }) as Arc<dyn GifticonApi>;
        let betweens = Betweens { cart_and_gifticon: Some(Arc::new(wrap)), ..Betweens::default() };
        let setup = Setup { betweens, ..Setup::on(engine) };
        let app = TestApp::start_up(setup.with(PATIENT).with(sets));
        let _ = self.0.carts.set(Arc::downgrade(&app.app().purchases.carts));
        app
    }

    /// Loses this from now on.
    pub fn lose(&self, lost: Lost) {
        self.0.lost.store(lost as u8, Ordering::SeqCst);
    }

    /// Cart comes too late for so many of the next reservations.
    pub fn overtake(&self, count: usize) {
        self.0.overtaken.store(count, Ordering::SeqCst);
    }

    /// Loses questions about the removal of this reservation from now on; 0: of none.
    pub fn keep(&self, reservation_id: i64) {
        self.0.kept.store(reservation_id, Ordering::SeqCst);
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
    api: Arc<dyn GifticonApi>,
    line: Line,
}

impl Losing {
    async fn pass<T>(&self, question: impl Future<Output = Result<T>>) -> Result<T> {
        let lost = || Error::unavailable("test.lost", "lost on the way");
        if self.line.loses(Lost::Questions) {
            return Err(lost());
        }
        let answer = question.await;
        if self.line.loses(Lost::Answers) { Err(lost()) } else { answer }
    }
}

impl GifticonApi for Losing {
    fn reserve(&self, question: ReserveStock) -> Asked<'_, ReservedStock, StockRefusal> {
        Box::pin(async move {
            let kept = self.pass(self.api.reserve(question)).await?;
            if let Ok(kept) = &kept
                && self.line.overtakes()
            {
                let carts = self.line.0.carts.get().and_then(Weak::upgrade).expect("the server runs");
                let claims = carts.claims(vec![kept.reservation_id]).await?;
                assert_eq!(claims[0].cart_id, None, "no cart has come");
            }
            Ok(kept)
        })
    }

    fn revoke(&self, reservation_id: i64) -> BoxFuture<'_, Result<Revocation>> {
        if self.line.0.kept.load(Ordering::SeqCst) == reservation_id {
            return Box::pin(async { Err(Error::unavailable("test.lost", "lost on the way")) });
        }
        Box::pin(self.pass(self.api.revoke(reservation_id)))
    }
}
