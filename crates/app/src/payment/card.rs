//! The provider for cards over HTTP: the reference for adapters to real ones (docs/payments.md has the wire format).

use axum::http::{HeaderName, HeaderValue, StatusCode};
use domain::payment::ChargeOutcome;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use platform::error::{Error, Result};
use platform::http::outbound::{Outbound, Reply};
use serde::Deserialize;

use super::provider::{Charge, PaymentProvider};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Characters of a reason at most.
const REASON_CHARS: usize = 64;
/// What stands for a reason that is none.
const DECLINED: &str = "declined";

/// A provider for cards behind HTTP or HTTPS.
pub struct HttpProvider {
    charges: Outbound,
    cancellations: Outbound,
}

/// What the provider says of a charge, as an answer and in a webhook.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ChargeWord {
    pub(super) reference: String,
    pub(super) amount: i64,
    status: String,
    reason: Option<String>,
}

impl ChargeWord {
    /// What became of the charge; nothing while that is open.
    pub(super) fn outcome(&self) -> Option<ChargeOutcome> {
        match self.status.as_str() {
            "approved" => Some(ChargeOutcome::Charged),
            "declined" => Some(ChargeOutcome::Declined(reason_of(self.reason.as_deref()))),
            _ => None,
        }
    }
}

/// A provider's reason as it is stored, told and shown: a code, whatever it sends.
fn reason_of(text: Option<&str>) -> String {
    let is_code = |text: &&str| {
        (1..=REASON_CHARS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte))
    };
    text.filter(is_code).unwrap_or(DECLINED).to_owned()
}

#[derive(Deserialize)]
struct CancelWord {
    reference: String,
    refunded: i64,
}

impl HttpProvider {
    /// The provider at `url`, which knows the programme by the key `key`.
    ///
    /// # Errors
    /// `Invalid` if the URL is none of `http` or `https`, or the key cannot be sent.
    pub fn new(url: &str, key: &str) -> Result<Self> {
        let (url, authorization) = (url.trim_end_matches('/'), format!("Bearer {key}"));
        let at = |path: &str| Outbound::new(&format!("{url}{path}"), &[("authorization", &authorization)]);
        Ok(Self { charges: at("/v1/charges")?, cancellations: at("/v1/cancellations")? })
    }

    async fn charged(&self, charge: Charge) -> Result<ChargeOutcome> {
        let Charge { reference, amount_won, .. } = &charge;
        let body = format!(r#"{{"reference":"{reference}","amount":{amount_won},"currency":"KRW"}}"#);
        let word: ChargeWord = read(&self.charges.post_json(body, &keyed(&charge)).await?)?;
        if word.reference != *reference || word.amount != *amount_won {
            return Err(not_understood());
        }
        word.outcome().ok_or_else(still_open)
    }

    async fn canceled(&self, charge: Charge) -> Result<i64> {
        let Charge { reference, amount_won, .. } = &charge;
        let body = format!(r#"{{"reference":"{reference}","amount":{amount_won},"currency":"KRW"}}"#);
        let word: CancelWord = read(&self.cancellations.post_json(body, &keyed(&charge)).await?)?;
        if word.reference != *reference {
            return Err(not_understood());
        }
        Ok(word.refunded)
    }
}

fn keyed(charge: &Charge) -> Vec<(HeaderName, HeaderValue)> {
    HeaderValue::try_from(charge.reference.as_str()).ok().map(|key| (IDEMPOTENCY_KEY, key)).into_iter().collect()
}

/// Only a 200 says what happened; after anything else the same is asked again.
fn read<'a, T: Deserialize<'a>>(reply: &'a Reply) -> Result<T> {
    if reply.status != StatusCode::OK {
        tracing::warn!(status = %reply.status, "the payment provider refused a request");
        let code = format!("provider.{}", reply.status.as_u16());
        return Err(Error::unavailable(code, "the payment provider did not do what it was asked; it is asked again"));
    }
    serde_json::from_slice(&reply.body).map_err(|_| not_understood())
}

fn not_understood() -> Error {
    tracing::warn!("the payment provider's answer was not understood");
    Error::unavailable("provider.not_understood", "the payment provider's answer was not understood; it is asked again")
}

fn still_open() -> Error {
    Error::unavailable("provider.pending", "the payment provider has not decided yet; it is asked again")
}

impl PaymentProvider for HttpProvider {
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<ChargeOutcome>> {
        self.charged(charge).boxed()
    }

    fn cancel(&self, charge: Charge) -> BoxFuture<'_, Result<i64>> {
        self.canceled(charge).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_code_whatever_the_provider_sends() {
        let long = "a".repeat(REASON_CHARS + 1);
        for (sent, stored) in [
            (Some("insufficient_funds"), "insufficient_funds"),
            (Some("05-do.not-honour"), "05-do.not-honour"),
            (Some("Insufficient funds"), DECLINED),
            (Some("<script>"), DECLINED),
            (Some(long.as_str()), DECLINED),
            (Some(""), DECLINED),
            (None, DECLINED),
        ] {
            assert_eq!(reason_of(sent), stored, "{sent:?}");
        }
    }

    #[test]
    fn only_approved_and_declined_are_outcomes() {
        let word = |status: &str| ChargeWord {
            reference: "1-0".to_owned(),
            amount: 1,
            status: status.to_owned(),
            reason: None,
        };
        assert_eq!(word("approved").outcome(), Some(ChargeOutcome::Charged));
        assert_eq!(word("declined").outcome(), Some(ChargeOutcome::Declined(DECLINED.to_owned())));
        for open in ["pending", "canceled", "Approved", ""] {
            assert_eq!(word(open).outcome(), None, "{open}");
        }
    }
}
