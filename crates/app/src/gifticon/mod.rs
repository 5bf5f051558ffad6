//! Gifticons: what the MD registers, the stock that is kept for carts, and the vouchers of what was sold.

mod client;
mod expiry_walk;
mod figures;
pub mod http;
mod inspect;
mod list;
mod loaded;
mod reactions;
mod standing;
mod store;
mod sweep;
mod views;
mod writer;

use std::sync::Arc;

use domain::gifticon::{ChangeGifticon, RegisterGifticon, Rejection, StockRefusal, VoucherCode, is_quantity};
use domain::kernel::Day;
use futures_util::future::BoxFuture;
use platform::consumer::Consumer;
use platform::db::Database;
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::{Funnel, KeyStamp};
use platform::log::Log;

pub use client::RemoteGifticons;
pub use expiry_walk::{EXPIRY_JOB, VoucherExpiry};
use figures::Figures;
pub use inspect::inspect;
pub use list::ChosenVouchers;
pub use standing::{reservations, returned};
pub use store::MIGRATIONS;
use store::StoredVoucher;
pub use sweep::{CartQuestions, Sweep};
pub use views::{GifticonView, VoucherView};
pub use writer::GifticonWriter;
use writer::{Answer, Command};

use crate::kit::{Asked, Kit};

/// Events of cart that are taken in at once. Each may be a sale of up to 1,000 pieces, every one with a voucher, and a
/// transaction has to end in time.
const PIECE_ROWS: usize = 200;

/// The question: keep pieces for a cart that is about to be stored.
#[derive(Debug, Clone)]
pub struct ReserveStock {
    /// Under which the answer is remembered; none: nobody will ask again.
    pub attempt: Option<KeyStamp>,
    /// Of what.
    pub gifticon_id: i64,
    /// Pieces, at least 1.
    pub quantity: i64,
}

/// Pieces that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservedStock {
    /// The reservation.
    pub reservation_id: i64,
    /// Price of a piece, in won.
    pub unit_price_won: i64,
}

/// What became of the question whether a reservation's vouchers can be made void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// They are void, and the stock is free again.
    Revoked,
    /// They stay; why, for instance `voucher_used`.
    Refused(String),
}

/// What other contexts may ask gifticon.
pub trait GifticonApi: Send + Sync {
    /// Keeps pieces, or says why not. Asked again under the same attempt it gives the same answer.
    fn reserve(&self, question: ReserveStock) -> Asked<'_, ReservedStock, StockRefusal>;

    /// Makes a reservation's vouchers void and its stock free, unless one was used. The answer is final, and the same
    /// whenever it is asked again.
    fn revoke(&self, reservation_id: i64) -> BoxFuture<'_, Result<Revocation>>;
}

/// What is said of a new gifticon.
#[derive(Debug, Clone)]
pub struct NewGifticon {
    /// What people call it.
    pub name: String,
    /// Price of a piece, in won.
    pub price_won: i64,
    /// Pieces that there are.
    pub available: i64,
    /// Whether it may be bought.
    pub on_sale: bool,
}

impl NewGifticon {
    fn numbered(self, gifticon_id: i64) -> RegisterGifticon {
        let Self { name, price_won, available, on_sale } = self;
        RegisterGifticon { gifticon_id, name, price_won, available, on_sale }
    }
}

/// Until when a voucher is to be good.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// This moment, in milliseconds since 1970 in UTC.
    Moment(i64),
    /// The end of this day.
    Day(Day),
    /// So many months after its last day, or after today if that is over.
    Months(i32),
}

/// How gifticon works.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Months for which a voucher is good; it ends with a day.
    pub voucher_months: i32,
}

/// A page of vouchers.
pub struct VoucherPage {
    /// In order of their numbers.
    pub vouchers: Vec<VoucherView>,
    /// The number after which the next page begins; nothing on the last one.
    pub next: Option<i64>,
}

/// The gifticon context.
pub struct Gifticons {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<GifticonWriter>>,
    /// Its log.
    pub log: Arc<Log>,
    figures: Arc<Figures>,
}

