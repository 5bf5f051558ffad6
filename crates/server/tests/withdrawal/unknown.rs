//! The connection to the database breaks just when a withdrawal is decided: whoever asked learns how it ended, or that
//! it is not known.

use super::wire::{Break, Wire};
use crate::support::{Answer, Engine, TestApp, eventually};

/// Member 1 leaves over a line that breaks like this.
fn leaves_over(breaks: Break) -> (TestApp, Wire, Answer) {
    let mut app = TestApp::open(Engine::Postgres);
    let wire = Wire::to(&app.postgres().expect("a database").url);
    app.restart_with(&[&format!("database.url={}", wire.url)]);
    app.join_normal(1);
    app.settle();
    wire.breaks_when_decided(breaks);
    let answer = app.delete("/members/1");
    assert!(wire.has_broken(), "{breaks:?}: {}", answer.text);
    (app, wire, answer)
}

fn must_be_gone(app: &TestApp) {
    eventually("the withdrawal is done", || app.get("/withdrawals/1").json["step"] == "DONE");
    app.get("/members/1").must_be(404);
    assert_eq!(app.get("/withdrawals/1").json["forfeitedPoint"], 1_000);
    app.settle();
    app.verify();
}

#[test]
fn a_decision_that_the_store_made_and_did_not_answer_is_told_as_made() {
    let _machine = crate::beside_others();
    let (app, _wire, answer) = leaves_over(Break::AnswerLost);
    assert!(matches!(answer.status, 202 | 204), "{}", answer.text);
    must_be_gone(&app);
}

#[test]
fn a_decision_that_is_still_on_its_way_is_waited_for() {
    let _machine = crate::beside_others();
    let (app, _wire, answer) = leaves_over(Break::SentLate);
    assert!(matches!(answer.status, 202 | 204), "{}", answer.text);
    must_be_gone(&app);
}

#[test]
fn a_decision_that_never_came_to_the_store_is_undone() {
    let _machine = crate::beside_others();
    let (app, _wire, answer) = leaves_over(Break::NotSent);
    assert_eq!(answer.code(), "member.withdrawal_undone", "{}", answer.text);
    crate::must_be_undone(&app, 1, &answer);
    app.leave(1);
    must_be_gone(&app);
}

#[test]
fn while_the_store_is_out_of_reach_it_is_told_that_nobody_knows() {
    let _machine = crate::beside_others();
    let (mut app, wire, answer) = leaves_over(Break::AnswerLostForLong);
    answer.must_be_problem(503);
    assert_eq!(answer.code(), "member.withdrawal_unclear", "{}", answer.text);
    assert!(answer.text.contains("/withdrawals/1") && !answer.text.contains("nothing was changed"), "{}", answer.text);
    wire.mend();
    eventually("what was decided has followed", || app.get("/withdrawals/1").json["step"] == "DONE");
    // Its connections that were idle learn only now that they are lost, and these tests look through them.
    app.restart();
    must_be_gone(&app);
}
