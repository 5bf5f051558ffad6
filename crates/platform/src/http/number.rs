//! Whole numbers as clients send them: a JSON number, or text with blanks around it, a sign and leading zeros
//! (SPEC section 3: `memberId=0001`, `point=" 200"`, `requirePoint=-730`).

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A whole number of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub i64);

/// Reads a whole number from text; blanks around it, one sign and leading zeros are fine.
#[must_use]
pub fn parse_whole(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of at most 64 bits")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Whole, E> {
        Ok(Whole(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Whole, E> {
        i64::try_from(value).map(Whole).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Whole, E> {
        parse_whole(value).map(Whole).ok_or_else(|| E::invalid_value(de::Unexpected::Str(value), &self))
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_as_numbers_or_as_text() {
        for (text, number) in [
            ("1", 1),
            ("\"0001\"", 1),
            ("\" 200\"", 200),
            ("\"-730\"", -730),
            ("\"+5\"", 5),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(serde_json::from_str::<Whole>(text).expect(text).0, number, "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_number() {
        for text in [
            "1.5",
            "1e3",
            "\"1.0\"",
            "\"\"",
            "\" \"",
            "\"--1\"",
            "\"1 2\"",
            "null",
            "true",
            "[]",
            "9223372036854775808",
            "\"9223372036854775808\"",
            "1e999",
        ] {
            assert!(serde_json::from_str::<Whole>(text).is_err(), "{text}");
        }
    }
}
