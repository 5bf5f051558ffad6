//! The coupons on my page. Kept as one text in a column of their own, which entries leave alone.

use domain::coupon::{CouponStatus, Event};
use domain::kernel::Day;
use serde::Serialize;
use utoipa::ToSchema;

/// Coupons that a page shows.
pub(super) const SHOWN_COUPONS: usize = 10;
/// Stands where there is nothing.
const NONE: &str = "-";

/// A coupon on my page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageCoupon {
    /// The coupon's number.
    pub coupon_id: i64,
    /// What is shown or typed in to redeem it.
    #[schema(example = "7K3M-Q2ZT-90VX-4HBD")]
    pub code: String,
    /// The campaign it is of; none: the coupon for joining.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<i64>,
    /// `ISSUED`, `REDEEMED`, `CANCELLED` or `EXPIRED`.
    #[schema(value_type = String, example = "ISSUED")]
    pub status: CouponStatus,
    /// The first day on which it is good.
    #[schema(format = Date, example = "2026-11-21")]
    pub start_date: String,
    /// The last one.
    #[schema(format = Date, example = "2027-05-21")]
    pub end_date: String,
}

/// What an event tells of a member's coupons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// There is one more.
    Issued(PageCoupon),
    /// One stands like this from now on.
    Stands {
        /// Which one.
        coupon_id: i64,
        /// How.
        status: CouponStatus,
    },
    /// All that could be redeemed are lost with the membership.
    Lost,
    /// Nothing; the event counts all the same, so that the page knows how far it has come.
    Nothing,
}

impl Told {
    /// Whose coupons an event is about, and what it tells of them; nothing for an event about a campaign.
    pub(super) fn of(event: Event) -> Option<(i64, Self)> {
        let (coupon, status) = match event {
            Event::CouponIssued { coupon_id, member_id, campaign_id, code, start_date, end_date, .. } => {
                let status = CouponStatus::Issued;
                let coupon = PageCoupon { coupon_id, code, campaign_id, status, start_date, end_date };
                return Some((member_id, Self::Issued(coupon)));
            }
            Event::CouponRedeemed(coupon) => (coupon, CouponStatus::Redeemed),
            Event::RedemptionRolledBack(coupon) => (coupon, CouponStatus::Issued),
            Event::CouponCancelled(coupon) => (coupon, CouponStatus::Cancelled),
            Event::CouponExpired(coupon) => (coupon, CouponStatus::Expired),
            Event::WalletClosed { member_id, .. } => return Some((member_id, Self::Lost)),
            Event::WalletOpened { member_id }
            | Event::WithdrawalPrepared { member_id, .. }
            | Event::WithdrawalReleased { member_id, .. } => return Some((member_id, Self::Nothing)),
            _ => return None,
        };
        Some((coupon.member_id, Self::Stands { coupon_id: coupon.coupon_id, status }))
    }

    /// The coupons of a page with this taken in, newest first: `id campaign code status start end;` each. Where there are
    /// too many, the oldest goes of those that can no longer be redeemed; if all can, the oldest.
    pub(super) fn add_to(&self, coupons: &str) -> String {
        let mut list: Vec<String> = match self {
            Self::Nothing => return coupons.to_owned(),
            Self::Issued(coupon) => {
                std::iter::once(coupon.write()).chain(coupons.split_terminator(';').map(str::to_owned)).collect()
            }
            // One that has left the list stays away.
            Self::Stands { coupon_id, status } => changed(coupons, *status, |coupon| coupon.coupon_id == *coupon_id),
            Self::Lost => changed(coupons, CouponStatus::Cancelled, |coupon| coupon.status == CouponStatus::Issued),
        };
        if list.len() > SHOWN_COUPONS {
            let is_over =
                |text: &String| PageCoupon::read(text).is_none_or(|coupon| coupon.status != CouponStatus::Issued);
            let goes = list.iter().rposition(is_over).unwrap_or(list.len() - 1);
            list.remove(goes);
        }
        list.into_iter().map(|text| text + ";").collect()
    }
}

/// The coupons of a page, those among them that are meant with another status.
fn changed(coupons: &str, status: CouponStatus, is_meant: impl Fn(&PageCoupon) -> bool) -> Vec<String> {
    let write = |text: &str| {
        let meant = PageCoupon::read(text).filter(&is_meant);
        meant.map_or(text.to_owned(), |coupon| PageCoupon { status, ..coupon }.write())
    };
    coupons.split_terminator(';').map(write).collect()
}

impl PageCoupon {
    /// The coupons of a page as they stand today: those that can be redeemed first, then the others, each newest first.
    pub(super) fn read_all(coupons: &str, today: Day) -> Vec<Self> {
        let today = today.to_string();
        let mut list: Vec<Self> = coupons.split_terminator(';').filter_map(Self::read).collect();
        // Dates are written so that their order is that of their letters.
        for coupon in list.iter_mut().filter(|coupon| coupon.status == CouponStatus::Issued && coupon.end_date < today)
        {
            coupon.status = CouponStatus::Expired;
        }
        list.sort_by_key(|coupon| coupon.status != CouponStatus::Issued);
        list
    }

