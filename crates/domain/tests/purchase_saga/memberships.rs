//! Memberships and the units of a product.

use domain::membership::{
    self, Event, Membership, MembershipFacts, MembershipStatus, Rejection, Term, UnitClaim, cancel_membership,
    claim_unit, expire_membership, record_payment, request_membership,
};
use domain::payment::{self, Order, PaymentFacts, PaymentMethod, PaymentStatus};
use domain::product::{
    self, Product, RegisterProduct, Unit, UnitStatus, register_product, reserve_unit, return_unit, sell_unit,
};

use crate::Without;
use crate::till::Till;
use crate::world::{Bounds, Shop, Wanted};

const PRICE_WON: i64 = 30_000;
const DAY_MS: i64 = 86_400_000;
const REFUND_DAYS: i64 = 7;
/// Moments at which it makes a difference: at first, when the days of the refund are over, when a membership is over.
const MOMENTS_MS: [i64; 3] = [0, (REFUND_DAYS + 1) * DAY_MS, 400 * DAY_MS];
const LASTS_MS: i64 = 365 * DAY_MS;

/// What membership and product know.
#[derive(Clone)]
pub struct Memberships {
    bounds: Bounds,
    without: Without,
    product: Option<Product>,
    units: Vec<Option<Unit>>,
    /// By place: how often it was sold and returned.
    moved: Vec<[u8; 2]>,
    /// By place: whether membership said that it never becomes one.
    refused: Vec<bool>,
    memberships: Vec<Option<Membership>>,
    logs: Vec<Vec<Event>>,
    cancels: u8,
    moment: usize,
}

/// What happens here alone.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Time passes, up to the next moment that makes a difference.
    Pass,
    /// The customer cancels.
    Cancel(usize),
    /// The walk notes that a membership is over.
    Expire(usize),
}

impl Memberships {
    pub fn new(bounds: Bounds, without: Without) -> Self {
        let places = bounds.buyers * bounds.attempts;
        let registered = register_product(
            None,
            RegisterProduct {
                product_id: 1,
                product_name: "CLUB".to_owned(),
                price_won: PRICE_WON,
                sales_limit: Some(bounds.loaded),
                sale_ends_at_ms: None,
                months: 12,
            },
        );
        let mut product = None;
        product::apply(&mut product, &registered.expect("it can be sold"));
        Self {
            bounds,
            without,
            product,
            units: vec![None; places],
            moved: vec![[0; 2]; places],
            refused: vec![false; places],
            memberships: vec![None; bounds.buyers],
            logs: vec![Vec::new(); bounds.buyers],
            cancels: 0,
            moment: 0,
        }
    }

    /// What would be paid for the membership of this buyer.
    pub fn payment(buyer: usize, method: PaymentMethod) -> PaymentFacts {
        PaymentFacts {
            payment_id: number(buyer),
            order: Order::Membership(number(buyer)),
            customer_id: Some(7),
            amount_won: PRICE_WON,
            method,
        }
    }

    fn now_ms(&self) -> i64 {
        MOMENTS_MS[self.moment]
    }

    /// One commit of membership.
    fn record(&mut self, buyer: usize, event: Option<Event>) {
        if let Some(event) = event {
            membership::apply(&mut self.memberships[buyer], None, &event);
            self.logs[buyer].push(event);
        }
    }

    /// One commit of product.
    fn move_unit(&mut self, place: usize, event: Option<product::Event>) {
        if let Some(event) = event {
            product::apply(&mut self.product, &event);
            product::apply_to_unit(&mut self.units[place], &event);
            match event {
                product::Event::UnitSold(_) => self.moved[place][0] += 1,
                product::Event::UnitReturned { .. } => self.moved[place][1] += 1,
                _ => {}
            }
        }
    }

    fn return_unit(&mut self, place: usize) {
        let Some(unit) = &self.units[place] else { return };
        let event = match self.without {
            Without::ReturnedOnce => return_unit(&Unit { status: UnitStatus::Reserved, ..unit.clone() }),
            _ => return_unit(unit),
        };
        self.move_unit(place, event);
    }

    fn unit_of(&self, buyer: usize) -> Option<usize> {
        self.memberships[buyer].as_ref().and_then(|membership| usize::try_from(membership.facts.unit_id - 1).ok())
    }

    fn unit_status(&self, place: usize) -> Option<UnitStatus> {
        self.units[place].as_ref().map(|unit| unit.status)
    }

    fn refunds(&self, buyer: usize) -> bool {
        self.logs[buyer].iter().any(|event| matches!(event, Event::MembershipCancelled { refunds: true, .. }))
    }
}

