//! Codes of vouchers: the voucher's number, 60 random bits, and a check character, in the alphabet of coupons' codes.
//!
//! The number says where the voucher stands, so no index of random codes has to be kept; the random bits are what nobody
//! can guess. Written as `7-K3F9-Q2XT-8MZRC`: the number, a hyphen, and 13 characters in groups.

use alloc::string::String;
use core::fmt;

use crate::coupon::code::{read_code, value_of, written};
use crate::kernel::MAX_SAFE;

/// Random characters in a code, of 5 bits each.
const RANDOM_CHARS: u32 = 12;
/// What follows the number: the random characters and the check character.
const TAIL_CHARS: usize = RANDOM_CHARS as usize + 1;
/// Characters in a group; the last one has the check character besides.
const GROUP: usize = 4;

/// The code of a voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoucherCode {
    /// The voucher's number, at least 1.
    pub voucher_id: i64,
    /// What cannot be guessed: 60 bits, never negative.
    pub secret: i64,
}

impl VoucherCode {
    /// The code of this voucher with these random bits, of which the lower 60 count.
    #[must_use]
    pub fn new(voucher_id: i64, random: u64) -> Self {
        let bits = random & ((1 << (5 * RANDOM_CHARS)) - 1);
        Self { voucher_id, secret: i64::try_from(bits).unwrap_or_default() }
    }

    /// Reads what somebody typed: blanks and hyphens do not matter, nor does case. Nothing if it cannot be a code.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let text = read_code(typed)?;
        let (number, tail) = text.split_at_checked(text.len().checked_sub(TAIL_CHARS)?)?;
        let voucher_id = value(number.bytes())?;
        let secret = value(tail.bytes().take(RANDOM_CHARS as usize))?;
        // A number is written in one way.
        let is_number = (1..=MAX_SAFE).contains(&voucher_id) && !number.starts_with('0');
        is_number.then_some(Self { voucher_id, secret })
    }
}

/// The number that these characters write.
fn value(characters: impl Iterator<Item = u8>) -> Option<i64> {
    let mut sum: i64 = 0;
    for character in characters {
        sum = sum.checked_mul(32)?.checked_add(i64::from(value_of(character)?))?;
    }
    Some(sum)
}

/// The last 5 bits of a number after it was shifted to the right by so many characters.
fn digit(number: i64, place: u32) -> u8 {
    u8::try_from((number >> (5 * place)) & 31).unwrap_or_default()
}

impl fmt::Display for VoucherCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number_chars = (1..12).find(|chars| self.voucher_id >> (5 * chars) == 0).unwrap_or(12);
        let number = (0..number_chars).rev().map(|place| digit(self.voucher_id, place));
        let random = (0..RANDOM_CHARS).rev().map(|place| digit(self.secret, place));
        let text: String = written(number.chain(random));
        let (number, tail) = text.split_at(text.len().saturating_sub(TAIL_CHARS));
        f.write_str(number)?;
        for (place, character) in tail.char_indices() {
            if place % GROUP == 0 && place + 1 < TAIL_CHARS {
                f.write_str("-")?;
            }
            fmt::Write::write_char(f, character)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_its_number_and_its_random_characters() {
        let code = VoucherCode::new(7, 0b00001_00010_00011_00100_00101_00110_00111_01000_01001_01010_01011_01100);
        let shown = code.to_string();
        assert!(shown.starts_with("7-1234-5678-9ABC"), "{shown}");
        assert_eq!(VoucherCode::read(&shown), Some(code));
        assert_eq!(VoucherCode::read(&shown.to_lowercase().replace('-', " ")), Some(code));
        assert!(VoucherCode::new(32, 0).to_string().starts_with("10-0000-0000-0000"));
        assert_eq!(VoucherCode::new(1, u64::MAX).secret, (1 << 60) - 1);
        for wrong in ["", "7", "7-1234-5678-9ABC", "0-0000-0000-00000", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ", "기프티콘"]
        {
            assert_eq!(VoucherCode::read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_a_slip_is_found(
            voucher_id in prop_oneof![1_i64..100, 1..=MAX_SAFE],
            random in any::<u64>(),
            place in any::<prop::sample::Index>(),
            other in 0_usize..32,
        ) {
            let code = VoucherCode::new(voucher_id, random);
            let shown = code.to_string();
            prop_assert_eq!(VoucherCode::read(&shown), Some(code));
            prop_assert_eq!(VoucherCode::read(&format!("0{shown}")), None);
            let place = place.index(shown.len());
            let wrong = &"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[other..=other];
            if &shown[place..=place] != "-" && &shown[place..=place] != wrong {
                let mut slip = shown.clone();
                slip.replace_range(place..=place, wrong);
                prop_assert_eq!(VoucherCode::read(&slip), None, "{} for {}", slip, shown);
            }
        }
    }
}
