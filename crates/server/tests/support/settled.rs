//! Whether everything that follows from what was done has happened, and what the store then holds.

use std::sync::Arc;
use std::time::Duration;

use app::kit::Findings;
use platform::db::{Cursor, Dialect, Session, Value};
use platform::error::Result;
use platform::funnel::{Funnel, Writer};
use platform::log::{EVENT_SOURCE, Log, LogSource};
use serde_json::{Value as Json, json};
use server::commands::verify::followed;

use super::{TestApp, within};

/// Everything has followed within this, or the test fails.
const SETTLED: Duration = Duration::from_secs(10);
/// The collections of the public API.
const COLLECTIONS: [&str; 20] = [
    "members",
    "withdrawals",
    "points",
    "coupons",
    "couponCampaigns",
    "messages",
    "notifications",
    "mypages",
    "donations",
    "causes",
    "deals",
    "merchants",
    "billings",
    "dealDashboards",
    "products",
    "memberships",
    "payments",
    "gifticons",
    "vouchers",
    "carts",
];

impl TestApp {
    /// Waits until nothing is queued, every consumer that runs has read its log to the end, and every message that
    /// can be sent has been.
    pub fn settle(&self) {
        within(SETTLED, "everything that follows has happened", || self.is_settled().expect("the store can be read"));
    }

    fn is_settled(&self) -> Result<bool> {
        let app = self.app();
        let (member, notification, point) = (&app.members, &app.notifications, &app.points);
        let queued = member.funnel.depth() + notification.funnel.depth() + point.funnel.depth();
        Ok(queued + app.donations.funnel.depth() + app.deals.funnel.depth() + app.settlements.funnel.depth() == 0
            && self.donations_are_settled()?
            && self.deals_are_settled()?
            && app.coupons.funnel.depth() == 0
            && self.purchases_are_settled()?
            && has_read(&app.coupons.funnel, &member.funnel, &member.log)?
            && has_read(&member.funnel, &app.coupons.funnel, &app.coupons.log)?
            && has_read(&notification.funnel, &member.funnel, &member.log)?
            && has_read_events(&notification.funnel, &point.funnel, &point.log)?
            && (!self.can_send() || !self.has_due_message()?)
            && has_read(&member.funnel, &notification.funnel, &notification.log)?
            && has_read(&point.funnel, &member.funnel, &member.log)?
            && has_read_events(&member.funnel, &point.funnel, &point.log)?
            && has_read(&app.pages.funnel, &member.funnel, &member.log)?
            && has_read(&app.pages.funnel, &point.funnel, &point.log)?
            && has_read(&app.pages.funnel, &app.coupons.funnel, &app.coupons.log)?
            // What the last consumer did may have given the first one work again.
            && has_read(&notification.funnel, &member.funnel, &member.log)?
            && has_read(&point.funnel, &member.funnel, &member.log)?
            && has_read(&app.coupons.funnel, &member.funnel, &member.log)?
            && self.dashboard_is_settled()?)
    }

    fn dashboard_is_settled(&self) -> Result<bool> {
        let app = self.app();
        let dashboard = &app.dashboards.funnel;
        Ok(has_read(dashboard, &app.members.funnel, &app.members.log)?
            && has_read(dashboard, &app.points.funnel, &app.points.log)?
            && has_read(dashboard, &app.donations.funnel, &app.donations.log)?
            && has_read(dashboard, &app.settlements.funnel, &app.settlements.log)?
            && has_read(dashboard, &app.coupons.funnel, &app.coupons.log)?
            && self.views_of_purchases_are_settled()?
            && has_read(dashboard, &app.deals.funnel, &app.deals.log)?)
    }

    fn views_of_purchases_are_settled(&self) -> Result<bool> {
        let app = self.app();
        let (dashboard, pages, bought) = (&app.dashboards.funnel, &app.pages.funnel, &app.purchases);
        Ok(has_read(dashboard, &bought.carts.funnel, &bought.carts.log)?
            && has_read(dashboard, &bought.memberships.funnel, &bought.memberships.log)?
            && has_read(dashboard, &bought.payments.funnel, &bought.payments.log)?
            && has_read(dashboard, &bought.gifticons.funnel, &bought.gifticons.log)?
            && has_read(pages, &bought.carts.funnel, &bought.carts.log)?
            && has_read(pages, &bought.memberships.funnel, &bought.memberships.log)?
            && has_read(pages, &bought.payments.funnel, &bought.payments.log)?)
    }

