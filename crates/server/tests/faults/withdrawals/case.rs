//! One case of the matrix: a member who leaves over a bad line, and what is right when everything has ended.

use std::net::SocketAddr;
use std::thread::JoinHandle;

use domain::member::Follower;
use serde_json::{Value, json};

use super::line::Fault;
use crate::support::{Client, Request, TestApp};

/// Every member has this, and one coupon.
const BALANCE: i64 = 1_000;

/// What the sender does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Sends once and goes away.
    Leaves,
    /// Sends again when the line is sound.
    Repeats,
}

/// One case, about a member of its own.
#[derive(Debug)]
pub struct Case {
    pub member_id: i64,
    pub faulty: Follower,
    pub fault: Fault,
    pub sender: Sender,
    /// What was answered, if an answer came before the server died.
    pub heard: Option<u16>,
    /// What the repeat was answered.
    pub repeated: Option<u16>,
}

impl Case {
    pub fn new(member_id: i64, faulty: Follower, fault: Fault, sender: Sender) -> Self {
        Self { member_id, faulty, fault, sender, heard: None, repeated: None }
    }

    /// Asks to leave on a thread of its own; the server may die before it answers.
    pub fn ask_aside(&self, app: &TestApp) -> JoinHandle<Option<u16>> {
        let (address, member_id) = (app.address(), self.member_id);
        std::thread::spawn(move || ask(address, member_id))
    }

    /// Asks again, under the same key; what was answered.
    pub fn send_again(&mut self, app: &TestApp) -> Option<u16> {
        self.repeated = ask(app.address(), self.member_id);
        self.repeated
    }

    /// The step at which the withdrawal stands.
    pub fn step(&self, app: &TestApp) -> String {
        let withdrawal = app.get(&format!("/withdrawals/{}", self.member_id)).json;
        withdrawal["step"].as_str().unwrap_or("NONE").to_owned()
    }

    /// Whether the withdrawal, if there was one, has ended.
    pub fn has_ended(&self, app: &TestApp) -> bool {
        !matches!(self.step(app).as_str(), "PREPARING" | "WITHDRAWING")
    }

    /// What is wrong with a member who was told that nothing has changed: here, with everything, and free to use it.
    pub fn not_as_before(&self, app: &TestApp) -> Option<String> {
        let member_id = self.member_id;
        let member = app.get(&format!("/members/{member_id}"));
        if member.json["memberStatus"] != "NORMAL" || member.json["phoneNo"] != phone(member_id).as_str() {
            return Some(format!("the member is {} {}", member.status, member.text));
        }
        if app.points_of(member_id) != Some(BALANCE) {
            return Some(format!("{:?} points", app.points_of(member_id)));
        }
        let coupon = coupon_of(app, member_id);
        if coupon["status"] != "ISSUED" {
            return Some(format!("the coupon is {coupon}"));
        }
        let taken = app.change_points(member_id, -1);
        if taken.json["result"] != "APPLIED" {
            return Some(format!("points cannot be used: {}", taken.text));
        }
        app.change_points(member_id, 1).must_be(200);
        let redeemed = app.post("/coupons/redemptions", &json!({"code": coupon["code"], "memberId": member_id}));
        if redeemed.status != 201 {
            return Some(format!("the coupon cannot be redeemed: {}", redeemed.text));
        }
        app.delete(&format!("/coupons/{}/redemption", coupon["couponId"])).must_be(204);
        None
    }

    /// What is wrong with a member who is gone: with everything, and nothing is left to be done.
    pub fn not_gone(&self, app: &TestApp) -> Option<String> {
        let member_id = self.member_id;
        let withdrawal = app.get(&format!("/withdrawals/{member_id}")).json;
        let coupon = coupon_of(app, member_id);
        let done = withdrawal["step"] == "DONE"
            && withdrawal["forfeitedPoint"] == BALANCE
            && withdrawal["couponCancelled"] == "Y"
            && withdrawal["waitingFor"] == json!([]);
        let gone =
            ["members", "points", "mypages"].map(|kind| app.get(&format!("/{kind}/{member_id}")).status) == [404; 3];
        let wrong = !(done && gone && coupon["status"] == "CANCELLED");
        wrong.then(|| format!("gone: {gone}, {withdrawal}, {coupon}"))
    }

    /// What is wrong when everything has come to rest: neither here with everything nor gone with everything, or not
    /// what the sender was told.
    pub fn wrong_end(&self, app: &TestApp) -> Option<String> {
        let was_told_gone = [self.heard, self.repeated].iter().any(|status| matches!(status, Some(202 | 204)));
        if let Some(other) =
            [self.heard, self.repeated].into_iter().flatten().find(|status| ![202, 204, 503].contains(status))
        {
            return Some(format!("was told {other}"));
        }
        match self.step(app).as_str() {
            "DONE" => self.not_gone(app),
            "NONE" | "RELEASED" if was_told_gone => Some("was told gone, and is here".to_owned()),
            "NONE" | "RELEASED" => self.not_as_before(app),
            step => Some(format!("has not ended: {step}")),
        }
    }
}

/// Asks to let this member go; what was answered, if anything was.
pub fn ask(address: SocketAddr, member_id: i64) -> Option<u16> {
    let client = Client::new(address);
    let request = Request::new(&client, "DELETE", &format!("/members/{member_id}")).key(&format!("leave-{member_id}"));
    request.try_send().ok().map(|answer| answer.status)
}

pub fn phone(member_id: i64) -> String {
    format!("010{member_id:08}")
}

/// The member's only coupon.
pub fn coupon_of(app: &TestApp, member_id: i64) -> Value {
    app.get(&format!("/coupons?memberId={member_id}")).must_be(200).json["_embedded"]["coupons"][0].clone()
}
