//! Who moves the money: as a model that charges and gives back once under a reference, whatever it is asked how often,
//! or the ledger with its rules.

use crate::ledger::Ledger;

/// What it says of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Charged,
    Declined,
}

/// Who moves the money.
#[derive(Debug, Clone)]
pub enum Provider {
    Card(Card),
    Ledger(Box<Ledger>),
}

impl Provider {
    /// How often it took the amount, and gave it back.
    pub fn moved(&self) -> (u8, u8) {
        match self {
            Self::Card(card) => (card.charges, card.refunds),
            Self::Ledger(ledger) => (ledger.charges, ledger.refunds),
        }
    }

    /// Nothing that arrives from now on takes money.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Card(card) => card.cancelled || (card.decided.is_some() && !card.forgets),
            Self::Ledger(ledger) => ledger.is_final(),
        }
    }

    /// It has nothing of the buyer's any more. Points of a member who has left cannot be given back.
    pub fn keeps_nothing(&self) -> bool {
        let (charges, refunds) = self.moved();
        match self {
            Self::Card(_) => charges == refunds,
            Self::Ledger(ledger) => !ledger.holds() && (charges == refunds || ledger.is_closed()),
        }
    }

    pub fn key(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Card(card) => {
                let decided = card.decided.map_or(0, |said| 1 + said as u8);
                bytes.extend([decided + 3 * u8::from(card.cancelled), card.charges, card.refunds]);
            }
            Self::Ledger(ledger) => ledger.key(bytes),
        }
    }
}

/// The book of a provider about one reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// Whether each question comes under a reference of its own, so that none is known.
    forgets: bool,
    decided: Option<Said>,
    cancelled: bool,
    charges: u8,
    refunds: u8,
}

impl Card {
    pub fn new(forgets: bool) -> Self {
        Self { forgets, decided: None, cancelled: false, charges: 0, refunds: 0 }
    }

    /// The question to charge arrives; `agrees` is the provider's mind, if it has to make it up.
    pub fn charge(&mut self, agrees: bool) -> Said {
        if self.cancelled {
            return Said::Declined;
        }
        if let Some(said) = self.decided
            && !self.forgets
        {
            return said;
        }
        let said = if agrees { Said::Charged } else { Said::Declined };
        self.charges += u8::from(agrees);
        self.decided = Some(said);
        said
    }

    /// The question to cancel arrives; whether the amount was given back, by this or an earlier one.
    pub fn cancel(&mut self) -> bool {
        let was_charged = self.decided == Some(Said::Charged);
        if !self.cancelled {
            self.refunds += u8::from(was_charged);
            self.cancelled = true;
        }
        was_charged
    }

    /// Whether a question to charge would have to be decided now.
    pub fn would_decide(&self) -> bool {
        !self.cancelled && (self.forgets || self.decided.is_none())
    }
}