    fn donations_are_settled(&self) -> Result<bool> {
        let app = self.app();
        let (point, donation) = (&app.points, &app.donations);
        Ok(has_read(&point.funnel, &donation.funnel, &donation.log)?
            && has_read_events(&donation.funnel, &point.funnel, &point.log)?
            && has_read(&app.pages.funnel, &donation.funnel, &donation.log)?
            && has_read(&app.notifications.funnel, &donation.funnel, &donation.log)?
            // What donation recorded last may be news to those who were asked first.
            && has_read(&point.funnel, &donation.funnel, &donation.log)?)
    }

    fn deals_are_settled(&self) -> Result<bool> {
        let app = self.app();
        let (point, deal) = (&app.points, &app.deals);
        Ok(has_read(&point.funnel, &deal.funnel, &deal.log)?
            && has_read_events(&deal.funnel, &point.funnel, &point.log)?
            && has_read(&app.settlements.funnel, &deal.funnel, &deal.log)?
            && has_read(&deal.funnel, &app.settlements.funnel, &app.settlements.log)?)
    }

    fn purchases_are_settled(&self) -> Result<bool> {
        let bought = &self.app().purchases;
        let (gifticon, cart, product, membership) =
            (&bought.gifticons, &bought.carts, &bought.products, &bought.memberships);
        let queued = gifticon.funnel.depth() + cart.funnel.depth();
        Ok(queued + product.funnel.depth() + membership.funnel.depth() == 0
            && self.payments_are_settled()?
            && has_read(&product.funnel, &membership.funnel, &membership.log)?
            && has_read(&gifticon.funnel, &cart.funnel, &cart.log)?)
    }

    /// What a provider does not answer at once is not waited for.
    fn payments_are_settled(&self) -> Result<bool> {
        let purchases = &self.app().purchases;
        let (payment, cart, membership) = (&purchases.payments, &purchases.carts, &purchases.memberships);
        let sql = "SELECT payment_id FROM payment WHERE due_at IS NOT NULL AND attempts = 0 LIMIT 1";
        let has_new_job = || payment.funnel.with_session(|tx| Ok(!tx.query(sql, &[])?.is_empty()));
        Ok(payment.funnel.depth() == 0
            && has_read(&payment.funnel, &cart.funnel, &cart.log)?
            && has_read(&payment.funnel, &membership.funnel, &membership.log)?
            && (!payment.funnel.is_open() || !has_new_job()?)
            && has_read(&cart.funnel, &payment.funnel, &payment.log)?
            && has_read(&membership.funnel, &payment.funnel, &payment.log)?
            // What cart decided last may be news to payment.
            && has_read(&payment.funnel, &cart.funnel, &cart.log)?)
    }

    fn can_send(&self) -> bool {
        self.app().members.funnel.is_open() && self.app().notifications.funnel.is_open()
    }

    fn has_due_message(&self) -> Result<bool> {
        let sql = "SELECT message_id FROM message WHERE status = 'READY' \
                   UNION ALL SELECT notification_id FROM notice WHERE status = 'READY' LIMIT 1";
        self.app().notifications.funnel.with_session(|tx| Ok(!tx.query(sql, &[])?.is_empty()))
    }

    /// Fails unless every invariant that `onepoint verify` knows holds.
    pub fn verify(&self) {
        let before = self.app().donations.funnel.with_session(app::donation::donated).expect("donations can be read");
        let happened = self.app().deals.funnel.with_session(app::deal::happened).expect("deals can be read");
        let held = self.app().coupons.funnel.with_session(app::coupon::held).expect("coupons can be read");
        let point = self.app().points.funnel.with_session(|tx| app::point::inspect(tx, &mut |_| {}));
        let (point, balances) = point.expect("point can be inspected");
        must_be_clean(&point);
        let pages = self.app().pages.funnel.with_session(|tx| app::mypage::inspect(tx, &balances, &held));
        must_be_clean(&pages.expect("my page can be inspected"));
        let now_ms = platform::clock::Clock::now_ms(&*self.clock);
        let member = self.app().members.funnel.with_session(|tx| app::member::inspect(tx, now_ms));
        must_be_clean(&member.expect("member can be inspected"));
        let coupon = self.app().coupons.funnel.with_session(app::coupon::inspect);
        must_be_clean(&coupon.expect("coupon can be inspected"));
        let entries = self.app().points.funnel.with_session(app::point::donated).expect("the ledger can be read");
        let donation = self.app().donations.funnel.with_session(|tx| app::donation::inspect(tx, &before, &entries));
        must_be_clean(&donation.expect("donation can be inspected"));
        let ledger =
            self.app().points.funnel.with_session(server::commands::verify::ledger).expect("the ledger can be read");
        let deal = self.app().deals.funnel.with_session(|tx| app::deal::inspect(tx, &happened, &ledger));
        must_be_clean(&deal.expect("deal can be inspected").0);
        self.verify_dashboard();
        self.verify_views_of_purchases();
        self.verify_settlement();
        let payment = self.app().purchases.payments.funnel.with_session(app::payment::inspect);
        must_be_clean(&payment.expect("payment can be inspected"));
        self.verify_gifticons();
        self.verify_carts();
        must_be_clean(&seen(&self.app().purchases.products.funnel, app::product::inspect));
        must_be_clean(&self.findings_of_memberships());
    }