fn number(index: usize) -> i64 {
    i64::try_from(index).expect("few of them") + 1
}

impl Shop for Memberships {
    type Step = Step;

    fn reserve(&mut self, place: usize) -> bool {
        let event = reserve_unit(self.product.as_ref(), number(place), self.now_ms()).ok();
        let kept = event.is_some();
        self.move_unit(place, event);
        kept
    }

    fn store(&mut self, buyer: usize, place: usize) -> bool {
        let claim = self.refused[place].then_some(UnitClaim::Refused);
        let membership = MembershipFacts {
            mem_id: number(buyer),
            unit_id: number(place),
            product_id: 1,
            product_name: "CLUB".to_owned(),
            price_won: PRICE_WON,
            months: 12,
            customer_id: Some(7),
            method: PaymentMethod::Card,
            purchased_at_ms: self.now_ms(),
            renews_mem_id: None,
        };
        let event = request_membership(claim, None, membership);
        assert!(event.is_ok() || event == Err(Rejection::UnitGone));
        let stored = event.is_ok();
        self.record(buyer, event.ok());
        stored
    }

    fn claim(&mut self, place: usize) -> bool {
        let buyer = place / self.bounds.attempts;
        let claim = match self.unit_of(buyer) {
            Some(unit) if unit == place => Some(UnitClaim::Membership(number(buyer))),
            _ => self.refused[place].then_some(UnitClaim::Refused),
        };
        if claim_unit(claim, number(place)).is_some() && self.without != Without::LastingRefusal {
            self.refused[place] = true;
        }
        matches!(claim, Some(UnitClaim::Membership(_)))
    }

    fn give_back(&mut self, place: usize) {
        self.return_unit(place);
    }

    fn is_kept(&self, place: usize) -> bool {
        let stored = self.unit_of(place / self.bounds.attempts) == Some(place);
        !stored && self.unit_status(place) == Some(UnitStatus::Reserved)
    }

    fn told(&self, buyer: usize) -> usize {
        self.logs[buyer].len()
    }

    fn owner_follows(&mut self, buyer: usize, index: usize) {
        let Some(place) = self.unit_of(buyer) else { return };
        match self.logs[buyer][index] {
            Event::MembershipActivated { .. } => {
                let event = self.units[place].as_ref().and_then(sell_unit);
                self.move_unit(place, event);
            }
            Event::MembershipRefused { .. } | Event::MembershipCancelled { refunds: true, .. } => {
                self.return_unit(place);
            }
            _ => {}
        }
    }

    fn for_payment(&self, buyer: usize, index: usize) -> Option<Wanted> {
        match self.logs[buyer][index] {
            Event::MembershipRequested(_) => Some(Wanted::Paid),
            Event::MembershipCancelled { refunds, .. } if refunds || self.without == Without::RefundDays => {
                Some(Wanted::Off)
            }
            _ => None,
        }
    }

    fn follow_payment(&mut self, buyer: usize, event: &payment::Event) {
        let Some(membership) = &self.memberships[buyer] else { return };
        let purchased_at_ms = membership.facts.purchased_at_ms;
        let term = Some(Term { starts_at_ms: purchased_at_ms, expires_at_ms: purchased_at_ms + LASTS_MS });
        let event = match self.without {
            Without::OneEnd => {
                let open = Membership { status: MembershipStatus::Requested, ..membership.clone() };
                record_payment(&open, event, term)
            }
            _ => record_payment(membership, event, term),
        };
        self.record(buyer, event);
    }

