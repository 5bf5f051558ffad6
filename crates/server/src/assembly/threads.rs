//! The threads of the program: which funnels run, who follows whose log, which jobs are done; and how all of it ends.

use std::sync::Arc;
use std::time::Duration;

use app::{coupon, point, settlement};
use platform::bus::{Bus, Relay};
use platform::consumer::Consumer;
use platform::error::Result;
use platform::funnel::{Funnel, Writer};
use platform::lease;
use platform::log::{Log, Scope, Watch};
use platform::work::Wake;

use super::App;

/// How long an idle thread sleeps when no bell rings.
const IDLE: Duration = Duration::from_millis(500);
/// How often the dashboard looks for what is new.
const GLANCE: Duration = Duration::from_millis(100);

impl App {
    /// Starts the threads: funnels, consumers, workers, sweeps.
    ///
    /// # Errors
    /// `Internal` if the machine has no thread left.
    pub fn start(self: &Arc<Self>) -> Result<()> {
        for mut watch in self.all_logs().iter().filter_map(Watch::of) {
            self.workers.spawn("log-watch".to_owned(), watch.wake(), move || watch.step())?;
        }
        self.run(&self.members.funnel, &self.members.log)?;
        self.run(&self.notifications.funnel, &self.notifications.log)?;
        self.run(&self.points.funnel, &self.points.log)?;
        self.run(&self.coupons.funnel, &self.coupons.log)?;
        self.run(&self.donations.funnel, &self.donations.log)?;
        self.run(&self.deals.funnel, &self.deals.log)?;
        self.run(&self.settlements.funnel, &self.settlements.log)?;
        self.follow_donations()?;
        self.follow_deals()?;
        self.follow_settlements()?;
        self.follow_for_dashboard()?;
        self.start_purchases()?;
        self.follow_purchases_for_pages()?;
        let [member, notification, point, ..] = self.logs();
        self.follow(self.notifications.follow_members(Arc::clone(&member)))?;
        self.follow(self.notifications.follow_points(Arc::clone(&point)))?;
        self.follow(self.members.follow_notification(Arc::clone(&notification)))?;
        self.follow(self.points.follow_members(Arc::clone(&member)))?;
        self.follow(self.coupons.follow_members(Arc::clone(&member)))?;
        self.follow(self.members.follow_coupon(Arc::clone(&self.coupons.log)))?;
        self.follow(self.members.follow_point(Arc::clone(&point)))?;
        self.follow(self.pages.follow_members(member))?;
        self.follow(self.pages.follow_point(point))?;
        self.follow(self.pages.follow_coupons(Arc::clone(&self.coupons.log)))?;
        let (notifications, runtime) = (Arc::clone(&self.notifications), self.runtime.clone());
        let wake = Wake::Bell(notification, Scope::Everything, IDLE);
        self.work("notification", "message-sender", wake, move || notifications.send_due(&runtime))?;
        let mut expiry = self.points.expiry_walk();
        self.work("point", point::EXPIRY_JOB, Wake::Pause(IDLE), move || expiry.step())?;
        let mut holds = self.points.hold_walk();
        self.work("point", point::HOLD_JOB, Wake::Pause(IDLE), move || holds.step())?;
        self.issue_coupons()?;
        let members = Arc::clone(&self.members);
        self.work("member", "member-sweep", Wake::Pause(IDLE), move || members.sweep().map(|_| 0))
    }

    /// Who follows donation's log, and whose log donation follows.
    fn follow_donations(&self) -> Result<()> {
        let donation = &self.donations.log;
        self.follow(self.points.follow_donations(Arc::clone(donation)))?;
        self.follow(self.donations.follow_point(Arc::clone(&self.points.log)))?;
        self.follow(self.pages.follow_donations(Arc::clone(donation)))?;
        self.follow(self.notifications.follow_donations(Arc::clone(donation)))
    }

    /// Who follows deal's log, whose log deal follows, and who ends what nobody heard of.
    fn follow_deals(&self) -> Result<()> {
        self.follow(self.points.follow_deals(Arc::clone(&self.deals.log)))?;
        self.follow(self.deals.follow_point(Arc::clone(&self.points.log)))?;
        let deals = Arc::clone(&self.deals);
        self.work("deal", "deal-sweep", Wake::Pause(IDLE), move || deals.sweep())
    }

    /// Whose log settlement follows, who follows settlement's, and who closes months.
    fn follow_settlements(&self) -> Result<()> {
        self.follow(self.settlements.follow_deals(Arc::clone(&self.deals.log)))?;
        self.follow(self.deals.follow_settlement(Arc::clone(&self.settlements.log)))?;
        let mut job = self.settlements.closing_job();
        let wake = Wake::Bell(Arc::clone(&self.settlements.log), Scope::Everything, IDLE);
        self.work("settlement", settlement::CLOSING_JOB, wake, move || job.step())
    }