    /// As [`TestApp::verify`], for cart alone, beside what gifticon and payment say of carts.
    pub fn verify_carts(&self) {
        must_be_clean(&self.findings_of_carts());
    }

    /// What `onepoint verify` finds in cart, beside gifticon and payment.
    pub fn findings_of_carts(&self) -> Findings {
        let bought = &self.app().purchases;
        let (cart, gifticon, payment) = (&bought.carts.funnel, &bought.gifticons.funnel, &bought.payments.funnel);
        let beside = app::cart::Beside {
            returned: seen(gifticon, app::gifticon::returned),
            canceled: seen(payment, app::payment::canceled),
            heard: seen(cart, |tx| followed(tx, "cart<payment")),
            reservations: seen(gifticon, app::gifticon::reservations),
            kept_to: seen(gifticon, |tx| followed(tx, "gifticon<cart")),
            paid: seen(payment, app::payment::payments),
            paid_to: seen(payment, |tx| followed(tx, "payment<cart")),
        };
        let (mut findings, _) = seen(cart, app::cart::inspect);
        app::cart::compare(&seen(cart, app::cart::standing), &beside, &mut findings);
        findings
    }

    /// What `onepoint verify` finds in membership, beside product and payment.
    pub fn findings_of_memberships(&self) -> Findings {
        let bought = &self.app().purchases;
        let (membership, payment) = (&bought.memberships.funnel, &bought.payments.funnel);
        let beside = app::membership::Beside {
            canceled: seen(payment, app::payment::canceled),
            heard: seen(membership, |tx| followed(tx, "membership<payment")),
            paid: seen(payment, app::payment::payments),
            paid_to: seen(payment, |tx| followed(tx, "payment<membership")),
        };
        let units = seen(&bought.products.funnel, app::product::units);
        let mut findings = seen(membership, |tx| app::membership::inspect(tx, &units));
        app::membership::compare(&seen(membership, app::membership::standing), &beside, &mut findings);
        findings
    }

    /// As [`TestApp::verify`], for gifticon alone.
    pub fn verify_gifticons(&self) {
        let gifticon = self.app().purchases.gifticons.funnel.with_session(app::gifticon::inspect);
        must_be_clean(&gifticon.expect("gifticon can be inspected"));
    }

    /// As [`TestApp::verify`], for what my page and the dashboard show of purchases.
    pub fn verify_views_of_purchases(&self) {
        let (app, bought) = (self.app(), &self.app().purchases);
        let log = |log: &Arc<Log>| log.reader(platform::log::Scope::EventTable).expect("a log can be read");
        let told = || (log(&bought.carts.log), log(&bought.memberships.log), log(&bought.payments.log));
        let (cart, membership, payment) = told();
        let mut logs = app::mypage::PurchaseLogs { cart, membership, payment };
        let pages = app.pages.funnel.with_session(|tx| app::mypage::inspect_purchases(tx, &mut logs));
        must_be_clean(&pages.expect("my page can be inspected"));
        let ((cart, membership, payment), gifticon) = (told(), log(&bought.gifticons.log));
        let mut logs = app::dashboard::PurchaseLogs { cart, membership, payment, gifticon };
        let found = app.dashboards.funnel.with_session(|tx| app::dashboard::inspect_purchases(tx, &mut logs));
        must_be_clean(&found.expect("the dashboard can be inspected"));
    }

