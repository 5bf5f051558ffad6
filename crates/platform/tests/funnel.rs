//! What the funnel, the log and the leases promise, on each engine, with the protection in place and without it.

#[path = "../../server/tests/support/mariadb.rs"]
#[allow(dead_code, reason = "made for the whole program; only fresh databases are needed here")]
mod mariadb;
#[path = "../../server/tests/support/postgres.rs"]
#[allow(dead_code, reason = "made for the whole program; only fresh databases are needed here")]
mod postgres;

#[path = "funnel/crash.rs"]
mod crash;
#[path = "funnel/fences.rs"]
mod fences;
#[path = "funnel/fencing.rs"]
mod fencing;
#[path = "funnel/hang_up.rs"]
mod hang_up;
#[path = "funnel/idle_cursor.rs"]
mod idle_cursor;
#[path = "funnel/kit.rs"]
mod kit;
#[path = "funnel/log_order.rs"]
mod log_order;
#[path = "funnel/old_keys.rs"]
mod old_keys;
#[path = "funnel/parked.rs"]
mod parked;
#[path = "funnel/poison.rs"]
mod poison;
#[path = "funnel/sessions.rs"]
mod sessions;
#[path = "funnel/shedding.rs"]
mod shedding;
#[path = "funnel/spends.rs"]
mod spends;
#[path = "funnel/turns.rs"]
mod turns;
