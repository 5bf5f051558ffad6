//! What commands share that ask a running server for something that takes a while.

use indicatif::{ProgressBar, ProgressStyle};
use platform::error::{Error, ErrorKind, Result};
use serde_json::Value;

use crate::client::Answer;

/// A key for this call of a command: it counts once, however often it is sent.
pub(super) fn key(command: &str) -> String {
    format!("{command}-{:08x}{:08x}", std::process::id(), getrandom::u32().unwrap_or_default())
}

/// How much of so many things is done.
pub(super) fn bar(count: u64, things: &str) -> ProgressBar {
    let bar = ProgressBar::new(count);
    let style =
        ProgressStyle::with_template(&format!("{{bar:30}} {{human_pos}} of {{human_len}} {things} {{elapsed}}"));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// The body of a good answer; what the server refused, under the code that it gave.
pub(super) fn written(answer: Answer, command: &str) -> Result<Value> {
    if (200..300).contains(&answer.status) {
        return Ok(answer.json);
    }
    let code = answer.json["code"].as_str().map_or_else(|| format!("{command}.refused"), str::to_owned);
    Err(Error::new(ErrorKind::Conflict, code, format!("{}: {}", answer.status, answer.detail())))
}
