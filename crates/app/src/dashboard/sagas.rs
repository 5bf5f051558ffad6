//! Flows over several steps that are under way, and those that have been for too long.

use platform::db::{Row, Session, Value};
use platform::error::Result;
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::figures::{Figure, LinkView, LinksView, link};
use super::store::{COUPON, POINT};

/// Stuck flows that are named for each kind, the oldest first.
const NAMED: usize = 20;

/// A kind of flow: where those that are under way stand, and what they wait for.
struct Saga {
    kind: &'static str,
    /// Where one of them can be looked at.
    collection: &'static str,
    /// Whether the statements choose it by its kind, as `$2`.
    is_named: bool,
    /// Counts all, and those begun before `$1`.
    counts: &'static str,
    /// Number, step, beginning, and what has happened so far, of those begun before `$1`.
    stuck: &'static str,
    /// What it waits for, by step and by what has happened so far.
    reason: fn(&str, &str) -> &'static str,
}

const SAGAS: [Saga; 9] = [
    Saga {
        kind: "withdrawal",
        collection: "withdrawals",
        is_named: false,
        counts: "SELECT COUNT(*), COALESCE(SUM(CASE WHEN withdrawal_at < $1 THEN 1 ELSE 0 END), 0) \
                 FROM dashboard_member WHERE withdrawal IS NOT NULL",
        stuck: "SELECT member_id, withdrawal, withdrawal_at, followed FROM dashboard_member \
                WHERE withdrawal IS NOT NULL AND withdrawal_at < $1 ORDER BY withdrawal_at, member_id LIMIT ",
        reason: |step, followed| match (step, followed) {
            ("PREPARING", _) => "point and coupon have not both answered yet; the sweep of member undoes it",
            (_, POINT) => "decided; coupon has not cancelled the coupons yet",
            (_, COUPON) => "decided; point has not closed the account yet",
            _ => "decided; point has not closed the account and coupon has not cancelled the coupons yet",
        },
    },
    Saga {
        kind: "donation",
        collection: "donations",
        is_named: false,
        counts: "SELECT COUNT(*), COALESCE(SUM(CASE WHEN requested_at < $1 THEN 1 ELSE 0 END), 0) \
                 FROM dashboard_donation WHERE ended = 0",
        stuck: "SELECT donation_id, 'REQUESTED', requested_at, NULL FROM dashboard_donation \
                WHERE ended = 0 AND requested_at < $1 ORDER BY requested_at, donation_id LIMIT ",
        reason: |_, _| "point has not decided it yet",
    },
    Saga {
        kind: "deal",
        collection: "deals",
        is_named: false,
        counts: "SELECT COUNT(*), COALESCE(SUM(CASE WHEN dealt_at < $1 THEN 1 ELSE 0 END), 0) \
                 FROM dashboard_deal WHERE status = 'pending'",
        stuck: "SELECT deal_id, 'pending', dealt_at, NULL FROM dashboard_deal \
                WHERE status = 'pending' AND dealt_at < $1 ORDER BY dealt_at, deal_id LIMIT ",
        reason: |_, _| "what point said is not known yet",
    },
    Saga {
        kind: "cancel",
        collection: "deals",
        is_named: false,
        counts: "SELECT COUNT(*), COALESCE(SUM(CASE WHEN dealt_at < $1 THEN 1 ELSE 0 END), 0) \
                 FROM dashboard_deal WHERE points_due = 1",
        stuck: "SELECT deal_id, 'PENDING', dealt_at, NULL FROM dashboard_deal \
                WHERE points_due = 1 AND dealt_at < $1 ORDER BY dealt_at, deal_id LIMIT ",
        reason: |_, _| "cancelled; point has not moved the points yet",
    },
    Saga::of_purchases("cart", "carts", |_, _| "its payment has not ended yet"),
    Saga::of_purchases("removal", "carts", |_, _| "gifticon has not said yet whether its vouchers can be made void"),
    Saga::of_purchases("membership", "memberships", |_, _| "its payment has not ended yet"),
    Saga::of_purchases(
        "payment",
        "payments",
        |_, _| "the provider has not said yet whether it is charged; it is asked again, and given up in the end",
    ),
    Saga::of_purchases("refund", "payments", |step, _| match step {
        "PaymentDeclined" => "declined; the provider has not confirmed yet that nothing stays charged",
        _ => "cancelled; the provider has not confirmed yet that what was charged is given back",
    }),
];

