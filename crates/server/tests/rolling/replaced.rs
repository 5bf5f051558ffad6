//! One service after the other is replaced under load: another process of it is started and ready before the first one
//! says that it is to end, and that one ends when nobody asks it any more.

use std::time::Duration;

use crate::load::Load;
use crate::support::cluster::Cluster;

/// Those that clients, or other services, ask; the gateway is the last.
pub const SERVICES: [&str; 15] = [
    "member",
    "notification",
    "point",
    "coupon",
    "mypage",
    "donation",
    "deal",
    "settlement",
    "dashboard",
    "product",
    "membership",
    "payment",
    "gifticon",
    "cart",
    "gateway",
];
/// The load before and after a replacement belongs to it.
const AROUND: Duration = Duration::from_millis(300);
/// The gateway finds other ways for a second or so.
const AWAY: Duration = Duration::from_secs(4);

pub fn every_service_is_replaced_and_no_request_fails(set: &Cluster, load: &Load) {
    let (mut asked, mut failed, mut resent) = (0, Vec::new(), 0);
    for name in SERVICES {
        let ((), report) = load.during(|| {
            std::thread::sleep(AROUND);
            set.script(&["replace", name]);
            std::thread::sleep(AROUND);
        });
        report.print(&format!("{name} replaced"));
        assert!(report.asked >= 20, "a load that is hardly one shows nothing: {}", report.asked);
        asked += report.asked;
        resent += report.resent;
        failed.extend(report.failed.iter().map(|(what, count)| format!("{name} replaced: {what}: {count}")));
    }
    println!("all replaced: {asked} requests, {} kinds of failures, {resent} sent again", failed.len());
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The control: a process is ended before the next one is ready.
pub fn without_waiting_requests_fail(set: &Cluster, load: &Load) {
    for name in ["deal", "gateway"] {
        let ((), report) = load.during(|| {
            set.stop(name);
            std::thread::sleep(AWAY);
            set.start(name);
        });
        report.print(&format!("{name} replaced without waiting"));
        let share = report.succeeded * 100 / report.asked.max(1);
        println!("{name}: {share} % of the requests succeed without waiting");
        assert!(report.failures() > 0, "the load does not notice that {name} was away");
    }
}
