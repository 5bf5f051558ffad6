//! A page on the wire.

use domain::kernel::Day;
use domain::member::MemberStatus;
use platform::db::Row;
use platform::error::Result;
use platform::seal::Seal;
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::bought::{PageCart, PageMembership};
use super::coupons::PageCoupon;
use super::donations::RecentDonation;
use super::shown::Shown;

/// A page on the wire. Never printed: its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageView {
    /// The member number.
    pub member_id: i64,
    /// What the member wants to be called.
    pub nickname: Option<String>,
    /// As it was given.
    pub phone_no: Option<String>,
    /// `READY`, `NORMAL` or `ABNORMAL`.
    #[schema(value_type = String)]
    pub member_status: MemberStatus,
    /// The balance in points.
    pub remain_point: i64,
    /// The last five movements, newest first.
    pub recent_entries: Vec<RecentEntry>,
    /// The last five donations, newest first; one that is not decided yet is among them.
    pub donations: Vec<RecentDonation>,
    /// The newest of them.
    pub last_donation: Option<RecentDonation>,
    /// Ten coupons at most: those that can be redeemed first, then the others, each newest first. `GET
    /// /coupons?memberId=` lists all.
    pub coupons: Vec<PageCoupon>,
    /// The last twenty paid memberships that the member bought, newest first.
    pub memberships: Vec<PageMembership>,
    /// The last twenty carts of the member, newest first; those that were removed too.
    pub carts: Vec<PageCart>,
}

/// A movement on my page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecentEntry {
    /// The entry's number.
    pub entry_id: i64,
    /// Why points moved.
    pub kind: String,
    /// Points, with sign.
    pub amount: i64,
    /// The balance after it.
    pub balance_after: i64,
    /// When, RFC 3339.
    pub at: String,
}

impl std::fmt::Debug for PageView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PageView({})", self.member_id)
    }
}

impl PageView {
    /// A page from its row, without purchases; nothing for a member who is gone, or of whom only point has spoken so far.
    ///
    /// # Errors
    /// `seal.broken` if contact data cannot be opened.
    pub(super) fn read(row: &Row, (seal, zone): (&Seal, &Zone), today: Day) -> Result<Option<Self>> {
        let Some(member_status) = MemberStatus::from_name(row.text(2)).filter(|_| row.int(7) == 0 && row.int(5) > 0)
        else {
            return Ok(None);
        };
        let shown = row.blob(1).map(|sealed| Shown::open(seal, row.int(0), sealed)).transpose()?.unwrap_or_default();
        let donations = RecentDonation::read_all(row.text(8), zone);
        Ok(Some(Self {
            member_id: row.int(0),
            nickname: shown.nickname,
            phone_no: shown.phone_no,
            member_status,
            remain_point: row.int(3),
            recent_entries: RecentEntry::read_all(row.text(4), row.int(3), zone),
            last_donation: donations.first().cloned(),
            donations,
            coupons: PageCoupon::read_all(row.text(10), today),
            memberships: Vec::new(),
            carts: Vec::new(),
        }))
    }
}

impl RecentEntry {
    /// The entries of a page, newest first: kept as `id kind amount at;`, because a page is written far more often
    /// than it is read. The newest entry left the balance that the page shows, and each one before it left that
    /// balance less what came after.
    fn read_all(recent: &str, remain_point: i64, zone: &Zone) -> Vec<Self> {
        let mut balance_after = remain_point;
        let read = |text: &str| {
            let entry = Self::read(text, balance_after, zone)?;
            balance_after -= entry.amount;
            Some(entry)
        };
        recent.split(';').filter_map(read).collect()
    }

    fn read(text: &str, balance_after: i64, zone: &Zone) -> Option<Self> {
        let mut parts = text.split(' ');
        let mut next = || parts.next();
        Some(Self {
            entry_id: next()?.parse().ok()?,
            kind: next()?.to_owned(),
            amount: next()?.parse().ok()?,
            balance_after,
            at: zone.format(next()?.parse().ok()?),
        })
    }
}
