//! The figures as they stand, all of one moment.

use std::collections::HashMap;

use domain::deal::{DealStatus, DealType};
use domain::member::MemberStatus;
use domain::point::EntryKind;
use platform::db::{Row, Session};
use platform::error::Result;
use serde::Serialize;
use utoipa::ToSchema;

use super::coupons;
use super::figures::{Definition, Figure, Figures, LinkView, LinksView, define, link, share_bp};
use super::live::LiveView;
use super::purchase_figures::{self, PurchasesView};
use super::sagas::{self, SagaView};
use super::sums::{BILLED, JOINED, WITHDRAWN, deal_kind, entry_kind, member_kind};
use super::{Policy, Summed};
use crate::kit::Kit;

/// Merchants in a ranking.
const RANKED: usize = 10;
/// Figures over all days: `.` and the kind stand behind `all`.
const FIGURES: &str = "SELECT kind, quantity, amount FROM dashboard_figure WHERE name >= 'all.' AND name < 'all/'";
/// Points of a merchant's lines that are not billed.
const UNBILLED: &str = "(used_point - cancelled_point - billed_point)";
/// What is left of them after the fee in basis points, `$1` where none is agreed, cut off to whole won; no product in it
/// is larger than the points themselves.
const PAYABLE: &str = "((used_point - cancelled_point - billed_point) / 10000 * (10000 - COALESCE(fee_rate_bp, $1)) \
     + (used_point - cancelled_point - billed_point) % 10000 * (10000 - COALESCE(fee_rate_bp, $1)) / 10000)";

/// The programme in figures, each with what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SummaryView {
    /// When it was asked, RFC 3339.
    at: String,
    /// Members: by status, who ever joined, who left.
    #[schema(value_type = std::collections::BTreeMap<String, Figure>, example = json!({"NORMAL": {"value": 2,
        "unit": "members", "definition": "Members at present who may earn and use points."}}))]
    members: Figures,
    /// Points: issued, used, lost, outstanding, and shares of them.
    #[schema(value_type = std::collections::BTreeMap<String, Figure>, example = json!({"earned": {"value": 1000,
        "unit": "points", "definition": "Points earned: entries EARN."}}))]
    points: Figures,
    /// Coupons: issued, in stock, redeemed, over.
    #[schema(value_type = std::collections::BTreeMap<String, Figure>, example = json!({"given": {"value": 3,
        "unit": "coupons", "definition": "Coupons that members got: on joining, of campaigns, by redeeming a code."}}))]
    coupons: Figures,
    /// Purchases: what was paid for memberships and gifticons, and what became of them.
    purchases: PurchasesView,
    /// Deals by type and status, where there are any.
    deals: Vec<DealsView>,
    /// Deals that are pending.
    deals_under_way: Figure,
    /// Merchants: where points are used, and what they are owed.
    merchants: MerchantsView,
    /// Flows over several steps.
    sagas: Vec<SagaView>,
    /// What the answering process knows of itself.
    live: LiveView,
}

/// Deals of a type that stand alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct DealsView {
    /// What they are.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "save")]
    deal_type: &'static str,
    /// How they stand.
    #[schema(value_type = String, example = "success")]
    status: &'static str,
    /// How many.
    quantity: Figure,
    /// Their points.
    point: Figure,
}

/// Merchants in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MerchantsView {
    /// Where most points are used.
    used: Ranking,
    /// Who is owed most.
    payable: Ranking,
    /// What all are owed.
    payable_total: Figure,
    /// Points of all lines that are not billed yet.
    unbilled: Figure,
    /// What was billed so far.
    billed: Figure,
}

/// Some merchants by one figure, the largest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct Ranking {
    /// What is counted.
    #[schema(value_type = String, example = "points")]
    unit: &'static str,
    /// What the numbers mean.
    #[schema(value_type = String)]
    definition: &'static str,
    /// At most ten.
    merchants: Vec<Ranked>,
}

/// A merchant in a ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Ranked {
    /// The merchant.
    merchant_id: i64,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The number.
    value: i64,
    /// What it is made of.
    #[serde(rename = "_links")]
    #[schema(value_type = std::collections::BTreeMap<String, LinkView>)]
    links: LinksView,
}

/// Quantity and amount of each kind over all days.
pub(super) struct Totals(HashMap<String, (i64, i64)>);

