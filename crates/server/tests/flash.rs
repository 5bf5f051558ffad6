//! A flash sale: very many buyers for few pieces, at processes that are killed and started again in the middle of it.
//! Exactly so many pieces are sold as there are, everybody else is told so, and at every moment what is sold, reserved
//! and free is what was loaded.
//!
//! `ONEPOINT_TEST_BUYERS` says how many come (4,000); a hundredth of them, and at least 100, gets a piece.

mod support;

#[path = "flash/books.rs"]
mod books;
#[path = "flash/buyers.rs"]
mod buyers;
#[path = "flash/market.rs"]
mod market;
#[path = "recovery/process.rs"]
#[allow(dead_code, reason = "shared with the tests of recovery, which use all of it")]
mod process;
#[path = "flash/sale.rs"]
mod sale;
#[path = "flash/watcher.rs"]
mod watcher;
