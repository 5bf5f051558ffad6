//! The sweep: units that were kept and never heard of again. Membership says what became of them; only upon its word a
//! unit is free again (decision 0013). Several processes may sweep at once: a unit is returned once.

use std::sync::Arc;

use platform::error::{Error, ErrorKind, Result};
use platform::guard::Guard;
use tokio::runtime::Handle;

use super::writer::Command;
use super::{Products, store};
use crate::membership::MembershipApi;

/// Units asked about at once.
const PIECE: i64 = 512;

/// How product asks membership what became of units.
pub struct MembershipQuestions {
    /// Membership, in this process or another.
    pub api: Arc<dyn MembershipApi>,
    /// Time limit, breaker, concurrency, retries.
    pub guard: Guard,
    /// Where the questions run, since the sweep has a thread of its own.
    pub runtime: Handle,
}

/// Looks after units that nothing was heard of.
pub struct UnitSweep {
    products: Arc<Products>,
    membership: MembershipQuestions,
}

impl UnitSweep {
    /// The sweep of these products.
    #[must_use]
    pub fn new(products: &Arc<Products>, membership: MembershipQuestions) -> Arc<Self> {
        Arc::new(Self { products: Arc::clone(products), membership })
    }

    /// The guard in front of membership.
    #[must_use]
    pub fn membership_guard(&self) -> &Guard {
        &self.membership.guard
    }

    /// Asks about units that were kept some seconds ago; how many were settled. Membership that cannot be asked is asked
    /// again later. Must not be called on a thread of the async runtime.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn step(&self) -> Result<usize> {
        let products = &self.products;
        if !products.funnel.is_open() {
            return Ok(0);
        }
        let now_ms = products.kit.clock.now_ms();
        let due = products.funnel.with_session(|tx| store::units_to_look_at(tx, now_ms, PIECE))?;
        if due.is_empty() {
            return Ok(0);
        }
        let MembershipQuestions { api, guard, runtime } = &self.membership;
        let claims = match runtime.block_on(guard.ask(|| api.claims(due.clone()))) {
            Err(error) if error.kind == ErrorKind::Unavailable => return Ok(0),
            claims => claims?,
        };
        let mut answers = Vec::with_capacity(claims.len());
        for claim in claims.iter().filter(|claim| due.contains(&claim.unit_id)) {
            let unit_id = claim.unit_id;
            let command = match claim.mem_id {
                Some(mem_id) => Command::Note { unit_id, mem_id },
                None => Command::Return { unit_id },
            };
            answers.push(products.funnel.submit(command, None)?);
        }
        let count = answers.len();
        for answer in answers {
            // Waited for, so that the next look does not find the same units.
            answer.blocking_recv().map_err(|_| Error::unavailable("product.stopped", "product is stopped"))??;
        }
        Ok(count)
    }
}
