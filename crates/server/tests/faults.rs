//! What must hold when senders repeat, race, hang up or meet another process, and when events come twice and late.
//! Each promise stands beside a control that takes its protection away and has to see it broken.

mod support;

#[path = "faults/bus.rs"]
mod bus;
#[path = "faults/carts.rs"]
mod carts;
#[path = "faults/deal_events.rs"]
mod deal_events;
#[path = "faults/deals.rs"]
mod deals;
#[path = "faults/delivery.rs"]
mod delivery;
#[path = "faults/donations.rs"]
mod donations;
#[path = "faults/hang_up.rs"]
mod hang_up;
#[path = "faults/keys.rs"]
mod keys;
#[path = "faults/limits.rs"]
mod limits;
#[path = "faults/memberships.rs"]
mod memberships;
#[path = "faults/parked.rs"]
mod parked;
#[path = "faults/purchase_events.rs"]
mod purchase_events;
#[path = "faults/senders.rs"]
mod senders;
#[path = "faults/slow_clients.rs"]
mod slow_clients;
#[path = "faults/spends.rs"]
mod spends;
#[path = "faults/two_processes.rs"]
mod two_processes;
#[path = "faults/withdrawals.rs"]
mod withdrawals;