impl Gifticons {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, policy: Policy) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let figures = Arc::new(Figures::new(database.is_shared()));
        let clock = Arc::clone(&kit.clock);
        let writer = GifticonWriter::new(policy.voucher_months, kit.zone.clone(), clock, Arc::clone(&figures));
        let funnel = Funnel::new(kit.surroundings(&database, &log), writer)?;
        Ok(Arc::new(Self { kit, database, funnel, log, figures }))
    }

    /// The consumer of cart's log.
    #[must_use]
    pub fn follow_carts(&self, log: Arc<Log>) -> Consumer<GifticonWriter> {
        let react = Box::new(reactions::on_cart_events);
        let holder = &self.kit.holder;
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), holder, react)
            .in_pieces_of(PIECE_ROWS)
    }

    /// The sweep of reservations that nobody has spoken of; to be stepped by one thread.
    #[must_use]
    pub fn sweep(self: &Arc<Self>, carts: Arc<CartQuestions>) -> Sweep {
        Sweep::new(Arc::clone(self), carts)
    }

    /// The walk over vouchers whose time is over; to be stepped by one thread.
    #[must_use]
    pub fn voucher_expiry(self: &Arc<Self>) -> VoucherExpiry {
        VoucherExpiry::new(Arc::clone(self))
    }

    /// A new gifticon. Without a number the next free one is given.
    ///
    /// # Errors
    /// `gifticon.number_taken`; 422 for what is no price or no number of pieces.
    pub async fn register(
        &self,
        gifticon_id: Option<i64>,
        new: NewGifticon,
        stamp: Option<KeyStamp>,
    ) -> Result<GifticonView> {
        match self.funnel.ask(Command::Register { gifticon_id, new }, stamp).await? {
            Answer::Gifticon(gifticon) => Ok(gifticon.into()),
            _ => Err(unexpected()),
        }
    }

    /// Changes a gifticon's name, price or number of free pieces, or whether it is sold.
    ///
    /// # Errors
    /// 404 when there is none; 422 for what is no price or no number of pieces.
    pub async fn change(
        &self,
        gifticon_id: i64,
        change: ChangeGifticon,
        stamp: Option<KeyStamp>,
    ) -> Result<GifticonView> {
        match self.funnel.ask(Command::Change { gifticon_id, change }, stamp).await? {
            Answer::Gifticon(gifticon) => Ok(gifticon.into()),
            Answer::Taken => self.gifticon(gifticon_id).await,
            _ => Err(unexpected()),
        }
    }

    /// A gifticon.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn gifticon(&self, gifticon_id: i64) -> Result<GifticonView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&store::GIFTICON, gifticon_id).await?;
        row.map(|row| store::read_gifticon(&row).into()).ok_or_else(gifticon_unknown)
    }

    /// Gifticons with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn gifticons(&self, after: i64, limit: i64) -> Result<Vec<GifticonView>> {
        self.funnel.must_be_open()?;
        let rows = self.database.query(&list::gifticons_sql(), &[after.into(), limit.into()]).await?;
        Ok(rows.iter().map(|row| store::read_gifticon(row).into()).collect())
    }

    /// Vouchers with a number above `after`. A page that is not chosen by cart may hold fewer than `limit`, even none, and
    /// have a next one.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn vouchers(&self, chosen: ChosenVouchers, after: i64, limit: i64) -> Result<VoucherPage> {
        self.funnel.must_be_open()?;
        let now_ms = self.kit.clock.now_ms();
        let found = list::vouchers(&self.database, chosen, now_ms, after, limit).await?;
        let vouchers = found.rows.iter().map(|stored| VoucherView::of(stored, &self.kit.zone, now_ms)).collect();
        Ok(VoucherPage { vouchers, next: found.next })
    }

    /// The voucher with a code, as it is typed.
    ///
    /// # Errors
    /// 404 when there is none; `gifticon.code_malformed` for what cannot be a code.
    pub async fn voucher(&self, typed: &str) -> Result<VoucherView> {
        self.funnel.must_be_open()?;
        let code = read_code(typed)?;
        let stored = self.stored(code.voucher_id).await?;
        // The code is compared in full.
        if stored.secret != code.secret {
            return Err(voucher_unknown());
        }
        Ok(VoucherView::of(&stored, &self.kit.zone, self.kit.clock.now_ms()))
    }

    /// Uses a voucher, once.
    ///
    /// # Errors
    /// As [`Gifticons::voucher`]; `gifticon.voucher_used`, `gifticon.voucher_cancelled`, `gifticon.voucher_expired`.
    pub async fn use_voucher(&self, typed: &str, stamp: Option<KeyStamp>) -> Result<VoucherView> {
        let code = read_code(typed)?;
        self.decided(self.funnel.ask(Command::Use { code }, stamp).await?).await
    }

    /// Makes a voucher good for longer, also one that has expired.
    ///
    /// # Errors
    /// As [`Gifticons::voucher`]; `gifticon.voucher_used`, `gifticon.voucher_cancelled`; `gifticon.invalid_expiry` for
    /// what is not later than it is good already, over, or more than ten years away.
    pub async fn extend_voucher(&self, typed: &str, until: Until, stamp: Option<KeyStamp>) -> Result<VoucherView> {
        let code = read_code(typed)?;
        self.decided(self.funnel.ask(Command::Extend { code, until }, stamp).await?).await
    }

    /// Takes a voucher back. Its piece stays sold; no money moves.
    ///
    /// # Errors
    /// As [`Gifticons::use_voucher`].
    pub async fn cancel_voucher(&self, typed: &str, stamp: Option<KeyStamp>) -> Result<VoucherView> {
        let code = read_code(typed)?;
        self.decided(self.funnel.ask(Command::Cancel { code }, stamp).await?).await
    }

    async fn decided(&self, answer: Answer) -> Result<VoucherView> {
        let stored = match answer {
            Answer::Voucher(stored) => *stored,
            // What was used or taken back stays so; how long it was made good stands in what was told then.
            Answer::KnownVoucher { voucher_id, expires_at_ms } => {
                let stored = self.stored(voucher_id).await?;
                match expires_at_ms {
                    Some(expires_at_ms) => stored.extended(expires_at_ms),
                    None => stored,
                }
            }
            _ => return Err(unexpected()),
        };
        Ok(VoucherView::decided(&stored, &self.kit.zone))
    }

    async fn stored(&self, voucher_id: i64) -> Result<StoredVoucher> {
        let row = self.database.get(&store::VOUCHER, voucher_id).await?;
        row.map(|row| StoredVoucher::read(&row)).ok_or_else(voucher_unknown)
    }

    async fn reserve_now(&self, question: ReserveStock) -> Result<Result<ReservedStock, StockRefusal>> {
        let ReserveStock { attempt, gifticon_id, quantity } = question;
        self.funnel.must_be_open()?;
        must_be_quantity(quantity)?;
        // A question whose answer is to be remembered goes its way; any other learns at once what is certain.
        if attempt.is_none()
            && let Some(refusal) = self.figures.refuses(gifticon_id, quantity, self.kit.clock.monotonic_ms())
        {
            return Ok(Err(refusal));
        }
        match self.funnel.ask(Command::Reserve { gifticon_id, quantity }, attempt).await {
            Ok(Answer::Reserved(reserved)) => Ok(Ok(reserved)),
            Ok(_) => Err(unexpected()),
            Err(error) => match error.code.strip_prefix("gifticon.").and_then(StockRefusal::from_reason) {
                Some(refusal) => Ok(Err(refusal)),
                None => Err(error),
            },
        }
    }
}

