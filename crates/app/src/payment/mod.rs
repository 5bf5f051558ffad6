//! Payments: what a cart or a membership costs is charged once, by a provider, and given back once. Payment follows the
//! logs of both; a payment that is stored is a job, which a worker hands to the provider.

mod card;
pub mod http;
mod inspect;
mod ledger;
mod list;
mod loaded;
mod outgoing;
mod provider;
mod reactions;
mod standing;
mod store;
mod views;
mod webhook;
mod work;
mod writer;

use std::sync::Arc;

use axum::http::HeaderMap;
use parking_lot::Mutex;
use platform::clock::{Clock, SystemClock};
use platform::consumer::Consumer;
use platform::db::Database;
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::Funnel;
use platform::guard::Guard;
use platform::log::{Event, Log};

pub use card::HttpProvider;
pub use domain::payment::ChargeOutcome;
pub use inspect::inspect;
pub use ledger::LedgerProvider;
pub use list::Chosen;
use outgoing::Outgoing;
pub use provider::{Charge, PaymentProvider, ProviderQuestions, Word};
pub use standing::{Paid, canceled, payments};
pub use store::MIGRATIONS;
use store::Stored;
pub use views::PaymentView;
pub use webhook::signature;
pub use work::Providers;
use work::Teller;
use writer::Command;
pub use writer::{PaymentWriter, Policy};

use crate::kit::Kit;

/// How payments are made.
pub struct Conduct {
    /// The programme's settings.
    pub policy: Policy,
    /// Who moves the money.
    pub providers: Providers,
    /// What the provider for cards signs its webhooks with; none: there is no such provider.
    pub webhook_key: Option<Vec<u8>>,
}

/// The payment context.
pub struct Payments {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<PaymentWriter>>,
    /// Its log.
    pub log: Arc<Log>,
    policy: Policy,
    webhook_key: Option<Vec<u8>>,
    /// How old a webhook is goes by the machine's clock, however that of the programme is set.
    machine_clock: SystemClock,
    teller: Arc<Teller>,
    outgoing: Mutex<Outgoing>,
}

/// A page of payments.
pub struct PaymentPage {
    /// In order of their numbers.
    pub payments: Vec<PaymentView>,
    /// The number after which the next page begins; nothing on the last one.
    pub next: Option<i64>,
}

impl Payments {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, conduct: Conduct) -> Result<Arc<Self>> {
        let Conduct { policy, providers, webhook_key } = conduct;
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), PaymentWriter::new(policy))?;
        let teller = Arc::new(Teller::new(Arc::clone(&funnel), providers));
        let (machine_clock, outgoing) = (SystemClock::new(), Mutex::default());
        Ok(Arc::new(Self { kit, database, funnel, log, policy, webhook_key, machine_clock, teller, outgoing }))
    }

    /// The guards in front of the ledger and, if there is one, the provider for cards.
    #[must_use]
    pub fn guards(&self) -> Vec<&Guard> {
        let providers = &self.teller.providers;
        std::iter::once(&providers.points).chain(&providers.card).map(|questions| &questions.guard).collect()
    }

    /// The consumer of cart's log.
    #[must_use]
    pub fn follow_carts(&self, log: Arc<Log>) -> Consumer<PaymentWriter> {
        self.follow(log, reactions::on_cart_events)
    }

    /// The consumer of membership's log.
    #[must_use]
    pub fn follow_memberships(&self, log: Arc<Log>) -> Consumer<PaymentWriter> {
        self.follow(log, reactions::on_membership_events)
    }

    fn follow(&self, log: Arc<Log>, react: fn(&[Event]) -> Result<Vec<Command>>) -> Consumer<PaymentWriter> {
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, Box::new(react))
    }

    /// A payment.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn payment(&self, payment_id: i64) -> Result<PaymentView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&store::PAYMENT, payment_id).await?;
        row.map(|row| PaymentView::of(Stored::read(&row), &self.kit.zone)).ok_or_else(payment_unknown)
    }

    /// At most `limit` payments with a number above `after`. A page that is chosen by customer or status may hold fewer,
    /// even none, and have a next one.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn payments(&self, chosen: Chosen, after: i64, limit: i64) -> Result<PaymentPage> {
        self.funnel.must_be_open()?;
        let found = list::payments(&self.database, chosen, after, limit).await?;
        let shown = found.rows.into_iter().map(|stored| PaymentView::of(stored, &self.kit.zone));
        Ok(PaymentPage { payments: shown.collect(), next: found.next })
    }

    /// Takes in what the provider for cards tells by itself. What is known already, or is not about a charge, changes
    /// nothing.
    ///
    /// # Errors
    /// 401 for one that is not signed, wrongly, or too old; 400 for one that cannot be read; 404 if there is no such
    /// payment; 503 where payment is stopped.
    pub async fn hear(&self, headers: &HeaderMap, body: &[u8]) -> Result<()> {
        self.funnel.must_be_open()?;
        let now_s = self.machine_clock.now_ms().div_euclid(1_000);
        let Some(word) = webhook::read(self.webhook_key.as_deref(), headers, body, now_s)? else { return Ok(()) };
        let Some(outcome) = word.outcome() else { return Ok(()) };
        let number = word.reference.split_once('-').and_then(|(number, _)| number.parse().ok());
        let payment_id = number.ok_or_else(payment_unknown)?;
        let (reference, amount_won) = (word.reference, word.amount);
        self.funnel.ask(Command::Hear { payment_id, reference, amount_won, outcome }, None).await
    }
}

fn payment_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "payment.unknown", "there is no such payment")
}
