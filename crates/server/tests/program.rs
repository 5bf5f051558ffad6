//! The program around the contexts: its description and documentation, and the commands for people.

mod support;

#[path = "program/completions.rs"]
mod completions;
#[path = "program/demo.rs"]
mod demo;
#[path = "program/description.rs"]
mod description;
#[path = "program/docs.rs"]
mod docs;
#[path = "program/doctor.rs"]
mod doctor;
#[path = "program/fits.rs"]
mod fits;
#[allow(dead_code, reason = "shared with the tests of recovery, which use all of it")]
#[path = "recovery/process.rs"]
mod process;

use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs the program to its end, away from any `onepoint.toml`.
fn onepoint(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onepoint"));
    command.args(words).stdin(Stdio::null()).current_dir(std::env::temp_dir());
    command.output().expect("the program runs")
}

/// What it wrote to standard output, as JSON.
fn json_of(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("no JSON ({error}): {text}\n{}", String::from_utf8_lossy(&output.stderr));
    })
}
