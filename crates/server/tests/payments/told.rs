//! What cart tells, written into cart's log past cart.

use domain::cart::{CartFacts, Event};
use domain::payment::PaymentMethod;
use platform::db::{Row, Value};
use platform::log::{EVENTS, encode};

use crate::support::TestApp;

/// A cart that is only told of.
pub struct Told {
    pub cart_id: i64,
    pub price: i64,
    pub quantity: i64,
}

impl Told {
    /// It was put in.
    pub fn added(&self, app: &TestApp) {
        self.tell(app, &Event::CartAdded(self.facts()));
    }

    /// It was removed.
    pub fn removed(&self, app: &TestApp) {
        self.tell(app, &Event::CartRemoved(self.facts()));
    }

    fn facts(&self) -> CartFacts {
        CartFacts {
            cart_id: self.cart_id,
            reservation_id: self.cart_id,
            gifticon_id: 1,
            quantity: self.quantity,
            unit_price_won: self.price,
            customer_id: None,
            method: PaymentMethod::Card,
        }
    }

    fn tell(&self, app: &TestApp, event: &Event) {
        let carts = &app.app().purchases.carts;
        let write = |tx: &mut dyn platform::db::Session| {
            let position = tx.next_ids("log_position", 1)?[0];
            let (kind, data) = encode(event)?;
            let mut row: Vec<Value> = vec![position.into(), kind.into(), self.cart_id.into(), 1.into(), 0.into()];
            row.extend([Value::Null, Value::Null, data.into(), Value::Null, Value::Null]);
            tx.insert_many(&EVENTS, vec![Row(row)])
        };
        carts.funnel.with_session(write).expect("cart's log can be written");
        carts.log.ring(true);
    }
}
