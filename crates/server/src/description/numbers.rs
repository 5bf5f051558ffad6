//! Whole numbers in requests: as numbers or as text, and the same bounds for both.

use app::kit::{MAX_AMOUNT, MAX_SAFE};
use serde_json::{Value, json};

use super::schemas::is_of;

/// A whole number in a request: as a number or as text, and none larger than is taken.
pub(super) fn number(name: &str, property: &mut Value, is_movement: bool) {
    if !is_of(property, "integer") || is_of(property, "string") {
        return;
    }
    let is_nullable = is_of(property, "null");
    property["type"] = if is_nullable { json!(["integer", "string", "null"]) } else { json!(["integer", "string"]) };
    let is_signed = name == "requirePoint" || (name == "amount" && is_movement);
    let least = property["minimum"].as_i64().unwrap_or(if is_signed { -MAX_AMOUNT } else { 1 });
    let most = property["maximum"].as_i64().unwrap_or(if name.ends_with("Id") { MAX_SAFE } else { MAX_AMOUNT });
    property["minimum"] = json!(least);
    property["maximum"] = json!(most);
    property["pattern"] = json!(text_of(least, most));
    if least < 0 {
        property["not"] = json!({"const": 0});
    }
    if let Some(fields) = property.as_object_mut() {
        fields.remove("format");
    }
}

/// The pattern of whole numbers from `least` to `most` as text: blanks around them, a sign and leading zeros are fine.
/// `least` is 1, 0, or `-most`, and then 0 is none of them.
pub(super) fn text_of(least: i64, most: i64) -> String {
    let sign = if least < 0 { "[+-]" } else { "\\+" };
    let zero = if least == 0 { "0|" } else { "" };
    format!("^\\s*{sign}?0*({zero}{})\\s*$", digits_to(most))
}

/// The pattern of the numbers from 1 to `most` without leading zeros: those with fewer digits, then for each place
/// those that are smaller there and the same before it, then `most` itself.
fn digits_to(most: i64) -> String {
    let most = most.to_string();
    let mut pattern = String::new();
    if most.len() > 1 {
        pattern = format!("[1-9]{}|", any_digits(0, most.len() - 2));
    }
    for (place, digit) in most.char_indices() {
        let (first, last) = (if place == 0 { b'1' } else { b'0' }, (digit as u8).saturating_sub(1));
        let after = any_digits(most.len() - place - 1, most.len() - place - 1);
        if first == last {
            pattern += &format!("{}{}{after}|", &most[..place], char::from(first));
        } else if first < last {
            pattern += &format!("{}[{}-{}]{after}|", &most[..place], char::from(first), char::from(last));
        }
    }
    pattern + &most
}

fn any_digits(least: usize, most: usize) -> String {
    match (least, most) {
        (_, 0) => String::new(),
        (1, 1) => "[0-9]".to_owned(),
        (least, most) if least == most => format!("[0-9]{{{most}}}"),
        (least, most) => format!("[0-9]{{{least},{most}}}"),
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn the_pattern_takes_what_the_bounds_take() {
        for most in [1, 9, 10, 12, 99, 100, 120, 1_000, 1_200, 10_000, 604_800, MAX_AMOUNT, MAX_SAFE] {
            // Around every power of ten, around the bound, and with each digit of the bound changed.
            let powers: Vec<i64> = (0..18).map(|power| 10_i64.pow(power)).collect();
            let near = powers.iter().flat_map(|power| [power - 1, *power, power + 1, most - power, most + power]);
            let numbers: Vec<i64> = near.filter(|number| *number >= 0).collect();
            for least in [-most, 0, 1] {
                let pattern = Regex::new(&text_of(least, most)).expect("a pattern");
                for number in &numbers {
                    let is_meant = (least..=most).contains(number) && (*number > 0 || least == 0);
                    for text in [format!("{number}"), format!(" +00{number}\t")] {
                        assert_eq!(pattern.is_match(&text), is_meant, "'{text}' of {least} to {most}: {pattern}");
                    }
                    assert_eq!(pattern.is_match(&format!("-{number}")), is_meant && least < 0, "-{number}: {pattern}");
                }
                for text in ["", " ", "+", "--1", "1.0", "1 1", "1e1"] {
                    assert!(!pattern.is_match(text), "'{text}' of {least} to {most}");
                }
            }
        }
    }
}
