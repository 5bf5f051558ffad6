//! What messages say, in Korean or English. Filled in when a message is sent: the figures come from its row, the
//! nickname from member's contacts of that moment.

use domain::kernel::Month;
use domain::notification::{Content, NoticeKind};

/// Characters of a nickname that a message shows.
const NICKNAME_CHARS: usize = 20;

/// The language that members are written to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Korean.
    Korean,
    /// English.
    English,
}

/// How this programme writes to its members.
#[derive(Debug, Clone)]
pub struct Texts {
    language: Language,
    programme: String,
}

/// A message in words. Never printed outside of tests.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Words {
    /// What it is about, in one line; for mail.
    pub(super) subject: String,
    /// All of it, in one line that says who writes.
    pub(super) text: String,
}

impl Texts {
    /// Texts in this language that name the programme so.
    #[must_use]
    pub fn new(language: Language, programme: &str) -> Self {
        Self { language, programme: programme.to_owned() }
    }

    /// This content in words, for whoever is called so.
    pub(super) fn write(&self, content: &Content, nickname: Option<&str>) -> Words {
        let nickname = nickname.map(shown_name).filter(|name| !name.is_empty());
        let (subject, text) = match self.language {
            Language::Korean => korean(content, nickname.as_deref()),
            Language::English => english(content, nickname.as_deref()),
        };
        self.signed(subject, &text)
    }

    /// A notice in words. It names the member by number: a name would leave the programme.
    pub(super) fn write_notice(&self, kind: NoticeKind, member_id: Option<i64>) -> Words {
        let number = member_id.unwrap_or_default();
        let (subject, text) = match (kind, self.language) {
            (NoticeKind::MemberJoined, Language::Korean) => {
                ("새 회원이 가입했습니다", format!("회원 {number}번이 가입했습니다."))
            }
            (NoticeKind::MemberJoined, Language::English) => ("A new member", format!("Member {number} has joined.")),
        };
        self.signed(subject, &text)
    }

    fn signed(&self, subject: &str, text: &str) -> Words {
        Words { subject: format!("[{}] {subject}", self.programme), text: format!("[{}] {text}", self.programme) }
    }
}

fn korean(content: &Content, nickname: Option<&str>) -> (&'static str, String) {
    let you = nickname.map_or_else(|| "회원님".to_owned(), |name| format!("{name}님"));
    match content {
        Content::Joined {} => ("가입을 환영합니다", format!("{you}, 회원 가입이 완료되었습니다. 환영합니다!")),
        Content::PhoneChanged {} => (
            "휴대폰번호가 변경되었습니다",
            format!("{you}, 휴대폰번호가 변경되었습니다. 직접 변경하지 않으셨다면 문의해 주세요."),
        ),
        Content::PointsExpiring { point, month } => {
            let (point, (year, month, day)) = (grouped(*point), last_day(*month));
            (
                "포인트 소멸 예정 안내",
                format!("{you}, {year}년 {month}월 {day}일까지 사용하지 않으시면 {point}포인트가 소멸됩니다."),
            )
        }
        Content::Donated { amount, balance_after } => {
            let (amount, left) = (grouped(*amount), grouped(*balance_after));
            (
                "기부해 주셔서 감사합니다",
                format!("{you}, {amount}포인트를 기부해 주셔서 감사합니다. 잔여 포인트는 {left}포인트입니다."),
            )
        }
        Content::DonationRejected { amount, reason } => {
            let (amount, why) = (grouped(*amount), korean_reason(reason));
            (
                "기부가 처리되지 않았습니다",
                format!("{you}, {amount}포인트 기부가 처리되지 않았습니다({why}). 포인트는 차감되지 않았습니다."),
            )
        }
    }
}

fn korean_reason(reason: &str) -> &'static str {
    match reason {
        "member_not_normal" => "회원 상태 확인 필요",
        "insufficient_points" => "포인트 부족",
        "balance_too_low" => "보유 포인트 기준 미달",
        "cause_closed" => "현재 모금 중단",
        _ => "기부 조건 미충족",
    }
}

