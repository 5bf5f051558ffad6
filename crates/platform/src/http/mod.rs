//! The HTTP kit: what every route of every context shares.
//!
//! `serve` accepts connections, `gateway` passes requests on, `shell` surrounds every request (id, key, metrics, problems), `input` reads bodies, `peer` asks other processes, `resolve` finds their addresses,
//! `limit` counts requests, `outbound` asks others' servers,
//! `hal` writes resources, `list` pages, `filter` what is listed, `number` reads the numbers that clients send as text.

pub mod csv;
pub mod filter;
pub mod gateway;
pub mod hal;
pub mod input;
pub mod limit;
pub mod list;
pub mod number;
pub mod outbound;
pub mod peer;
pub mod percent;
pub mod problem;
pub mod resolve;
pub mod serve;
pub mod shell;
mod stall;
mod watched;
