//! How a key is written: `op_<8 characters of id>_<43 characters of base64url>`.

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

const MARK: &str = "op_";
const ID_CHARS: usize = 8;
const SECRET_BYTES: usize = 32;
/// 32 bytes in base64 without padding.
const SECRET_CHARS: usize = 43;
/// 32 characters that are not taken for one another when read aloud.
const ID_ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A key that was just made.
pub(super) struct Fresh {
    /// The public part.
    pub id: String,
    /// The whole key.
    pub text: String,
    /// What is stored of the secret part.
    pub secret_sha256: [u8; 32],
}

/// Makes a key from the system's randomness.
pub(super) fn fresh() -> Result<Fresh> {
    let mut random = [0; ID_CHARS + SECRET_BYTES];
    getrandom::fill(&mut random)
        .map_err(|error| Error::internal("the system gives no random numbers").caused_by(error))?;
    let (id, secret) = random.split_at(ID_CHARS);
    let id: String = id.iter().map(|byte| char::from(ID_ALPHABET[usize::from(byte % 32)])).collect();
    let secret = base64url(secret);
    Ok(Fresh { text: format!("{MARK}{id}_{secret}"), secret_sha256: sha256(&secret), id })
}

/// The id and the secret of what may be a key.
pub(super) fn split(presented: &str) -> Option<(&str, &str)> {
    let (id, rest) = presented.strip_prefix(MARK)?.split_at_checked(ID_CHARS)?;
    let secret = rest.strip_prefix('_')?;
    (secret.len() == SECRET_CHARS).then_some((id, secret))
}

/// The digest of a secret as it is written, so nothing needs decoding and there is one spelling only.
pub(super) fn sha256(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(SECRET_CHARS);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().enumerate().fold(0_u32, |group, (n, byte)| group | u32::from(*byte) << (16 - 8 * n));
        for n in 0..=chunk.len() {
            text.push(char::from(BASE64URL[(group >> (18 - 6 * n)) as usize & 63]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_the_one_of_rfc_4648_without_padding() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn a_fresh_key_splits_into_its_id_and_a_secret_that_is_not_what_is_stored() {
        let key = fresh().expect("randomness");
        assert_eq!(key.text.len(), 3 + 8 + 1 + 43);
        let (id, secret) = split(&key.text).expect("a key");
        assert_eq!(id, key.id);
        assert_eq!(sha256(secret), key.secret_sha256);
        assert_ne!(fresh().expect("randomness").text, key.text);
    }

    #[test]
    fn anything_else_is_no_key() {
        let key = fresh().expect("randomness").text;
        let (shorter, longer) = (&key[..key.len() - 1], &format!("{key}A"));
        let (marked, spaced) = (&key.replacen("op_", "xx_", 1), &format!(" {key}"));
        for wrong in ["", "op_", "op_열쇠열쇠", shorter, longer, marked, spaced] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }
}
