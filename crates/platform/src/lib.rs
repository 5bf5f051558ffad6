//! The plumbing of OnePoint: storage, group commit, event logs, questions between contexts, HTTP.
//!
//! Nothing here knows a business word; a context brings its tables, its rules and its routes.

pub mod access;
pub mod breaker;
pub mod bus;
pub mod clock;
pub mod consumer;
pub mod db;
pub mod desk;
pub mod error;
pub mod fault;
pub mod funnel;
pub mod guard;
pub mod http;
pub mod lease;
pub mod log;
pub mod parked;
pub mod seal;
pub mod telemetry;
pub mod trace;
pub mod work;
pub mod zone;
