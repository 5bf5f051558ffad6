//! The five scenarios over HTTP alone, the same words on three topologies: one process on SQLite; two processes of all
//! contexts on one PostgreSQL, asked in turn; every context apart, on PostgreSQL and MariaDB, with Kafka between them
//! and a gateway before them. Contexts are stopped and started as the scenarios say.

mod support;

#[path = "topologies/seed0.rs"]
mod seed0;
#[path = "topologies/seed1.rs"]
mod seed1;
#[path = "topologies/seed2.rs"]
mod seed2;
#[path = "topologies/seed3.rs"]
mod seed3;
#[path = "topologies/seed4.rs"]
mod seed4;

use support::cluster::{Cluster, Topology};

/// Limits of questions to stock are the matter of other tests; here the machine is busy.
const PATIENT: [&str; 2] = ["questions.gifticon.time_limit_ms=10000", "questions.product.time_limit_ms=10000"];

#[test]
fn the_scenarios_run_as_written_in_one_process() {
    the_scenarios_run_as_written(Topology::Single);
}

#[test]
fn the_scenarios_run_as_written_in_two_processes_on_one_store() {
    the_scenarios_run_as_written(Topology::Pair);
}

#[test]
fn the_scenarios_run_as_written_in_split_processes() {
    the_scenarios_run_as_written(Topology::Split);
}

fn the_scenarios_run_as_written(topology: Topology) {
    // The clock of the second set begins in the month that is settled there.
    for (sets, run) in [(vec![], &with_the_usual_settings as &dyn Fn(&Cluster)), (seed1::SETS.to_vec(), &seed1::run)] {
        let sets: Vec<&str> = sets.into_iter().chain(PATIENT).collect();
        let set = Cluster::up(topology, &sets);
        run(&set);
        set.verify();
    }
}

fn with_the_usual_settings(set: &Cluster) {
    // Its lists hold nothing but its own purchases.
    seed4::run(set);
    seed0::run(set);
    seed2::run(set);
    seed3::run(set);
}