/// Flows of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SagaView {
    /// `withdrawal`, `donation`, `deal` (pending), `cancel` (its points have yet to follow), `cart` and `membership` (not
    /// paid yet), `removal` (of a paid cart), `payment` (to be charged) or `refund` (to be given back).
    #[schema(value_type = String, example = "deal")]
    kind: &'static str,
    /// How many are under way.
    under_way: Figure,
    /// How many of them are stuck.
    stuck: Figure,
    /// The oldest of these, at most twenty.
    oldest: Vec<StuckView>,
}

/// A flow that has been under way for too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StuckView {
    /// Its number: of the deal, the donation, the cart, the membership or the payment, or of the member who leaves.
    id: i64,
    /// Where it stands.
    #[schema(example = "pending")]
    step: String,
    /// Since when, RFC 3339.
    since: String,
    /// What it waits for.
    #[schema(value_type = String)]
    reason: &'static str,
    /// Where it can be looked at.
    #[serde(rename = "_links")]
    #[schema(value_type = std::collections::BTreeMap<String, LinkView>)]
    links: LinksView,
}

/// Every kind of flow; those begun before `before_ms` are stuck.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn look(session: &mut dyn Session, before_ms: i64, zone: &Zone, base: &str) -> Result<Vec<SagaView>> {
    SAGAS.iter().map(|saga| saga.look(session, before_ms, zone, base)).collect()
}

impl Saga {
    /// Flows of purchases, which stand in one table under the name of their kind.
    const fn of_purchases(
        kind: &'static str,
        collection: &'static str,
        reason: fn(&str, &str) -> &'static str,
    ) -> Self {
        // `$1` stands first in both: SQLite binds parameters in the order in which they appear.
        let counts = "SELECT COUNT(*), COALESCE(SUM(CASE WHEN since < $1 THEN 1 ELSE 0 END), 0) \
                      FROM dashboard_flow WHERE kind = $2";
        let stuck = "SELECT id, step, since, NULL FROM dashboard_flow \
                     WHERE since < $1 AND kind = $2 ORDER BY since, id LIMIT ";
        Self { kind, collection, is_named: true, counts, stuck, reason }
    }

    fn look(&self, session: &mut dyn Session, before_ms: i64, zone: &Zone, base: &str) -> Result<SagaView> {
        let chosen = [Value::Int(before_ms), self.kind.into()];
        let chosen = if self.is_named { &chosen[..] } else { &chosen[..1] };
        let counts = session.query(self.counts, chosen)?;
        let count = |place: usize| counts.first().map_or(0, |row| row.int(place));
        let stuck =
            if count(1) == 0 { Vec::new() } else { session.query(&format!("{}{NAMED}", self.stuck), chosen)? };
        let name = |row: &Row| StuckView {
            id: row.int(0),
            step: row.text(1).to_owned(),
            since: zone.format(row.int(2)),
            reason: (self.reason)(row.text(1), row.text(3)),
            links: link("self", format!("{base}/{}/{}", self.collection, row.int(0))),
        };
        Ok(SagaView {
            kind: self.kind,
            under_way: Figure::of("sagas.underWay", count(0)),
            // What a context could not take in is the first thing to look at.
            stuck: Figure::of("sagas.stuck", count(1)).listed("parked", format!("{base}/parked")),
            oldest: stuck.iter().map(name).collect(),
        })
    }
}
