//! Tests of the settings: who wins, what is refused and how, what is shown.
#![allow(clippy::unwrap_used, reason = "a test may; the failure names the line")]

use std::io::Write as _;
use std::path::Path;

use tempfile::NamedTempFile;

use super::*;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("it can be written");
    file
}

fn load(file: Option<&Path>, environment: &[(&str, &str)], sets: &[&str]) -> Result<Settings> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    Settings::from_sources(file, environment, &sets)
}

fn set(sets: &[&str]) -> Settings {
    load(None, &[], sets).expect("known keys")
}

fn refusal(result: Result<impl Sized>) -> (String, String) {
    let error = result.err().expect("a refusal");
    (error.code.into_owned(), error.message.into_owned())
}

#[test]
fn without_any_source_the_defaults_hold_and_can_be_read() {
    let settings = set(&[]);
    assert_eq!(settings.socket_addr("listen").unwrap(), Some(SocketAddr::from(([127, 0, 0, 1], 8080))));
    assert_eq!(settings.socket_addr("internal.listen").unwrap(), None);
    assert_eq!(settings.int_in("points.welcome", 0..=1_000_000).unwrap(), 1_000);
    assert_eq!(settings.millis_range("point.delay").unwrap(), None);
    assert!(!settings.flag("bench.echo").unwrap());
    assert_eq!(settings.database_url("member"), "sqlite:");
    settings.check_loopback_only().unwrap();
}

#[test]
fn a_later_source_wins_over_an_earlier_one() {
    let file = file("timezone = 'UTC'\n[points]\nwelcome = 1\nexpiry_months = 2\n[welcome]\nagain_after_days = 3\n");
    let environment = [("ONEPOINT_POINTS__WELCOME", "10"), ("ONEPOINT_POINTS__EXPIRY_MONTHS", "20"), ("HOME", "/")];
    let settings = load(Some(file.path()), &environment, &["points.welcome=100"]).unwrap();
    let int = |key| settings.int_in(key, 0..=1_000).unwrap();
    assert_eq!(int("points.welcome"), 100);
    assert_eq!(int("points.expiry_months"), 20);
    assert_eq!(int("welcome.again_after_days"), 3);
    assert_eq!(settings.text("timezone"), "UTC");
    assert_eq!(settings.text("data"), "./onepoint-data");
}

#[test]
fn a_file_may_hold_lists_instants_and_flags() {
    let text = "contexts = ['point', 'member']\nclock.now = 2020-07-15T12:00:00+09:00\n[bench]\necho = true\n";
    let file = file(text);
    let settings = load(Some(file.path()), &[], &[]).unwrap();
    assert_eq!(settings.list_of("contexts", &["member", "notification", "point"]).unwrap(), ["member", "point"]);
    assert_eq!(settings.text("clock.now"), "2020-07-15T12:00:00+09:00");
    assert!(settings.flag("bench.echo").unwrap());
}

#[test]
fn an_unknown_key_is_refused_with_its_source_and_the_nearest_one_in_that_sources_spelling() {
    let file = file("[points]\nwelcom = 1\n");
    let (code, message) = refusal(load(Some(file.path()), &[], &[]));
    assert_eq!(code, "config.unknown_key");
    assert!(message.contains(&file.path().display().to_string()), "{message}");
    assert!(message.contains("did you mean 'points.welcome'?"), "{message}");
    let (_, message) = refusal(load(None, &[("ONEPOINT_POINT__WELCOME", "1")], &[]));
    assert!(message.contains("the environment") && message.contains("'ONEPOINT_POINTS__WELCOME'"), "{message}");
    let (_, message) = refusal(load(None, &[], &["welcome=1"]));
    assert!(message.starts_with("--set:") && message.contains("'points.welcome'"), "{message}");
    let (_, message) = refusal(load(None, &[], &["zebra=1"]));
    assert!(message.contains("onepoint config"), "{message}");
}

#[test]
fn a_variable_ending_in_file_gives_the_trimmed_content_of_that_file() {
    let secret = file("  s3cret\n");
    let path = secret.path().display().to_string();
    let settings = load(None, &[("ONEPOINT_PROGRAMME__SECRET_FILE", &path)], &[]).unwrap();
    assert_eq!(settings.text("programme.secret"), "s3cret");
    let both = [("ONEPOINT_PROGRAMME__SECRET_FILE", path.as_str()), ("ONEPOINT_PROGRAMME__SECRET", "x")];
    assert_eq!(refusal(load(None, &both, &[])).0, "config.conflict");
    let missing = [("ONEPOINT_PROGRAMME__SECRET_FILE", "/nowhere/at/all")];
    let (code, message) = refusal(load(None, &missing, &[]));
    assert_eq!(code, "config.unreadable");
    assert!(message.contains("ONEPOINT_PROGRAMME__SECRET_FILE"), "{message}");
}

