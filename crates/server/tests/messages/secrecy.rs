//! What the program's log tells of messages: their numbers, kinds and failures; never to whom they go or what they say.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::gateway::Gateway;
use super::mail_server::MailServer;
use crate::support::{Client, Request, within};

/// What must not be found in the log: who is written to, what they are told, what the programme is known by.
const SECRETS: [&str; 14] = [
    "01085581400",
    "010-8558-1400",
    "85581400",
    "refused.zebra",
    "example.org",
    "Zebulon",
    "제불론",
    "85581499",
    "Zebedee",
    "Zelda Lane",
    "zeb-login",
    "thank you for joining",
    "sesame",
    "c2VzYW1l",
];

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that the program logs, at its most talkative, while a member joins and is judged.
fn log_of(sets: &[String]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_onepoint"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("data"));
    for set in sets.iter().map(String::as_str).chain(["log.level=trace", "notification.language=en"]) {
        command.args(["--set", set]);
    }
    let file = std::fs::File::create(&log).expect("a file");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().expect("the program starts");
    let _program = Program(child);
    let said = |log: &Path| std::fs::read_to_string(log).expect("the log");
    let address = |said: &str| -> Option<SocketAddr> {
        said.split_once("open http://")?.1.split_whitespace().next()?.parse().ok()
    };
    within(Duration::from_secs(20), "the program is ready", || address(&said(&log)).is_some());
    let client = Client::new(address(&said(&log)).expect("an address"));
    let member = json!({
        "memberId": 1, "phoneNo": "010-8558-1400", "nickname": "Zebulon", "email": "refused.zebra@example.org",
        "name": "제불론", "address": "7 Zelda Lane", "loginId": "zeb-login"
    });
    let ask = |method: &'static str, path: &str| Request::new(&client, method, path);
    ask("POST", "/members").json(&member).key("a key").send().must_be(201);
    let is_judged = || ask("GET", "/members/1").send().json["memberStatus"] != "READY";
    within(Duration::from_secs(10), "the member is judged", is_judged);
    // What is repeated, refused and changed is known for a moment too.
    ask("POST", "/members").json(&member).key("a key").send().must_be(201);
    ask("POST", "/members").json(&member).key("another").send().must_be(409);
    let refused = [
        json!({"nickname": "Zebulon ".repeat(40)}).to_string(),
        json!({"memberId": "Zebulon", "name": ["제불론"]}).to_string(),
        "{\"nickname\": \"Zebulon\", \"name\": 제불론}".to_owned(),
    ];
    for body in refused {
        let status = ask("POST", "/members").bytes(body).send().status;
        assert!((400..500).contains(&status), "{status}");
    }
    let change = json!({"phoneNo": "01085581499", "nickname": "Zebedee"});
    ask("PATCH", "/members/1").json(&change).send().must_be(200);
    within(Duration::from_secs(10), "the member is judged again", is_judged);
    let left = ask("DELETE", "/members/1").send();
    assert!(matches!(left.status, 202 | 204), "{}", left.text);
    std::thread::sleep(Duration::from_millis(300));
    said(&log)
}

fn must_keep_quiet(log: &str, tells: &str) {
    assert!(log.contains(tells), "it tells that the message was sent or not: {log}");
    for secret in SECRETS {
        assert!(!log.to_lowercase().contains(&secret.to_lowercase()), "'{secret}' is in the log");
    }
}

#[test]
fn the_log_keeps_quiet_about_whom_messages_go_to_and_what_they_say() {
    let server = MailServer::start_with(&["--login", "club:sesame"]);
    let mut sets = server.settings();
    sets.retain(|set| !set.starts_with("smtp.from"));
    sets.extend(["smtp.from=club@sender.test", "smtp.user=club", "smtp.password=sesame"].map(str::to_owned));
    // The server's refusal repeats the address.
    let log = log_of(&sets);
    must_keep_quiet(&log, "smtp.550");
    assert!(log.contains("there is no such user"), "{log}");

    // The gateway's refusal repeats all that it was sent.
    let gateway = Gateway::start();
    let log = log_of(&gateway.settings());
    must_keep_quiet(&log, "sms.400");
    assert_eq!(gateway.sent_to("01085581400").len(), 1);

    let log = log_of(&["notification.sender=log".to_owned()]);
    must_keep_quiet(&log, "JOINED");
}
