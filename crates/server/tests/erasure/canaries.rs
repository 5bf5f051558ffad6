//! Members whose contact data is made of strings that stand nowhere else.

use serde_json::{Value, json};

use crate::support::TestApp;

/// Everyone.
pub const MEMBERS: i64 = 240;
/// Every so many-th member leaves.
const LEAVES: i64 = 24;
const FIELDS: [&str; 6] = ["phoneNo", "nickname", "name", "email", "address", "loginId"];

/// Someone who is going to leave.
pub struct Person {
    /// The member number.
    pub member_id: i64,
    /// All six fields.
    contacts: Value,
    /// What replaces some of them later.
    change: Option<Value>,
}

/// Those who are going to leave, spread among the others.
pub fn people() -> Vec<Person> {
    (0..MEMBERS / LEAVES).map(Person::new).collect()
}

impl Person {
    fn new(number: i64) -> Self {
        let contacts = json!({
            "phoneNo": format!("0109{:07}", 7_413_087 + 391 * number),
            "nickname": format!("Zq{number}Wj"),
            "name": format!("가람솔빛{number}나루터"),
            "email": format!("canary.{number}@erasure.example"),
            "address": format!("{number}번지 카나리아길 ").repeat(12),
            "loginId": format!("login-of-canary-{number:04}-Δ"),
        });
        let change = json!({
            "phoneNo": format!("0108{:07}", 5_120_643 + 577 * number),
            "nickname": format!("Second-Name-{number}-of-canary"),
            "address": format!("moved to {number} Finch Lane"),
        });
        Self { member_id: number * LEAVES + 7, contacts, change: (number % 2 == 0).then_some(change) }
    }

    /// Every string of theirs, earlier ones too.
    pub fn strings(&self) -> Vec<String> {
        let values = FIELDS.iter().map(|field| &self.contacts[*field]);
        let changes = self.change.iter().flat_map(|change| FIELDS.iter().map(|field| &change[*field]));
        values.chain(changes).filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

/// Joins everyone, and has them do what members do, so that pages are written, split and written again.
pub fn populate(app: &TestApp, people: &[Person]) {
    of_everyone(|member_id| match people.iter().find(|person| person.member_id == member_id) {
        Some(person) => {
            let mut body = person.contacts.clone();
            body["memberId"] = json!(member_id);
            app.post("/members", &body).must_be(201);
        }
        None => drop(app.join(member_id, &format!("0101{member_id:07}"))),
    });
    app.settle();
    of_everyone(|member_id| {
        if member_id % 3 == 0 {
            let moved = json!({"address": "a long way from here ".repeat(8)});
            app.patch(&format!("/members/{member_id}"), &moved).must_be(200);
        }
    });
    app.post("/merchants", &json!({"merchantId": 5, "name": "A bakery"}));
    for person in people {
        let member_id = person.member_id;
        if let Some(change) = &person.change {
            app.patch(&format!("/members/{member_id}"), change).must_be(200);
        }
    }
    app.settle();
    for person in people {
        let member_id = person.member_id;
        app.donate(member_id, 100).must_be(201);
        let deal = json!({"merchantId": 5, "memberId": member_id, "type": "use", "point": 50, "dealAmount": 50});
        app.deal(&deal);
        app.change_points(member_id + 1, 10).must_be(200);
    }
    app.settle();
}

/// Does this for every member, a few of them at a time.
fn of_everyone(work: impl Fn(i64) + Sync) {
    const AT_ONCE: usize = 8;
    std::thread::scope(|scope| {
        for first in (1..=MEMBERS).take(AT_ONCE) {
            let work = &work;
            scope.spawn(move || (first..=MEMBERS).step_by(AT_ONCE).for_each(work));
        }
    });
}
