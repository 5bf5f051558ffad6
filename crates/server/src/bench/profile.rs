//! The load profiles: what each one sends, and which answers it expects.

use clap::ValueEnum;

use super::request::{Random, RequestWriter, push_number, push_padded};

/// Out of a hundred transactions so many earn; the rest use.
const EARN_PERCENT: u64 = 70;
const EARN_POINTS: u64 = 10;
const USE_POINTS: u64 = 5;
/// Transactions in one request of `points-bulk`.
const BULK: u64 = 100;
/// Phone numbers are `010` and so many digits.
const PHONE_DIGITS: usize = 8;
/// There are so many different phone numbers.
pub(super) const PHONE_NUMBERS: u64 = 100_000_000;

/// What the load consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Profile {
    /// POST /bench/echo: the same body as `points`, nothing done; the machine's own speed
    Echo,
    /// POST /points/{random member}/transactions: 70 % earn 10, 30 % use 5
    Points,
    /// The same on member 1 only
    PointsHot,
    /// POST /points/transactions: 100 of them in a request, over random members
    PointsBulk,
    /// GET /mypages/{random member}
    Mypage,
    /// POST /members with a random phone number
    Join,
}

impl Profile {
    /// The name as on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Points => "points",
            Self::PointsHot => "points-hot",
            Self::PointsBulk => "points-bulk",
            Self::Mypage => "mypage",
            Self::Join => "join",
        }
    }

    /// Whether a request carries many items, so that the items are what is compared.
    pub(super) fn is_bulk(self) -> bool {
        self == Self::PointsBulk
    }

    /// How many items an answer that is as expected says were carried out.
    pub(super) fn items_done(self, body: &[u8]) -> u64 {
        if self.is_bulk() { count(body, b"{\"status\":201") } else { 1 }
    }

    /// Decides whether the answer is what a correct server says. `spends`: the request was a USE, which may be refused.
    pub(super) fn judge(self, spends: bool, status: u16, body: &[u8]) -> Verdict {
        if self.is_bulk() {
            return judge_bulk(status, body);
        }
        let expected = match self {
            Self::Echo | Self::Mypage | Self::PointsBulk => 200,
            Self::Points | Self::PointsHot | Self::Join => 201,
        };
        if status == expected {
            Verdict::Done
        } else if status == 409 && spends && contains(body, b"insufficient_points") {
            // Another 409, such as a key in progress, must not pass for a refusal.
            Verdict::Refused
        } else {
            Verdict::Unexpected
        }
    }
}

/// Every item must have been carried out or refused for want of points.
fn judge_bulk(status: u16, body: &[u8]) -> Verdict {
    let (all, done) = (count(body, b"{\"status\":"), count(body, b"{\"status\":201"));
    let refused = count(body, b"\"code\":\"point.insufficient_points\"");
    if status == 200 && all == BULK && done + refused == BULK { Verdict::Done } else { Verdict::Unexpected }
}

/// How often `part` stands in `text`; it begins with a byte that is seldom.
fn count(text: &[u8], part: &[u8]) -> u64 {
    let Some(first) = part.first() else { return 0 };
    let starts = text.iter().enumerate().filter(|(_, byte)| *byte == first);
    starts.filter(|(place, _)| text[*place..].starts_with(part)).count() as u64
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// What an answer means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Carried out.
    Done,
    /// The balance was too small: a correct answer, but nothing was written.
    Refused,
    /// An error.
    Unexpected,
}

/// What has to be remembered of a request until its answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    /// The number of its idempotency key; `None` if it carries no key.
    pub(super) key_number: Option<u64>,
    /// It takes points.
    pub(super) spends: bool,
}

/// Makes the requests of one profile, one after the other.
#[derive(Debug)]
pub(super) struct RequestSource {
    profile: Profile,
    /// Members 1..=members are chosen from, all alike.
    members: u64,
    writer: RequestWriter,
    random: Random,
    path: Vec<u8>,
    body: Vec<u8>,
}

impl RequestSource {
    pub(super) fn new(profile: Profile, members: u64, writer: RequestWriter, random: Random) -> Self {
        Self { profile, members, writer, random, path: Vec::new(), body: Vec::new() }
    }

    pub(super) fn writer(&self) -> &RequestWriter {
        &self.writer
    }

