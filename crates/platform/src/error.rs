//! The one error of the shell: what went wrong (`kind`), a stable `code` for programs, a sentence for people,
//! and the source for operators. `http::problem` turns it into an answer.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

/// What kind of trouble it is; decides the HTTP status. A closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 400: the request could not be read at all.
    Malformed,
    /// 401: no key, or one that is not known.
    Unauthorized,
    /// 403: the key may not do this.
    Forbidden,
    /// 404: there is no such thing.
    NotFound,
    /// 405: the route is there, the method is not.
    MethodNotAllowed,
    /// 408: the request did not arrive in time.
    TooSlow,
    /// 409: it cannot be done in the present state.
    Conflict,
    /// 409: the same idempotency key is still being worked on.
    InProgress,
    /// 413: the body is larger than the route takes.
    TooLarge,
    /// 415: the body is not JSON.
    UnsupportedMediaType,
    /// 422: readable, but a value is wrong.
    Invalid,
    /// 429: too many requests from this principal.
    TooMany,
    /// 503: not now; `Retry-After` says when.
    Unavailable,
    /// 500: a defect or a broken machine; nothing was changed.
    Internal,
}

impl ErrorKind {
    /// The HTTP status of this kind.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooSlow => 408,
            Self::Conflict | Self::InProgress => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid => 422,
            Self::TooMany => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// Whether a refusal of this kind is remembered under its idempotency key (SPEC section 3).
    #[must_use]
    pub fn is_recorded(self) -> bool {
        matches!(self, Self::NotFound | Self::Conflict | Self::Invalid)
    }

    /// The kind that was recorded with this status.
    #[must_use]
    pub fn from_recorded(status: i64) -> Self {
        match status {
            404 => Self::NotFound,
            409 => Self::Conflict,
            _ => Self::Invalid,
        }
    }
}

/// An error of the shell. Cheap to clone, because one answer may go to several waiting senders.
#[derive(Debug, Clone)]
pub struct Error {
    /// What kind of trouble.
    pub kind: ErrorKind,
    /// Stable, for programs: `point.insufficient_points`.
    pub code: Cow<'static, str>,
    /// A sentence for people, saying what to do.
    pub message: Cow<'static, str>,
    /// JSON pointer to the offending field, if one is to blame.
    pub pointer: Option<Cow<'static, str>>,
    /// Seconds after which a repeat makes sense; only with `Unavailable` and `TooMany`.
    pub retry_after_s: Option<u32>,
    /// What this problem says beyond the usual (RFC 9457), for programs: what was made although it is not finished.
    pub extension: Option<Arc<Map<String, Value>>>,
    /// For operators only; never sent.
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Result of everything in the shell.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind with a stable code and a sentence.
    pub fn new(kind: ErrorKind, code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            pointer: None,
            retry_after_s: None,
            extension: None,
            source: None,
        }
    }

    /// A defect or a broken machine.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Internal, "internal", message)
    }

    /// Something cannot be asked right now; try again after a second.
    pub fn unavailable(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { retry_after_s: Some(1), ..Self::new(ErrorKind::Unavailable, code, message) }
    }

    /// A field with a wrong value; `pointer` is its JSON pointer (`/amount`).
    pub fn invalid(pointer: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: Some(pointer.into()), ..Self::new(ErrorKind::Invalid, "request.invalid_value", message) }
    }

    /// The same error, saying something more in its answer. A name that every problem has is not for this.
    #[must_use]
    pub fn saying(mut self, name: &str, value: impl Into<Value>) -> Self {
        let mut extension = self.extension.take().map(Arc::unwrap_or_clone).unwrap_or_default();
        extension.insert(name.to_owned(), value.into());
        self.extension = Some(Arc::new(extension));
        self
    }

    /// The same error with what caused it, for the operator's log.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)?;
        // All levels: what a driver says first is often only that something is wrong.
        let mut deeper = self.source.as_deref().map(|source| source as &dyn std::error::Error);
        while let Some(source) = deeper {
            write!(f, ": {source}")?;
            deeper = source.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
