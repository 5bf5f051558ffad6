//! Many transactions in one request: each is carried out on its own, in order, under a key of its own (SPEC section 3).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use platform::error::{Error, Result};
use platform::funnel::KeyStamp;
use platform::http::hal::json;
use platform::http::input::Write;
use platform::http::number::Whole;
use platform::http::problem::Problem;
use platform::http::shell::RequestId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Points;
use super::entry::EntryView;
use super::http::{Direction, read_transaction};
use super::writer::{Answer, Command, Transaction, TransactionKind};
use crate::kit::{ReferenceInput, ReferenceView, must_be_operator};

/// Transactions in one request at most.
const MOST: usize = 1_000;
/// Characters in a key at most, as in the header of a single one.
const KEY_CHARS: usize = 255;
/// Bytes in a body at most: a thousand with long references and reasons.
const BODY_BYTES: usize = 1024 * 1024;
/// Keys of items belong to this path, whatever address the request came by.
const PATH: &str = "/points/transactions";

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateTransactions {
    /// 1 to 1,000 transactions.
    #[schema(min_items = 1, max_items = 1000)]
    transactions: Vec<KeyedTransaction>,
}

/// One of them: what a single transaction has, with its member and its key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct KeyedTransaction {
    /// Whose points.
    #[schema(value_type = i64, example = 1)]
    member_id: Whole,
    /// The idempotency key of this transaction: repeated with the same values it gets the same answer.
    #[schema(min_length = 1, max_length = 255, example = "receipt-2026-000017")]
    key: String,
    /// `EARN`, `USE` or `ADJUST`.
    #[schema(value_type = String, example = "EARN")]
    kind: Direction,
    /// At least 1 point; an adjustment has a sign.
    #[schema(value_type = i64, example = 100)]
    amount: Whole,
    /// What it is about.
    #[schema(value_type = Option<ReferenceView>)]
    reference: Option<ReferenceInput>,
    /// Why; it stays in the ledger for ever, so name no one in it.
    reason: Option<String>,
}

/// What became of each transaction, in the order in which they were sent.
#[derive(Serialize, ToSchema)]
pub(super) struct TransactionResults<'a> {
    results: Vec<TransactionResult<'a>>,
}

#[derive(Serialize, ToSchema)]
struct TransactionResult<'a> {
    /// As of a single transaction: 201, 404, 409 or 422; 500 and 503 to be repeated.
    status: u16,
    /// The entry, if it was carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<&'a EntryView>,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem<'a>>,
}

/// Up to 1,000 movements of points in one request, each on its own, in order. A refusal of one does not touch the others.
#[utoipa::path(post, path = "/points/transactions", operation_id = "createTransactions", tag = "points", request_body = CreateTransactions,
    responses((status = 200, body = TransactionResults), (status = 422, description = "Not 1 to 1,000 transactions, or one without member, key, kind or amount")))]
pub(super) async fn create_transactions(
    State(points): State<Arc<Points>>,
    request_id: RequestId,
    write: Write<CreateTransactions, BODY_BYTES>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    if write.stamp.is_some() {
        let message = "each of the transactions has its own key; leave the header away";
        return Err(Error::invalid("/headers/Idempotency-Key", message));
    }
    let items = write.body.transactions;
    if items.is_empty() || items.len() > MOST {
        return Err(Error::invalid("/transactions", "send 1 to 1,000 transactions"));
    }
    let principal = &write.caller.0.id;
    let read = items.into_iter().map(|item| item.read(principal)).collect();
    let outcomes = points.transact_each(read).await?;
    let results = outcomes.iter().map(|outcome| TransactionResult::of(outcome, request_id.as_str())).collect();
    json(StatusCode::OK, "application/json", &TransactionResults { results })
}

impl KeyedTransaction {
    /// The command and the stamp of its key; what is wrong with its values is this item's answer.
    fn read(self, principal: &str) -> Result<(Command, KeyStamp)> {
        if self.key.is_empty() || self.key.chars().count() > KEY_CHARS {
            return Err(Error::invalid("/key", "a key has 1 to 255 characters"));
        }
        let Whole(member_id) = self.member_id;
        let kind = TransactionKind::from(self.kind);
        let transaction = read_transaction(self.amount, self.reference, self.reason)?;
        let body = canonical(member_id, kind, &transaction)?;
        let stamp = KeyStamp::new(principal, "POST", PATH, &self.key, body.as_bytes());
        Ok((Command::Transact { member_id, kind, transaction }, stamp))
    }
}

/// The text whose digest stands for the values of a transaction: equal values are the same request, however they were
/// written. Keys are remembered for weeks, so this text must not change from one version to the next.
fn canonical(member_id: i64, kind: TransactionKind, transaction: &Transaction) -> Result<String> {
    let Transaction { amount, reference, reason } = transaction;
    let kind = kind.entry_kind().name();
    let reference = reference.as_ref().map(|reference| (&reference.kind, &reference.id));
    serde_json::to_string(&(member_id, kind, amount, reference, reason))
        .map_err(|error| Error::internal("a transaction cannot be written").caused_by(error))
}

impl<'a> TransactionResult<'a> {
    fn of(outcome: &'a Result<EntryView>, request_id: &'a str) -> Self {
        match outcome {
            Ok(entry) => Self { status: StatusCode::CREATED.as_u16(), entry: Some(entry), problem: None },
            Err(error) => {
                Self { status: error.kind.status(), entry: None, problem: Some(Problem::of(error, request_id)) }
            }
        }
    }
}

impl Points {
    /// Carries transactions out, in order, each on its own; one that could not be read is not asked for.
    ///
    /// # Errors
    /// `Unavailable` when point is stopped or cannot take that many at present; nothing was done.
    pub(super) async fn transact_each(
        &self,
        items: Vec<Result<(Command, KeyStamp)>>,
    ) -> Result<Vec<Result<EntryView>>> {
        let mut outcomes: Vec<Option<Error>> = Vec::with_capacity(items.len());
        let mut commands = Vec::with_capacity(items.len());
        for item in items {
            outcomes.push(match item {
                Ok((command, stamp)) => {
                    commands.push((command, Some(stamp)));
                    None
                }
                Err(error) => Some(error),
            });
        }
        let mut answers = self.funnel.ask_all(commands).await?.into_iter();
        let outcomes = outcomes.into_iter().map(|unreadable| match unreadable {
            Some(error) => Err(error),
            None => match answers.next() {
                Some(Ok(Answer::Entry(entry))) => Ok(entry),
                Some(Err(error)) => Err(error),
                _ => Err(super::unexpected()),
            },
        });
        Ok(outcomes.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::point::Reference;

    #[test]
    fn the_text_of_a_transaction_stays_as_it_is() {
        let reference = Some(Reference { kind: "till".to_owned(), id: "4".to_owned() });
        let transaction = Transaction { amount: -7, reference, reason: Some("a \"b\"".to_owned()) };
        let text = canonical(1, TransactionKind::Adjust, &transaction).expect("it can be written");
        assert_eq!(text, r#"[1,"ADJUST",-7,["till","4"],"a \"b\""]"#);
        let bare = Transaction { amount: 5, reference: None, reason: None };
        assert_eq!(canonical(2, TransactionKind::Earn, &bare).expect("text"), r#"[2,"EARN",5,null,null]"#);
    }
}
