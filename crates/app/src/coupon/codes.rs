//! Drawing codes: from the machine's secure random source, and none that there is already.

use std::collections::HashSet;

use domain::coupon::code::{Code, Pattern};
use platform::db::{Session, Value};
use platform::error::{Error, Result};

use super::store::COUPON;

/// `count` codes of this pattern that no coupon has. Nobody else draws meanwhile: writers of a context take turns. So
/// adding coupons with these codes in the same transaction cannot fail for their codes.
///
/// # Errors
/// `Unavailable` when the store cannot be reached; `Internal` when the machine gives no random numbers.
pub(super) fn draw(tx: &mut dyn Session, pattern: &Pattern, count: usize) -> Result<Vec<Code>> {
    let mut taken = |codes: &[Code]| {
        let texts: Vec<Value> = codes.iter().map(|code| code.text.as_str().into()).collect();
        Ok(tx.load_by(&COUPON, "code", &texts)?.iter().map(|row| row.text(3).to_owned()).collect())
    };
    draw_unless(pattern, count, &mut random, &mut taken)
}

fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::internal("the system gives no random numbers").caused_by(error))
}

/// Draws until it has `count` different codes of which none is `taken`.
fn draw_unless(
    pattern: &Pattern,
    count: usize,
    fill: &mut dyn FnMut(&mut [u8]) -> Result<()>,
    taken: &mut dyn FnMut(&[Code]) -> Result<HashSet<String>>,
) -> Result<Vec<Code>> {
    let mut drawn = Vec::with_capacity(count);
    let mut known = HashSet::with_capacity(count);
    let mut bytes = vec![0; pattern.random_bytes()];
    while drawn.len() < count {
        let mut fresh = Vec::with_capacity(count - drawn.len());
        for _ in drawn.len()..count {
            fill(&mut bytes)?;
            fresh.push(pattern.code(&bytes));
        }
        let taken = taken(&fresh)?;
        drawn.extend(fresh.into_iter().filter(|code| !taken.contains(&code.text) && known.insert(code.text.clone())));
    }
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_taken_or_was_just_drawn_is_drawn_again() {
        let pattern = Pattern::JOIN;
        let code = |seed: u8| pattern.code(&vec![seed; pattern.random_bytes()]).text;
        // The source repeats itself, and two of what it gives are there already.
        let mut seeds = [1, 1, 2, 3, 3, 4, 5, 1, 6].into_iter();
        let mut fill = |bytes: &mut [u8]| {
            bytes.fill(seeds.next().expect("so many are enough"));
            Ok(())
        };
        let there = HashSet::from([code(2), code(4)]);
        let mut taken = |_: &[Code]| Ok(there.clone());
        let drawn = draw_unless(&pattern, 4, &mut fill, &mut taken).expect("codes");
        assert_eq!(drawn.into_iter().map(|code| code.text).collect::<Vec<_>>(), [1, 3, 5, 6].map(code));
    }

    #[test]
    fn codes_of_the_machine_differ() {
        let drawn = draw_unless(&Pattern::JOIN, 1_000, &mut random, &mut |_| Ok(HashSet::new())).expect("codes");
        let first: HashSet<&str> = drawn.iter().map(|code| &code.text[..8]).collect();
        assert_eq!(first.len(), 1_000, "40 random bits repeat once in a million runs of this test");
    }
}
