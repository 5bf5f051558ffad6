//! The scenarios that must run as written, each on every engine.

mod support;

#[path = "scenarios/bulk.rs"]
mod bulk;
#[path = "scenarios/donation.rs"]
mod donation;
#[path = "scenarios/seed0.rs"]
mod seed0;
#[path = "scenarios/seed1.rs"]
mod seed1;
#[path = "scenarios/seed2.rs"]
mod seed2;
#[path = "scenarios/seed3.rs"]
mod seed3;
#[path = "scenarios/seed4.rs"]
mod seed4;
#[path = "scenarios/stopped.rs"]
mod stopped;
