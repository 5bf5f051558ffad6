//! Deals: earned, used, cancelled in parts, voided, and asked again.

use super::*;
use crate::kernel::{Day, MAX_SAFE};

/// The ledger's memory of deals beside an account, as the shell keeps it.
struct Desk {
    account: Account,
    known: Vec<DealRecord>,
    today: Day,
}

impl Desk {
    fn new(account: Account) -> Self {
        Self { account, known: vec![], today: Day::new(2031, 1, 15) }
    }

    fn outcome(&mut self, deal_id: i64, ask: DealAsk, point: i64) -> DealOutcome {
        let find = |id: i64| self.known.iter().find(|record| record.deal_id == id);
        let (expires, today) = (month(3), self.today);
        let cmd = AskDeal { deal_id, member_id: 1, ask, point, expires, today, now_ms: 7 };
        let original = ask.original().and_then(find);
        let outcome = decide_deal(Some(&self.account), find(deal_id), original, &cmd);
        for event in &outcome.events {
            apply(&mut self.account, event);
            if let Event::PointsMoved(earned) = event
                && let Some(repaid) = repay_owed(&self.account, earned)
            {
                apply(&mut self.account, &repaid);
            }
        }
        for record in outcome.record.iter().chain(&outcome.original) {
            self.known.retain(|known| known.deal_id != record.deal_id);
            self.known.push(record.clone());
        }
        outcome
    }

    /// Whether it is done, points that moved, points that are owed.
    fn ask(&mut self, deal_id: i64, ask: DealAsk, point: i64) -> (bool, i64, i64) {
        let DealDecision { done, moved_point, owed_point, .. } = self.outcome(deal_id, ask, point).decision;
        (done, moved_point, owed_point)
    }

    fn no(&mut self, deal_id: i64, ask: DealAsk, point: i64) -> String {
        let before = self.account.clone();
        let outcome = self.outcome(deal_id, ask, point);
        assert_eq!((outcome.events, &self.account), (vec![], &before), "a no changes nothing");
        assert_eq!((outcome.decision.done, outcome.decision.moved_point), (false, 0));
        outcome.decision.reason.expect("a no has a reason")
    }

    fn lots(&self) -> Vec<(i32, i64)> {
        lots(&self.account)
    }
}

const fn owing(of: i64) -> DealAsk {
    DealAsk::CancelSave { of, may_owe: true }
}

const fn strict(of: i64) -> DealAsk {
    DealAsk::CancelSave { of, may_owe: false }
}

const fn back(of: i64) -> DealAsk {
    DealAsk::CancelUse { of }
}

/// An account with more than one earning gives.
fn filled(point: i64) -> Account {
    Account { remain_point: point, lots: Lots::new(vec![(month(3), point)]), ..opened(Normal) }
}

#[test]
fn a_save_earns_into_the_lot_of_its_month_and_repays_what_is_owed() {
    let mut desk = Desk::new(Account { owed: 30, ..with(&[(2, 5)]) });
    let outcome = desk.outcome(9, DealAsk::Save, 100);
    let Event::PointsMoved(movement) = &outcome.events[0] else { panic!("points move: {outcome:?}") };
    assert_eq!((movement.kind, movement.amount), (EntryKind::Earn, 100));
    assert_eq!(movement.reference, Some(Reference { kind: "deal".into(), id: "9".into() }));
    assert_eq!((desk.lots(), desk.account.owed), (vec![(2, 5), (3, 70)], 0));
    assert_eq!(desk.ask(10, DealAsk::Save, 0), (true, 0, 0), "no points, only whether the member may");
    assert_eq!(desk.account.remain_point, 75);
}