    /// Who makes the codes of bulk issues, and who has coupons expire that are over.
    fn issue_coupons(&self) -> Result<()> {
        let mut job = self.coupons.bulk_job();
        let wake = Wake::Bell(Arc::clone(&self.coupons.log), Scope::Everything, IDLE);
        self.work("coupon", coupon::BULK_JOB, wake, move || job.step())?;
        let mut expiry = self.coupons.expiry_walk();
        self.work("coupon", coupon::EXPIRY_JOB, Wake::Pause(IDLE), move || expiry.step())
    }

    pub(super) fn follow<W: Writer>(&self, consumer: Consumer<W>) -> Result<()> {
        let wake = consumer.wake(IDLE);
        self.follow_by(wake, consumer)
    }

    /// Follows where nobody waits for what was just told: more of it is taken in at once, and seldom.
    pub(super) fn glance_at<W: Writer>(&self, consumer: Consumer<W>) -> Result<()> {
        let wake = consumer.glance(GLANCE);
        self.follow_by(wake, consumer)
    }

    fn follow_by<W: Writer>(&self, wake: Wake, mut consumer: Consumer<W>) -> Result<()> {
        if !self.here.contains(consumer.context()) {
            return Ok(());
        }
        self.parking.add(consumer.desk());
        self.workers.spawn(consumer.name().to_owned(), wake, move || consumer.step())
    }

    /// Starts what a context does by itself, if it runs in this process.
    pub(super) fn work(
        &self,
        context: &str,
        name: &str,
        wake: Wake,
        step: impl FnMut() -> Result<usize> + Send + 'static,
    ) -> Result<()> {
        if self.here.contains(context) { self.workers.spawn(name.to_owned(), wake, step) } else { Ok(()) }
    }

    /// Starts the thread that carries a context's commands out, if it runs in this process; and what makes its log known
    /// to others.
    pub(super) fn run<W: Writer>(&self, funnel: &Arc<Funnel<W>>, log: &Arc<Log>) -> Result<()> {
        if !self.here.contains(funnel.context()) {
            return Ok(());
        }
        self.funnels.lock().push(funnel.spawn()?);
        let Bus::Kafka(kafka) = &self.bus else { return Ok(()) };
        let (log, kafka, clock) = (Arc::clone(log), Arc::clone(kafka), Arc::clone(&self.clock));
        let mut relay = Relay::new(log, kafka, clock, &self.holder, funnel.in_transaction());
        self.workers.spawn(relay.name().to_owned(), relay.wake(IDLE), move || relay.step())
    }

    /// The logs of member, notification, point, donation, deal, settlement and coupon.
    pub(super) fn logs(&self) -> [Arc<Log>; 7] {
        let (members, notifications, points) = (&self.members.log, &self.notifications.log, &self.points.log);
        [members, notifications, points, &self.donations.log, &self.deals.log, &self.settlements.log, &self.coupons.log]
            .map(Arc::clone)
    }

    /// The logs of all contexts that are followed.
    pub(super) fn all_logs(&self) -> Vec<Arc<Log>> {
        self.logs().into_iter().chain(self.purchases.logs()).collect()
    }

    /// Ends the threads: consumers and workers first, then the funnels, which finish what waits.
    pub fn shut_down(&self) {
        self.workers.stop(&self.all_logs());
        self.notifications.finish_sending(&self.runtime);
        self.donations.funnel.shut_down();
        self.deals.funnel.shut_down();
        self.settlements.funnel.shut_down();
        self.coupons.funnel.shut_down();
        self.purchases.shut_down(&self.runtime);
        self.members.funnel.shut_down();
        self.notifications.funnel.shut_down();
        self.points.funnel.shut_down();
        for funnel in self.funnels.lock().drain(..) {
            let _ = funnel.join();
        }
        self.give_back_leases(&self.members.funnel);
        self.give_back_leases(&self.notifications.funnel);
        self.give_back_leases(&self.points.funnel);
        self.give_back_leases(&self.coupons.funnel);
        self.give_back_leases(&self.pages.funnel);
        self.give_back_leases(&self.donations.funnel);
        self.give_back_leases(&self.deals.funnel);
        self.give_back_leases(&self.settlements.funnel);
        self.give_back_leases(&self.dashboards.funnel);
        self.give_back_leases_of_purchases();
    }

    /// So that the process that comes next need not wait until they end by themselves.
    pub(super) fn give_back_leases<W: Writer>(&self, funnel: &Funnel<W>) {
        if self.here.contains(funnel.context())
            && let Err(error) = funnel.with_session(|tx| lease::release_all(tx, &self.holder))
        {
            tracing::warn!(context = funnel.context(), %error, "leases could not be given back; they end by themselves");
        }
    }
}
