//! The scenarios that must run as written, each on every engine.

mod support;

#[path = "scenarios/seed0.rs"]
mod seed0;