impl GifticonApi for Gifticons {
    fn reserve(&self, question: ReserveStock) -> Asked<'_, ReservedStock, StockRefusal> {
        Box::pin(self.reserve_now(question))
    }

    fn revoke(&self, reservation_id: i64) -> BoxFuture<'_, Result<Revocation>> {
        Box::pin(async move {
            match self.funnel.ask(Command::Revoke { reservation_id }, None).await? {
                Answer::Revocation(Ok(())) => Ok(Revocation::Revoked),
                Answer::Revocation(Err(reason)) => Ok(Revocation::Refused(reason.to_owned())),
                _ => Err(unexpected()),
            }
        })
    }
}

/// Refuses a number of pieces that no cart may have.
fn must_be_quantity(quantity: i64) -> Result<()> {
    let wrong = || Error::invalid("/quantity", "a cart has 1 to 1,000 pieces");
    if is_quantity(quantity) { Ok(()) } else { Err(wrong()) }
}

fn read_code(typed: &str) -> Result<VoucherCode> {
    let message = "this cannot be a voucher's code: a character is wrong, missing or in the wrong place; type it again";
    let malformed = || Error::new(ErrorKind::Invalid, "gifticon.code_malformed", message);
    VoucherCode::read(typed).ok_or_else(|| Error { pointer: Some("/path/code".into()), ..malformed() })
}

fn gifticon_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "gifticon.unknown", "there is no such gifticon; GET /gifticons lists them")
}

fn voucher_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "gifticon.voucher_unknown", "no voucher has this code")
}

/// Why no pieces are kept, as it is remembered and told.
fn stock_refusal(refusal: StockRefusal) -> Error {
    let (kind, message) = match refusal {
        StockRefusal::Unknown => return gifticon_unknown(),
        StockRefusal::NotOnSale => (ErrorKind::Conflict, "this gifticon is not sold at present"),
        StockRefusal::OutOfStock => (ErrorKind::Conflict, "fewer pieces are left than are wanted"),
    };
    Error::new(kind, format!("gifticon.{}", refusal.reason()), message)
}

/// A refusal of the rules on the wire.
fn refusal(rejection: Rejection) -> Error {
    let (pointer, message) = match rejection {
        Rejection::InvalidPrice => (Some("/price"), "a price is 1 to 100,000,000 won"),
        Rejection::InvalidStock => (Some("/availableQuantity"), "0 to 1,000,000,000 pieces can be available"),
        Rejection::InvalidExpiry => {
            (None, "a voucher is extended to a moment that is later than it is good already, within ten years from now")
        }
        Rejection::NumberTaken => (None, "this number of a gifticon is taken; choose another, or leave it out"),
        Rejection::VoucherUsed => (None, "this voucher has been used"),
        Rejection::VoucherCancelled => (None, "this voucher is void"),
        Rejection::VoucherExpired => (None, "this voucher's time is over"),
    };
    let is_wrong = pointer.is_some() || rejection == Rejection::InvalidExpiry;
    let kind = if is_wrong { ErrorKind::Invalid } else { ErrorKind::Conflict };
    let error = Error::new(kind, format!("gifticon.{}", rejection.reason()), message);
    Error { pointer: pointer.map(Into::into), ..error }
}

fn unexpected() -> Error {
    Error::internal("a command of gifticon was answered with something else")
}