    /// Replaces `out` by the next request.
    pub(super) fn write_next(&mut self, out: &mut Vec<u8>) -> Request {
        match self.profile {
            Profile::Echo => {
                let spends = self.transaction_body();
                self.writer.post(out, b"/bench/echo", None, &self.body);
                Request { key_number: None, spends }
            }
            Profile::Points => {
                let member = 1 + self.random.below(self.members);
                self.transaction(out, member)
            }
            Profile::PointsHot => self.transaction(out, 1),
            Profile::PointsBulk => {
                self.transactions_body();
                self.writer.post(out, b"/points/transactions", None, &self.body);
                Request { key_number: None, spends: false }
            }
            Profile::Mypage => {
                let member = 1 + self.random.below(self.members);
                self.path.clear();
                self.path.extend_from_slice(b"/mypages/");
                push_number(&mut self.path, member);
                self.writer.get(out, &self.path);
                Request { key_number: None, spends: false }
            }
            Profile::Join => {
                let number = self.writer.keys().take();
                let phone = self.random.below(PHONE_NUMBERS);
                join_body(&mut self.body, None, phone, number);
                self.writer.post(out, b"/members", Some(number), &self.body);
                Request { key_number: Some(number), spends: false }
            }
        }
    }

    fn transaction(&mut self, out: &mut Vec<u8>, member: u64) -> Request {
        let number = self.writer.keys().take();
        let spends = self.transaction_body_with(number);
        self.path.clear();
        self.path.extend_from_slice(b"/points/");
        push_number(&mut self.path, member);
        self.path.extend_from_slice(b"/transactions");
        self.writer.post(out, &self.path, Some(number), &self.body);
        Request { key_number: Some(number), spends }
    }

    fn transactions_body(&mut self) {
        self.body.clear();
        self.body.extend_from_slice(b"{\"transactions\":[");
        for item in 0..BULK {
            let member = 1 + self.random.below(self.members);
            let number = self.writer.keys().take();
            self.body.extend_from_slice(if item == 0 { b"{\"memberId\":".as_slice() } else { b",{\"memberId\":" });
            push_number(&mut self.body, member);
            self.body.extend_from_slice(b",\"key\":\"");
            self.writer.keys().push(&mut self.body, number);
            self.body.extend_from_slice(b"\",");
            self.movement(number);
        }
        self.body.extend_from_slice(b"]}");
    }

    fn transaction_body(&mut self) -> bool {
        let number = self.writer.keys().take();
        self.transaction_body_with(number)
    }

    /// Writes the body and says whether it takes points.
    fn transaction_body_with(&mut self, number: u64) -> bool {
        self.body.clear();
        self.body.push(b'{');
        self.movement(number)
    }

    /// Appends the fields of a movement and the end of their object; says whether it takes points.
    fn movement(&mut self, number: u64) -> bool {
        let spends = self.random.below(100) >= EARN_PERCENT;
        let (kind, amount): (&[u8], u64) = if spends { (b"USE", USE_POINTS) } else { (b"EARN", EARN_POINTS) };
        let body = &mut self.body;
        body.extend_from_slice(b"\"kind\":\"");
        body.extend_from_slice(kind);
        body.extend_from_slice(b"\",\"amount\":");
        push_number(body, amount);
        body.extend_from_slice(b",\"reference\":{\"type\":\"bench\",\"id\":\"");
        push_number(body, number);
        body.extend_from_slice(b"\"}}");
        spends
    }
}

/// Replaces `body` by a join. Without `member_id` the server chooses the number. `phone` is below [`PHONE_NUMBERS`].
pub(super) fn join_body(body: &mut Vec<u8>, member_id: Option<u64>, phone: u64, nickname: u64) {
    body.clear();
    body.push(b'{');
    if let Some(member_id) = member_id {
        body.extend_from_slice(b"\"memberId\":");
        push_number(body, member_id);
        body.push(b',');
    }
    body.extend_from_slice(b"\"phoneNo\":\"010");
    push_padded(body, phone, PHONE_DIGITS);
    body.extend_from_slice(b"\",\"nickname\":\"B");
    push_number(body, nickname);
    body.extend_from_slice(b"\"}");
}

#[cfg(test)]
mod tests {
    use super::super::request::Keys;
    use super::super::target::Target;
    use super::*;

    fn requests(profile: Profile, count: usize) -> Vec<(String, Request)> {
        let target = Target::new("http://127.0.0.1:81", None).expect("loopback");
        let mut random = Random::from_environment();
        let writer = RequestWriter::new(&target, Keys::new(&mut random));
        let mut source = RequestSource::new(profile, 3, writer, random);
        let mut out = Vec::new();
        (0..count)
            .map(|_| {
                let request = source.write_next(&mut out);
                (String::from_utf8(out.clone()).expect("ASCII"), request)
            })
            .collect()
    }

