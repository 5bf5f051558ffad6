//! What stands between cart and gifticon while the line is bad: it loses, delays and doubles questions and answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use app::gifticon::{GifticonApi, ReserveStock, ReservedStock, Revocation};
use app::kit::Asked;
use domain::gifticon::StockRefusal;
use futures_util::future::{BoxFuture, pending};
use parking_lot::Mutex;
use platform::error::{Error, Result};
use server::assembly::Betweens;

/// Questions are given up after so long.
pub const TIME_LIMIT_MS: u64 = 400;

/// What happens to the questions about a gifticon.
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

/// A question that arrives late.
enum Late {
    Reserve(ReserveStock),
    Revoke(i64),
}

/// The line itself; it outlives the servers at its ends.
#[derive(Default)]
pub struct Line {
    bad: AtomicBool,
    faults: Mutex<HashMap<i64, Fault>>,
    /// Which gifticon a reservation is of.
    reserved: Mutex<HashMap<i64, i64>>,
    late: Mutex<Vec<Late>>,
    gifticons: Mutex<Option<Arc<dyn GifticonApi>>>,
}

impl Line {
    /// What happens to the questions about this gifticon.
    pub fn set(&self, gifticon_id: i64, fault: Fault) {
        self.faults.lock().insert(gifticon_id, fault);
    }

    /// From now on faults happen, or none do.
    pub fn is_bad(&self, bad: bool) {
        self.bad.store(bad, Ordering::SeqCst);
    }

    /// Lets go of the server at its end, which is about to die.
    pub fn hang_up(&self) {
        *self.gifticons.lock() = None;
    }

    /// For [`crate::support::Setup::betweens`].
    pub fn betweens(self: &Arc<Self>) -> Betweens {
        let line = Arc::clone(self);
        let wrap = move |api: Arc<dyn GifticonApi>| {
            *line.gifticons.lock() = Some(Arc::clone(&api));
            Arc::new(Lossy { api, line: Arc::clone(&line) }) as Arc<dyn GifticonApi>
        };
        Betweens { cart_and_gifticon: Some(Arc::new(wrap)), ..Betweens::default() }
    }

    /// Delivers the questions that were kept back, each twice; how many there were.
    pub fn deliver_late(&self) -> usize {
        let late = std::mem::take(&mut *self.late.lock());
        let api = self.gifticons.lock().clone().expect("a server runs");
        let asking = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for question in late.iter().flat_map(|question| [question, question]) {
            match question {
                // Nobody hears what it says.
                Late::Reserve(question) => drop(asking.block_on(api.reserve(question.clone()))),
                Late::Revoke(reservation_id) => drop(asking.block_on(api.revoke(*reservation_id))),
            }
        }
        late.len()
    }

    fn fault_of(&self, gifticon_id: i64) -> Fault {
        if !self.bad.load(Ordering::SeqCst) {
            return Fault::Sound;
        }
        self.faults.lock().get(&gifticon_id).copied().unwrap_or(Fault::Sound)
    }

    fn keep_back(&self, fault: Fault, late: Late) {
        if matches!(fault, Fault::QuestionLate | Fault::Doubled) {
            self.late.lock().push(late);
        }
    }
}

/// What the caller hears of a question to which this happens.
pub async fn carry<T, Ask, Answer>(fault: Fault, ask: Ask) -> Result<T>
where
    Ask: Fn() -> Answer + Send + Sync,
    Answer: Future<Output = Result<T>> + Send,
    T: Send,
{
    let lost = || Error::unavailable("test.lost", "the line is bad");
    match fault {
        Fault::Sound => ask().await,
        Fault::QuestionRefused => Err(lost()),
        Fault::QuestionLost | Fault::QuestionLate => pending().await,
        Fault::AnswerLost => {
            ask().await?;
            pending().await
        }
        Fault::AnswerRefused => {
            ask().await?;
            Err(lost())
        }
        Fault::AnswerLate => {
            let answer = ask().await;
            tokio::time::sleep(Duration::from_millis(TIME_LIMIT_MS + 50)).await;
            answer
        }
        Fault::Doubled => {
            ask().await?;
            ask().await
        }
    }
}

struct Lossy {
    api: Arc<dyn GifticonApi>,
    line: Arc<Line>,
}

impl GifticonApi for Lossy {
    fn reserve(&self, question: ReserveStock) -> Asked<'_, ReservedStock, StockRefusal> {
        Box::pin(async move {
            let gifticon_id = question.gifticon_id;
            let fault = self.line.fault_of(gifticon_id);
            let ask = || async {
                let kept = self.api.reserve(question.clone()).await;
                if let Ok(Ok(kept)) = &kept {
                    self.line.reserved.lock().insert(kept.reservation_id, gifticon_id);
                }
                kept
            };
            self.line.keep_back(fault, Late::Reserve(question.clone()));
            carry(fault, ask).await
        })
    }

    fn revoke(&self, reservation_id: i64) -> BoxFuture<'_, Result<Revocation>> {
        Box::pin(async move {
            let gifticon_id = self.line.reserved.lock().get(&reservation_id).copied();
            let fault = gifticon_id.map_or(Fault::Sound, |gifticon_id| self.line.fault_of(gifticon_id));
            self.line.keep_back(fault, Late::Revoke(reservation_id));
            carry(fault, || self.api.revoke(reservation_id)).await
        })
    }
}
