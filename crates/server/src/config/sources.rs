//! Where values come from: the file, the environment and `--set`. Each source checks its own keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use platform::error::{Error, Result};

use super::nearest::nearest;
use super::rows::{self, SETTINGS, Setting};
use super::{Given, refused};

/// Beginning of every variable that is ours.
const PREFIX: &str = "ONEPOINT_";
/// The file that is read when no other is named.
const USUAL_FILE: &str = "onepoint.toml";

/// Variables that people set for every program of theirs, and the settings that they give unless ours say otherwise.
const USUAL_NAMES: [(&str, &str); 2] =
    [("OTEL_EXPORTER_OTLP_ENDPOINT", "otel.endpoint"), ("OTEL_SERVICE_NAME", "otel.service_name")];

/// What was given so far; a later source replaces an earlier one's value.
pub(super) type Values = BTreeMap<&'static str, Given>;

/// Takes the values of a TOML file; without a `path`, of `onepoint.toml` in the working directory if it is there.
pub(super) fn take_file(values: &mut Values, path: Option<&Path>) -> Result<()> {
    let path = match path {
        Some(path) => path.to_path_buf(),
        None if Path::new(USUAL_FILE).exists() => PathBuf::from(USUAL_FILE),
        None => return Ok(()),
    };
    let name = path.display().to_string();
    let text = read(&path, "the configuration file")?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // The error's own text would quote the line, and with it perhaps a secret.
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        refused("malformed", format!("{name}, line {line}: {}", error.message()))
    })?;
    let mut flat = Vec::new();
    flatten("", table, &mut flat);
    for (key, text) in flat {
        let setting = rows::find(&key).ok_or_else(|| unknown(&name, &key, &key, str::to_owned))?;
        values.insert(setting.key, Given { text, source: name.clone() });
    }
    Ok(())
}

/// Nested tables as dotted keys.
fn flatten(parent: &str, table: toml::Table, flat: &mut Vec<(String, String)>) {
    for (name, value) in table {
        let key = if parent.is_empty() { name } else { format!("{parent}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, flat),
            single => flat.push((key, plain(single))),
        }
    }
}

/// A value as `--set` would write it; a list as its items with commas between.
fn plain(value: toml::Value) -> String {
    use toml::Value as V;
    match value {
        V::String(text) => text,
        V::Integer(number) => number.to_string(),
        V::Float(number) => number.to_string(),
        V::Boolean(flag) => flag.to_string(),
        V::Datetime(at) => at.to_string(),
        V::Array(items) => items.into_iter().map(plain).collect::<Vec<_>>().join(","),
        // Only a table inside a list comes here; no setting is one, so its getter refuses this.
        V::Table(_) => "{table}".to_owned(),
    }
}

/// Takes the variables that begin with `ONEPOINT_`, and the few others that are usual.
pub(super) fn take_environment(values: &mut Values, variables: impl Iterator<Item = (String, String)>) -> Result<()> {
    let mut taken: BTreeMap<&'static str, String> = BTreeMap::new();
    let mut usual = Vec::new();
    for (name, value) in variables {
        if let Some((_, key)) = USUAL_NAMES.iter().find(|(usual, _)| *usual == name && !value.is_empty()) {
            usual.push((*key, Given { text: value, source: name }));
            continue;
        }
        let is_ours = |rest: &&str| !is_service_link(rest) && !is_for_scripts(rest);
        let Some(rest) = name.strip_prefix(PREFIX).filter(is_ours) else { continue };
        let key = rest.to_lowercase().replace("__", ".");
        let (setting, text) = match (rows::find(&key), key.strip_suffix("_file").and_then(rows::find)) {
            (Some(setting), _) => (setting, value),
            (None, Some(setting)) => (setting, read(Path::new(&value), &name)?.trim().to_owned()),
            (None, None) => return Err(unknown("the environment", &name, &key, variable)),
        };
        if let Some(other) = taken.insert(setting.key, name.clone()) {
            return Err(refused("conflict", format!("{other} and {name} both give {}; remove one", setting.key)));
        }
        values.insert(setting.key, Given { text, source: name });
    }
    values.extend(usual.into_iter().filter(|(key, _)| !taken.contains_key(key)));
    Ok(())
}

/// Kubernetes puts the addresses of every Service into its pods; for one called onepoint they look like ours.
fn is_service_link(rest: &str) -> bool {
    let part = |name: &str| rest.starts_with(name) || rest.contains(&format!("_{name}"));
    let of_service = part("SERVICE_HOST") || part("SERVICE_PORT");
    let of_port = rest == "PORT" || rest.ends_with("_PORT") || part("PORT_");
    !rest.contains("__") && (of_service || of_port)
}

/// What scripts and tests are told is no setting of the program.
fn is_for_scripts(rest: &str) -> bool {
    rest == "BIN" || rest.starts_with("CLUSTER_") || rest.starts_with("TEST_")
}

/// The variable that gives this key: `points.welcome` is `ONEPOINT_POINTS__WELCOME`.
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// Takes the `key=value` texts of `--set`.
pub(super) fn take_sets(values: &mut Values, sets: &[String]) -> Result<()> {
    for set in sets {
        let Some((key, text)) = set.split_once('=') else {
            return Err(refused("malformed", format!("--set {set}: write it as key=value")));
        };
        let key = key.trim();
        let setting = rows::find(key).ok_or_else(|| unknown("--set", key, key, str::to_owned))?;
        values.insert(setting.key, Given { text: text.trim().to_owned(), source: "--set".to_owned() });
    }
    Ok(())
}

/// An error that names the source, the key as it was `written`, and the nearest key in that source's spelling.
fn unknown(source: &str, written: &str, key: &str, spelling: impl Fn(&str) -> String) -> Error {
    let advice = match nearest(key, SETTINGS.iter().map(|setting: &Setting| setting.key)) {
        Some(near) => format!("did you mean '{}'?", spelling(near)),
        None => "`onepoint config` lists them all".to_owned(),
    };
    refused("unknown_key", format!("{source}: there is no setting '{written}'; {advice}"))
}

fn read(path: &Path, named_by: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        refused("unreadable", format!("{named_by}: cannot read '{}'", path.display())).caused_by(error)
    })
}
