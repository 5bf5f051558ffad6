//! What stands between member and those whom it asks to let a member go: it loses, delays and doubles questions and
//! answers, and can hold everything at a chosen commit until the server dies.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use app::coupon::CouponApi;
use app::kit::Asked;
use app::point::{DealQuestion, DonationQuestion, HoldQuestion, PaymentQuestion, PointApi};
use domain::member::Follower;
use domain::point::{CancelledHold, CapturedHold, DealDecision, DonationDecision, HeldPoints, HoldOver, HoldRefusal};
use domain::{coupon, point};
use futures_util::future::{BoxFuture, pending};
use parking_lot::Mutex;
use platform::error::{Error, Result};
use server::assembly::Betweens;

/// Questions are given up after so long.
pub const TIME_LIMIT_MS: u64 = 400;

/// What happens to the question about a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing: the comparison.
    Sound,
    /// It does not arrive, and nobody says so.
    QuestionLost,
    /// It does not arrive, and the caller is told so at once.
    QuestionRefused,
    /// It arrives long after the caller has given up, twice.
    QuestionLate,
    /// It is carried out, and the caller hears nothing.
    AnswerLost,
    /// It is carried out, and the caller is told of a failure.
    AnswerRefused,
    /// It is carried out, and the answer comes when the caller has given up.
    AnswerLate,
    /// It arrives twice at once, and twice more late.
    Doubled,
}

impl Fault {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Sound,
        Self::QuestionLost,
        Self::QuestionRefused,
        Self::QuestionLate,
        Self::AnswerLost,
        Self::AnswerRefused,
        Self::AnswerLate,
        Self::Doubled,
    ];
}

/// Who is reached at all; whoever asks waits until the server dies.
pub type Held = &'static [Follower];

#[derive(Default)]
struct State {
    faults: HashMap<i64, (Follower, Fault)>,
    held: Option<Held>,
    stopping: Option<Stopping>,
    late: Vec<(Follower, i64, i64)>,
    asked: HashSet<(Follower, i64)>,
    mistaken: i64,
    point: Option<Arc<dyn PointApi>>,
    coupon: Option<Arc<dyn CouponApi>>,
}

/// What is done when all questions of so many members have been dealt with, before the first answer is given.
struct Stopping {
    members: usize,
    stop: Option<Box<dyn FnOnce() + Send>>,
}

/// The line itself; it outlives the servers at its ends.
#[derive(Default)]
pub struct Line(Mutex<State>);

impl Line {
    /// What happens when this one of the two is asked about this member; the other one is sound.
    pub fn set(&self, member_id: i64, who: Follower, fault: Fault) {
        self.0.lock().faults.insert(member_id, (who, fault));
    }

    /// What was asked so far does not count.
    pub fn begin(&self) {
        self.0.lock().asked.clear();
    }

    /// From now on only these are reached, and nobody hears an answer: drivers wait, and die when the line hangs up.
    pub fn hold(&self, held: Held) {
        self.0.lock().held = Some(held);
    }

    /// Does this once all that is asked about so many members has been dealt with; answers wait for it.
    pub fn stop_when_asked(&self, members: usize, stop: impl FnOnce() + Send + 'static) {
        self.0.lock().stopping = Some(Stopping { members, stop: Some(Box::new(stop)) });
    }

    /// Lets go of the server at its end, which is about to die. The next one finds a sound line.
    pub fn hang_up(&self) {
        let mut state = self.0.lock();
        (state.point, state.coupon, state.held, state.stopping) = (None, None, None, None);
        state.faults.clear();
    }

    /// No fault happens any more.
    pub fn be_sound(&self) {
        self.0.lock().faults.clear();
    }

    /// From now on coupon takes the attempt for one that is so many later.
    pub fn mistake_attempts(&self, later: i64) {
        self.0.lock().mistaken = later;
    }

    /// How many questions about members were dealt with since the beginning.
    pub fn asked(&self) -> usize {
        self.0.lock().asked.len()
    }

    /// Delivers the questions that were kept back, each twice; how many there were.
    pub fn deliver_late(&self) -> usize {
        let mut state = self.0.lock();
        let late = std::mem::take(&mut state.late);
        let (point, coupon) = (state.point.clone(), state.coupon.clone());
        drop(state);
        let (point, coupon) = (point.expect("a server runs"), coupon.expect("a server runs"));
        let asking = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for &(who, member_id, attempt) in late.iter().flat_map(|question| [question, question]) {
            let is_over = match who {
                Follower::Point => matches!(
                    asking.block_on(point.prepare_withdrawal(member_id, attempt)),
                    Ok(Err(point::Rejection::AttemptOver))
                ),
                Follower::Coupon => matches!(
                    asking.block_on(coupon.prepare_withdrawal(member_id, attempt)),
                    Ok(Err(coupon::Rejection::AttemptOver))
                ),
            };
            assert!(is_over, "attempt {attempt} of member {member_id} is over for {who:?}");
        }
        late.len()
    }

