//! Codes: how they are made from random bits, written in groups, read from what people type, and checked.
//!
//! The alphabet has 32 characters, so each carries 5 bits. Letters that are taken for a digit or for each other read as
//! one: `I` and `L` as `1`, `O` as `0`, `U` as `V`. The last character is chosen so that the sum of all, each weighted by
//! a power of the generator of the field of 32 elements, is 1. Among at most 31 characters no two have the same weight,
//! so every single wrong character and every exchange of two is found. The sum begins with a 1 before the first
//! character: so a `0` too many or too few, at either end, is found as well.

use alloc::string::String;
use core::fmt;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// What the weighted sum begins with and comes to.
const SUM: u8 = 1;
/// Characters in a group.
const GROUP: usize = 4;
const FEWEST_GROUPS: usize = 3;
const MOST_GROUPS: usize = 6;
/// Characters in a prefix at most.
pub const PREFIX_CHARS: usize = 12;
/// Characters in a code at most, so that no two have the same weight.
pub const CODE_CHARS: usize = 31;

/// What the codes of a campaign look like: `SUMMER-####-####-####`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    prefix: String,
    groups: usize,
}

/// A code, without the hyphens between its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// As it is compared: in the alphabet, the prefix included.
    pub text: String,
    /// Its first characters as its campaign writes them; may be empty.
    pub prefix: String,
}

impl Pattern {
    /// The pattern of join coupons: `####-####-####-####`, 75 random bits.
    pub const JOIN: Self = Self { prefix: String::new(), groups: 4 };

    /// Reads a pattern: a prefix of up to 12 letters and digits, if there is one, then three to six groups `####`; at
    /// most 31 characters beside the hyphens. Nothing for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-').peekable();
        let first = parts.next_if(|first| !first.starts_with('#')).unwrap_or_default();
        let prefix = first.to_ascii_uppercase();
        let mut groups = 0;
        for part in parts {
            if part != "####" {
                return None;
            }
            groups += 1;
        }
        let is_prefix = prefix.len() <= PREFIX_CHARS && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric());
        // An empty part before a hyphen is no prefix.
        let is_named = !prefix.is_empty() || text.starts_with('#');
        let fits = (FEWEST_GROUPS..=MOST_GROUPS).contains(&groups) && prefix.len() + groups * GROUP <= CODE_CHARS;
        (is_prefix && is_named && fits).then_some(Self { prefix, groups })
    }

    /// How many random bytes a code takes.
    #[must_use]
    pub fn random_bytes(&self) -> usize {
        self.groups * GROUP - 1
    }

    /// The code of these random bytes, of each of which the lower 5 bits count.
    #[must_use]
    pub fn code(&self, random: &[u8]) -> Code {
        let drawn = random.iter().copied();
        let values = self.prefix.bytes().filter_map(value_of).chain(drawn);
        Code { text: written(values), prefix: self.prefix.clone() }
    }
}

/// These values (of each the lower 5 bits), at most 30 of them, in the alphabet, and the check character after them.
pub(crate) fn written(values: impl Iterator<Item = u8>) -> String {
    let (mut text, mut sum) = (String::with_capacity(CODE_CHARS), SUM);
    for value in values.map(|value| value % 32) {
        text.push(char::from(ALPHABET[usize::from(value)]));
        sum = doubled(sum) ^ value;
    }
    text.push(char::from(ALPHABET[usize::from(doubled(sum) ^ SUM)]));
    text
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix)?;
        for group in 0..self.groups {
            f.write_str(if group == 0 && self.prefix.is_empty() { "####" } else { "-####" })?;
        }
        Ok(())
    }
}

/// As it is shown: the prefix as its campaign writes it, and groups of four.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix)?;
        let random = self.text.get(self.prefix.len()..).unwrap_or_default();
        for (place, character) in random.char_indices() {
            if place % GROUP == 0 && (place > 0 || !self.prefix.is_empty()) {
                f.write_str("-")?;
            }
            fmt::Write::write_char(f, character)?;
        }
        Ok(())
    }
}

/// What somebody typed, as codes are compared: without blanks and hyphens, in the alphabet. Nothing if it cannot be a
/// code: another character, too short or too long, or the check fails.
#[must_use]
pub fn read_code(typed: &str) -> Option<String> {
    let (mut text, mut sum) = (String::with_capacity(CODE_CHARS), SUM);
    for character in typed.chars().filter(|character| !is_filler(*character)) {
        let value = u8::try_from(character).ok().and_then(value_of)?;
        text.push(char::from(ALPHABET[usize::from(value)]));
        sum = doubled(sum) ^ value;
        if text.len() > CODE_CHARS {
            return None;
        }
    }
    (text.len() >= FEWEST_GROUPS * GROUP && sum == SUM).then_some(text)
}

