//! Who moves the money, as a model: it charges and gives back once under a reference, whatever it is asked how often.

/// What it says of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Charged,
    Declined,
}

/// The provider's book about one reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// Whether it makes no difference between references that it knows and new ones: nobody gives it one.
    pub forgets: bool,
    decided: Option<Said>,
    cancelled: bool,
    /// How often it took the amount.
    pub charges: u8,
    /// How often it gave the amount back.
    pub refunds: u8,
}

impl Provider {
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

    /// Nothing that arrives from now on moves money.
    pub fn is_final(&self) -> bool {
        self.cancelled || (self.decided.is_some() && !self.forgets)
    }

    /// How often the amount is with it.
    pub fn keeps(&self) -> i8 {
        i8::try_from(self.charges).unwrap_or(i8::MAX) - i8::try_from(self.refunds).unwrap_or(i8::MAX)
    }

    pub fn key(&self) -> [u8; 3] {
        let decided = self.decided.map_or(0, |said| 1 + said as u8);
        [decided + 3 * u8::from(self.cancelled), self.charges, self.refunds]
    }
}
