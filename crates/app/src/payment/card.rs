//! The provider for cards over HTTP: the reference for adapters to real ones (docs/payments.md has the wire format).

use axum::http::{HeaderName, HeaderValue, StatusCode};
use domain::payment::ChargeOutcome;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use platform::error::{Error, Result};
use platform::http::outbound::Outbound;
use serde::Deserialize;

use super::provider::{Charge, PaymentProvider, Word};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Characters of a reason at most.
const REASON_CHARS: usize = 64;
/// What stands for a reason that is none.
const DECLINED: &str = "declined";
/// Why an answer counts for nothing that is about something else, or says nothing that is known.
const NOT_UNDERSTOOD: &str = "provider.not_understood";

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

/// What the provider says of a cancellation.
#[derive(Deserialize)]
struct CancelWord {
    reference: String,
    amount: i64,
    status: String,
    refunded: Option<i64>,
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

    async fn charged(&self, charge: Charge) -> Result<Word<ChargeOutcome>> {
        let reply = self.charges.post_json(body_of(&charge), &keyed(&charge)).await?;
        charge_said(reply.status, &reply.body, &charge)
    }

    async fn canceled(&self, charge: Charge) -> Result<Word<i64>> {
        let reply = self.cancellations.post_json(body_of(&charge), &keyed(&charge)).await?;
        cancel_said(reply.status, &reply.body, &charge)
    }
}

fn body_of(charge: &Charge) -> String {
    let Charge { reference, amount_won, .. } = charge;
    format!(r#"{{"reference":"{reference}","amount":{amount_won},"currency":"KRW"}}"#)
}

fn keyed(charge: &Charge) -> Vec<(HeaderName, HeaderValue)> {
    HeaderValue::try_from(charge.reference.as_str()).ok().map(|key| (IDEMPOTENCY_KEY, key)).into_iter().collect()
}

/// What an answer says of a charge.
fn charge_said(status: StatusCode, body: &[u8], charge: &Charge) -> Result<Word<ChargeOutcome>> {
    let word: ChargeWord = match read(status, body)? {
        Ok(word) => word,
        Err(why) => return Ok(Word::Refused(why)),
    };
    if word.reference != charge.reference || word.amount != charge.amount_won {
        return Ok(Word::Refused(NOT_UNDERSTOOD.to_owned()));
    }
    Ok(word.outcome().map_or(Word::Pending, Word::Certain))
}

/// What an answer says of a cancellation: nothing but the confirmation of this one is one.
fn cancel_said(status: StatusCode, body: &[u8], charge: &Charge) -> Result<Word<i64>> {
    let word: CancelWord = match read(status, body)? {
        Ok(word) => word,
        Err(why) => return Ok(Word::Refused(why)),
    };
    let is_this = word.reference == charge.reference && word.amount == charge.amount_won;
    Ok(match (word.status.as_str(), word.refunded) {
        ("canceled", Some(won)) if is_this => Word::Certain(won),
        ("pending", _) if is_this => Word::Pending,
        _ => Word::Refused(NOT_UNDERSTOOD.to_owned()),
    })
}

/// Only a 200 that can be read says what happened; after anything else the same is asked again, and why not is a code.
/// A provider that fails, or wants to be left alone, is an error.
fn read<'a, T: Deserialize<'a>>(status: StatusCode, body: &'a [u8]) -> Result<std::result::Result<T, String>> {
    if status == StatusCode::OK {
        return Ok(serde_json::from_slice(body).map_err(|_| NOT_UNDERSTOOD.to_owned()));
    }
    let code = format!("provider.{}", status.as_u16());
    let fails =
        status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    if fails {
        return Err(Error::unavailable(code, "the payment provider fails; it is asked again"));
    }
    Ok(Err(code))
}

impl PaymentProvider for HttpProvider {
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<Word<ChargeOutcome>>> {
        self.charged(charge).boxed()
    }

    fn cancel(&self, charge: Charge) -> BoxFuture<'_, Result<Word<i64>>> {
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

    fn charge() -> Charge {
        Charge { payment_id: 1, reference: "1-0".to_owned(), customer_id: None, amount_won: 5_000 }
    }

    #[test]
    fn only_the_confirmation_of_this_cancellation_is_believed() {
        let refused = || Word::Refused(NOT_UNDERSTOOD.to_owned());
        for (body, said) in [
            (r#"{"reference":"1-0","amount":5000,"status":"canceled","refunded":5000}"#, Word::Certain(5_000)),
            (r#"{"reference":"1-0","amount":5000,"status":"canceled","refunded":0}"#, Word::Certain(0)),
            (r#"{"reference":"1-0","amount":5000,"status":"pending","refunded":5000}"#, Word::Pending),
            (r#"{"reference":"1-0","amount":5000,"status":"pending"}"#, Word::Pending),
            (r#"{"reference":"1-0","amount":5001,"status":"canceled","refunded":5000}"#, refused()),
            (r#"{"reference":"2-0","amount":5000,"status":"canceled","refunded":5000}"#, refused()),
            (r#"{"reference":"1-0","amount":5000,"status":"failed","refunded":0}"#, refused()),
            (r#"{"reference":"1-0","amount":5000,"status":"canceled"}"#, refused()),
            (r#"{"reference":"1-0","refunded":5000}"#, refused()),
        ] {
            assert_eq!(cancel_said(StatusCode::OK, body.as_bytes(), &charge()).expect("it is well"), said, "{body}");
        }
    }

    #[test]
    fn only_a_provider_that_fails_is_an_error() {
        let pending = br#"{"reference":"1-0","amount":5000,"status":"pending"}"#;
        assert_eq!(charge_said(StatusCode::OK, pending, &charge()).expect("it is well"), Word::Pending);
        for status in [201, 302, 400, 401, 404, 409, 422] {
            let status = StatusCode::from_u16(status).expect("a status");
            let why = format!("provider.{}", status.as_u16());
            assert_eq!(charge_said(status, pending, &charge()).expect("it is well"), Word::Refused(why.clone()));
            assert_eq!(cancel_said(status, pending, &charge()).expect("it is well"), Word::Refused(why));
        }
        for status in [408, 429, 500, 502, 503] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert!(charge_said(status, pending, &charge()).is_err() && cancel_said(status, b"", &charge()).is_err());
        }
    }
}
