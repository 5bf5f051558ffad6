//! Messages by SMS: a notifier that posts JSON to a gateway over HTTP or HTTPS.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use platform::clock::Clock;
use platform::error::{Error, ErrorKind, Result};
use platform::http::outbound::{Outbound, Reply};
use serde_json::Value;

use super::notifier::{Message, Notifier, Outcome, scrubbed};
use super::texts::network_bytes;

/// Bytes of a short message on Korean networks at most; what is longer goes as a long one.
const SHORT_BYTES: usize = 90;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Answers that are about the message and will be the same next time.
const ABOUT_MESSAGE: [StatusCode; 4] =
    [StatusCode::BAD_REQUEST, StatusCode::GONE, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNPROCESSABLE_ENTITY];

/// What can stand in a template, each as `{name}` inside a JSON string.
const PLACEHOLDERS: [&str; 5] = ["to", "text", "ref", "type", "subject"];

/// The body that a gateway wants: JSON with placeholders in its strings.
#[derive(Debug)]
pub struct Template(Value);

impl Template {
    /// Reads a template: JSON in whose strings `{to}` and `{text}` stand for the phone number and the text, and which
    /// may have `{ref}` (what the message is known by), `{type}` (`SMS` or `LMS`, by length) and `{subject}`.
    ///
    /// # Errors
    /// `config.sms` if it is no JSON, has another placeholder, or lacks one of those two.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Invalid, "config.sms", format!("sms.template {what}"));
        let body: Value =
            serde_json::from_str(text).map_err(|error| wrong(format!("is no JSON (column {})", error.column())))?;
        let mut used = Vec::new();
        fill(&body, &mut |name| {
            used.push(name.to_owned());
            String::new()
        });
        if let Some(name) = used.iter().find(|name| !PLACEHOLDERS.contains(&name.as_str())) {
            let known = PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ");
            return Err(wrong(format!("has {{{name}}}; there are {known}")));
        }
        if let Some(name) = ["to", "text"].iter().find(|name| !used.iter().any(|used| used == *name)) {
            return Err(wrong(format!("lacks {{{name}}}")));
        }
        Ok(Self(body))
    }

    fn write(&self, message: &Message, to: &str) -> String {
        let kind = if network_bytes(&message.text) <= SHORT_BYTES { "SMS" } else { "LMS" };
        let filled = fill(&self.0, &mut |name| match name {
            "to" => to.to_owned(),
            "text" => message.text.clone(),
            "ref" => message.reference(),
            "type" => kind.to_owned(),
            _ => message.subject.clone(),
        });
        filled.to_string()
    }
}

/// The same JSON with every `{name}` in its strings replaced, once: what is put in is not looked at again.
fn fill(value: &Value, replace: &mut impl FnMut(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(fill_text(text, replace)),
        Value::Array(items) => Value::Array(items.iter().map(|item| fill(item, replace)).collect()),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, item)| (name.clone(), fill(item, replace))).collect())
        }
        other => other.clone(),
    }
}

fn fill_text(text: &str, replace: &mut impl FnMut(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        let (name, after) = behind.split_once('}').unwrap_or((behind, ""));
        filled.push_str(&replace(name));
        rest = after;
    }
    filled + rest
}

/// Sends messages through an SMS gateway.
pub struct SmsNotifier {
    gateway: Outbound,
    template: Template,
    clock: Arc<dyn Clock>,
}

impl SmsNotifier {
    /// A notifier for the gateway at `url`. `header` is what it knows the programme by, as `Name: value`, or empty.
    ///
    /// # Errors
    /// `config.sms` for a header without a colon; as [`Template::parse`] and [`Outbound::new`].
    pub fn new(url: &str, header: &str, template: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        let header = match header.split_once(':') {
            Some((name, value)) => vec![(name.trim(), value.trim())],
            None if header.is_empty() => Vec::new(),
            None => {
                let message = "sms.header must look like 'Authorization: Bearer …'";
                return Err(Error::new(ErrorKind::Invalid, "config.sms", message));
            }
        };
        Ok(Self { gateway: Outbound::new(url, &header)?, template: Template::parse(template)?, clock })
    }

    async fn deliver(&self, message: Message) -> Outcome {
        let Some(to) = message.phone_no.as_deref() else { return Outcome::undeliverable("no_phone") };
        let key = HeaderValue::try_from(message.reference()).ok().map(|reference| (IDEMPOTENCY_KEY, reference));
        let said = match self.gateway.post_json(self.template.write(&message, to), key.as_slice()).await {
            Ok(reply) if reply.status.is_success() => return Outcome::delivered(),
            Ok(reply) => {
                let (outcome, said) = (self.judge(&reply), scrubbed(&String::from_utf8_lossy(&reply.body), &message));
                (outcome, said)
            }
            Err(error) => (Outcome::failed("sms.unreachable", 0), scrubbed(&error.to_string(), &message)),
        };
        let (outcome, said) = said;
        let failure = outcome.failure.as_deref().unwrap_or_default();
        tracing::warn!(id = %message.id, kind = message.kind, failure, said, "SMS not sent");
        outcome
    }

    /// A gateway that is busy, broken or moved, or does not know the programme or its URL, says nothing about the message.
    fn judge(&self, reply: &Reply) -> Outcome {
        let failure = format!("sms.{}", reply.status.as_u16());
        if ABOUT_MESSAGE.contains(&reply.status) {
            return Outcome::undeliverable(failure);
        }
        Outcome::failed(failure, reply.retry_after_ms(self.clock.now_ms()).unwrap_or(0))
    }
}

impl Notifier for SmsNotifier {
    fn send(&self, message: Message) -> BoxFuture<'_, Outcome> {
        self.deliver(message).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::super::notifier::JobId;
    use super::*;

    fn message(text: &str) -> Message {
        Message {
            id: JobId::Message(12),
            at_ms: 1_700,
            kind: "JOINED".to_owned(),
            phone_no: Some("01085581234".to_owned()),
            email: None,
            subject: "about".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_template_is_filled_once_and_stays_json_whatever_the_text_holds() {
        let template =
            Template::parse(r#"{"to":"{to}","list":[{"body":"<{text}>"}],"ref":"{ref}","kind":"{type}","n":1}"#);
        let template = template.expect("a template");
        let nasty = "\"}, {to} \\ \n {ref}";
        let body: Value = serde_json::from_str(&template.write(&message(nasty), "010")).expect("JSON");
        assert_eq!(
            body,
            serde_json::json!({"to": "010", "list": [{"body": format!("<{nasty}>")}], "ref": "12-1700", "kind": "SMS", "n": 1})
        );
        let long = template.write(&message(&"가".repeat(46)), "010");
        assert!(long.contains(r#""kind":"LMS""#), "{long}");
    }

    #[test]
    fn a_template_that_cannot_be_filled_is_refused() {
        for (wrong, says) in [
            ("to={to}&text={text}", "no JSON"),
            (r#"{"to":"{to}"}"#, "lacks {text}"),
            (r#"{"text":"{text}"}"#, "lacks {to}"),
            (r#"{"to":"{to}","text":"{text}","x":"{phone}"}"#, "{phone}"),
            (r#"{"to":"{to}","text":"{text}","x":"{"}"#, "{}"),
        ] {
            let error = Template::parse(wrong).expect_err(wrong);
            assert!(error.message.contains(says), "{error}");
        }
    }
}
