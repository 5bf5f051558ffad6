//! What is with the providers, or on its way into the store.

use std::collections::HashMap;

use domain::payment::{Job, PaymentMethod};
use platform::db::Session;
use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinSet};

/// So often the worker looks at everything that is due, not only at what came last.
const LOOK_BACK_MS: i64 = 500;
/// The beginning of what is due.
const START: (i64, i64) = (i64::MIN, 0);

/// What is with one provider. Each has a lane of its own: one that is slow holds up nobody else's.
#[derive(Default)]
pub(super) struct Lane {
    /// What is being done about which payment.
    pub(super) jobs: HashMap<i64, Job>,
    /// The last job that was looked at, by when it became due and its number.
    pub(super) place: (i64, i64),
    looked_back_ms: Option<i64>,
}

impl Lane {
    /// Where to go on: behind what was looked at last, and now and then from the start.
    pub(super) fn next_place(&mut self, now_ms: i64) -> (i64, i64) {
        let is_old = self.looked_back_ms.is_none_or(|at_ms| (now_ms - at_ms).abs() >= LOOK_BACK_MS);
        if is_old {
            (self.place, self.looked_back_ms) = (START, Some(now_ms));
        }
        self.place
    }

    /// Everything that is due is to be looked at next.
    pub(super) fn look_back(&mut self) {
        self.looked_back_ms = None;
    }
}

/// What is with the providers, and what the worker remembers from one round to the next.
#[derive(Default)]
pub(super) struct Outgoing {
    tasks: JoinSet<()>,
    /// The payment of each task, which is told from the task alone when that breaks off.
    under_way: HashMap<Id, (PaymentMethod, i64)>,
    cards: Lane,
    points: Lane,
    pub(super) reader: Option<Box<dyn Session>>,
    /// Of the lease, when it was taken or renewed last.
    pub(super) leased_at_ms: Option<i64>,
    pub(super) fence: i64,
}

impl Outgoing {
    /// What is with the provider for this method.
    pub(super) fn lane(&mut self, method: PaymentMethod) -> &mut Lane {
        match method {
            PaymentMethod::Card => &mut self.cards,
            PaymentMethod::Points => &mut self.points,
        }
    }

    /// Whether nothing is with anybody.
    pub(super) fn is_idle(&self) -> bool {
        self.cards.jobs.is_empty() && self.points.jobs.is_empty()
    }

    /// Whether no task is left to be waited for.
    pub(super) fn has_ended(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Hands a payment's job out.
    pub(super) fn spawn(
        &mut self,
        (method, payment_id, job): (PaymentMethod, i64, Job),
        task: impl Future<Output = ()> + Send + 'static,
        runtime: &Handle,
    ) {
        self.lane(method).jobs.insert(payment_id, job);
        let task = self.tasks.spawn_on(task, runtime).id();
        self.under_way.insert(task, (method, payment_id));
    }

    /// Takes in which have ended.
    pub(super) fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(ended);
        }
    }

    /// Waits for the next one that ends, and takes it in.
    pub(super) async fn next_ended(&mut self) {
        if let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(ended);
        }
    }

    /// However a task ended, its payment is not kept: what is still to be done about it is found to be due again.
    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = ended.map_or_else(
            |error| {
                tracing::error!(%error, "the task of a payment broke off; what it asked is asked again");
                error.id()
            },
            |(task, ())| task,
        );
        if let Some((method, payment_id)) = self.under_way.remove(&task) {
            self.lane(method).jobs.remove(&payment_id);
        }
    }

    /// Ends what is under way.
    pub(super) fn break_off(&mut self, why: &str) {
        let payments = self.cards.jobs.len() + self.points.jobs.len();
        if payments > 0 {
            tracing::warn!(payments, "payments that were with the provider are asked for again: {why}");
        }
        // Dropping the tasks ends them.
        (self.tasks, self.under_way) = (JoinSet::new(), HashMap::new());
        self.cards.jobs.clear();
        self.points.jobs.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn a_task_that_breaks_off_leaves_its_payment_to_be_tried_again() {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (mut outgoing, handle) = (Outgoing::default(), runtime.handle().clone());
        let (card, points) = (PaymentMethod::Card, PaymentMethod::Points);
        outgoing.spawn((card, 1, Job::Charge), std::future::pending(), &handle);
        outgoing.spawn((card, 2, Job::Charge), async { panic!("on purpose") }, &handle);
        outgoing.spawn((points, 3, Job::Cancel), async {}, &handle);
        runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(10), outgoing.next_ended()).await })
            .expect("one ends");
        runtime.block_on(tokio::task::yield_now());
        outgoing.reap();
        let mut under_way = |method| outgoing.lane(method).jobs.keys().copied().collect::<Vec<_>>();
        assert_eq!((under_way(card), under_way(points)), (vec![1], vec![]));
        outgoing.break_off("the test ends");
        assert!(outgoing.is_idle() && outgoing.has_ended());
    }

    #[test]
    fn each_lane_goes_on_where_it_was_and_looks_back_now_and_then() {
        let mut lane = Lane::default();
        assert_eq!(lane.next_place(1_000), START);
        lane.place = (5, 7);
        assert_eq!(lane.next_place(1_000 + LOOK_BACK_MS - 1), (5, 7));
        lane.look_back();
        assert_eq!(lane.next_place(1_000 + LOOK_BACK_MS - 1), START);
    }
}
