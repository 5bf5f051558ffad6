//! Processes are killed under load, one at a time: services, the gateway, the broker, both databases.

use std::time::Duration;

use crate::load::Load;
use crate::replaced::SERVICES;
use crate::support::cluster::Cluster;

/// One of each kind: it is asked by others, it asks others, it follows logs, it has its store on MariaDB, it is a read
/// model, it leads to all of them; the engines.
const SOME: [&str; 9] = ["point", "cart", "payment", "coupon", "mypage", "gateway", "kafka", "mariadb", "postgres"];
const ENGINES: [&str; 3] = ["kafka", "mariadb", "postgres"];
/// Asks for every service to be killed, which takes some minutes.
const ALL: &str = "ONEPOINT_TEST_KILL_ALL";
/// Breakers that opened meanwhile are closed again after this.
const BREAKERS_CLOSE: Duration = Duration::from_secs(5);
/// The load goes on for so long before, between and after.
const AROUND: Duration = Duration::from_millis(700);

pub fn whatever_is_killed_nothing_is_lost_or_doubled(set: &Cluster, load: &Load) {
    let all = std::env::var_os(ALL).is_some();
    let names: Vec<&str> = if all { SERVICES.into_iter().chain(ENGINES).collect() } else { SOME.to_vec() };
    for name in names {
        let ((), report) = load.during(|| {
            std::thread::sleep(AROUND);
            set.script(&["kill", name]);
            std::thread::sleep(AROUND);
            set.start(name);
            std::thread::sleep(AROUND);
        });
        // What failed was repeated until it was answered, each with its own key: the books are complete.
        report.print(&format!("{name} killed"));
    }
    load.must_be_found(crate::VIEWS_WITHIN);
    set.verify();
    // Whoever asked what was away finds out by asking that it is back.
    let ((), report) = load.during(|| std::thread::sleep(BREAKERS_CLOSE));
    report.print("after the kills");
}
