//! Whether this process sends traces, where to, and under which name.

use platform::error::Result;
use platform::trace::{self, TraceSettings, Tracing};

use crate::config::Settings;

/// Sends traces from now on if the settings name a collector. `part` is what of the program runs here; empty: all of
/// it. Must not be called inside an async runtime.
///
/// # Errors
/// A wrong setting.
pub fn start(settings: &Settings, part: &str) -> Result<Option<Tracing>> {
    let sample_bp = u32::try_from(settings.int_in("otel.sample_bp", 0..=10_000)?).unwrap_or(10_000);
    let endpoint = settings.text("otel.endpoint").to_owned();
    if endpoint.is_empty() {
        return Ok(None);
    }
    let service_name = match (settings.text("otel.service_name"), part) {
        ("", "") => "onepoint".to_owned(),
        ("", part) => format!("onepoint-{part}"),
        (name, _) => name.to_owned(),
    };
    trace::start(&TraceSettings { endpoint, service_name, sample_bp }).map(Some)
}
