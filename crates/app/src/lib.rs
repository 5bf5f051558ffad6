//! The contexts of OnePoint: effects around the rules.
//!
//! One module per context, the same file names in each: `mod.rs` (use cases and the context's `Api`), `store.rs` (the
//! only file that names tables), `http.rs`, `reactions.rs`. A context reaches another only through its `Api` and
//! through its event log.

pub mod cart;
pub mod coupon;
pub mod dashboard;
pub mod deal;
pub mod donation;
pub mod gifticon;
pub mod kit;
pub mod member;
pub mod membership;
pub mod mypage;
pub mod notification;
pub mod payment;
pub mod point;
pub mod product;
pub mod settlement;
