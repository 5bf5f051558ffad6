//! Mail over TLS and with a password: nothing is sent to a server that cannot prove itself, or that does not know us.

use std::path::Path;
use std::process::Command;

use super::mail_server::MailServer;
use crate::support::{Engine, TestApp, eventually};

/// A certificate for localhost that vouches for itself.
fn certificate(folder: &Path, name: &str) -> [String; 2] {
    let [cert, key] = ["cert", "key"].map(|kind| folder.join(format!("{name}.{kind}")).display().to_string());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out", &cert, "-keyout", &key])
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    [cert, key]
}

fn app(server: &MailServer, more: &[String]) -> TestApp {
    let settings: Vec<String> = server.settings().into_iter().chain(more.iter().cloned()).collect();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    TestApp::open_with(Engine::Sqlite, &settings)
}

#[test]
fn mail_goes_over_tls_with_a_password_and_not_without() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [cert, key] = certificate(folder.path(), "right");
    let [other, _] = certificate(folder.path(), "other");
    for kind in ["starttls", "tls"] {
        let login = ["--login", "club:sesame"];
        let server = MailServer::start_with(&[&["--tls", kind, "--cert", &cert, "--key", &key][..], &login].concat());
        let settings = |ca: &str, password: &str| {
            [
                format!("smtp.tls={kind}"),
                format!("smtp.ca={ca}"),
                "smtp.user=club".to_owned(),
                format!("smtp.password={password}"),
            ]
        };
        let good = app(&server, &settings(&cert, "sesame"));
        good.join_by_mail(1, "one@example.org");
        eventually("member 1 is NORMAL", || good.status(1) == "NORMAL");
        let mail = &server.mails()[0];
        assert_eq!((mail["tls"].as_bool(), mail["user"].as_str()), (Some(true), Some("club")), "{mail}");

        // Whoever cannot prove to be the server gets neither the mail nor the password; a wrong password is ours.
        for (ca, password, failure) in [(&other, "sesame", "smtp.unreachable"), (&cert, "simsim", "smtp.535")] {
            let bad = app(&server, &settings(ca, password));
            bad.join_by_mail(1, "two@example.org");
            eventually("it was tried", || bad.attempts(1) > 0);
            assert_eq!((bad.message_of(1)["failure"].as_str(), bad.status(1).as_str()), (Some(failure), "READY"));
        }
        assert_eq!(server.mails().len(), 1);
    }
}

#[test]
fn a_server_without_tls_gets_nothing_when_tls_is_asked_for() {
    let server = MailServer::start();
    let app = app(&server, &["smtp.tls=starttls".to_owned()]);
    app.join_by_mail(1, "one@example.org");
    eventually("it was tried", || app.attempts(1) > 0);
    assert_eq!((server.mails().len(), app.status(1).as_str()), (0, "READY"));
}
