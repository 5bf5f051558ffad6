//! Tests of settlement's rules: by table, and random lines and runs against plain sums.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use proptest::collection::vec as many;
use proptest::prelude::*;

use super::*;

/// May to August 2020; it is August.
const COUNT: usize = 4;

fn month(place: usize) -> Month {
    Month::new(2020, 5).plus(i32::try_from(place).expect("a small number"))
}

fn now() -> Month {
    month(COUNT - 1)
}

fn asked(month: Month) -> Asked {
    Asked { month, now: now(), fee_rate: 200, now_ms: 0 }
}

fn known() -> Merchant {
    Merchant { known: true, ..Merchant::new(20) }
}

fn line(deal_id: i64, month: Month, point: i64) -> Line {
    let kind = if point < 0 { LineKind::Cancel } else { LineKind::Use };
    Line { deal_id, month, kind, point }
}

/// Points and won of a run.
fn figures(event: &Event) -> (i64, i64) {
    let Event::Billed { used_point, billing_amount, .. } = *event;
    (used_point, billing_amount)
}

#[test]
fn the_fee_goes_off_the_sum_and_the_rest_is_cut_off_towards_zero() {
    for (point, fee_rate, won) in [
        (500, 200, 490),
        (0, 200, 0),
        (1, 200, 0),
        (-1, 200, 0),
        (99, 200, 97),
        (-99, 200, -97),
        (-400, 200, -392),
        (10_000, 0, 10_000),
        (10_000, 10_000, 0),
        (MAX, 1, 9_006_298_534_481_891),
        (-MAX, 1, -9_006_298_534_481_891),
    ] {
        assert_eq!(billing_amount(point, fee_rate), won, "{point} at {fee_rate}");
    }
}

const MAX: i64 = crate::kernel::MAX_SAFE;

#[test]
fn who_is_not_known_and_what_has_not_begun_is_not_billed() {
    let rejected = |merchant: Option<&Merchant>, of: Month| bill(merchant, None, &asked(of), 1).unwrap_err();
    assert_eq!(rejected(None, now()), Rejection::MerchantUnknown);
    assert_eq!(rejected(Some(&Merchant::new(20)), now()), Rejection::MerchantUnknown);
    assert_eq!(rejected(Some(&known()), now().plus(1)), Rejection::MonthNotBegun);
    assert_eq!(Rejection::MonthNotBegun.reason(), "month_not_begun");
    let empty = bill(Some(&known()), None, &asked(now()), 1).expect("a run").expect("the first one");
    assert_eq!(figures(&empty), (0, 0));
    let last = Some(LastRun { run: 1, billing_id: 1 });
    assert_eq!(bill(Some(&known()), last, &asked(now()), 2), Ok(None));
}

#[test]
fn an_event_is_taken_in_once_and_sums_stay_numbers() {
    let mut merchant = known();
    assert_eq!(take_in(&mut merchant, &line(1, now(), 100), 3, 7), Ok(Some(7)));
    assert_eq!(take_in(&mut merchant, &line(1, now(), 100), 3, 8), Ok(None));
    assert_eq!(take_in(&mut merchant, &line(2, now(), 50), 4, 8), Ok(Some(7)));
    assert_eq!((merchant.open[0].point, merchant.open[0].deal_count, merchant.through), (150, 2, 4));
    let before = merchant.clone();
    assert_eq!(take_in(&mut merchant, &line(3, now(), MAX), 5, 8), Err(Rejection::SumTooLarge));
    assert_eq!(merchant, before);
    set_fee_rate(&mut merchant, Some(5), 4);
    assert_eq!(merchant.fee_rate, None, "an old event changes nothing");
    set_fee_rate(&mut merchant, Some(5), 5);
    assert_eq!((merchant.fee_rate, merchant.through), (Some(5), 5));
}

#[test]
fn a_closing_bills_what_is_late_before_its_own_month() {
    let mut merchant = known();
    for (place, (dated, point)) in
        [(month(0), 10), (month(1), -3), (month(2), 40), (month(2), -4), (now(), 5)].into_iter().enumerate()
    {
        let number = i64::try_from(place).expect("small") + 1;
        take_in(&mut merchant, &line(number, dated, point), number, number).expect("it fits");
    }
    assert_eq!(close_month(&merchant, month(2)), vec![month(0), month(2)]);
    assert_eq!(close_month(&merchant, month(1)), vec![month(0), month(1)]);
    assert_eq!(close_month(&merchant, month(0)), vec![month(0)]);
    assert_eq!(close_month(&known(), now()), vec![]);
}

