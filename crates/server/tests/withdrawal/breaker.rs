//! The breaker in front of point: open soon, quick while it is, closed again soon.

use std::time::{Duration, Instant};

use platform::breaker::BreakerState;

use crate::support::{Answer, Engine, TestApp, within};
use crate::{join_many, must_be_undone};

const USERS: i64 = 3;
const OPEN_WITHIN: Duration = Duration::from_secs(2);
const QUICK: Duration = Duration::from_millis(20);
const BACK_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn the_breaker_opens_answers_at_once_and_closes_again_on_sqlite() {
    the_breaker_opens_answers_at_once_and_closes_again(Engine::Sqlite);
}

#[test]
fn the_breaker_opens_answers_at_once_and_closes_again_on_postgres() {
    the_breaker_opens_answers_at_once_and_closes_again(Engine::Postgres);
}

fn the_breaker_opens_answers_at_once_and_closes_again(engine: Engine) {
    let _machine = crate::alone();
    let app = TestApp::open(engine);
    join_many(&app, 20);
    assert_eq!(state(&app), BreakerState::Closed);
    app.delay_point(Some((700, 700)));
    let started = Instant::now();
    let refused: Vec<(i64, Answer)> = std::thread::scope(|scope| {
        let users: Vec<_> = (1..=USERS)
            .map(|id| {
                (
                    id,
                    scope.spawn({
                        let app = &app;
                        move || withdraw(app, id)
                    }),
                )
            })
            .collect();
        users.into_iter().map(|(id, user)| (id, user.join().expect("a user"))).collect()
    });
    let opened = within(OPEN_WITHIN, "the breaker is open", || state(&app) == BreakerState::Open);
    let opened = opened.max(started.elapsed());
    assert!(opened <= OPEN_WITHIN, "the breaker opened after {opened:?}");

    let while_open: Vec<(i64, Answer)> = (4..=13).map(|id| (id, withdraw(&app, id))).collect();
    assert_eq!(state(&app), BreakerState::Open, "it was open all the while");
    let longest = while_open.iter().map(|(_, answer)| answer.took).max().unwrap_or_default();
    for (member_id, answer) in refused.iter().chain(&while_open) {
        must_be_undone(&app, *member_id, answer);
    }

    app.delay_point(None);
    let removed = Instant::now();
    within(BACK_WITHIN, "withdrawals succeed again", || {
        std::thread::sleep(Duration::from_millis(50));
        let answer = withdraw(&app, 14);
        answer.status == 204 || answer.status == 404
    });
    let back = removed.elapsed();
    println!("breaker on {engine:?}: open after {opened:?}, quickly refused in {longest:?}, back after {back:?}");
    assert!(longest <= QUICK, "an open breaker answered after {longest:?}");
    for member_id in 15..=20 {
        assert_eq!(withdraw(&app, member_id).status, 204, "member {member_id}");
    }
    app.settle();
    app.verify();
}

fn state(app: &TestApp) -> BreakerState {
    app.app().members.guards()[0].breaker().state()
}

fn withdraw(app: &TestApp, member_id: i64) -> Answer {
    app.delete(&format!("/members/{member_id}"))
}