fn english(content: &Content, nickname: Option<&str>) -> (&'static str, String) {
    let hello = nickname.map_or_else(|| "Hello".to_owned(), |name| format!("Hello {name}"));
    match content {
        Content::Joined {} => ("Welcome", format!("{hello}, thank you for joining. Welcome!")),
        Content::PhoneChanged {} => (
            "Your mobile number has changed",
            format!("{hello}, your mobile number has been changed. If this wasn't you, please contact us."),
        ),
        Content::PointsExpiring { point, month } => {
            let (points, (year, month, day)) = (points(*point), last_day(*month));
            let month = MONTHS.get(usize::try_from(month - 1).unwrap_or_default()).copied().unwrap_or_default();
            (
                "Your points are about to expire",
                format!("{hello}, {points} will expire at the end of {day} {month} {year}. Use them before then."),
            )
        }
        Content::Donated { amount, balance_after } => {
            let (given, left) = (points(*amount), points(*balance_after));
            ("Thank you for your donation", format!("{hello}, thank you for donating {given}. You have {left} left."))
        }
        Content::DonationRejected { amount, reason } => {
            let (given, why) = (points(*amount), english_reason(reason));
            (
                "Your donation was not made",
                format!("{hello}, your donation of {given} was not made: {why}. No points were taken."),
            )
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn english_reason(reason: &str) -> &'static str {
    match reason {
        "member_not_normal" => "your membership is not active",
        "insufficient_points" => "you do not have enough points",
        "balance_too_low" => "your balance is too low",
        "cause_closed" => "this cause takes no donations at present",
        _ => "the conditions are not met",
    }
}

fn points(number: i64) -> String {
    let unit = if number == 1 { "point" } else { "points" };
    format!("{} {unit}", grouped(number))
}

/// A whole number with commas between thousands.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Year, month and last day of the month `yyyyMM`.
fn last_day(month: i64) -> (i32, i32, i32) {
    let day = Month::from_number(month).unwrap_or(Month::new(1970, 1)).last_day();
    (day.month.year(), day.month.number(), day.day)
}

/// A nickname as a message may show it: one line, without control characters, and not long.
fn shown_name(nickname: &str) -> String {
    let words = nickname.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join(" ");
    if name.chars().count() <= NICKNAME_CHARS {
        return name;
    }
    let cut: String = name.chars().take(NICKNAME_CHARS - 1).collect();
    format!("{}…", cut.trim_end())
}

/// Bytes that a text takes in the code that Korean networks count in: one for a letter of ASCII, two for others.
#[must_use]
pub(super) fn network_bytes(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Content> {
        vec![
            Content::Joined {},
            Content::PhoneChanged {},
            Content::PointsExpiring { point: 1_234_567, month: 203_102 },
            Content::Donated { amount: 500, balance_after: 1_030 },
            Content::DonationRejected { amount: 800, reason: "member_not_normal".to_owned() },
            Content::DonationRejected { amount: 800, reason: "insufficient_points".to_owned() },
            Content::DonationRejected { amount: 1, reason: "balance_too_low".to_owned() },
            Content::DonationRejected { amount: 800, reason: "cause_closed".to_owned() },
            Content::DonationRejected { amount: 800, reason: "of_another_version".to_owned() },
        ]
    }

    fn snapshot(language: Language) -> String {
        let texts = Texts::new(language, "OnePoint");
        let words = all().into_iter().map(|content| texts.write(&content, Some("길동")));
        words.map(|words| format!("{}\n  {}\n", words.subject, words.text)).collect()
    }

    #[test]
    fn what_members_read_in_korean() {
        assert_eq!(
            snapshot(Language::Korean),
            "[OnePoint] 가입을 환영합니다\n  \
             [OnePoint] 길동님, 회원 가입이 완료되었습니다. 환영합니다!\n\
             [OnePoint] 휴대폰번호가 변경되었습니다\n  \
             [OnePoint] 길동님, 휴대폰번호가 변경되었습니다. 직접 변경하지 않으셨다면 문의해 주세요.\n\
             [OnePoint] 포인트 소멸 예정 안내\n  \
             [OnePoint] 길동님, 2031년 2월 28일까지 사용하지 않으시면 1,234,567포인트가 소멸됩니다.\n\
             [OnePoint] 기부해 주셔서 감사합니다\n  \
             [OnePoint] 길동님, 500포인트를 기부해 주셔서 감사합니다. 잔여 포인트는 1,030포인트입니다.\n\
             [OnePoint] 기부가 처리되지 않았습니다\n  \
             [OnePoint] 길동님, 800포인트 기부가 처리되지 않았습니다(회원 상태 확인 필요). 포인트는 차감되지 않았습니다.\n\
             [OnePoint] 기부가 처리되지 않았습니다\n  \
             [OnePoint] 길동님, 800포인트 기부가 처리되지 않았습니다(포인트 부족). 포인트는 차감되지 않았습니다.\n\
             [OnePoint] 기부가 처리되지 않았습니다\n  \
             [OnePoint] 길동님, 1포인트 기부가 처리되지 않았습니다(보유 포인트 기준 미달). 포인트는 차감되지 않았습니다.\n\
             [OnePoint] 기부가 처리되지 않았습니다\n  \
             [OnePoint] 길동님, 800포인트 기부가 처리되지 않았습니다(현재 모금 중단). 포인트는 차감되지 않았습니다.\n\
             [OnePoint] 기부가 처리되지 않았습니다\n  \
             [OnePoint] 길동님, 800포인트 기부가 처리되지 않았습니다(기부 조건 미충족). 포인트는 차감되지 않았습니다.\n"
        );
    }

    #[test]
    fn what_members_read_in_english() {
        assert_eq!(
            snapshot(Language::English),
            "[OnePoint] Welcome\n  \
             [OnePoint] Hello 길동, thank you for joining. Welcome!\n\
             [OnePoint] Your mobile number has changed\n  \
             [OnePoint] Hello 길동, your mobile number has been changed. If this wasn't you, please contact us.\n\
             [OnePoint] Your points are about to expire\n  \
             [OnePoint] Hello 길동, 1,234,567 points will expire at the end of 28 February 2031. Use them before then.\n\
             [OnePoint] Thank you for your donation\n  \
             [OnePoint] Hello 길동, thank you for donating 500 points. You have 1,030 points left.\n\
             [OnePoint] Your donation was not made\n  \
             [OnePoint] Hello 길동, your donation of 800 points was not made: your membership is not active. No points were taken.\n\
             [OnePoint] Your donation was not made\n  \
             [OnePoint] Hello 길동, your donation of 800 points was not made: you do not have enough points. No points were taken.\n\
             [OnePoint] Your donation was not made\n  \
             [OnePoint] Hello 길동, your donation of 1 point was not made: your balance is too low. No points were taken.\n\
             [OnePoint] Your donation was not made\n  \
             [OnePoint] Hello 길동, your donation of 800 points was not made: this cause takes no donations at present. No points were taken.\n\
             [OnePoint] Your donation was not made\n  \
             [OnePoint] Hello 길동, your donation of 800 points was not made: the conditions are not met. No points were taken.\n"
        );
    }

    #[test]
    fn what_the_operator_reads() {
        let words = |language| Texts::new(language, "OnePoint").write_notice(NoticeKind::MemberJoined, Some(1_234));
        let korean = words(Language::Korean);
        assert_eq!(korean.subject, "[OnePoint] 새 회원이 가입했습니다");
        assert_eq!(korean.text, "[OnePoint] 회원 1234번이 가입했습니다.");
        let english = words(Language::English);
        assert_eq!(
            (&*english.subject, &*english.text),
            ("[OnePoint] A new member", "[OnePoint] Member 1234 has joined.")
        );
        assert!(network_bytes(&korean.text) <= 90, "it fits one short message");
    }

    #[test]
    fn the_message_on_joining_fits_one_short_message_and_all_fit_a_long_one() {
        for language in [Language::Korean, Language::English] {
            let texts = Texts::new(language, "OnePoint");
            let bytes = |content| network_bytes(&texts.write(&content, Some("가나다라마바사아자차")).text);
            assert!(bytes(Content::Joined {}) <= 90, "{language:?}");
            assert!(all().into_iter().all(|content| bytes(content) <= 2_000), "{language:?}");
        }
    }

    #[test]
    fn a_nickname_breaks_no_line_and_is_cut() {
        let texts = Texts::new(Language::English, "OnePoint");
        let text = |name: Option<&str>| texts.write(&Content::Joined {}, name).text;
        assert_eq!(text(Some(" a\r\nBcc: b\u{0}c ")), "[OnePoint] Hello a Bcc: b c, thank you for joining. Welcome!");
        assert_eq!(text(Some(" \n ")), text(None));
        assert_eq!(text(None), "[OnePoint] Hello, thank you for joining. Welcome!");
        let long = text(Some(&"가".repeat(200)));
        assert!(long.contains(&format!("{}…,", "가".repeat(19))), "{long}");
    }

    #[test]
    fn numbers_have_commas_between_thousands() {
        let expected = [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567"), (100_000, "100,000")];
        for (number, text) in expected {
            assert_eq!(grouped(number), text);
        }
    }
}