impl Totals {
    /// Reads all of them.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn read(session: &mut dyn Session) -> Result<Self> {
        let rows = session.query(FIGURES, &[])?;
        Ok(Self(rows.iter().map(|row| (row.text(0).to_owned(), (row.int(1), row.int(2)))).collect()))
    }

    /// How many of a kind, and what they come to.
    pub(super) fn of(&self, kind: &str) -> (i64, i64) {
        self.0.get(kind).copied().unwrap_or_default()
    }

    /// How many of a kind.
    pub(super) fn quantity(&self, kind: &str) -> i64 {
        self.of(kind).0
    }

    /// Points of entries of a kind, with sign.
    fn moved(&self, kind: EntryKind) -> i64 {
        self.of(&entry_kind(kind)).1
    }
}

/// What the ledger's entries come to by kind, as the dashboard has summed them up.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn summed(session: &mut dyn Session) -> Result<Summed> {
    let totals = Totals::read(session)?;
    let known = EntryKind::ALL.into_iter().map(|kind| (kind.name(), totals.of(&entry_kind(kind))));
    Ok(known.filter(|(_, (quantity, _))| *quantity != 0).collect())
}

/// Reads the summary; `session` sees one moment.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn look(session: &mut dyn Session, kit: &Kit, policy: Policy, live: LiveView) -> Result<SummaryView> {
    let totals = Totals::read(session)?;
    let (now_ms, base) = (kit.clock.now_ms(), &*kit.base_url);
    let under_way: i64 =
        DealType::ALL.into_iter().map(|kind| totals.quantity(&deal_kind(kind, DealStatus::Pending))).sum();
    Ok(SummaryView {
        at: kit.zone.format(now_ms),
        members: members(&totals, base),
        points: points(&totals, base),
        coupons: coupons::figures(&totals, base),
        purchases: purchase_figures::look(session, &totals, base)?,
        deals: deals(&totals, base),
        deals_under_way: Figure::of("deals.underWay", under_way).listed("deals", format!("{base}/dealDashboards")),
        merchants: merchants(session, &totals, policy, base)?,
        sagas: sagas::look(session, now_ms - policy.stuck_after_ms, &kit.zone, base)?,
        live,
    })
}

fn members(totals: &Totals, base: &str) -> Figures {
    let of = |status: MemberStatus| totals.quantity(&member_kind(status));
    let listed = |figure: Figure| figure.listed("members", format!("{base}/members"));
    Figures::from([
        ("READY", listed(Figure::of("members.READY", of(MemberStatus::Ready)))),
        ("NORMAL", listed(Figure::of("members.NORMAL", of(MemberStatus::Normal)))),
        ("ABNORMAL", listed(Figure::of("members.ABNORMAL", of(MemberStatus::Abnormal)))),
        ("joined", Figure::of("members.joined", totals.quantity(JOINED))),
        (
            "withdrawn",
            Figure::of("members.withdrawn", totals.quantity(WITHDRAWN))
                .listed("withdrawals", format!("{base}/withdrawals")),
        ),
    ])
}

fn points(totals: &Totals, base: &str) -> Figures {
    let of = |kind: EntryKind| totals.moved(kind);
    let issued = of(EntryKind::Welcome).saturating_add(of(EntryKind::Earn));
    let breakage = of(EntryKind::Expire).saturating_add(of(EntryKind::Forfeit)).saturating_neg();
    let used = of(EntryKind::Use).saturating_neg();
    let captured = of(EntryKind::HoldCapture).saturating_neg();
    let spent = used.saturating_add(captured);
    let given_back = of(EntryKind::UseCancel);
    let outstanding = EntryKind::ALL.into_iter().fold(0, |sum: i64, kind| sum.saturating_add(of(kind)));
    let donated = Figure::of("points.donated", of(EntryKind::Donate).saturating_neg());
    Figures::from([
        ("issued", Figure::of("points.issued", issued)),
        ("welcome", Figure::of("points.welcome", of(EntryKind::Welcome))),
        ("earned", Figure::of("points.earned", of(EntryKind::Earn))),
        ("adjusted", Figure::of("points.adjusted", of(EntryKind::Adjust))),
        ("used", Figure::of("points.used", used)),
        ("holdCaptured", Figure::of("points.holdCaptured", captured)),
        ("useCancelled", Figure::of("points.useCancelled", given_back)),
        ("earnCancelled", Figure::of("points.earnCancelled", of(EntryKind::EarnCancel).saturating_neg())),
        ("expired", Figure::of("points.expired", of(EntryKind::Expire).saturating_neg())),
        ("forfeited", Figure::of("points.forfeited", of(EntryKind::Forfeit).saturating_neg())),
        ("donated", donated.listed("donations", format!("{base}/donations"))),
        ("owedRepaid", Figure::of("points.owedRepaid", of(EntryKind::OwedRepay).saturating_neg())),
        ("outstanding", Figure::of("points.outstanding", outstanding).listed("points", format!("{base}/points"))),
        ("redemptionRate", Figure::of("points.redemptionRate", share_bp(spent.saturating_sub(given_back), issued))),
        ("breakage", Figure::of("points.breakage", breakage)),
        ("breakageRate", Figure::of("points.breakageRate", share_bp(breakage, issued))),
    ])
}

