//! The demonstration's purchases: memberships and gifticons, carts that are paid, a few that are removed, and vouchers that
//! are used.

use std::time::Instant;

use axum::http::Method;
use platform::error::Result;
use serde_json::{Value, json};

use super::story::{LOOK_EVERY, Life, SETTLES_WITHIN, Story, Tally, refused};
use crate::client::Answer;

/// Names of membership products, and what they cost in won.
const PRODUCTS: [(&str, i64); 2] = [("단골 클럽", 30_000), ("단골 클럽 가족", 55_000)];
/// Names of gifticons, and what a piece costs in won.
const GIFTICONS: [(&str, i64); 3] = [("아메리카노", 4_500), ("팥빙수 두 그릇", 19_600), ("꽃다발", 35_000)];
/// Pieces of each gifticon.
const PIECES: i64 = 100_000;

/// What is sold.
#[derive(Debug, Clone, Default)]
pub(super) struct Goods {
    /// Numbers of the products.
    pub(super) products: Vec<i64>,
    /// Numbers of the gifticons.
    pub(super) gifticons: Vec<i64>,
}

impl Story {
    /// Opens what is sold.
    pub(super) async fn open_goods(&self) -> Result<Goods> {
        let mut goods = Goods::default();
        for (place, (name, price)) in PRODUCTS.iter().enumerate() {
            let body = json!({"productName": name, "price": price});
            let key = format!("{}-product-{place}", self.run);
            let answer = self.client.write(Method::POST, "/products", Some(&body), &key).await?;
            goods.products.push(number(&answer, "productId").ok_or_else(|| refused("a product", &answer))?);
        }
        for (place, (name, price)) in GIFTICONS.iter().enumerate() {
            let body = json!({"name": name, "price": price, "availableQuantity": PIECES});
            let key = format!("{}-gifticon-{place}", self.run);
            let answer = self.client.write(Method::POST, "/gifticons", Some(&body), &key).await?;
            goods.gifticons.push(number(&answer, "gifticonId").ok_or_else(|| refused("a gifticon", &answer))?);
        }
        Ok(goods)
    }
}

/// The number that something was given.
fn number(answer: &Answer, field: &str) -> Option<i64> {
    answer.json[field].as_i64().filter(|_| answer.status == 201)
}

impl Life<'_> {
    /// Perhaps the member buys a membership, and puts something into a cart.
    pub(super) async fn shop(&mut self, tally: &mut Tally) -> Result<()> {
        if self.dice.once_in(8) {
            let product_id = *self.dice.one_of(&self.story.goods.products);
            let body = json!({"productId": product_id, "customerId": self.member_id});
            self.buy("/memberships", &body, "a membership").await?;
            tally.memberships += 1;
        }
        if self.dice.once_in(4) {
            let gifticon_id = *self.dice.one_of(&self.story.goods.gifticons);
            let body =
                json!({"gifticonId": gifticon_id, "quantity": self.dice.between(1, 3), "customerId": self.member_id});
            let bought = self.buy("/carts", &body, "a cart").await?;
            tally.carts += 1;
            self.take_home(bought["cartId"].as_i64().unwrap_or_default(), tally).await?;
        }
        Ok(())
    }

    /// Buys; what was bought, as the server answered.
    async fn buy(&mut self, path: &str, body: &Value, what: &str) -> Result<Value> {
        let answer = self.write(Method::POST, path, Some(body)).await?;
        if answer.status == 201 { Ok(answer.json) } else { Err(refused(what, &answer)) }
    }

    /// Waits until payment has decided; if the cart is paid a voucher may be used, or the cart be removed.
    async fn take_home(&mut self, cart_id: i64, tally: &mut Tally) -> Result<()> {
        let started = Instant::now();
        let vouchers = loop {
            let cart = self.story.client.get(&format!("/carts/{cart_id}")).await?;
            if cart.json["status"] == "PaymentDeclined" {
                tally.declined += 1;
                return Ok(());
            }
            let path = format!("/vouchers?cartId={cart_id}");
            let listed = self.story.client.get(&path).await?;
            let vouchers = listed.json["_embedded"]["vouchers"].as_array().cloned().unwrap_or_default();
            if !vouchers.is_empty() {
                break vouchers;
            }
            if started.elapsed() > SETTLES_WITHIN {
                return Err(refused(&format!("cart {cart_id} has no vouchers ({})", cart.json["status"]), &listed));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        if self.dice.once_in(6) {
            let answer = self.write(Method::DELETE, &format!("/carts/{cart_id}"), None).await?;
            if answer.status != 204 {
                return Err(refused("removing a cart", &answer));
            }
            tally.removed += 1;
        } else if self.dice.once_in(2) {
            let code = vouchers[0]["code"].as_str().unwrap_or_default();
            let answer = self.write(Method::POST, &format!("/vouchers/{code}/uses"), None).await?;
            if answer.status != 201 {
                return Err(refused("using a voucher", &answer));
            }
            tally.vouchers += 1;
        }
        Ok(())
    }
}
