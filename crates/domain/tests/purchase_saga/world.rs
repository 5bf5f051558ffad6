//! Purchases of something scarce, whatever it is: who wants to buy, what is on the way between the contexts, and how far
//! each has followed the others.

use domain::payment;

use crate::Without;
use crate::explore::Explored;
use crate::till::{self, Till};

/// Who decides how purchases end, together with who owns what is scarce: the part that carts and memberships do not share.
/// A purchase is named by its buyer; what is kept for it by its place, one for each attempt of each buyer.
pub trait Shop: Clone {
    /// What happens here alone.
    type Step: Copy + std::fmt::Debug;

    /// The owner keeps something: one commit. Whether there was something left.
    fn reserve(&mut self, place: usize) -> bool;

    /// The decider stores the purchase: one commit. False if it may not any more.
    fn store(&mut self, buyer: usize, place: usize) -> bool;

    /// The decider says whether this became a purchase: one commit.
    fn claim(&mut self, place: usize) -> bool;

    /// The owner hears that it never did: one commit.
    fn give_back(&mut self, place: usize);

    /// Whether something is kept here of which the owner has to ask.
    fn is_kept(&self, place: usize) -> bool;

    /// How many events the decider has told of this purchase.
    fn told(&self, buyer: usize) -> usize;

    /// The owner takes one of them in, for the first time or again: one commit.
    fn owner_follows(&mut self, buyer: usize, index: usize);

    /// What payment makes of one of them.
    fn for_payment(&self, buyer: usize, index: usize) -> Option<Wanted>;

    /// The decider takes in what payment told: one commit.
    fn follow_payment(&mut self, buyer: usize, event: &payment::Event);

    /// What can happen here next.
    fn enabled(&self, may: impl FnMut(Self::Step));

    /// One step of what happens here alone.
    fn take(&mut self, step: Self::Step) -> Result<(), String>;

    /// What is true at every moment.
    fn must_be_legal(&self) -> Result<(), String>;

    /// Nothing is left that has to be done here by itself.
    fn rests(&self) -> bool;

    /// What is true of a purchase when everything has come to rest; which end it is.
    fn must_have_ended(&self, buyer: usize, till: &Till) -> Result<&'static str, String>;

    /// Everything that can tell two states apart.
    fn key(&self, bytes: &mut Vec<u8>);
}

/// What payment does about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Paid,
    Off,
}

/// How much of it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Who wants to buy, once each.
    pub buyers: usize,
    /// Requests that one buyer sends, with a key if it is more than one; all may be under way together.
    pub requests: u8,
    /// Attempts of one buyer at something that is scarce; at most 1 without a key.
    pub attempts: usize,
    /// What there is.
    pub loaded: i64,
    /// How often buyers take back what they bought, altogether.
    pub removals: u8,
    /// Who follows whom sees events also in another order than they happened.
    pub any_order: bool,
    /// Nothing gets lost, late or doubled between payment and the provider.
    pub sound_provider: bool,
}

/// Somebody's request, and the task that drives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Driver {
    /// Not sent yet.
    Waiting,
    /// The owner is asked under this attempt.
    Asking(usize),
    /// The owner keeps something under this attempt.
    Holding(usize),
    /// Answered, given up, or dead.
    Gone,
}

/// Who follows a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follower {
    /// The owner of what is scarce follows the decider.
    Owner,
    /// Payment follows the decider.
    Payment,
    /// The decider follows payment.
    Decider,
}

pub const FOLLOWERS: [Follower; 3] = [Follower::Owner, Follower::Payment, Follower::Decider];

/// What the owner answered to an attempt, remembered for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Kept,
    SoldOut,
}

/// Everything that is durable, every message that was ever sent, and every driver.
#[derive(Clone)]
pub struct World<S> {
    pub bounds: Bounds,
    pub without: Without,
    pub shop: S,
    pub tills: Vec<Till>,
    /// One after the other those of each buyer.
    pub drivers: Vec<Driver>,
    /// By place: whether the owner was asked, and its answer.
    pub asked: Vec<bool>,
    pub answers: Vec<Option<Answer>>,
    /// By place: whether the decider was asked what became of it, and what it has ever answered.
    pub claims: Vec<bool>,
    pub claimed: Vec<[bool; 2]>,
    /// By buyer and follower: which events were taken in, as bits.
    pub read: Vec<[u16; 3]>,
    /// By buyer: whether somebody was told that there is nothing left.
    pub refused: Vec<bool>,
}