/// What is done in a random history.
#[derive(Debug, Clone)]
enum Step {
    /// A line of this month comes in.
    Line(usize, i64),
    /// A month is billed.
    Bill(usize),
    /// A month is closed.
    Close(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let point = prop_oneof![3 => 1_i64..10_000, 1 => -10_000_i64..0];
    let step = prop_oneof![
        6 => (0..COUNT, point).prop_map(|(month, point)| Step::Line(month, point)),
        2 => (0..COUNT).prop_map(Step::Bill),
        1 => (0..COUNT).prop_map(Step::Close),
    ];
    many(step, 0..60)
}

/// A merchant as a child would keep one: every line, and the run that it is in.
#[derive(Default)]
struct Model {
    lines: Vec<(Month, i64, i64, Option<i64>)>,
    runs: BTreeMap<Month, i64>,
}

impl Model {
    /// The points that a run of this month has to have, and marks its lines.
    fn bill(&mut self, month: Month, billing_id: i64, through: i64) -> (i64, i64) {
        let (mut sum, mut count) = (0, 0);
        for (dated, point, sequence, billed) in &mut self.lines {
            let is_due = if *point < 0 { *dated <= month } else { *dated == month };
            if billed.is_none() && is_due {
                assert!(*sequence <= through, "the mark covers the line");
                (sum, count, *billed) = (sum + *point, count + 1, Some(billing_id));
            }
        }
        (sum, count)
    }
}

fn run(
    merchant: &mut Merchant,
    model: &mut Model,
    month: Month,
    billing_id: i64,
) -> Result<(), TestCaseError> {
    let last = model.runs.get(&month).map(|run| LastRun { run: *run, billing_id: 0 });
    let has_news = model.lines.iter().any(|(dated, point, _, billed)| {
        billed.is_none() && if *point < 0 { *dated <= month } else { *dated == month }
    });
    let event = bill(Some(merchant), last, &asked(month), billing_id).expect("it can be billed");
    prop_assert_eq!(event.is_some(), has_news || last.is_none());
    let Some(event) = event else { return Ok(()) };
    let Event::Billed { run, used_point, billing_amount: won, deal_count, through, .. } = event;
    let (sum, count) = model.bill(month, billing_id, through);
    prop_assert_eq!((used_point, deal_count, won), (sum, count, sum * 9_800 / 10_000));
    prop_assert_eq!(run, model.runs.get(&month).copied().unwrap_or(0) + 1);
    let closed = apply(merchant, &event);
    prop_assert_eq!(closed.iter().map(|tally| tally.point).sum::<i64>(), used_point);
    prop_assert_eq!(closed.iter().map(|tally| tally.deal_count).sum::<i64>(), deal_count);
    model.runs.insert(month, run);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn each_line_is_in_exactly_one_run_and_sums_are_equal_in_any_order(steps in steps()) {
        let (mut merchant, mut model) = (known(), Model::default());
        let mut next = 0;
        for step in steps {
            next += 1;
            match step {
                Step::Line(place, point) => {
                    let taken = take_in(&mut merchant, &line(next, month(place), point), next, next);
                    prop_assert!(matches!(taken, Ok(Some(_))));
                    model.lines.push((month(place), point, next, None));
                }
                Step::Bill(place) => run(&mut merchant, &mut model, month(place), next)?,
                Step::Close(place) => {
                    let months = close_month(&merchant, month(place));
                    prop_assert_eq!(!months.is_empty(), merchant.has_open(month(place)));
                    for month in months {
                        next += 1;
                        run(&mut merchant, &mut model, month, next)?;
                    }
                    prop_assert!(!merchant.has_open(month(place)), "a closing leaves nothing of its month or before");
                }
            }
            let open: i64 = model.lines.iter().filter(|line| line.3.is_none()).map(|line| line.1).sum();
            prop_assert_eq!(merchant.open.iter().map(|tally| tally.point).sum::<i64>(), open);
        }
        for month in close_month(&merchant, now()) {
            next += 1;
            run(&mut merchant, &mut model, month, next)?;
        }
        prop_assert!(merchant.open.is_empty() && model.lines.iter().all(|line| line.3.is_some()));
    }
}
