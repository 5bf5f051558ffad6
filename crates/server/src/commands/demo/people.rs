//! Who lives in the demonstration: chosen by a seed, so that the same seed tells the same story.

/// SplitMix64: the same numbers for the same seed. Never for secrets.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of one member in the story of this seed.
    pub(super) fn of(seed: u64, member: u64) -> Self {
        let mut dice = Self(seed ^ member.wrapping_mul(0xd6e8_feb8_6659_fd93));
        dice.roll();
        dice
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.roll() % (high - low + 1)
    }

    /// Yes, once in so many times.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.between(1, times) == 1
    }

    /// One of these.
    pub(super) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let last = choices.len() as u64 - 1;
        &choices[self.between(0, last) as usize]
    }
}

const MOODS: &[&str] = &[
    "달콤한",
    "느긋한",
    "용감한",
    "반짝이는",
    "포근한",
    "수줍은",
    "씩씩한",
    "졸린",
    "상냥한",
    "부지런한",
    "엉뚱한",
    "조용한",
];
const BEINGS: &[&str] = &[
    "고래",
    "다람쥐",
    "구름",
    "호랑이",
    "감귤",
    "두루미",
    "수달",
    "은하수",
    "단풍",
    "해바라기",
    "고양이",
    "도토리",
    "파도",
    "토끼",
];
/// A merchant of the programme.
pub(super) struct Shop {
    pub(super) name: &'static str,
    /// Share of the price that is earned, in basis points; nothing: the programme's.
    pub(super) earn_rate_bp: Option<u64>,
    /// Share that the programme keeps at settlement, in basis points; nothing: the programme's.
    pub(super) fee_rate_bp: Option<u64>,
    /// The lowest and the highest price there, in won.
    pub(super) prices: (u64, u64),
}

/// Where members buy.
pub(super) const SHOPS: &[Shop] = &[
    Shop { name: "바다 카페", earn_rate_bp: Some(300), fee_rate_bp: None, prices: (4_500, 13_500) },
    Shop { name: "눈꽃 빙수", earn_rate_bp: Some(200), fee_rate_bp: Some(150), prices: (9_800, 19_600) },
    Shop { name: "느티 부엌", earn_rate_bp: None, fee_rate_bp: None, prices: (7_900, 31_600) },
    Shop { name: "봄날 꽃집", earn_rate_bp: Some(500), fee_rate_bp: Some(350), prices: (15_000, 60_000) },
    Shop { name: "골목 책방", earn_rate_bp: None, fee_rate_bp: Some(100), prices: (13_500, 54_000) },
    Shop { name: "큰마당 시장", earn_rate_bp: Some(50), fee_rate_bp: None, prices: (18_000, 98_000) },
];
/// What members give points to.
pub(super) const CAUSES: &[&str] = &["어린이 도서관", "유기동물 보호소", "도시 숲 가꾸기"];

/// Someone who joins.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) nickname: String,
    pub(super) phone_no: String,
}

/// As many phone numbers as there are below the prefix.
const PHONES: u64 = 10_000_000;
/// Odd and no multiple of 5, so that each member of a story has a number of its own.
const PHONE_STEP: u64 = 6_180_339;

/// The member of this number. Korean mobile numbers do not go on with 0 after 010, so nobody is called by mistake.
/// One in 25 gave a number that is too short, and becomes ABNORMAL.
pub(super) fn person(seed: u64, member: u64, dice: &mut Dice) -> Person {
    let digits = ((member % PHONES) * PHONE_STEP + (seed % PHONES) * 104_729) % PHONES;
    let nickname = format!("{}{}", dice.one_of(MOODS), dice.one_of(BEINGS));
    let phone_no = if dice.once_in(25) { format!("0100{:03}", digits % 1_000) } else { format!("0100{digits:07}") };
    Person { nickname, phone_no }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_tells_the_same_story_and_another_seed_another_one() {
        let told = |seed| (1..=50).map(|member| Dice::of(seed, member).between(0, 1_000_000)).collect::<Vec<_>>();
        assert_eq!(told(7), told(7));
        assert_ne!(told(7), told(8));
    }

    #[test]
    fn numbers_stay_between_both_ends_and_reach_them() {
        let mut dice = Dice::of(1, 1);
        let rolled: Vec<u64> = (0..1_000).map(|_| dice.between(3, 7)).collect();
        assert!(rolled.iter().all(|number| (3..=7).contains(number)));
        assert!(rolled.contains(&3) && rolled.contains(&7));
    }

    #[test]
    fn whole_phone_numbers_are_valid_unused_and_of_one_member_only() {
        let people: Vec<Person> = (1..=20_000).map(|member| person(3, member, &mut Dice::of(3, member))).collect();
        let whole: Vec<&str> =
            people.iter().map(|person| person.phone_no.as_str()).filter(|phone| phone.len() == 11).collect();
        assert!(whole.iter().all(|phone| phone.starts_with("0100")));
        assert_eq!(whole.iter().collect::<std::collections::HashSet<_>>().len(), whole.len());
        let short = people.len() - whole.len();
        assert!((400..1_600).contains(&short), "about one in 25 is too short: {short}");
    }
}
