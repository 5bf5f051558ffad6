//! Donations under load, repeated, raced and asked for by those who may and may not.

mod support;

#[path = "donation/overload.rs"]
mod overload;
#[path = "donation/remote.rs"]
mod remote;
#[path = "donation/repeated.rs"]
mod repeated;
#[path = "donation/roles.rs"]
mod roles;
#[allow(dead_code, reason = "the tests of faults use the rest")]
#[path = "faults/senders.rs"]
mod senders;
