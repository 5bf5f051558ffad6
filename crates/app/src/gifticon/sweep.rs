//! The sweep: reservations that nobody has spoken of are asked about, many at once. What became a cart is marked and not
//! asked about again; of the others cart says that they never will, and then their pieces are free again (decision 0013).
//! Several processes may sweep at once: cart's answer is final, and the rule returns a reservation once.

use std::sync::Arc;

use platform::db::Session;
use platform::error::{Error, Result};
use platform::guard::Guard;
use tokio::runtime::Handle;

use super::writer::Command;
use super::{Gifticons, store};
use crate::cart::{CartApi, Claim};

/// Reservations asked about at once.
const PIECE: i64 = 512;

/// How gifticon asks cart.
pub struct CartQuestions {
    /// Cart, in this process or another.
    pub api: Arc<dyn CartApi>,
    /// Time limit, breaker, concurrency, retries.
    pub guard: Guard,
    /// Where the question is asked.
    pub runtime: Handle,
}

/// Looks after reservations whose cart has not come; each process has one.
pub struct Sweep {
    gifticons: Arc<Gifticons>,
    carts: Arc<CartQuestions>,
    session: Option<Box<dyn Session>>,
}

impl Sweep {
    pub(super) fn new(gifticons: Arc<Gifticons>, carts: Arc<CartQuestions>) -> Self {
        Self { gifticons, carts, session: None }
    }

    /// Asks about the reservations that are due; how many those were. Must not be called on a thread of the async
    /// runtime.
    ///
    /// # Errors
    /// `Unavailable` when the store or cart cannot be reached; they are asked about again.
    pub fn step(&mut self) -> Result<usize> {
        if !self.gifticons.funnel.is_open() {
            return Ok(0);
        }
        let swept = self.look().and_then(|due| self.ask(due));
        if swept.is_err() {
            self.session = None;
        }
        swept
    }

    fn look(&mut self) -> Result<Vec<i64>> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.gifticons.database.read_session()?,
        };
        let session = self.session.insert(session);
        store::unclaimed(&mut **session, self.gifticons.kit.clock.now_ms(), PIECE)
    }

    fn ask(&self, due: Vec<i64>) -> Result<usize> {
        if due.is_empty() {
            return Ok(0);
        }
        let CartQuestions { api, guard, runtime } = &*self.carts;
        let claims = runtime.block_on(guard.ask(|| api.claims(due.clone())))?;
        let command = |Claim { reservation_id, cart_id }: Claim| match cart_id {
            Some(cart_id) => Command::Claim { reservation_id, cart_id },
            None => Command::GiveBack { reservation_id, cart_id: None },
        };
        // Only what was asked about: what else is said was not looked at.
        let answered = claims.into_iter().filter(|claim| due.contains(&claim.reservation_id)).map(command);
        let submit = |command| self.gifticons.funnel.submit(command, None);
        let answers = answered.map(submit).collect::<Result<Vec<_>>>()?;
        let count = answers.len();
        for answer in answers {
            // Waited for, so that the next look does not find the same reservations.
            answer.blocking_recv().map_err(|_| Error::unavailable("gifticon.stopped", "gifticon is stopped"))??;
        }
        Ok(count)
    }
}
