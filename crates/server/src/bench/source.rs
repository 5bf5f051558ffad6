//! Makes the requests of a profile, one after the other.

use super::carts;
use super::deals::{Act, Deal, Recent};
use super::profile::{BULK, Profile, Request};
use super::request::{Random, RequestWriter, push_number, push_padded};

/// Out of a hundred transactions so many earn; the rest use.
const EARN_PERCENT: u64 = 70;
const EARN_POINTS: u64 = 10;
const USE_POINTS: u64 = 5;
/// Phone numbers are `010` and so many digits.
const PHONE_DIGITS: usize = 8;
/// There are so many different phone numbers.
pub(super) const PHONE_NUMBERS: u64 = 100_000_000;

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
    recent: Recent,
}

impl RequestSource {
    pub(super) fn new(profile: Profile, members: u64, writer: RequestWriter, random: Random) -> Self {
        Self { profile, members, writer, random, path: Vec::new(), body: Vec::new(), recent: Recent::default() }
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
                Request { spends, ..Request::plain(None) }
            }
            Profile::Points => {
                let member = 1 + self.random.below(self.members);
                self.transaction(out, member)
            }
            Profile::PointsHot => self.transaction(out, 1),
            Profile::PointsBulk => {
                self.transactions_body();
                self.writer.post(out, b"/points/transactions", None, &self.body);
                Request::plain(None)
            }
            Profile::Mypage => {
                let member = 1 + self.random.below(self.members);
                self.path.clear();
                self.path.extend_from_slice(b"/mypages/");
                push_number(&mut self.path, member);
                self.writer.get(out, &self.path);
                Request::plain(None)
            }
            Profile::Join => {
                let number = self.writer.keys().take();
                let phone = self.random.below(PHONE_NUMBERS);
                join_body(&mut self.body, None, phone, number);
                self.writer.post(out, b"/members", Some(number), &self.body);
                Request::plain(Some(number))
            }
            Profile::DealSave => self.deal(out, Act::Save),
            Profile::DealUse => self.deal(out, Act::Use),
            Profile::DealMixed => {
                let act = Act::of_mix(&mut self.random);
                self.deal(out, act)
            }
            Profile::CartSoldout => self.cart(out, None),
            Profile::CartHot | Profile::CartSpread | Profile::CartSoldoutKeyed => {
                let number = self.writer.keys().take();
                self.cart(out, Some(number))
            }
        }
    }

    /// Takes in that a deal was answered with success: it can be cancelled later.
    pub(super) fn dealt(&mut self, deal: Deal, body: &[u8]) {
        if self.profile == Profile::DealMixed {
            self.recent.keep(deal, body);
        }
    }

    fn deal(&mut self, out: &mut Vec<u8>, act: Act) -> Request {
        let number = self.writer.keys().take();
        self.body.clear();
        let cancel = if act == Act::Cancel { self.recent.cancel(&mut self.random, &mut self.body) } else { None };
        // Before the first answers there is nothing to cancel.
        let deal = cancel.unwrap_or_else(|| {
            let act = if act == Act::Cancel { Act::Save } else { act };
            let deal = Deal::random(act, self.members, &mut self.random);
            deal.write(&mut self.body);
            deal
        });
        self.writer.post(out, b"/deals", Some(number), &self.body);
        Request { deal: Some(deal), ..Request::plain(Some(number)) }
    }

    fn cart(&mut self, out: &mut Vec<u8>, key_number: Option<u64>) -> Request {
        carts::write(&mut self.body, self.profile, &mut self.random);
        self.writer.post(out, b"/carts", key_number, &self.body);
        Request::plain(key_number)
    }

    fn transaction(&mut self, out: &mut Vec<u8>, member: u64) -> Request {
        let number = self.writer.keys().take();
        let spends = self.transaction_body_with(number);
        self.path.clear();
        self.path.extend_from_slice(b"/points/");
        push_number(&mut self.path, member);
        self.path.extend_from_slice(b"/transactions");
        self.writer.post(out, &self.path, Some(number), &self.body);
        Request { spends, ..Request::plain(Some(number)) }
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
    fn reads_and_echo_carry_no_key() {
        for profile in [Profile::Echo, Profile::Mypage] {
            for (text, request) in requests(profile, 20) {
                assert!(!text.contains("Idempotency-Key") && request.key_number.is_none());
            }
        }
        assert!(requests(Profile::Mypage, 1)[0].0.ends_with("\r\n\r\n"));
    }

    #[test]
    fn deals_go_over_members_and_merchants_each_under_a_key() {
        for (profile, kind) in [(Profile::DealSave, "save"), (Profile::DealUse, "use")] {
            let mut merchants = std::collections::HashSet::new();
            for (text, request) in requests(profile, 500) {
                assert!(text.starts_with("POST /deals HTTP/1.1\r\n") && text.matches("Idempotency-Key: ").count() == 1);
                let body = body(&text);
                assert_eq!((body["type"].as_str(), body["dealAmount"].as_u64()), (Some(kind), Some(10_000)));
                assert!((1..=3).contains(&body["memberId"].as_u64().unwrap_or_default()));
                merchants.insert(body["merchantId"].as_u64().expect("a merchant"));
                assert!(request.key_number.is_some() && request.deal.is_some());
            }
            assert!(merchants.len() > 300 && merchants.iter().all(|merchant| (1..=1_000).contains(merchant)));
        }
    }

    #[test]
    fn carts_carry_a_key_of_their_own_unless_they_are_to_be_refused_from_memory() {
        for profile in [Profile::CartHot, Profile::CartSpread, Profile::CartSoldoutKeyed] {
            let sent = requests(profile, 50);
            let keys: std::collections::HashSet<_> =
                sent.iter().filter_map(|(_, request)| request.key_number).collect();
            assert_eq!(keys.len(), 50);
            for (text, _) in sent {
                assert!(text.starts_with("POST /carts HTTP/1.1\r\n") && text.matches("Idempotency-Key: ").count() == 1);
                assert_eq!(body(&text)["quantity"], 1);
            }
        }
        for (text, request) in requests(Profile::CartSoldout, 20) {
            assert!(!text.contains("Idempotency-Key") && request.key_number.is_none());
        }
    }

    #[test]
    fn the_mix_cancels_what_was_answered() {
        let target = Target::new("http://127.0.0.1:81", None).expect("loopback");
        let mut random = Random::from_environment();
        let writer = RequestWriter::new(&target, Keys::new(&mut random));
        let mut source = RequestSource::new(Profile::DealMixed, 3, writer, random);
        let (mut out, mut cancelled, mut answered) = (Vec::new(), 0, 0_u64);
        for _ in 0..2_000 {
            let deal = source.write_next(&mut out).deal.expect("a deal");
            let text = String::from_utf8(out.clone()).expect("ASCII");
            if deal.act == Act::Cancel {
                cancelled += 1;
                let original = body(&text)["originalDealId"].as_u64();
                assert!(original.is_none_or(|deal_id| deal_id <= answered), "{text}");
            } else {
                answered += 1;
                source.dealt(deal, format!(r#"{{"dealId":{answered},"status":"success"}}"#).as_bytes());
            }
        }
        assert!((50..200).contains(&cancelled), "5 % of 2,000 should cancel, {cancelled} did");
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
}