/// One step of somebody.
#[derive(Debug, Clone, Copy)]
pub enum Action<S> {
    /// A request comes, and its driver asks the owner.
    Ask(usize),
    /// The question under an attempt arrives: a commit of the owner, if it is the first time.
    Reserve(usize),
    /// The answer arrives at the driver.
    Hear(usize),
    /// Nothing arrives in time, or the program dies: the driver is gone.
    Die(usize),
    /// The driver stores the purchase: a commit of the decider.
    Store(usize),
    /// The owner asks what became of something that it keeps.
    AskClaim(usize),
    /// That question arrives: a commit of the decider.
    Claim(usize),
    /// Its answer arrives: a commit of the owner, if nothing came.
    HearClaim(usize, bool),
    /// An event is followed, for the first time or again.
    Follow(Follower, usize, usize),
    /// Payment or the provider do something about an order.
    Pay(usize, till::Step),
    /// Something that happens in the shop alone.
    There(S),
}

impl<S: Shop> World<S> {
    pub fn new(bounds: Bounds, without: Without, shop: S, tills: Vec<Till>) -> Self {
        let places = bounds.buyers * bounds.attempts;
        assert_eq!(tills.len(), bounds.buyers);
        Self {
            bounds,
            without,
            shop,
            tills,
            drivers: vec![Driver::Waiting; bounds.buyers * usize::from(bounds.requests)],
            asked: vec![false; places],
            answers: vec![None; places],
            claims: vec![false; places],
            claimed: vec![[false; 2]; places],
            read: vec![[0; 3]; bounds.buyers],
            refused: vec![false; bounds.buyers],
        }
    }

    fn buyer(&self, driver: usize) -> usize {
        driver / usize::from(self.bounds.requests)
    }

    fn place(&self, driver: usize, attempt: usize) -> usize {
        self.buyer(driver) * self.bounds.attempts + attempt
    }

    fn has_key(&self) -> bool {
        self.bounds.requests > 1 || self.bounds.attempts > 1
    }

    fn is_stored(&self, buyer: usize) -> bool {
        self.shop.told(buyer) > 0
    }

    /// How many events this follower can see.
    fn told(&self, who: Follower, buyer: usize) -> usize {
        if who == Follower::Decider { self.tills[buyer].log.len() } else { self.shop.told(buyer) }
    }

    fn follow(&mut self, who: Follower, buyer: usize, index: usize) {
        self.read[buyer][who as usize] |= 1 << index;
        match who {
            Follower::Owner => self.shop.owner_follows(buyer, index),
            Follower::Payment => match self.shop.for_payment(buyer, index) {
                Some(Wanted::Paid) => self.tills[buyer].request(),
                Some(Wanted::Off) => self.tills[buyer].cancel(),
                None => {}
            },
            Follower::Decider => {
                let event = self.tills[buyer].log[index].clone();
                self.shop.follow_payment(buyer, &event);
            }
        }
    }

    fn enabled_drivers(&self, actions: &mut Vec<Action<S::Step>>) {
        for (index, driver) in self.drivers.iter().enumerate() {
            match *driver {
                // It does not matter which of several requests comes first.
                Driver::Waiting if index % usize::from(self.bounds.requests) == 0 => actions.push(Action::Ask(index)),
                Driver::Waiting if self.drivers[index - 1] != Driver::Waiting => actions.push(Action::Ask(index)),
                Driver::Waiting | Driver::Gone => {}
                Driver::Asking(attempt) => {
                    actions.push(Action::Die(index));
                    if self.answers[self.place(index, attempt)].is_some() {
                        actions.push(Action::Hear(index));
                    }
                }
                Driver::Holding(_) => actions.extend([Action::Die(index), Action::Store(index)]),
            }
        }
        for place in 0..self.asked.len() {
            if self.asked[place] && self.answers[place].is_none() {
                actions.push(Action::Reserve(place));
            }
            if self.shop.is_kept(place) && !self.claims[place] && self.without != Without::ClaimSweep {
                actions.push(Action::AskClaim(place));
            }
            if self.claims[place] {
                actions.push(Action::Claim(place));
            }
            for came in [false, true] {
                if self.claimed[place][usize::from(came)] {
                    actions.push(Action::HearClaim(place, came));
                }
            }
        }
    }

    fn ask(&mut self, driver: usize, attempt: usize) {
        let place = self.place(driver, attempt);
        self.asked[place] = true;
        self.drivers[driver] = Driver::Asking(attempt);
    }

    fn hear(&mut self, driver: usize) {
        let Driver::Asking(attempt) = self.drivers[driver] else { return };
        self.drivers[driver] = match self.answers[self.place(driver, attempt)] {
            Some(Answer::Kept) => Driver::Holding(attempt),
            Some(Answer::SoldOut) => {
                let buyer = self.buyer(driver);
                self.refused[buyer] = true;
                Driver::Gone
            }
            None => Driver::Gone,
        };
    }

    fn store(&mut self, driver: usize) {
        let Driver::Holding(attempt) = self.drivers[driver] else { return };
        let (buyer, place) = (self.buyer(driver), self.place(driver, attempt));
        self.drivers[driver] = Driver::Gone;
        // The key is remembered with the purchase: who repeats is given the same answer.
        if self.is_stored(buyer) || self.shop.store(buyer, place) {
            return;
        }
        if self.has_key() && attempt + 1 < self.bounds.attempts {
            self.ask(driver, attempt + 1);
        }
    }
}