#[test]
fn saves_and_uses_need_an_open_account_of_a_normal_member() {
    for (steps, reason) in [
        (vec![Follow(2, Ready)], "member_not_normal"),
        (vec![Follow(2, Abnormal)], "member_not_normal"),
        (vec![Prepare(1)], "account_closing"),
        (vec![Leave(1)], "member_unknown"),
    ] {
        let mut desk = Desk::new(after(with(&[(3, 100)]), &steps));
        for (deal_id, ask, point) in [(1, DealAsk::Save, 5), (2, DealAsk::Save, 0), (3, DealAsk::Use, 5)] {
            assert_eq!(desk.no(deal_id, ask, point), reason, "{steps:?}");
        }
    }
    let cmd = |ask| AskDeal {
        deal_id: 1,
        member_id: 8,
        ask,
        point: 0,
        expires: month(3),
        today: Day::new(2031, 1, 1),
        now_ms: 0,
    };
    let outcome = decide_deal(None, None, None, &cmd(DealAsk::Save));
    assert_eq!(outcome.decision.reason.as_deref(), Some("member_unknown"));
    assert!(decide_deal(None, None, None, &cmd(DealAsk::Void)).decision.done, "a void always takes hold");
}

#[test]
fn a_use_takes_at_most_what_is_available() {
    let mut desk = Desk::new(holding(with(&[(3, 100)]), 30));
    for (deal_id, point, reason) in [
        (1, 71, "insufficient_points"),
        (2, 0, "invalid_amount"),
        (3, -1, "invalid_amount"),
        (4, MAX_AMOUNT + 1, "invalid_amount"),
        (5, i64::MIN, "invalid_amount"),
    ] {
        assert_eq!(desk.no(deal_id, DealAsk::Use, point), reason, "{point}");
    }
    assert_eq!(desk.ask(6, DealAsk::Use, 70), (true, 70, 0));
    assert_eq!(desk.no(7, DealAsk::Save, -1), "invalid_amount");
    let mut full = Desk::new(filled(MAX_SAFE - 4));
    assert_eq!(full.no(1, DealAsk::Save, 5), "balance_too_large");
}

#[test]
fn a_cancelled_save_takes_from_its_own_lot_first_and_owes_the_rest() {
    let mut desk = Desk::new(with(&[(2, 40), (5, 10)]));
    assert_eq!(desk.ask(1, DealAsk::Save, 100), (true, 100, 0));
    assert_eq!(desk.ask(2, owing(1), 30), (true, 30, 0));
    assert_eq!(desk.lots(), [(2, 40), (3, 70), (5, 10)]);
    assert_eq!(desk.ask(3, DealAsk::Use, 85), (true, 85, 0));
    assert_eq!(desk.lots(), [(3, 25), (5, 10)]);
    assert_eq!(desk.no(4, strict(1), 36), "insufficient_points", "all of it or nothing");
    assert_eq!(desk.ask(5, strict(1), 5), (true, 5, 0));
    assert_eq!(desk.ask(6, owing(1), 65), (true, 30, 35));
    assert_eq!((desk.account.remain_point, desk.account.owed), (0, 35));
    let more = desk.outcome(7, owing(1), 1);
    assert_eq!((more.decision.done, more.decision.moved_point, more.decision.owed_point), (true, 0, 0));
    assert_eq!(more.oddity, Some(Oddity::CancelsTooMuch), "100 were earned and 100 are cancelled");
}

#[test]
fn a_cancelled_use_gives_the_same_lots_back_and_repays_nothing() {
    let mut desk = Desk::new(with(&[(2, 40), (3, 50), (5, 60)]));
    assert_eq!(desk.ask(1, DealAsk::Use, 110), (true, 110, 0));
    assert_eq!(desk.lots(), [(5, 40)]);
    desk.account.owed = 500;
    // As if the use had been smaller: what was taken last comes back first.
    for (deal_id, point, lots) in
        [(2, 30, &[(3, 10), (5, 60)][..]), (3, 25, &[(3, 35), (5, 60)]), (4, 55, &[(2, 40), (3, 50), (5, 60)])]
    {
        assert_eq!(desk.ask(deal_id, back(1), point), (true, point, 0));
        assert_eq!(desk.lots(), lots);
    }
    assert_eq!(desk.account.owed, 500, "only earnings repay");
    let more = desk.outcome(5, back(1), 3);
    assert_eq!((more.events.len(), more.oddity), (0, Some(Oddity::CancelsTooMuch)));
    let reversed = |part: i64| {
        let mut smaller = Desk::new(with(&[(2, 40), (3, 50), (5, 60)]));
        smaller.ask(1, DealAsk::Use, 110 - part);
        let mut partly = Desk::new(with(&[(2, 40), (3, 50), (5, 60)]));
        partly.ask(1, DealAsk::Use, 110);
        partly.ask(2, back(1), part);
        assert_eq!(partly.lots(), smaller.lots(), "{part}");
    };
    (1..110).for_each(reversed);
}

