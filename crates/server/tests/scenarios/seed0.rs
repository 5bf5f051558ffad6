//! Seed 0: joining, points, leaving.

use crate::support::{Engine, TestApp};

#[test]
fn smoke_on_sqlite() {
    smoke(Engine::Sqlite);
}

#[test]
fn smoke_on_postgres() {
    smoke(Engine::Postgres);
}

fn smoke(engine: Engine) {
    let mut app = TestApp::open(engine);
    app.join_normal(1);
    app.settle();
    app.restart();
    app.join_normal(2);
    app.settle();
    app.verify();
    println!("{}", app.state());
}