    /// For [`crate::support::Setup::betweens`].
    pub fn betweens(self: &Arc<Self>) -> Betweens {
        let (to_point, to_coupon) = (Arc::clone(self), Arc::clone(self));
        Betweens {
            member_and_point: Some(Arc::new(move |point| {
                to_point.0.lock().point = Some(Arc::clone(&point));
                Arc::new(Lossy { callee: point, line: Arc::clone(&to_point) }) as Arc<dyn PointApi>
            })),
            member_and_coupon: Some(Arc::new(move |coupon| {
                to_coupon.0.lock().coupon = Some(Arc::clone(&coupon));
                Arc::new(Lossy { callee: coupon, line: Arc::clone(&to_coupon) }) as Arc<dyn CouponApi>
            })),
            ..Betweens::default()
        }
    }

    fn mistaken(&self) -> i64 {
        self.0.lock().mistaken
    }

    fn fault_of(&self, who: Follower, member_id: i64) -> Fault {
        let found = self.0.lock().faults.get(&member_id).copied();
        found.filter(|(faulty, _)| *faulty == who).map_or(Fault::Sound, |(_, fault)| fault)
    }

    fn keep_back(&self, who: Follower, member_id: i64, attempt: i64) {
        self.0.lock().late.push((who, member_id, attempt));
    }

    /// All that there is to do about this question is done but for the answer.
    async fn dealt_with(&self, who: Follower, member_id: i64) {
        {
            let mut state = self.0.lock();
            state.asked.insert((who, member_id));
            let all = state.asked.len();
            let stop = state
                .stopping
                .as_mut()
                .and_then(|stopping| if all == 2 * stopping.members { stopping.stop.take() } else { None });
            drop(state);
            if let Some(stop) = stop {
                stop();
                self.0.lock().stopping = None;
            }
        }
        while self.0.lock().stopping.is_some() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn carry<T, Ask, Answer>(&self, who: Follower, member_id: i64, attempt: i64, ask: Ask) -> Result<T>
    where
        Ask: Fn() -> Answer + Send + Sync,
        Answer: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let fault = self.fault_of(who, member_id);
        if matches!(fault, Fault::QuestionLate | Fault::Doubled) {
            self.keep_back(who, member_id, attempt);
        }
        let held = self.0.lock().held;
        let arrives = !matches!(fault, Fault::QuestionLost | Fault::QuestionRefused | Fault::QuestionLate);
        let mut answer = Err(Error::unavailable("test.lost", "the line is bad"));
        if arrives && held.is_none_or(|held| held.contains(&who)) {
            answer = ask().await;
            if fault == Fault::Doubled {
                answer = ask().await;
            }
        }
        self.dealt_with(who, member_id).await;
        if held.is_some() {
            while self.0.lock().held.is_some() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // The driver dies here, without a word and without another commit.
            std::panic::resume_unwind(Box::new("the server dies"));
        }
        match fault {
            Fault::Sound | Fault::Doubled | Fault::QuestionRefused => answer,
            Fault::AnswerRefused => Err(Error::unavailable("test.lost", "the line is bad")),
            Fault::QuestionLost | Fault::QuestionLate | Fault::AnswerLost => pending().await,
            Fault::AnswerLate => {
                tokio::time::sleep(Duration::from_millis(TIME_LIMIT_MS + 50)).await;
                answer
            }
        }
    }
}

struct Lossy<Callee> {
    callee: Callee,
    line: Arc<Line>,
}

impl PointApi for Lossy<Arc<dyn PointApi>> {
    fn prepare_withdrawal(&self, member_id: i64, attempt: i64) -> Asked<'_, i64, point::Rejection> {
        let ask = move || self.callee.prepare_withdrawal(member_id, attempt);
        Box::pin(self.line.carry(Follower::Point, member_id, attempt, ask))
    }

    fn donate(&self, question: DonationQuestion) -> BoxFuture<'_, Result<DonationDecision>> {
        self.callee.donate(question)
    }

    fn hold(&self, question: HoldQuestion) -> Asked<'_, HeldPoints, HoldRefusal> {
        self.callee.hold(question)
    }

    fn capture_hold(&self, question: PaymentQuestion) -> Asked<'_, CapturedHold, HoldOver> {
        self.callee.capture_hold(question)
    }

    fn cancel_hold(&self, question: PaymentQuestion) -> BoxFuture<'_, Result<CancelledHold>> {
        self.callee.cancel_hold(question)
    }

    fn deal(&self, question: DealQuestion) -> BoxFuture<'_, Result<DealDecision>> {
        self.callee.deal(question)
    }
}

impl CouponApi for Lossy<Arc<dyn CouponApi>> {
    fn prepare_withdrawal(&self, member_id: i64, attempt: i64) -> Asked<'_, i64, coupon::Rejection> {
        let taken_for = attempt + self.line.mistaken();
        let ask = move || self.callee.prepare_withdrawal(member_id, taken_for);
        Box::pin(self.line.carry(Follower::Coupon, member_id, attempt, ask))
    }
}
