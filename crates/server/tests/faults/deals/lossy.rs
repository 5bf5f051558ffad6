//! What stands between deal and point while the line is bad: it loses questions and answers, keeps questions back and
//! asks twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use app::kit::Asked;
use app::point::{DealQuestion, DonationQuestion, HoldQuestion, PaymentQuestion, PointApi};
use domain::point::{
    CancelledHold, CapturedHold, DealDecision, DonationDecision, HeldPoints, HoldOver, HoldRefusal, Rejection,
};
use futures_util::future::{BoxFuture, pending};
use parking_lot::Mutex;
use platform::error::{Error, Result};

/// What happens to a member's questions while the line is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing: the comparison.
    Sound,
    /// The question does not arrive, and the caller is told so at once.
    QuestionRefused,
    /// The question does not arrive, and the caller hears nothing.
    QuestionLost,
    /// Point decides, and the caller is told of a failure.
    AnswerRefused,
    /// Point decides, and the caller hears nothing.
    AnswerLost,
    /// Point decides the first time, and the caller is told of a failure; the next time all is well.
    FirstAnswerRefused,
    /// The question is on its way for so long that it arrives after the caller has given up.
    LateQuestion,
    /// The question arrives after the sweep has ended what was pending.
    VeryLateQuestion,
    /// The question arrives twice, and once more late.
    Repeated,
}

impl Fault {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Sound,
        Self::QuestionRefused,
        Self::QuestionLost,
        Self::AnswerRefused,
        Self::AnswerLost,
        Self::FirstAnswerRefused,
        Self::LateQuestion,
        Self::VeryLateQuestion,
        Self::Repeated,
    ];

    /// Whether the caller cannot hear an answer while the line is bad.
    pub fn is_silent(self) -> bool {
        !matches!(self, Self::Sound | Self::FirstAnswerRefused | Self::Repeated)
    }
}

/// The line itself; it outlives the servers at its ends.
#[derive(Default)]
pub struct Line {
    bad: AtomicBool,
    faults: Mutex<HashMap<i64, Fault>>,
    point: Mutex<Option<Arc<dyn PointApi>>>,
    late: Mutex<Vec<(Fault, DealQuestion)>>,
    asked: Mutex<HashMap<i64, usize>>,
    delivered_late: AtomicUsize,
}

impl Line {
    /// What happens to the questions about this member.
    pub fn set(&self, member_id: i64, fault: Fault) {
        self.faults.lock().insert(member_id, fault);
    }

    /// From now on faults happen, or none do.
    pub fn is_bad(&self, bad: bool) {
        self.bad.store(bad, Ordering::SeqCst);
    }

    /// The end of the line at deal; what is asked goes on to `point`.
    pub fn end(self: &Arc<Self>, point: Arc<dyn PointApi>) -> Arc<dyn PointApi> {
        *self.point.lock() = Some(Arc::clone(&point));
        Arc::new(LossyPoint { point, line: Arc::clone(self) })
    }

    /// Lets go of the server at its end, which is about to die.
    pub fn hang_up(&self) {
        *self.point.lock() = None;
    }

    /// Delivers the questions that this fault kept back, each twice; how many there were.
    pub fn deliver_late(&self, fault: Fault) -> usize {
        let mut late = self.late.lock();
        let (now, later): (Vec<_>, Vec<_>) = late.drain(..).partition(|(kept, _)| *kept == fault);
        *late = later;
        drop(late);
        let point = self.point.lock().clone().expect("a server runs");
        let asking = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for &(_, question) in &now {
            let first = asking.block_on(point.deal(question)).expect("point answers");
            let second = asking.block_on(point.deal(question)).expect("point answers");
            assert_eq!(first, second, "once decided it is decided");
        }
        self.delivered_late.fetch_add(now.len(), Ordering::SeqCst);
        now.len()
    }

    fn fault_of(&self, question: &DealQuestion) -> Fault {
        let sound = !self.bad.load(Ordering::SeqCst);
        if sound {
            return Fault::Sound;
        }
        let fault = self.faults.lock().get(&question.member_id).copied().unwrap_or(Fault::Sound);
        let mut asked = self.asked.lock();
        let times = asked.entry(question.deal_id).or_default();
        *times += 1;
        if fault == Fault::FirstAnswerRefused && *times > 1 { Fault::Sound } else { fault }
    }

    fn keep_back(&self, fault: Fault, question: &DealQuestion) {
        self.late.lock().push((fault, *question));
    }
}

struct LossyPoint {
    point: Arc<dyn PointApi>,
    line: Arc<Line>,
}

impl PointApi for LossyPoint {
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
            let fault = self.line.fault_of(&question);
            match fault {
                Fault::Sound => self.point.deal(question).await,
                Fault::QuestionRefused => Err(lost()),
                Fault::QuestionLost => pending().await,
                Fault::AnswerRefused | Fault::FirstAnswerRefused => {
                    self.point.deal(question).await?;
                    Err(lost())
                }
                Fault::AnswerLost => {
                    self.point.deal(question).await?;
                    pending().await
                }
                Fault::LateQuestion | Fault::VeryLateQuestion => {
                    self.line.keep_back(fault, &question);
                    pending().await
                }
                Fault::Repeated => {
                    self.line.keep_back(Fault::Repeated, &question);
                    self.point.deal(question).await?;
                    self.point.deal(question).await
                }
            }
        })
    }
}

fn lost() -> Error {
    Error::unavailable("point.unavailable", "the line is bad")
}
