//! A store is opened under the secret that sealed it, and under no other.

use server::assembly::{App, Options};
use server::config::Settings;

use crate::support::{Engine, TestApp};

fn opened(sets: &[String]) -> platform::error::Result<()> {
    let settings = Settings::from_sources(None, std::iter::empty(), sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    App::open(&settings, Options::default(), runtime.handle()).map(drop)
}

fn another_secret_is_refused(engine: Engine) {
    let mut app = TestApp::open(engine);
    app.join_normal(1);
    app.shut_down();
    let mut sets = app.store_settings();
    opened(&sets).expect("control: the same secret");
    sets.retain(|set| !set.starts_with("programme.secret"));
    let other =
        opened(&[sets.clone(), vec!["programme.secret=another-secret-of-thirty-two-bytes".to_owned()]].concat());
    let other = other.expect_err("another secret");
    assert_eq!(other.code, "config.secret");
    assert!(other.message.contains("restore the file programme.secret"), "{other}");
    // A further process that was given no secret makes one of its own.
    let elsewhere = tempfile::tempdir().expect("a folder");
    if engine == Engine::Postgres {
        sets.retain(|set| !set.starts_with("data="));
        sets.push(format!("data={}", elsewhere.path().display()));
    }
    let made = opened(&sets).expect_err("a secret of its own");
    assert_eq!(made.code, "config.secret");
    assert!(made.message.contains("all processes on one database need the same"), "{made}");
    app.restart();
    assert_eq!(app.get("/members/1").json["phoneNo"], "01000000001", "nothing has changed");
}

#[test]
fn another_secret_is_refused_on_sqlite() {
    another_secret_is_refused(Engine::Sqlite);
}

#[test]
fn another_secret_is_refused_on_postgres() {
    another_secret_is_refused(Engine::Postgres);
}
