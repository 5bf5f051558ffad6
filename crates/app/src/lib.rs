//! The contexts of OnePoint: effects around the rules.
//!
//! One module per context, the same file names in each: `mod.rs` (use cases and the context's `Api`), `store.rs` (the
//! only file that names tables), `http.rs`, `reactions.rs`. A context reaches another only through its `Api` and
//! through its event log.

pub mod coupon;
pub mod dashboard;
pub mod deal;
pub mod donation;
pub mod kit;
pub mod member;
pub mod mypage;
pub mod notification;
pub mod point;
pub mod settlement;