#[test]
fn what_has_ended_comes_back_until_the_end_of_the_following_month() {
    for (today, expected) in [
        // The last day of February still counts, in a leap year too; and the following month of January is February.
        (Day::new(2031, 2, 28), &[(203_102, 40), (203_103, 60)][..]),
        (Day::new(2031, 3, 1), &[(203_103, 60), (203_104, 40)]),
        (Day::new(2031, 3, 31), &[(203_103, 60), (203_104, 40)]),
        (Day::new(2031, 4, 1), &[(203_105, 100)]),
        (Day::new(2031, 12, 31), &[(203_201, 100)]),
        (Day::new(2032, 1, 31), &[(203_202, 100)]),
        (Day::new(2032, 2, 29), &[(203_203, 100)]),
    ] {
        let mut desk = Desk::new(with(&[(2, 40), (3, 60)]));
        desk.ask(1, DealAsk::Use, 100);
        desk.today = today;
        assert_eq!(desk.ask(2, back(1), 100), (true, 100, 0));
        let lots: Vec<_> = desk.account.lots.iter().map(|(month, point)| (month.as_number(), point)).collect();
        assert_eq!(lots, expected, "{today:?}");
        assert_eq!(expire_lots(&desk.account, today), None, "nothing comes back that is over");
    }
    assert_eq!(Month::new(2032, 2).last_day(), Day::new(2032, 2, 29), "until then it can be used");
}

#[test]
fn a_void_gives_back_what_was_taken_and_refuses_it_for_ever() {
    let mut desk = Desk::new(with(&[(2, 40), (3, 60)]));
    assert_eq!(desk.ask(1, DealAsk::Use, 70), (true, 70, 0));
    for _ in 0..2 {
        assert_eq!(desk.ask(1, DealAsk::Void, 70), (true, 70, 0));
        assert_eq!(desk.lots(), [(2, 40), (3, 60)]);
        assert_eq!(desk.no(1, DealAsk::Use, 70), "voided");
    }
    let late = desk.outcome(2, back(1), 70);
    assert_eq!((late.events.len(), late.oddity), (0, Some(Oddity::NothingToCancel)));
    // The void may be there first.
    assert_eq!(desk.ask(3, DealAsk::Void, 10), (true, 0, 0));
    assert_eq!(desk.no(3, DealAsk::Use, 10), "voided");
    // What was refused keeps its reason.
    assert_eq!(desk.no(4, DealAsk::Use, 101), "insufficient_points");
    assert_eq!(desk.ask(4, DealAsk::Void, 101), (true, 0, 0));
    assert_eq!(desk.no(4, DealAsk::Use, 101), "insufficient_points");
}

#[test]
fn cancels_and_voids_do_not_look_at_the_status_nor_at_a_withdrawal_under_way() {
    for steps in [vec![Follow(2, Ready)], vec![Follow(2, Abnormal)], vec![Prepare(1)]] {
        let mut desk = Desk::new(with(&[(2, 100)]));
        desk.ask(1, DealAsk::Save, 50);
        desk.ask(2, DealAsk::Use, 30);
        desk.ask(3, DealAsk::Use, 10);
        desk.account = after(desk.account, &steps);
        assert_eq!(desk.ask(4, owing(1), 20), (true, 20, 0), "{steps:?}");
        assert_eq!(desk.ask(5, back(2), 30), (true, 30, 0), "{steps:?}");
        assert_eq!(desk.ask(3, DealAsk::Void, 10), (true, 10, 0), "{steps:?}");
        assert_eq!(desk.account.remain_point, 130);
    }
}