    fn enabled(&self, mut may: impl FnMut(Step)) {
        if self.moment + 1 < MOMENTS_MS.len() {
            may(Step::Pass);
        }
        for (buyer, membership) in self.memberships.iter().enumerate() {
            let Some(membership) = membership else { continue };
            if self.cancels < self.bounds.removals {
                may(Step::Cancel(buyer));
            }
            if expire_membership(membership, self.now_ms()).is_some() {
                may(Step::Expire(buyer));
            }
        }
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Pass => self.moment += 1,
            Step::Cancel(buyer) => {
                let Some(membership) = &self.memberships[buyer] else { return Ok(()) };
                self.cancels += 1;
                let event = cancel_membership(membership, self.now_ms(), REFUND_DAYS).ok().flatten();
                self.record(buyer, event);
            }
            Step::Expire(buyer) => {
                let event = self.memberships[buyer].as_ref();
                let event = event.and_then(|membership| expire_membership(membership, self.now_ms()));
                self.record(buyer, event);
            }
        }
        Ok(())
    }

    fn must_be_legal(&self) -> Result<(), String> {
        let Some(product) = &self.product else { return Err("no product".to_owned()) };
        let count = |status| (0..self.units.len()).filter(|place| self.unit_status(*place) == Some(status)).count();
        let counts = |counter, status| i64::try_from(count(status)) == Ok(counter);
        let told = |log: &[Event], is: fn(&Event) -> bool| log.iter().filter(|event| is(event)).count();
        let one_end = self.logs.iter().all(|log| {
            let decided =
                told(log, |event| matches!(event, Event::MembershipActivated { .. } | Event::MembershipRefused { .. }));
            let refused = told(log, |event| matches!(event, Event::MembershipRefused { .. }));
            let ended =
                told(log, |event| matches!(event, Event::MembershipCancelled { .. } | Event::MembershipExpired(_)));
            decided <= 1 && refused + ended <= 1
        });
        let claims = [
            (
                counts(product.reserved, UnitStatus::Reserved) && counts(product.sold, UnitStatus::Sold),
                "the counters are not those of the units",
            ),
            (product.taken() <= self.bounds.loaded, "more taken than there may be"),
            (self.moved.iter().flatten().all(|times| *times <= 1), "sold or returned twice"),
            (one_end, "ended twice"),
        ];
        claims.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, wrong)| Err((*wrong).to_owned()))
    }

    fn rests(&self) -> bool {
        true
    }

    fn must_have_ended(&self, buyer: usize, till: &Till) -> Result<&'static str, String> {
        let (first, kept) = (buyer * self.bounds.attempts, self.unit_of(buyer));
        for place in first..first + self.bounds.attempts {
            let free = matches!(self.unit_status(place), None | Some(UnitStatus::Returned));
            if kept != Some(place) && !free {
                return Err("a unit is kept that nobody has".to_owned());
            }
        }
        let (Some(membership), Some(place)) = (&self.memberships[buyer], kept) else {
            return if till.row.is_none() { Ok("never came") } else { Err("paid for what never came".to_owned()) };
        };
        let unit = self.unit_status(place);
        let (end, is_bought) = match membership.status {
            MembershipStatus::Requested => return Err("not ended".to_owned()),
            MembershipStatus::Use => ("bought", true),
            MembershipStatus::Expired => ("expired", true),
            MembershipStatus::Refused => ("refused", false),
            MembershipStatus::Canc if self.refunds(buyer) => ("cancelled and given back", false),
            MembershipStatus::Canc => ("cancelled too late", true),
        };
        if is_bought {
            till.must_be_paid()?;
        } else {
            till.must_be_off()?;
        }
        let declined = till.status() == Some(PaymentStatus::PaymentDeclined);
        let told = membership.status != MembershipStatus::Refused || declined;
        let moved = if is_bought { unit == Some(UnitStatus::Sold) } else { unit == Some(UnitStatus::Returned) };
        if told && moved { Ok(end) } else { Err(format!("{end}, but the unit is {unit:?}")) }
    }

    fn key(&self, bytes: &mut Vec<u8>) {
        let moment = u8::try_from(self.moment).expect("few moments");
        bytes.extend([self.cancels, moment]);
        for place in 0..self.units.len() {
            let status = self.unit_status(place).map_or(0, |status| 1 + status as u8);
            bytes.extend([status, u8::from(self.refused[place])]);
            bytes.extend(self.moved[place]);
        }
        for (membership, log) in self.memberships.iter().zip(&self.logs) {
            let Some(membership) = membership else {
                bytes.push(0);
                continue;
            };
            let purchased_at = MOMENTS_MS.iter().position(|at| *at == membership.facts.purchased_at_ms);
            bytes.push(1 + membership.status as u8);
            bytes.push(u8::try_from(membership.facts.unit_id).expect("few units"));
            bytes.push(u8::try_from(purchased_at.expect("one of the moments")).expect("few moments"));
            bytes.push(u8::try_from(log.len()).expect("a short log"));
            bytes.extend(log.iter().map(kind));
        }
    }
}

/// What tells events of one membership apart.
fn kind(event: &Event) -> u8 {
    match event {
        Event::MembershipRequested(_) => 0,
        Event::MembershipActivated { .. } => 1,
        Event::MembershipRefused { .. } => 2,
        Event::MembershipCancelled { refunds, .. } => 3 + u8::from(*refunds),
        Event::MembershipExpired(_) => 5,
        Event::UnitRefused { .. } => 6,
    }
}