    /// The coupons of a page as they are stored.
    pub(super) fn stored(coupons: &str) -> impl Iterator<Item = Self> {
        coupons.split_terminator(';').filter_map(Self::read)
    }

    fn write(&self) -> String {
        let Self { coupon_id, code, campaign_id, status, start_date, end_date } = self;
        let campaign = campaign_id.map_or(NONE.to_owned(), |campaign_id| campaign_id.to_string());
        format!("{coupon_id} {campaign} {code} {} {start_date} {end_date}", status.name())
    }

    fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(' ').collect();
        let &[coupon_id, campaign, code, status, start_date, end_date] = parts.as_slice() else { return None };
        Some(Self {
            coupon_id: coupon_id.parse().ok()?,
            code: code.to_owned(),
            campaign_id: campaign.parse().ok(),
            status: CouponStatus::from_name(status)?,
            start_date: start_date.to_owned(),
            end_date: end_date.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::coupon::CouponFacts;

    use super::*;

    fn today() -> Day {
        Day::new(2026, 11, 21)
    }

    fn issued(coupon_id: i64, end_date: &str) -> Told {
        let event = Event::CouponIssued {
            coupon_id,
            member_id: 1,
            campaign_id: (coupon_id > 1).then_some(7),
            code: format!("7K3M-Q2ZT-{coupon_id:04}"),
            start_date: "2026-05-21".to_owned(),
            end_date: end_date.to_owned(),
            from_stock: false,
        };
        Told::of(event).expect("it is about a member").1
    }

    fn told(event: impl FnOnce(CouponFacts) -> Event, coupon_id: i64) -> Told {
        Told::of(event(CouponFacts { coupon_id, member_id: 1, campaign_id: None })).expect("it is about a member").1
    }

    fn text(told: &[Told]) -> String {
        told.iter().fold(String::new(), |text, told| told.add_to(&text))
    }

    fn shown(told: &[Told]) -> Vec<(i64, &'static str)> {
        let coupons = PageCoupon::read_all(&text(told), today());
        coupons.iter().map(|coupon| (coupon.coupon_id, coupon.status.name())).collect()
    }

    #[test]
    fn those_that_can_be_redeemed_come_first_and_each_keeps_its_status() {
        let far = "2027-05-21";
        let told = [
            issued(1, far),
            issued(2, "2026-11-21"),
            issued(3, "2026-11-20"),
            issued(4, far),
            issued(5, far),
            told(Event::CouponRedeemed, 4),
            told(Event::CouponCancelled, 1),
            told(Event::CouponRedeemed, 5),
            told(Event::RedemptionRolledBack, 5),
            Told::Nothing,
        ];
        let expected = [(5, "ISSUED"), (2, "ISSUED"), (4, "REDEEMED"), (3, "EXPIRED"), (1, "CANCELLED")];
        assert_eq!(shown(&told), expected);
        let mut lost = told.to_vec();
        lost.push(Told::of(Event::WalletClosed { member_id: 1, attempt: 1, cancelled: 2 }).expect("of a member").1);
        assert!(shown(&lost).iter().all(|(_, status)| ["CANCELLED", "REDEEMED"].contains(status)));
        let [first, ..] = &PageCoupon::read_all(&text(&told), today())[..] else { panic!("coupons are shown") };
        assert_eq!((first.campaign_id, first.code.as_str(), first.end_date.as_str()), (Some(7), "7K3M-Q2ZT-0005", far));
        assert_eq!(PageCoupon::stored(&text(&told[..1])).next().and_then(|coupon| coupon.campaign_id), None);
    }

    #[test]
    fn there_are_ten_at_most_and_those_that_are_over_go_first() {
        let far = "2027-05-21";
        let mut history: Vec<Told> = (1..=10).map(|coupon_id| issued(coupon_id, far)).collect();
        history.extend([told(Event::CouponRedeemed, 4), told(Event::CouponExpired, 6), issued(11, far)]);
        let numbers = |history: &[Told]| shown(history).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(numbers(&history), [11, 10, 9, 8, 7, 5, 3, 2, 1, 6]);
        history.extend([issued(12, far), issued(13, far), told(Event::CouponRedeemed, 1)]);
        assert_eq!(numbers(&history), [13, 12, 11, 10, 9, 8, 7, 5, 3, 2], "1 has left the list and does not come back");
    }

    #[test]
    fn campaigns_are_no_concern_of_a_page() {
        assert_eq!(Told::of(Event::CampaignOpened { campaign_id: 1 }), None);
        assert_eq!(Told::of(Event::CodeCancelled { campaign_id: 1, coupon_id: 2 }), None);
        assert_eq!(Told::of(Event::WalletOpened { member_id: 3 }), Some((3, Told::Nothing)));
    }
}
