//! The last donations on my page. Kept as one text in a column of their own, which entries leave alone.

use domain::donation::{DonationStatus, Event};
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

/// Donations that a page shows.
const RECENT_DONATIONS: usize = 5;
/// Stands where there is nothing.
const NONE: &str = "-";

/// A donation on my page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecentDonation {
    /// The donation's number.
    pub donation_id: i64,
    /// Who receives.
    pub cause_id: i64,
    /// Points.
    pub amount: i64,
    /// `REQUESTED`, `DONATED` or `REJECTED`.
    #[schema(value_type = String, example = "DONATED")]
    pub status: DonationStatus,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The balance after the decision.
    pub balance_after: Option<i64>,
    /// When the points went to the cause, RFC 3339.
    pub donated_at: Option<String>,
}

/// What an event tells of a donation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    donation_id: i64,
    cause_id: i64,
    amount: i64,
    status: DonationStatus,
    reason: Option<String>,
    balance_after: Option<i64>,
    ended_at_ms: Option<i64>,
    /// Whether it is the first that is heard of this donation.
    is_new: bool,
}

impl Told {
    /// Whose donation an event is about, and what it tells; nothing for an event about a cause.
    pub(super) fn of(event: Event) -> Option<(i64, Self)> {
        Some(match event {
            Event::DonationRequested { donation_id, member_id, cause_id, amount, .. } => {
                let status = DonationStatus::Requested;
                let (reason, balance_after, ended_at_ms) = (None, None, None);
                let is_new = true;
                (member_id, Self { donation_id, cause_id, amount, status, reason, balance_after, ended_at_ms, is_new })
            }
            Event::DonationRefused { donation_id, member_id, cause_id, amount, reason, ended_at_ms } => {
                let status = DonationStatus::Rejected;
                let (reason, balance_after, ended_at_ms) = (Some(reason), None, Some(ended_at_ms));
                let is_new = true;
                (member_id, Self { donation_id, cause_id, amount, status, reason, balance_after, ended_at_ms, is_new })
            }
            Event::DonationEnded {
                donation_id,
                member_id,
                cause_id,
                amount,
                status,
                reason,
                balance_after,
                ended_at_ms,
                ..
            } => {
                let (ended_at_ms, is_new) = (Some(ended_at_ms), false);
                (member_id, Self { donation_id, cause_id, amount, status, reason, balance_after, ended_at_ms, is_new })
            }
            Event::CauseOpened { .. } | Event::CauseChanged { .. } => return None,
        })
    }

    /// The donations of a page with this taken in, newest first: `id cause amount status reason balance ended;` each.
    pub(super) fn add_to(&self, donations: &str) -> String {
        let mine = format!("{} ", self.donation_id);
        let others = donations.split_terminator(';');
        let list: Vec<String> = if self.is_new {
            std::iter::once(self.write()).chain(others.map(str::to_owned)).take(RECENT_DONATIONS).collect()
        } else {
            // One that has left the list stays away.
            others.map(|text| if text.starts_with(&mine) { self.write() } else { text.to_owned() }).collect()
        };
        list.into_iter().map(|text| text + ";").collect()
    }

    fn write(&self) -> String {
        let number = |number: Option<i64>| number.map_or(NONE.to_owned(), |number| number.to_string());
        let Self { donation_id, cause_id, amount, status, .. } = self;
        let (reason, status) = (self.reason.as_deref().unwrap_or(NONE), status.name());
        let (balance, ended) = (number(self.balance_after), number(self.ended_at_ms));
        format!("{donation_id} {cause_id} {amount} {status} {reason} {balance} {ended}")
    }
}

impl RecentDonation {
    /// The donations of a page, newest first.
    pub(super) fn read_all(donations: &str, zone: &Zone) -> Vec<Self> {
        donations.split_terminator(';').filter_map(|text| Self::read(text, zone)).collect()
    }

    fn read(text: &str, zone: &Zone) -> Option<Self> {
        let parts: Vec<&str> = text.split(' ').collect();
        let &[donation_id, cause_id, amount, status, reason, balance, ended] = parts.as_slice() else { return None };
        let status = DonationStatus::from_name(status)?;
        let ended_at_ms: Option<i64> = ended.parse().ok();
        Some(Self {
            donation_id: donation_id.parse().ok()?,
            cause_id: cause_id.parse().ok()?,
            amount: amount.parse().ok()?,
            status,
            reason: Some(reason.to_owned()).filter(|reason| reason != NONE),
            balance_after: balance.parse().ok(),
            donated_at: ended_at_ms.filter(|_| status == DonationStatus::Donated).map(|at_ms| zone.format(at_ms)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(donation_id: i64) -> Told {
        let event =
            Event::DonationRequested { donation_id, member_id: 1, cause_id: 1, amount: 10, balance_above: 1_000 };
        Told::of(event).expect("it is about a donation").1
    }

    fn ended(donation_id: i64, status: DonationStatus) -> Told {
        let rejected = status == DonationStatus::Rejected;
        let event = Event::DonationEnded {
            donation_id,
            member_id: 1,
            cause_id: 1,
            amount: 10,
            status,
            reason: rejected.then(|| "balance_too_low".to_owned()),
            balance_before: Some(1_500),
            balance_after: Some(1_490),
            ended_at_ms: 1_000,
        };
        Told::of(event).expect("it is about a donation").1
    }

    fn shown(told: &[Told]) -> Vec<(i64, DonationStatus)> {
        let text = told.iter().fold(String::new(), |text, told| told.add_to(&text));
        let zone = Zone::named("Asia/Seoul").expect("built in");
        RecentDonation::read_all(&text, &zone).iter().map(|shown| (shown.donation_id, shown.status)).collect()
    }

    #[test]
    fn the_last_five_are_shown_newest_first_and_a_decision_keeps_its_place() {
        use DonationStatus::{Donated, Rejected, Requested};
        let told = [requested(1), requested(12), ended(1, Donated), requested(3)];
        assert_eq!(shown(&told), [(3, Requested), (12, Requested), (1, Donated)]);
        let many: Vec<Told> = (1..=7).map(requested).chain([ended(2, Donated), ended(5, Rejected)]).collect();
        let expected = [(7, Requested), (6, Requested), (5, Rejected), (4, Requested), (3, Requested)];
        assert_eq!(shown(&many), expected, "2 has left the list and does not come back");
    }

    #[test]
    fn a_donation_reads_as_it_was_told() {
        let zone = Zone::named("Asia/Seoul").expect("built in");
        let text = ended(4, DonationStatus::Rejected).add_to(&requested(4).add_to(""));
        let [refused] = &RecentDonation::read_all(&text, &zone)[..] else { panic!("one donation: {text}") };
        assert_eq!((refused.reason.as_deref(), refused.balance_after), (Some("balance_too_low"), Some(1_490)));
        assert_eq!(refused.donated_at, None);
        let text = ended(4, DonationStatus::Donated).add_to(&requested(4).add_to(""));
        let [donated] = &RecentDonation::read_all(&text, &zone)[..] else { panic!("one donation: {text}") };
        assert_eq!((donated.reason.as_deref(), donated.amount), (None, 10));
        assert_eq!(donated.donated_at.as_deref(), Some("1970-01-01T09:00:01.000+09:00"));
    }
}
