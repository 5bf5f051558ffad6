//! What stands between deal and point: loses questions and answers on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use app::kit::Asked;
use app::point::{DealQuestion, DonationQuestion, HoldQuestion, PaymentQuestion, PointApi};
use domain::point::{
    CancelledHold, CapturedHold, DealDecision, DonationDecision, HeldPoints, HoldOver, HoldRefusal, Rejection,
};
use futures_util::future::BoxFuture;
use platform::error::{Error, Result};
use server::assembly::Betweens;

/// What gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Lost {
    /// Nothing.
    Nothing,
    /// Questions: point never hears them.
    Questions,
    /// Answers: point has decided, and nobody hears of it.
    Answers,
}

/// Decides what gets lost from now on.
#[derive(Clone, Default)]
pub struct Line(Arc<AtomicU8>);

impl Line {
    /// Loses this from now on.
    pub fn lose(&self, lost: Lost) {
        self.0.store(lost as u8, Ordering::SeqCst);
    }

    /// For [`super::Setup::betweens`].
    pub fn betweens(&self) -> Betweens {
        let line = self.clone();
        let losing = move |point| Arc::new(Losing { point, line: line.clone() }) as Arc<dyn PointApi>;
        Betweens { deal_and_point: Some(Arc::new(losing)), ..Betweens::default() }
    }

    fn loses(&self, lost: Lost) -> bool {
        self.0.load(Ordering::SeqCst) == lost as u8
    }
}

struct Losing {
    point: Arc<dyn PointApi>,
    line: Line,
}

impl PointApi for Losing {
    fn prepare_withdrawal(&self, member_id: i64, attempt: i64) -> Asked<'_, i64, Rejection> {
        self.point.prepare_withdrawal(member_id, attempt)
    }

    fn donate(&self, question: DonationQuestion) -> BoxFuture<'_, Result<DonationDecision>> {
        self.point.donate(question)
    }

    fn hold(&self, question: HoldQuestion) -> Asked<'_, HeldPoints, HoldRefusal> {
        self.point.hold(question)
    }

    fn capture_hold(&self, question: PaymentQuestion) -> Asked<'_, CapturedHold, HoldOver> {
        self.point.capture_hold(question)
    }

    fn cancel_hold(&self, question: PaymentQuestion) -> BoxFuture<'_, Result<CancelledHold>> {
        self.point.cancel_hold(question)
    }

    fn deal(&self, question: DealQuestion) -> BoxFuture<'_, Result<DealDecision>> {
        Box::pin(async move {
            let lost = || Error::unavailable("test.lost", "lost on the way");
            if self.line.loses(Lost::Questions) {
                return Err(lost());
            }
            let decision = self.point.deal(question).await;
            if self.line.loses(Lost::Answers) { Err(lost()) } else { decision }
        })
    }
}
