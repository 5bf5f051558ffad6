//! What must hold when senders repeat, race, hang up or meet another process, and when events come twice and late.
//! Each promise stands beside a control that takes its protection away and has to see it broken.

mod support;

#[path = "faults/bus.rs"]
mod bus;
#[path = "faults/delivery.rs"]
mod delivery;
#[path = "faults/donations.rs"]
mod donations;
#[path = "faults/hang_up.rs"]
mod hang_up;
#[path = "faults/keys.rs"]
mod keys;
#[path = "faults/senders.rs"]
mod senders;
#[path = "faults/spends.rs"]
mod spends;
#[path = "faults/two_processes.rs"]
mod two_processes;
