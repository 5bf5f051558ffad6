//! Random histories of wallets, coupons, campaigns and bulk issues: the rules of coupon put together as the context does
//! it, beside a naive model that keeps nothing but a list and counts it anew for every question.

#[path = "coupon_histories/model.rs"]
mod model;
#[path = "coupon_histories/steps.rs"]
mod steps;
#[path = "coupon_histories/system.rs"]
mod system;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::collection::vec as many;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use domain::coupon::CouponStatus;
use model::Model;
use steps::{CAMPAIGNS, MEMBERS, Step, any_step};
use system::{System, Without};

const HISTORIES: u32 = 5_000;
/// So many histories at most until a protection that is missing has shown.
const CONTROL_HISTORIES: u32 = 3_000;
const STEPS: std::ops::Range<usize> = 1..70;

type Seen = RefCell<BTreeMap<String, u64>>;

/// Plays a history to the rules and to the model; what is wrong, if anything is.
fn play(history: &[Step], without: Without, seen: &Seen) -> Result<(), String> {
    let (mut system, mut model) = (System::new(without), Model::new());
    for step in history {
        let (said, expected) = (system.take(step), model.take(step));
        if said != expected {
            return Err(format!("{step:?} was answered {said}, by the model {expected}"));
        }
        agree(&system, &model).map_err(|wrong| format!("{step:?}: {wrong}"))?;
        let name = format!("{step:?}");
        let verb = name.split(['(', ' ']).next().unwrap_or_default();
        *seen.borrow_mut().entry(format!("{verb} {said}")).or_default() += 1;
    }
    Ok(())
}

/// Whether both have the same coupons, and the figures of campaigns and wallets are what their coupons come to.
fn agree(system: &System, model: &Model) -> Result<(), String> {
    let seen: Vec<_> = system.coupons.iter().map(|one| (one.member_id, one.campaign_id, one.status)).collect();
    let wanted: Vec<_> = model.coupons.iter().map(|one| (one.owner, one.campaign, one.status)).collect();
    if seen != wanted {
        return Err(format!("coupons: {seen:?}, by the model {wanted:?}"));
    }
    for campaign_id in CAMPAIGNS {
        let campaign = &system.campaigns[&campaign_id];
        let (counts, counted) = (campaign.counts, model.counts(campaign_id));
        let figures = [counts.issued, counts.in_stock, counts.redeemed, counts.cancelled, counts.expired];
        if figures != counted || counts.promised != model.promised(campaign_id) {
            return Err(format!("campaign {campaign_id} counts {counts:?}, its coupons are {counted:?}"));
        }
        if counts.issued + counts.promised > campaign.quantity {
            return Err(format!("campaign {campaign_id} made or promised too much: {counts:?}"));
        }
        for member_id in MEMBERS {
            let had = model.had(member_id, campaign_id);
            if had > campaign.per_member_limit {
                return Err(format!("member {member_id} had {had} coupons of campaign {campaign_id}"));
            }
        }
    }
    for (member_id, wallet) in &system.wallets {
        let is_good =
            |one: &&domain::coupon::Coupon| one.member_id == Some(*member_id) && one.status == CouponStatus::Issued;
        let good = i64::try_from(system.coupons.iter().filter(is_good).count()).unwrap_or(i64::MAX);
        if wallet.issued != good {
            return Err(format!("wallet {member_id} counts {}, there are {good}", wallet.issued));
        }
    }
    Ok(())
}

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

#[test]
fn every_history_of_coupons_agrees_with_a_list() {
    let seen = Seen::default();
    TestRunner::new(config(HISTORIES))
        .run(&many(any_step(), STEPS), |history| play(&history, Without::Nothing, &seen).map_err(TestCaseError::fail))
        .unwrap_or_else(|failure| panic!("{failure}"));
    // Histories that never come to something prove nothing about it.
    let seen = seen.into_inner();
    for what in WANTED {
        assert!(seen.get(what).is_some_and(|count| *count >= 20), "{what}: {seen:#?}");
    }
}

/// What histories have to come across.
const WANTED: [&str; 25] = [
    "Claim fresh",
    "Claim stock",
    "Claim member_limit",
    "Claim campaign_closed",
    "Claim campaign_over",
    "Claim campaign_exhausted",
    "Claim codes_being_made",
    "Claim member_leaving",
    "Claim wallet_unknown",
    "Redeem done",
    "Redeem redeemed",
    "Redeem member_limit",
    "Redeem of_another_member",
    "Redeem not_yet_good",
    "Redeem expired",
    "Redeem cancelled",
    "RollBack done",
    "RollBack not_redeemed",
    "Cancel done",
    "Walk 1",
    "Request done",
    "Request wrong_count",
    "Piece done",
    "Close 1",
    "Quantity wrong_quantity",
];

#[test]
fn a_protection_that_is_left_out_shows() {
    for (without, wrong) in [
        (Without::LastingLimit, "Claim"),
        (Without::LimitOfStock, "Redeem"),
        (Without::Promise, "campaign"),
        (Without::LostCounts, "campaign"),
        (Without::Status, "coupons"),
    ] {
        let seen = Seen::default();
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(Config { max_shrink_iters: 0, ..config(CONTROL_HISTORIES) }, rng);
        let found =
            runner.run(&many(any_step(), STEPS), |history| play(&history, without, &seen).map_err(TestCaseError::fail));
        let said = found.err().map_or_else(String::new, |found| found.to_string());
        assert!(said.contains(wrong) && !said.contains("panicked"), "without {without:?}: {said}");
    }
}