    fn body(text: &str) -> serde_json::Value {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head ends in a blank line");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        serde_json::from_str(body).expect("the body is JSON")
    }

    #[test]
    fn points_mixes_earning_and_using_over_all_members() {
        let sent = requests(Profile::Points, 2000);
        let spending = sent.iter().filter(|(_, request)| request.spends).count();
        assert!((450..750).contains(&spending), "30 % of 2000 should use, {spending} did");
        for member in 1..=3 {
            assert!(
                sent.iter()
                    .any(|(text, _)| text.starts_with(&format!("POST /points/{member}/transactions HTTP/1.1\r\n")))
            );
        }
        for (text, request) in sent {
            let body = body(&text);
            let expected = if request.spends { ("USE", 5) } else { ("EARN", 10) };
            assert_eq!((body["kind"].as_str(), body["amount"].as_u64()), (Some(expected.0), Some(expected.1)));
            assert_eq!(
                body["reference"]["id"].as_str().map(str::to_owned),
                request.key_number.map(|number| number.to_string())
            );
            assert_eq!(text.matches("Idempotency-Key: ").count(), 1);
        }
    }

    #[test]
    fn the_hot_profile_knows_only_member_one() {
        assert!(
            requests(Profile::PointsHot, 100).iter().all(|(text, _)| text.starts_with("POST /points/1/transactions "))
        );
    }

    #[test]
    fn a_bulk_has_a_hundred_items_with_keys_of_their_own() {
        let (text, request) = &requests(Profile::PointsBulk, 1)[0];
        assert!(text.starts_with("POST /points/transactions ") && request.key_number.is_none());
        let body = body(text);
        let items = body["transactions"].as_array().expect("a list");
        let keys: std::collections::HashSet<_> = items.iter().filter_map(|item| item["key"].as_str()).collect();
        assert_eq!((items.len(), keys.len()), (100, 100));
        assert!(items.iter().all(|item| (1..=3).contains(&item["memberId"].as_i64().unwrap_or_default())));
    }

    #[test]
    fn a_bulk_answer_counts_what_was_done_and_may_refuse_spending() {
        let done = r#"{"status":201,"entry":{}}"#;
        let refused = r#"{"status":409,"problem":{"type":"t","status":409,"code":"point.insufficient_points"}}"#;
        let other = r#"{"status":409,"problem":{"type":"t","status":409,"code":"point.member_not_normal"}}"#;
        let answer = |last: &str| format!("{{\"results\":[{}{last}]}}", format!("{done},").repeat(99));
        let judge = |text: String| {
            (Profile::PointsBulk.judge(false, 200, text.as_bytes()), Profile::PointsBulk.items_done(text.as_bytes()))
        };
        assert_eq!(judge(answer(done)), (Verdict::Done, 100));
        assert_eq!(judge(answer(refused)), (Verdict::Done, 99));
        assert_eq!(judge(answer(other)).0, Verdict::Unexpected);
        assert_eq!(judge(format!("{{\"results\":[{done}]}}")).0, Verdict::Unexpected);
    }

    #[test]
    fn reads_and_echo_carry_no_key() {
        for profile in [Profile::Echo, Profile::Mypage] {
            for (text, request) in requests(profile, 20) {
                assert!(!text.contains("Idempotency-Key") && request.key_number.is_none());
            }
        }
        assert!(requests(Profile::Mypage, 1)[0].0.ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_join_has_an_eleven_digit_phone_and_no_number() {
        for (text, _) in requests(Profile::Join, 100) {
            let body = body(&text);
            let phone = body["phoneNo"].as_str().expect("a phone number");
            assert!(phone.len() == 11 && phone.starts_with("010") && phone.bytes().all(|byte| byte.is_ascii_digit()));
            assert!(body.get("memberId").is_none());
        }
    }

    #[test]
    fn only_a_use_may_be_refused() {
        let short = br#"{"code":"point.insufficient_points"}"#;
        assert_eq!(Profile::Points.judge(true, 409, short), Verdict::Refused);
        assert_eq!(Profile::Points.judge(false, 409, short), Verdict::Unexpected);
        assert_eq!(Profile::Points.judge(true, 409, br#"{"code":"idempotency.in_progress"}"#), Verdict::Unexpected);
        assert_eq!(Profile::Points.judge(true, 200, b""), Verdict::Unexpected);
        assert_eq!(Profile::Join.judge(false, 201, b""), Verdict::Done);
        assert_eq!(Profile::Mypage.judge(false, 404, b""), Verdict::Unexpected);
    }
}
