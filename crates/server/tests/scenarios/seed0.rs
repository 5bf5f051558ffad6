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

#[test]
fn dbg() {
    let app = TestApp::open(Engine::Sqlite);
    app.join_normal(1);
    std::thread::sleep(std::time::Duration::from_millis(300));
    for (c, n, sql) in [
        (0, "member", "SELECT consumer, xid, position FROM cursor_position"),
        (0, "member", "SELECT type, position, subject FROM event"),
    ] {
        let _ = c;
        println!("{n} {:?}", app.app().members.funnel.with_session(|tx| tx.query(sql, &[])));
        println!("notif {:?}", app.app().notifications.funnel.with_session(|tx| tx.query(sql, &[])));
        println!("point {:?}", app.app().points.funnel.with_session(|tx| tx.query(sql, &[])));
        println!("page {:?}", app.app().pages.funnel.with_session(|tx| tx.query(sql, &[])));
    }
    println!(
        "{:?}",
        app.app().notifications.funnel.with_session(|tx| tx.query("SELECT message_id, status FROM message", &[]))
    );
}
