//! Messages on their way out: by mail through a real mail server, by SMS through a gateway, and what members are told
//! when something happens elsewhere.

mod support;

#[path = "messages/gateway.rs"]
mod gateway;
#[path = "messages/mail.rs"]
mod mail;
#[path = "messages/mail_server.rs"]
mod mail_server;
#[path = "messages/notices.rs"]
mod notices;
#[path = "messages/protection.rs"]
mod protection;
#[path = "messages/secrecy.rs"]
mod secrecy;
#[path = "messages/sms.rs"]
mod sms;
#[path = "messages/sources.rs"]
mod sources;

use serde_json::{Value, json};
use support::{Answer, TestApp};

impl TestApp {
    /// Someone joins with these contacts.
    fn join_with(&self, member_id: i64, contacts: &Value) -> Answer {
        let mut body = contacts.clone();
        body["memberId"] = json!(member_id);
        self.post("/members", &body).must_be(201)
    }

    /// Someone joins whose mail goes to this address.
    fn join_by_mail(&self, member_id: i64, email: &str) -> Answer {
        self.join_with(member_id, &json!({"phoneNo": "01085581234", "nickname": "길동", "email": email}))
    }

    /// The status of a member.
    fn status(&self, member_id: i64) -> String {
        self.get(&format!("/members/{member_id}")).json["memberStatus"].as_str().unwrap_or_default().to_owned()
    }

    /// The first message of a member.
    fn message_of(&self, member_id: i64) -> Value {
        let messages = self.all_of("messages");
        let mut messages = messages.as_array().expect("messages").iter();
        messages.find(|message| message["memberId"] == member_id).cloned().unwrap_or_default()
    }

    /// How often the first message of a member was tried.
    fn attempts(&self, member_id: i64) -> i64 {
        self.message_of(member_id)["attempts"].as_i64().unwrap_or_default()
    }
}
