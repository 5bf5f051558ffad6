//! What happens in a history, and how histories are made up.

use domain::deal::{DealType, MerchantStatus, Policy};
use proptest::prelude::*;
use proptest::sample::select;

/// Members have the numbers from 1 to this one; the next one is nobody.
pub const MEMBERS: i64 = 2;
/// Merchants have the numbers from 1 to this one.
pub const MERCHANTS: i64 = 2;
/// Half of what is paid is earned, so that small amounts come to something.
pub const POLICY: Policy = Policy { earn_rate_bp: 5_000, opens_merchants: true, may_owe: true };

/// What becomes of a question and its answer.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    Answered,
    QuestionLost,
    QuestionLate,
    AnswerLost,
    AnswerLate,
    /// Answered, and question and answer arrive again later.
    Doubled,
}

/// What a merchant posts.
#[derive(Debug, Clone)]
pub struct Posting {
    pub member_id: i64,
    pub merchant_id: i64,
    pub deal_type: DealType,
    pub deal_amount: i64,
    pub point: Option<i64>,
    /// The deal that is cancelled: in a history a number that is wrapped to the deals that there are.
    pub original_deal_id: Option<i64>,
}

/// One thing that happens. Whatever is picked is picked by a number that is wrapped to what there is.
#[derive(Debug, Clone)]
pub enum Step {
    Post(Posting, Fate),
    /// A merchant repeats the request of a deal that is pending.
    Retry(usize, Fate),
    /// A question or an answer arrives that was late.
    Arrive(usize),
    /// So many events are followed.
    PointFollows(usize),
    DealFollows(usize),
    SettlementFollows(usize),
    /// Who follows begins a little earlier than it had come.
    Again,
    Sweep,
    /// Milliseconds go by.
    Pass(i64),
    /// The daily look at an account.
    Look(i64),
    Prepare(i64, i64),
    Release(i64, i64),
    Leave(i64),
    Block(i64, MerchantStatus),
    /// The month so many months ago is settled.
    Bill(i64, i32),
}

fn any_fate() -> impl Strategy<Value = Fate> {
    let rare = vec![Fate::QuestionLost, Fate::QuestionLate, Fate::AnswerLost, Fate::AnswerLate, Fate::Doubled];
    prop_oneof![5 => Just(Fate::Answered), 5 => select(rare)]
}

fn any_posting() -> impl Strategy<Value = Posting> {
    // Few amounts, so that a cancel without a name finds one.
    let amounts = || select(vec![1_i64, 20, 20, 40, 40, 200]);
    let points = || select(vec![1_i64, 5, 10, 10, 20, 35]);
    let cancels = select(vec![DealType::SaveCancel, DealType::UseCancel, DealType::Cancel]);
    let named = prop_oneof![2 => Just(None), 4 => (1..=40_i64).prop_map(Some)];
    let part = prop_oneof![1 => Just(None), 1 => select(vec![1_i64, 3, 5, 10, 0, -4, 1_000]).prop_map(Some)];
    let who = || (prop_oneof![20 => 1..=MEMBERS, 1 => Just(MEMBERS + 1)], 1..=MERCHANTS);
    let posting = |(member_id, merchant_id): (i64, i64), deal_type, deal_amount, point, original_deal_id| Posting {
        member_id,
        merchant_id,
        deal_type,
        deal_amount,
        point,
        original_deal_id,
    };
    prop_oneof![
        7 => (who(), amounts()).prop_map(move |(who, amount)| posting(who, DealType::Save, amount, None, None)),
        6 => (who(), amounts(), points())
            .prop_map(move |(who, amount, point)| posting(who, DealType::Use, amount, Some(point), None)),
        8 => (who(), cancels, amounts(), part, named).prop_map(move |(who, kind, amount, part, named)| {
            posting(who, kind, amount, part, named)
        }),
    ]
}

pub fn any_step() -> impl Strategy<Value = Step> {
    let member = || 1..=MEMBERS;
    let merchant = || 1..=MERCHANTS;
    let pick = || 0..=20_usize;
    let piece = || prop_oneof![3 => 1..=3_usize, 1 => Just(usize::MAX)];
    let moments = prop_oneof![
        4 => 0..=20_000_i64,
        4 => 20_000..=90_000_i64,
        2 => (1..=20_i64).prop_map(|days| days * 86_400_000),
        1 => (21..=90_i64).prop_map(|days| days * 86_400_000 - 1),
    ];
    let status = prop_oneof![4 => Just(MerchantStatus::Active), 1 => Just(MerchantStatus::Blocked)];
    prop_oneof![
        24 => (any_posting(), any_fate()).prop_map(|(posting, fate)| Step::Post(posting, fate)),
        2 => (pick(), any_fate()).prop_map(|(pick, fate)| Step::Retry(pick, fate)),
        5 => pick().prop_map(Step::Arrive),
        5 => piece().prop_map(Step::PointFollows),
        4 => piece().prop_map(Step::DealFollows),
        4 => piece().prop_map(Step::SettlementFollows),
        1 => Just(Step::Again),
        4 => Just(Step::Sweep),
        6 => moments.prop_map(Step::Pass),
        2 => member().prop_map(Step::Look),
        1 => (member(), 1..=3_i64).prop_map(|(member, attempt)| Step::Prepare(member, attempt)),
        2 => (member(), 1..=3_i64).prop_map(|(member, attempt)| Step::Release(member, attempt)),
        1 => prop_oneof![4 => Just(Step::Sweep), 1 => member().prop_map(Step::Leave)],
        1 => (merchant(), status).prop_map(|(merchant, status)| Step::Block(merchant, status)),
        3 => (merchant(), 0..=2_i32).prop_map(|(merchant, back)| Step::Bill(merchant, back)),
    ]
}
