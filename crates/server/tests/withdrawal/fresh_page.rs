//! My page shows a change within 100 ms when the system is idle.

use std::time::{Duration, Instant};

use crate::support::{Engine, TestApp, within};

const CHANGES: i64 = 20;
const LIMIT: Duration = Duration::from_millis(100);

#[test]
fn my_page_shows_a_change_within_100_ms_on_sqlite() {
    my_page_shows_a_change_within_100_ms(Engine::Sqlite);
}

#[test]
fn my_page_shows_a_change_within_100_ms_on_postgres() {
    my_page_shows_a_change_within_100_ms(Engine::Postgres);
}

fn my_page_shows_a_change_within_100_ms(engine: Engine) {
    let _machine = crate::alone();
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.settle();
    let mut took: Vec<Duration> = (1..=CHANGES).map(|change| change_and_look(&app, 1_000 + change)).collect();
    took.sort_unstable();
    let (middle, longest) = (took[took.len() / 2], took[took.len() - 1]);
    println!("my page on {engine:?}: {CHANGES} changes, middle {middle:?}, longest {longest:?}");
    assert!(longest <= LIMIT, "the longest took {longest:?}");
}

/// Adds a point; how long after the answer the page still showed the old balance.
fn change_and_look(app: &TestApp, expected: i64) -> Duration {
    // Idle long enough for every consumer to have gone to sleep.
    std::thread::sleep(Duration::from_millis(30));
    app.change_points(1, 1).must_be(200);
    let answered = Instant::now();
    within(Duration::from_secs(2), "the page shows the change", || {
        app.get("/mypages/1").json["remainPoint"] == expected
    });
    answered.elapsed()
}
