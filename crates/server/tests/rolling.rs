//! A whole set of separate processes under steady load: every service is replaced, killed and overloaded, the broker and
//! the databases go away, and nothing that was acknowledged is lost or done twice.

mod support;

#[path = "rolling/away.rs"]
mod away;
#[path = "rolling/kills.rs"]
mod kills;
#[path = "rolling/load.rs"]
mod load;
#[path = "rolling/overload.rs"]
mod overload;
#[path = "rolling/replaced.rs"]
mod replaced;

use std::time::Duration;

use load::Load;
use support::cluster::{Cluster, Topology};

/// Views are what the logs say again within this.
const VIEWS_WITHIN: Duration = Duration::from_secs(60);

/// On a machine that runs the whole set and its clients, a look at stock may take longer than it is given otherwise.
const PATIENT: [&str; 3] = [
    "questions.gifticon.time_limit_ms=10000",
    "questions.product.time_limit_ms=10000",
    "questions.point.time_limit_ms=10000",
];

#[test]
fn a_set_under_load_loses_nothing_when_services_are_replaced_killed_or_without_a_broker() {
    let set = Cluster::up(Topology::Split, &PATIENT);
    println!("{}", set.script(&["status"]));
    let load = Load::on(&set);
    replaced::every_service_is_replaced_and_no_request_fails(&set, &load);
    replaced::without_waiting_requests_fail(&set, &load);
    load.must_be_found(VIEWS_WITHIN);
    kills::whatever_is_killed_nothing_is_lost_or_doubled(&set, &load);
    away::without_a_broker_work_goes_on_and_events_follow(&set, &load);
    load.must_be_found(VIEWS_WITHIN);
    views_are_what_the_logs_say(&set);
    set.verify();
}

#[test]
fn overload_is_refused_at_once_and_ends_by_itself() {
    let set = Cluster::up_with_gateway(Topology::Split, &["bench.faults=true"], &["bench.faults=true"]);
    overload::a_slow_point(&set);
    overload::a_slow_gifticon(&set);
    set.verify();
}

/// Each read model is folded from the logs again and says whether it was right.
fn views_are_what_the_logs_say(set: &Cluster) {
    for view in ["mypage", "dashboard"] {
        set.stop(view);
        let rebuilt = set.program(&["rebuild", view]);
        let said = String::from_utf8_lossy(&rebuilt.stdout);
        print!("{said}");
        assert!(said.contains(&format!("The {view} was right.")), "{}", String::from_utf8_lossy(&rebuilt.stderr));
        set.start(view);
    }
}
