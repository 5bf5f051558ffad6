//! Sealing: what must not stand in a store in the open is stored encrypted, bound to the place where it belongs.
//!
//! A store on a server keeps what was deleted in its pages and in its write-ahead log for as long as it likes, and
//! nobody can wipe it there. What was sealed is worth nothing there without the secret, which lies elsewhere.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::db::{Session, Value};
use crate::error::{Error, ErrorKind, Result};

/// The first byte of what is sealed: which scheme it is.
const SCHEME: u8 = 1;
const NONCE_BYTES: usize = 24;
/// The key is not the secret itself, under which other things are digested too: texts, and this is none, since no text in
/// UTF-8 has this last byte.
const KEY_LABEL: &[u8] = b"onepoint seal 1\xff";
/// What a store keeps sealed to tell under which secret it is.
const MARK: Spot = Spot { purpose: "mark", subject: 0 };
const MARK_TEXT: &[u8] = b"sealed under this secret";

/// Where something sealed belongs. What was sealed for one spot cannot be opened for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// What it is.
    pub purpose: &'static str,
    /// Whose it is.
    pub subject: i64,
}

/// Seals and opens for one context. Never printed: its `Debug` shows nothing of the key.
#[derive(Clone)]
pub struct Seal {
    context: &'static str,
    cipher: XChaCha20Poly1305,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    /// A seal for `context`, whose key is derived from `secret`.
    ///
    /// # Errors
    /// `Internal` if no key can be derived, which no secret causes.
    pub fn new(secret: &[u8], context: &'static str) -> Result<Self> {
        let no_key = || Error::internal("no key can be derived from the secret");
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(secret).map_err(|_| no_key())?;
        mac.update(KEY_LABEL);
        mac.update(context.as_bytes());
        let key = mac.finalize().into_bytes();
        let cipher = XChaCha20Poly1305::new_from_slice(&key).map_err(|_| no_key())?;
        Ok(Self { context, cipher })
    }

    /// Seals `plain` for this spot; 41 bytes longer than it, and different each time.
    ///
    /// # Errors
    /// `Internal` if the machine gives no random numbers.
    pub fn seal(&self, spot: Spot, plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| Error::internal("the machine gives no random numbers"))?;
        let aad = self.belongs_to(spot);
        let body = self.cipher.encrypt(&nonce.into(), Payload { msg: plain, aad: &aad });
        let body = body.map_err(|_| Error::internal("this is too long to be sealed"))?;
        let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + body.len());
        sealed.push(SCHEME);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// What was sealed for this spot.
    ///
    /// # Errors
    /// `Internal` (`seal.broken`) if it was sealed under another secret or for another spot, or was changed.
    pub fn open(&self, spot: Spot, sealed: &[u8]) -> Result<Vec<u8>> {
        let opened = || {
            let (nonce, body) = sealed.strip_prefix(&[SCHEME])?.split_first_chunk::<NONCE_BYTES>()?;
            let aad = self.belongs_to(spot);
            self.cipher.decrypt(&(*nonce).into(), Payload { msg: body, aad: &aad }).ok()
        };
        opened().ok_or_else(|| {
            let message = format!("{} of {} in {} cannot be opened", spot.purpose, spot.subject, self.context);
            Error::new(ErrorKind::Internal, "seal.broken", message)
        })
    }

    fn belongs_to(&self, spot: Spot) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.context.len() + spot.purpose.len() + 10);
        for name in [self.context, spot.purpose] {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
        }
        bytes.extend_from_slice(&spot.subject.to_be_bytes());
        bytes
    }

    /// Whether the store behind `session` is sealed under this secret; nothing if nothing was ever sealed there. The
    /// store has to be migrated.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn fits(&self, session: &mut dyn Session) -> Result<Option<bool>> {
        let rows = session.query("SELECT sealed FROM seal_mark WHERE id = 1", &[])?;
        let opens = |sealed| self.open(MARK, sealed).is_ok_and(|plain| plain == MARK_TEXT);
        Ok(rows.first().map(|row| row.blob(0).is_some_and(opens)))
    }

    /// Marks a store as sealed under this secret, or refuses one that is sealed under another.
    ///
    /// # Errors
    /// `config.secret`; `Unavailable` when the store cannot be reached.
    pub(crate) fn claim(&self, tx: &mut dyn Session) -> Result<()> {
        match self.fits(tx)? {
            Some(true) => Ok(()),
            Some(false) => Err(self.other_secret()),
            None => {
                let mark = [Value::Int(1), Value::Blob(self.seal(MARK, MARK_TEXT)?)];
                tx.execute("INSERT INTO seal_mark (id, sealed) VALUES ($1, $2)", &mark).map(|_| ())
            }
        }
    }

    /// What to do about a store that is sealed under another secret.
    #[must_use]
    pub fn other_secret(&self) -> Error {
        let message = format!(
            "the store of {} is sealed under another programme.secret; restore the file programme.secret of its data \
             folder from the backup, or set programme.secret to the value that was used before (all processes on one \
             database need the same)",
            self.context
        );
        Error::new(ErrorKind::Conflict, "config.secret", message)
    }
}

#[cfg(test)]
mod tests;