impl<S: Shop> Explored for World<S> {
    type Action = Action<S::Step>;

    fn key(&self) -> Box<[u8]> {
        let mut bytes = Vec::with_capacity(96);
        let requests = usize::from(self.bounds.requests);
        for drivers in self.drivers.chunks(requests) {
            let mut drivers = drivers.to_vec();
            // It does not matter who of them is who.
            drivers.sort_unstable();
            bytes.extend(drivers.into_iter().map(|driver| match driver {
                Driver::Waiting => 0,
                Driver::Gone => 1,
                Driver::Asking(attempt) => 2 + 2 * u8::try_from(attempt).expect("few attempts"),
                Driver::Holding(attempt) => 3 + 2 * u8::try_from(attempt).expect("few attempts"),
            }));
        }
        for place in 0..self.asked.len() {
            let bits = [self.asked[place], self.claims[place], self.claimed[place][0], self.claimed[place][1]];
            let answer = self.answers[place].map_or(0, |answer| 1 + answer as u8);
            bytes.push(bits.iter().fold(answer, |bits, bit| 2 * bits + u8::from(*bit)));
        }
        bytes.extend(self.read.iter().flatten().flat_map(|read| read.to_le_bytes()));
        bytes.extend(self.refused.iter().map(|refused| u8::from(*refused)));
        self.shop.key(&mut bytes);
        self.tills.iter().for_each(|till| till.key(&mut bytes));
        bytes.into()
    }

    fn enabled(&self, actions: &mut Vec<Self::Action>) {
        self.enabled_drivers(actions);
        for buyer in 0..self.bounds.buyers {
            for who in FOLLOWERS {
                let told = self.told(who, buyer);
                let next = usize::try_from(self.read[buyer][who as usize].trailing_ones()).expect("few events");
                let seen = if self.bounds.any_order { told } else { told.min(next + 1) };
                actions.extend((0..seen).map(|index| Action::Follow(who, buyer, index)));
            }
            self.tills[buyer].enabled(|step| actions.push(Action::Pay(buyer, step)));
        }
        self.shop.enabled(|step| actions.push(Action::There(step)));
    }

    fn take(&mut self, action: Self::Action) -> Result<(), String> {
        match action {
            Action::Ask(driver) => self.ask(driver, 0),
            Action::Reserve(place) => {
                let kept = self.shop.reserve(place);
                self.answers[place] = Some(if kept { Answer::Kept } else { Answer::SoldOut });
            }
            Action::Hear(driver) => self.hear(driver),
            Action::Die(driver) => self.drivers[driver] = Driver::Gone,
            Action::Store(driver) => self.store(driver),
            Action::AskClaim(place) => self.claims[place] = true,
            Action::Claim(place) => {
                let came = self.shop.claim(place);
                self.claimed[place][usize::from(came)] = true;
            }
            Action::HearClaim(place, false) => self.shop.give_back(place),
            Action::HearClaim(_, true) => {}
            Action::Follow(who, buyer, index) => self.follow(who, buyer, index),
            Action::Pay(buyer, step) => return self.tills[buyer].take(step),
            Action::There(step) => return self.shop.take(step),
        }
        Ok(())
    }

    fn must_be_legal(&self) -> Result<(), String> {
        self.shop.must_be_legal()?;
        self.tills.iter().try_for_each(Till::must_be_legal)?;
        if self.claimed.iter().any(|claimed| claimed[0] && claimed[1]) {
            return Err("said to have come and never to come".to_owned());
        }
        if (0..self.bounds.buyers).any(|buyer| self.refused[buyer] && self.is_stored(buyer)) {
            return Err("bought, but a sender was told that nothing is left".to_owned());
        }
        Ok(())
    }

    fn rests(&self) -> bool {
        let is_over = |driver: &Driver| matches!(driver, Driver::Waiting | Driver::Gone);
        let read = (0..self.bounds.buyers).all(|buyer| {
            FOLLOWERS.into_iter().all(|who| {
                let read = self.read[buyer][who as usize].count_ones();
                usize::try_from(read) == Ok(self.told(who, buyer))
            })
        });
        let swept = self.without == Without::ClaimSweep || (0..self.asked.len()).all(|place| !self.shop.is_kept(place));
        let paid = self.tills.iter().all(Till::rests);
        read && paid && swept && self.drivers.iter().all(is_over) && self.shop.rests()
    }

    fn must_have_ended(&self) -> Result<Vec<&'static str>, String> {
        (0..self.bounds.buyers).map(|buyer| self.shop.must_have_ended(buyer, &self.tills[buyer])).collect()
    }
}
