//! What the bus promises on a real Kafka and before a cluster that makes mistakes: every event has its effect once,
//! whoever crashes, and a loss is seen; and what became of it without the comparisons.

#[path = "../../server/tests/support/kafka.rs"]
mod kafka;
#[path = "../../server/tests/support/mariadb.rs"]
#[allow(dead_code, reason = "made for the whole program; the kit of the funnel knows it")]
mod mariadb;
#[path = "../../server/tests/support/postgres.rs"]
#[allow(dead_code, reason = "made for the whole program; only fresh databases are needed here")]
mod postgres;

#[path = "bus/crashes.rs"]
mod crashes;
#[path = "bus/faults.rs"]
mod faults;
#[path = "bus/follower.rs"]
mod follower;
#[path = "funnel/kit.rs"]
#[allow(dead_code, reason = "made for the tests of the funnel, too")]
mod kit;
#[path = "bus/losses.rs"]
mod losses;
#[path = "bus/proxy.rs"]
mod proxy;
#[path = "bus/reading.rs"]
mod reading;
#[path = "bus/restarts.rs"]
mod restarts;
