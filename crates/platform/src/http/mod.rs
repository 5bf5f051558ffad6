//! The HTTP kit: what every route of every context shares.
//!
//! `serve` accepts connections, `shell` surrounds every request (id, key, metrics, problems), `input` reads bodies, `peer` asks other processes,
//! `limit` counts requests, `outbound` asks others' servers,
//! `hal` writes resources, `list` pages, `filter` what is listed, `number` reads the numbers that clients send as text.

pub mod csv;
pub mod filter;
pub mod hal;
pub mod input;
pub mod limit;
pub mod list;
pub mod number;
pub mod outbound;
pub mod peer;
pub mod percent;
pub mod problem;
pub mod serve;
pub mod shell;
mod stall;
mod watched;