#[test]
fn secrets_are_shown_neither_in_the_list_nor_in_errors() {
    let url = "postgres://onepoint:hunter2@db/onepoint";
    let url_set = format!("database.url={url}");
    let settings = set(&["programme.secret=hunter2", &url_set, "points.welcome=5"]);
    let all = format!("{:?}", settings.describe());
    assert!(!all.contains("hunter2"), "{all}");
    let shown = |key| settings.describe().into_iter().find(|row| row.key == key).expect("a row");
    assert_eq!(shown("programme.secret").value, HIDDEN);
    assert_eq!(shown("point.database.url").value, "");
    assert_eq!((shown("points.welcome").value.as_str(), shown("points.welcome").source.as_str()), ("5", "--set"));
    assert_eq!(settings.database_url("point"), url);
    let (_, message) = refusal(settings.int_in("programme.secret", 0..=1));
    assert!(!message.contains("hunter2"), "{message}");
    let file = file("[programme]\nsecret = 'hunter2' x\n");
    let error = load(Some(file.path()), &[], &[]).err().expect("a refusal");
    assert!(error.message.contains("line 2") && !error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_wrong_value_is_refused_with_key_value_source_and_what_is_expected() {
    let settings = set(&["points.welcome=many", "bench.echo=yes", "listen=8080", "withdrawal.mode=lax", "contexts=x"]);
    let (code, message) = refusal(settings.int_in("points.welcome", 0..=9));
    assert_eq!(code, "config.invalid_value");
    assert_eq!(message, "points.welcome is 'many' (--set); expected a whole number from 0 to 9");
    assert!(refusal(settings.flag("bench.echo")).1.contains("true or false"));
    assert!(refusal(settings.socket_addr("listen")).1.contains("127.0.0.1:8080"));
    let modes = [("strict", false), ("deferred", true)];
    assert!(refusal(settings.choice("withdrawal.mode", &modes)).1.contains("strict, deferred"));
    assert!(refusal(settings.list_of("contexts", &["point"])).1.contains("point"));
    assert!(set(&["withdrawal.mode=deferred"]).choice("withdrawal.mode", &modes).unwrap());
}

#[test]
fn a_delay_is_one_figure_or_a_span_that_runs_forwards() {
    let delay = |text: &str| set(&[&format!("point.delay={text}")]).millis_range("point.delay");
    assert_eq!(delay("700ms").unwrap(), Some((700, 700)));
    assert_eq!(delay("450ms..680ms").unwrap(), Some((450, 680)));
    for wrong in ["700", "680ms..450ms", "-1ms", "ms", "1ms..", "60001ms", "1s"] {
        assert_eq!(refusal(delay(wrong)).0, "config.invalid_value", "{wrong}");
    }
}

#[test]
fn what_is_meant_for_tests_keeps_the_program_on_this_machine() {
    for risky in [
        "clock.now=2020-07-15T12:00:00+09:00",
        "bench.echo=true",
        "bench.faults=true",
        "point.delay=1ms",
        "gifticon.delay=1ms",
    ] {
        for beyond in ["listen=0.0.0.0:8080", "internal.listen=[::]:9000"] {
            let (code, message) = refusal(set(&[risky, beyond]).check_loopback_only());
            assert_eq!(code, "config.loopback_only");
            let key = risky.split('=').next().expect("a key");
            assert!(message.contains(key) && message.contains(beyond), "{message}");
        }
        set(&[risky, "listen=localhost:80", "internal.listen=[::1]:9000"]).check_loopback_only().unwrap();
    }
    set(&["listen=0.0.0.0:8080"]).check_loopback_only().unwrap();
}

#[test]
fn the_variables_that_kubernetes_makes_for_a_service_called_onepoint_are_not_ours() {
    let links = [
        ("ONEPOINT_SERVICE_HOST", "10.0.0.1"),
        ("ONEPOINT_SERVICE_PORT_HTTP", "8080"),
        ("ONEPOINT_PORT", "tcp://10.0.0.1:8080"),
        ("ONEPOINT_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("ONEPOINT_POINT_SERVICE_HOST", "10.0.0.2"),
        ("ONEPOINT_POINT_PORT_8080_TCP", "tcp://10.0.0.2:8080"),
    ];
    load(None, &links, &[]).unwrap();
    load(None, &[("ONEPOINT_CLUSTER_PORT", "7800"), ("ONEPOINT_TEST_KAFKA_JARS", "/jars")], &[]).unwrap();
    assert_eq!(refusal(load(None, &[("ONEPOINT_LISTE", "x")], &[])).0, "config.unknown_key");
}

#[test]
fn every_key_is_there_once_and_has_a_variable_that_leads_back_to_it() {
    for (place, setting) in SETTINGS.iter().enumerate() {
        assert!(SETTINGS[..place].iter().all(|earlier| earlier.key != setting.key), "{}", setting.key);
        assert!(!setting.help.is_empty() && !setting.key.ends_with("_file"), "{}", setting.key);
        let settings = load(None, &[(&variable(setting.key), "given")], &[]).unwrap();
        assert_eq!(settings.text(setting.key), "given");
    }
}

#[test]
fn usual_variables_of_traces_count_unless_ours_say_otherwise() {
    let usual = [("OTEL_SERVICE_NAME", "points"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://usual:4318")];
    let settings = load(None, &usual, &[]).unwrap();
    assert_eq!((settings.text("otel.endpoint"), settings.text("otel.service_name")), ("http://usual:4318", "points"));
    let file = file("[otel]\nendpoint = 'http://file:4318'\n");
    assert_eq!(load(Some(file.path()), &usual, &[]).unwrap().text("otel.endpoint"), "http://usual:4318");
    for ours in [[usual[1], ("ONEPOINT_OTEL__ENDPOINT", "")], [("ONEPOINT_OTEL__ENDPOINT", ""), usual[1]]] {
        assert_eq!(load(None, &ours, &[]).unwrap().text("otel.endpoint"), "", "ours wins, empty too: no traces");
    }
    assert_eq!(
        load(None, &usual, &["otel.endpoint=http://set:4318"]).unwrap().text("otel.endpoint"),
        "http://set:4318"
    );
}