    fn verify_dashboard(&self) {
        let app = self.app();
        let told = app.dashboards.funnel.with_session(app::dashboard::told).expect("the dashboard can be read");
        let until = told.read_to.expect("nothing is parked");
        let ledger =
            app.points.funnel.with_session(|tx| app::point::summed(tx, until)).expect("the ledger can be read");
        let until = told.coupons_to.expect("nothing is parked");
        let mut log = app.coupons.log.reader(platform::log::Scope::EventTable).expect("coupon's log can be read");
        let counted = app::dashboard::counted_in(&mut log, until).expect("coupon's log can be read");
        let found = app.deals.funnel.with_session(|tx| {
            let mut comparing = app::dashboard::Comparing::new(told, (&ledger, &counted), app::deal::sequences(tx)?);
            app::deal::each_deal(tx, &mut |deal, sequence| comparing.look(deal, sequence))?;
            Ok(comparing.findings())
        });
        must_be_clean(&found.expect("deals can be read"));
    }

    /// As [`TestApp::verify`], for settlement alone.
    pub fn verify_settlement(&self) {
        let app = self.app();
        let inspected = app.settlements.funnel.with_session(app::settlement::inspect);
        let (mut findings, lines) = inspected.expect("settlement can be inspected");
        let mut log = app.deals.log.reader(platform::log::Scope::EventTable).expect("deal's log can be read");
        app::settlement::compare_with_log(lines, &mut log, &mut findings).expect("deal's log can be read");
        must_be_clean(&findings);
    }

    /// Everything that the public API shows, without links, for "nothing has changed".
    pub fn state(&self) -> Json {
        COLLECTIONS.iter().map(|collection| ((*collection).to_owned(), self.all_of(collection))).collect()
    }

    /// Every item of a collection, page by page, without links.
    pub fn all_of(&self, collection: &str) -> Json {
        let mut items = Vec::new();
        let mut path = format!("/{collection}?limit=200");
        loop {
            let page = self.get(&path).must_be(200);
            let found = page.json["_embedded"][collection].as_array().cloned().unwrap_or_default();
            items.extend(found.into_iter().map(|mut item| {
                item["_links"] = json!(null);
                item
            }));
            let Some(next) = page.json["_links"]["next"]["href"].as_str() else { return Json::Array(items) };
            path = next.strip_prefix(&self.base()).expect("links lead to this server").to_owned();
        }
    }

    /// Entries in the ledger.
    pub fn entry_count(&self) -> i64 {
        let sql = "SELECT count(*) FROM point_entry";
        let rows = self.app().points.funnel.with_session(|tx| tx.query(sql, &[])).expect("the ledger can be read");
        rows[0].int(0)
    }
}

/// What stands in a context's store.
fn seen<W: Writer, T>(funnel: &Funnel<W>, look: impl FnOnce(&mut dyn Session) -> Result<T>) -> T {
    funnel.with_session(look).expect("the store can be read")
}

/// Whether the consumer of `log`, which `owner` writes, has read everything; a stopped one reads nothing.
fn has_read<C: Writer, O: Writer>(consumer: &Funnel<C>, owner: &Funnel<O>, log: &Arc<Log>) -> Result<bool> {
    has_read_tables(consumer, owner, log, log.sources())
}

/// As [`has_read`], for a consumer that looks at the event table only.
fn has_read_events<C: Writer, O: Writer>(consumer: &Funnel<C>, owner: &Funnel<O>, log: &Arc<Log>) -> Result<bool> {
    has_read_tables(consumer, owner, log, &[EVENT_SOURCE])
}

fn has_read_tables<C: Writer, O: Writer>(
    consumer: &Funnel<C>,
    owner: &Funnel<O>,
    log: &Arc<Log>,
    tables: &[LogSource],
) -> Result<bool> {
    if !consumer.is_open() {
        return Ok(true);
    }
    let cursor = consumer.cursor(&format!("{}<{}", consumer.context(), log.context))?;
    let mut behind = false;
    for source in tables {
        behind |= owner.with_session(|tx| {
            let (sql, params) = after(source.table.name, source.table.key(), cursor, tx.dialect());
            Ok(!tx.query(&sql, &params)?.is_empty())
        })?;
    }
    Ok(!behind)
}

fn after(table: &str, key: &str, cursor: Cursor, dialect: Dialect) -> (String, Vec<Value>) {
    if dialect == Dialect::Postgres {
        let sql = format!("SELECT {key} FROM {table} WHERE (xid, {key}) > ($1, $2) LIMIT 1");
        (sql, vec![Value::Int(cursor.xid), Value::Int(cursor.position)])
    } else {
        (format!("SELECT {key} FROM {table} WHERE {key} > $1 LIMIT 1"), vec![Value::Int(cursor.position)])
    }
}

fn must_be_clean(findings: &Findings) {
    assert!(!findings.checks.is_empty(), "an inspection without checks shows nothing");
    assert!(findings.is_clean(), "{findings:?}");
}