fn deals(totals: &Totals, base: &str) -> Vec<DealsView> {
    let statuses = [DealStatus::Pending, DealStatus::Success, DealStatus::Fail];
    let all = DealType::ALL.into_iter().flat_map(|deal_type| statuses.map(|status| (deal_type, status)));
    let view = |(deal_type, status): (DealType, DealStatus)| {
        let (quantity, point) = totals.of(&deal_kind(deal_type, status));
        let listed = |figure: Figure| figure.listed("deals", format!("{base}/dealDashboards"));
        (quantity != 0).then(|| DealsView {
            deal_type: deal_type.name(),
            status: status.name(),
            quantity: listed(Figure::of("deals.quantity", quantity)),
            point: Figure::of("deals.point", point),
        })
    };
    all.filter_map(view).collect()
}

fn merchants(session: &mut dyn Session, totals: &Totals, policy: Policy, base: &str) -> Result<MerchantsView> {
    let most_used = format!(
        "SELECT merchant_id, name, used_point - cancelled_point FROM dashboard_merchant \
         WHERE used_point > cancelled_point ORDER BY used_point - cancelled_point DESC, merchant_id LIMIT {RANKED}"
    );
    let most_owed = format!(
        "SELECT merchant_id, name, {PAYABLE} FROM dashboard_merchant \
         WHERE {UNBILLED} <> 0 ORDER BY {PAYABLE} DESC, merchant_id LIMIT {RANKED}"
    );
    let all_owed = format!(
        "SELECT CAST(COALESCE(SUM({PAYABLE}), 0) AS BIGINT), CAST(COALESCE(SUM({UNBILLED}), 0) AS BIGINT) \
         FROM dashboard_merchant WHERE {UNBILLED} <> 0"
    );
    let fee = [policy.fee_rate_bp.into()];
    let used = session.query(&most_used, &[])?;
    let payable = session.query(&most_owed, &fee)?;
    let owed = session.query(&all_owed, &fee)?;
    let owed = |place: usize| owed.first().map_or(0, |row| row.int(place));
    let deals_of = |id: i64| link("deals", format!("{base}/dealDashboards?merchantId={id}"));
    let lines_of = |id: i64| link("billingAmountViews", format!("{base}/billingAmountViews?merchantId={id}"));
    Ok(MerchantsView {
        used: Ranking::of("merchants.used", used, deals_of),
        payable: Ranking::of("merchants.payable", payable, lines_of),
        payable_total: Figure::of("merchants.payableTotal", owed(0)),
        unbilled: Figure::of("merchants.unbilled", owed(1))
            .listed("billingAmountViews", format!("{base}/billingAmountViews")),
        billed: Figure::of("merchants.billed", totals.of(BILLED).1).listed("billings", format!("{base}/billings")),
    })
}

impl Ranking {
    fn of(name: &str, rows: Vec<Row>, links: impl Fn(i64) -> LinksView) -> Self {
        let Definition { unit, meaning } = define(name);
        let ranked = |mut row: Row| Ranked {
            merchant_id: row.int(0),
            name: row.take_text(1),
            value: row.int(2),
            links: links(row.int(0)),
        };
        Self { unit, definition: meaning, merchants: rows.into_iter().map(ranked).collect() }
    }
}
