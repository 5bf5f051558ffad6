//! `onepoint doctor` sees what is wrong with an installation, says what to do, and changes nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use super::process::Store;
use super::{json_of, onepoint};
use crate::support::{Engine, postgres};

/// The verdict of a check; `none` if it was not made.
fn verdict(report: &Value, check: &str) -> String {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|found| found["check"] == check);
    found.map_or("none".to_owned(), |found| found["verdict"].as_str().unwrap_or_default().to_owned())
}

fn advised(report: &Value) -> bool {
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().all(|check| (check["verdict"] == "ok") == check["advice"].is_null())
}

/// The report, with an exit code that fits it.
fn report_of(output: &Output) -> Value {
    let report = json_of(output);
    let code = match report["verdict"].as_str() {
        Some("ok") => 0,
        Some("warn") => 3,
        _ => 1,
    };
    assert_eq!(output.status.code(), Some(code), "{report:#}");
    assert!(advised(&report), "what is not well comes with advice: {report:#}");
    report
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("its owner may");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn a_running_installation_is_well(engine: Engine) {
    let store = Store::fresh(engine);
    set_mode(store.folder(), 0o700);
    let before = report_of(&store.run(&["doctor", "--json"]));
    assert_eq!(before["verdict"], "ok", "{before:#}");
    assert!(names(store.folder()).is_empty(), "looking makes nothing");
    let server = store.serve();
    let url = format!("http://{}", server.address);
    let report = report_of(&store.run(&["doctor", "--json", "--url", &url]));
    assert_eq!(report["verdict"], "ok", "{report:#}");
    for check in [
        "settings",
        "data folder",
        "disk space",
        "store point",
        "store access",
        "server",
        "consumers",
        "breakers",
        "leases",
    ] {
        assert_eq!(verdict(&report, check), "ok", "{check}: {report:#}");
    }
    let engine_name = match engine {
        Engine::Sqlite => "SQLite 3.",
        Engine::Postgres => "PostgreSQL 1",
        Engine::Mixed => "MariaDB 1",
    };
    assert!(report.to_string().contains(engine_name) && report.to_string().contains("schema up to date"), "{report:#}");
    let lines = String::from_utf8(store.run(&["doctor", "--url", &url]).stdout).expect("text");
    assert!(lines.ends_with("All is well.\n"), "{lines}");
}

#[test]
fn a_running_installation_is_well_on_sqlite() {
    a_running_installation_is_well(Engine::Sqlite);
}

#[test]
fn a_running_installation_is_well_on_postgres() {
    a_running_installation_is_well(Engine::Postgres);
}

#[test]
fn a_running_installation_is_well_on_mariadb() {
    a_running_installation_is_well(Engine::Mixed);
    // What could lose something is seen, and refused by whoever would work there. Nobody else here uses the server.
    let store = Store::fresh(Engine::Mixed);
    set_mode(store.folder(), 0o700);
    let databases = store.mariadb().expect("databases");
    let look = || verdict(&report_of(&store.run(&["doctor", "--json"])), "store coupon");
    assert_eq!(look(), "ok", "control");
    databases.run("SET GLOBAL innodb_flush_log_at_trx_commit = 2");
    assert_eq!(look(), "fail");
    let refused = store.run(&["migrate"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("innodb_flush_log_at_trx_commit is not 1"), "{said}");
    databases.run("SET GLOBAL innodb_flush_log_at_trx_commit = 1");
    assert!(store.run(&["migrate"]).status.success());
    assert_eq!(look(), "ok");
    // Only some contexts may lie there.
    let elsewhere = format!("point.database.url={}", databases.url);
    let report = report_of(&store.run(&["doctor", "--json", "--set", &elsewhere]));
    assert_eq!((verdict(&report, "store point"), verdict(&report, "store coupon")), ("fail".into(), "ok".into()));
    assert!(report.to_string().contains("only access, coupon, notification can"), "{report:#}");
    let keys = format!("access.database.url={}", databases.url);
    assert!(store.run(&["keys", "list", "--set", &keys]).status.success(), "API keys may");
}

#[test]
fn each_trouble_is_seen() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = format!("data={}", folder.path().display());
    let look = |words: &[&str]| report_of(&onepoint(&[&["doctor", "--json", "--set", &data], words].concat()));
    let seen = |words: &[&str], check: &str| verdict(&look(words), check);

    assert_eq!(seen(&[], "settings"), "ok", "control");
    assert_eq!(seen(&["--set", "points.welcom=0"], "settings"), "fail");
    assert_eq!(seen(&["--set", "points.welcome=many"], "settings"), "fail");
    assert_eq!(seen(&["--set", "listen=0.0.0.0:8080", "--set", "bench.echo=true"], "settings"), "fail");
    assert_eq!(seen(&["--set", "listen=0.0.0.0:8080"], "who may ask"), "fail");
    assert_eq!(seen(&["--set", "database.url=postgres://nobody@127.0.0.1:1/none"], "store point"), "fail");
    assert_eq!(seen(&["--url", "http://127.0.0.1:1"], "server"), "fail");
    let secret = folder.path().join("programme.secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef").expect("a file is written");
    set_mode(&secret, 0o644);
    assert_eq!(seen(&[], "secrets"), "warn");
    set_mode(&secret, 0o600);
    assert_eq!(seen(&[], "secrets"), "ok");
    let below = format!("data={}", secret.join("below").display());
    assert_eq!(seen(&["--set", &below], "data folder"), "fail", "a file is no folder");
    std::fs::write(&secret, "short").expect("a file is written");
    assert_eq!(seen(&[], "secrets"), "fail");

    std::fs::write(folder.path().join("point.sqlite"), vec![7; 4_096]).expect("a file is written");
    assert_eq!(seen(&[], "store point"), "fail", "a file that is no store");
    std::fs::write(folder.path().join("point.sqlite"), []).expect("a file is written");
    assert_eq!(seen(&[], "store point"), "ok", "an empty one is made into a store");

    set_mode(folder.path(), 0o755);
    assert_eq!(seen(&[], "data folder"), "warn");
    set_mode(folder.path(), 0o700);
    assert_eq!(seen(&[], "data folder"), "ok");
}

#[test]
fn a_schema_that_is_behind_is_seen() {
    let store = Store::fresh(Engine::Sqlite);
    assert!(store.run(&["migrate"]).status.success());
    assert_eq!(verdict(&report_of(&store.run(&["doctor", "--json"])), "store point"), "ok", "control");
    store.with("point", |tx| tx.execute("DELETE FROM migration WHERE number > 0", &[]));
    assert_eq!(verdict(&report_of(&store.run(&["doctor", "--json"])), "store point"), "warn");
    store.with("point", |tx| tx.execute("UPDATE migration SET lives_with = 1000000", &[]));
    assert_eq!(verdict(&report_of(&store.run(&["doctor", "--json"])), "store point"), "fail");
}

#[test]
fn a_secret_that_did_not_seal_the_store_is_seen() {
    let store = Store::fresh(Engine::Sqlite);
    assert!(store.run(&["migrate"]).status.success());
    assert_eq!(verdict(&report_of(&store.run(&["doctor", "--json"])), "seal member"), "ok", "control");
    let mut command = store.command(&["doctor", "--json"]);
    command.args(["--set", "programme.secret=another-secret-of-thirty-two-bytes"]);
    let report = report_of(&command.output().expect("the program runs"));
    for check in ["seal member", "seal mypage"] {
        assert_eq!(verdict(&report, check), "fail", "{report:#}");
    }
    assert!(report.to_string().contains("restore the file programme.secret"), "{report:#}");
    // One that is lost is not made anew by who only looks.
    let data = format!("data={}", store.folder().display());
    let report = report_of(&onepoint(&["doctor", "--json", "--set", &data]));
    assert_eq!(verdict(&report, "seal member"), "fail", "{report:#}");
    assert!(!store.folder().join("programme.secret").exists());
}

#[test]
fn a_postgres_that_does_not_wait_for_the_disk_is_seen() {
    let (database, folder) = (postgres::Database::fresh(), tempfile::tempdir().expect("a temporary folder"));
    let data = format!("data={}", folder.path().display());
    let look = |url: &str| {
        let url = format!("database.url={url}");
        report_of(&onepoint(&["doctor", "--json", "--set", &data, "--set", &url]))
    };
    assert_eq!(verdict(&look(&database.url), "store point"), "ok", "control");
    let separator = if database.url.contains('?') { '&' } else { '?' };
    let relaxed = format!("{}{separator}options=-c%20synchronous_commit%3Doff", database.url);
    assert_eq!(verdict(&look(&relaxed), "store point"), "warn");
}