#[test]
fn of_a_closed_account_nothing_moves() {
    let mut desk = Desk::new(with(&[(2, 100)]));
    desk.ask(1, DealAsk::Save, 50);
    desk.ask(2, DealAsk::Use, 30);
    desk.account = after(desk.account, &[Leave(1)]);
    let closed = desk.account.clone();
    assert_eq!(desk.ask(3, owing(1), 20), (true, 0, 0));
    assert_eq!(desk.ask(4, strict(1), 20), (true, 0, 0));
    assert_eq!(desk.ask(5, back(2), 30), (true, 0, 0));
    assert_eq!(desk.ask(2, DealAsk::Void, 30), (true, 0, 0));
    assert_eq!(desk.no(2, DealAsk::Use, 30), "voided");
    assert_eq!(desk.account, closed);
}

#[test]
fn what_was_answered_is_answered_again_whatever_happened_since() {
    let mut desk = Desk::new(with(&[(2, 100)]));
    let asked = [
        (1, DealAsk::Save, 50),
        (2, DealAsk::Use, 120),
        (3, DealAsk::Use, 1_000),
        (4, owing(1), 45),
        (5, back(2), 100),
    ];
    let first: Vec<_> = asked.iter().map(|(id, ask, point)| desk.outcome(*id, *ask, *point).decision).collect();
    desk.account = after(desk.account, &[Earn(4, 2_000), Prepare(1)]);
    let before = desk.account.clone();
    for (place, (deal_id, ask, point)) in asked.into_iter().enumerate() {
        let again = desk.outcome(deal_id, ask, point);
        assert_eq!((&again.decision, again.oddity), (&first[place], None));
        let known = desk.known.clone();
        for (other, other_point) in [(DealAsk::Save, 7), (ask, point + 1), (DealAsk::Void, point + 1)] {
            assert_eq!(desk.no(deal_id, other, other_point), "deal_number_reused", "{other:?}");
            assert_eq!(desk.outcome(deal_id, other, other_point).oddity, Some(Oddity::AskedDifferently));
        }
        assert_eq!((again.events, &desk.known), (vec![], &known));
    }
    assert_eq!(desk.account, before);
}

#[test]
fn a_cancel_of_what_is_no_such_deal_moves_nothing_and_says_so() {
    let mut desk = Desk::new(with(&[(2, 100)]));
    desk.ask(1, DealAsk::Save, 50);
    desk.ask(2, DealAsk::Use, 20);
    desk.ask(3, DealAsk::Use, 1_000);
    desk.known.push(DealRecord { deal_id: 90, member_id: 2, ..desk.known[0].clone() });
    for (place, ask) in [owing(2), back(1), back(3), owing(77), owing(90), strict(90)].into_iter().enumerate() {
        let outcome = desk.outcome(10 + place as i64, ask, 5);
        assert!(outcome.decision.done && outcome.decision.moved_point == 0 && outcome.events.is_empty(), "{ask:?}");
        assert_eq!(outcome.oddity, Some(Oddity::NothingToCancel), "{ask:?}");
    }
    assert_eq!(desk.no(20, back(2), 0), "invalid_amount");
    assert_eq!(desk.no(21, owing(1), MAX_AMOUNT + 1), "invalid_amount");
}

#[test]
fn a_balance_gets_back_what_it_has_room_for() {
    let mut desk = Desk::new(with(&[(2, 100)]));
    desk.ask(1, DealAsk::Use, 100);
    desk.account = filled(MAX_SAFE - 40);
    assert_eq!(desk.ask(2, back(1), 100), (true, 40, 0));
    assert_eq!(desk.account.remain_point, MAX_SAFE);
}