/// What people put between the groups: blanks, and what they take for a hyphen.
fn is_filler(character: char) -> bool {
    character.is_whitespace() || character == '-' || matches!(character, '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// The value of a character, 0 to 31.
pub(crate) fn value_of(character: u8) -> Option<u8> {
    let character = match character.to_ascii_uppercase() {
        b'I' | b'L' => b'1',
        b'O' => b'0',
        b'U' => b'V',
        character => character,
    };
    let place = ALPHABET.iter().position(|known| *known == character)?;
    u8::try_from(place).ok()
}

/// Times the generator of the field, which is a root of x^5 + x^2 + 1.
fn doubled(value: u8) -> u8 {
    let shifted = value << 1;
    if shifted & 0b10_0000 == 0 { shifted } else { shifted ^ 0b10_0101 }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    /// Bytes that look random and are the same in each run.
    fn bytes(seed: u32, count: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[2]
        };
        (0..count).map(|_| next()).collect()
    }

    fn patterns() -> Vec<Pattern> {
        let texts =
            ["####-####-####", "####-####-####-####", "SUMMER-####-####-####", "ABCDEFG-####-####-####-####-####-####"];
        texts.iter().map(|text| Pattern::parse(text).expect(text)).collect()
    }

    fn is_good(text: &[u8]) -> bool {
        read_code(core::str::from_utf8(text).expect("ASCII")).is_some()
    }

    #[test]
    fn what_is_made_is_read() {
        for pattern in patterns() {
            for seed in 0..200 {
                let code = pattern.code(&bytes(seed, pattern.random_bytes()));
                let shown = code.to_string();
                assert_eq!(read_code(&shown).as_deref(), Some(&*code.text), "{shown}");
                assert_eq!(shown.len(), pattern.to_string().len(), "{shown}");
                assert!(shown.starts_with(&pattern.prefix), "{shown}");
            }
        }
    }

    #[test]
    fn every_single_wrong_character_is_found() {
        for pattern in patterns() {
            for seed in 0..20 {
                let text = pattern.code(&bytes(seed, pattern.random_bytes())).text.into_bytes();
                for place in 0..text.len() {
                    for wrong in ALPHABET.iter().filter(|wrong| **wrong != text[place]) {
                        let mut other = text.clone();
                        other[place] = *wrong;
                        assert!(!is_good(&other), "{other:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_exchange_of_two_characters_is_found() {
        for pattern in patterns() {
            for seed in 0..20 {
                let text = pattern.code(&bytes(seed, pattern.random_bytes())).text.into_bytes();
                for first in 0..text.len() {
                    for second in first + 1..text.len() {
                        let mut other = text.clone();
                        other.swap(first, second);
                        assert_eq!(is_good(&other), text[first] == text[second], "{other:?}");
                    }
                }
            }
        }
    }

    /// Whatever stands in a code: two weights that were the same would let an exchange of two pass.
    #[test]
    fn no_two_places_have_the_same_weight() {
        let mut weights = Vec::new();
        let mut weight = 1;
        for _ in 0..CODE_CHARS {
            assert!(weight != 0 && !weights.contains(&weight));
            weights.push(weight);
            weight = doubled(weight);
        }
        assert_eq!(weight, 1);
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        let pattern = Pattern::parse("SUMMER-####-####-####").expect("a pattern");
        let code = pattern.code(&[1, 0, 27, 1, 0, 5, 6, 7, 8, 9, 10]);
        let shown = code.to_string();
        assert!(shown.starts_with("SUMMER-10V1-0567-89A"), "{shown}");
        let check = shown.chars().last().expect("a last character");
        for typed in [
            format!("summer-10v1-0567-89a{check}"),
            format!("SVMMER10V1056789A{check}"),
            format!(" Summer IOUL O567\t89a{check} "),
            format!("SUMMER\u{2013}l0u1\u{2010}0567\u{2212}89A{check}"),
        ] {
            assert_eq!(read_code(&typed).as_deref(), Some(&*code.text), "{typed}");
        }
        for typed in ["", "----", "000", "SUMMER-####-####-####", "가나다라마바사아자차카타", "0000-0000-000_"]
        {
            assert_eq!(read_code(typed), None, "{typed}");
        }
        for count in 0..40 {
            assert_eq!(read_code(&"0".repeat(count)).is_some(), count == 31, "{count}");
        }
    }

    #[test]
    fn a_0_too_many_or_too_few_at_either_end_is_found() {
        for pattern in patterns() {
            for seed in 0..200 {
                let code = pattern.code(&bytes(seed, pattern.random_bytes())).text;
                assert!(!is_good(format!("0{code}").as_bytes()) && !is_good(format!("{code}0").as_bytes()), "{code}");
                let shorter = code.strip_prefix('0').or(code.strip_suffix('0'));
                assert!(shorter.is_none_or(|shorter| !is_good(shorter.as_bytes())), "{code}");
            }
        }
    }

    #[test]
    fn patterns_are_written_in_one_way() {
        for text in
            ["####-####-####", "A-####-####-####", "SUMMER2026-####-####-####-####", "ABCDEFGHIJKL-####-####-####"]
        {
            assert_eq!(Pattern::parse(text).map(|pattern| pattern.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Pattern::JOIN.to_string(), "####-####-####-####");
        for text in [
            "",
            "SUMMER",
            "####-####",
            "SUMMER-####-####",
            "####-####-####-####-####-####-####",
            "-####-####-####",
            "A--####-####-####",
            "A-####-####-####-",
            "A-B-####-####-####",
            "ABCDEFGHIJKLM-####-####-####",
            "ABCDEFGH-####-####-####-####-####-####",
            "A_B-####-####-####",
            "여름-####-####-####",
            "A-####-###-####",
        ] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }
}
