//! What holds for schemas of every route: links, pages, problems, names of states, and numbers as clients send them.

use std::collections::BTreeSet;

use app::kit::MAX_AMOUNT;
use platform::http::problem::Problem;
use serde_json::{Value, json};
use utoipa::PartialSchema;

use super::numbers::{number, text_of};
use super::operations;

/// Characters in a text of a request at most, where the route says no other number.
const TEXT_CHARS: u64 = 200;

/// Fields that are one of a few words wherever they stand in an answer, unless their example is another one.
const STATES: &[(&str, &[&str])] =
    &[("memberStatus", &["READY", "NORMAL", "ABNORMAL"]), ("notified", &["Y", "N"]), ("couponCancelled", &["Y", "N"])];

/// Completes the schemas.
pub(super) fn complete(whole: &mut Value) {
    let asked = asked(whole);
    let schemas = super::object(&mut whole["components"], "schemas");
    schemas.insert("ReferenceInput".to_owned(), reference_input());
    for (name, schema) in schemas.iter_mut() {
        if asked.contains(name) { request(schema) } else { states(schema) }
    }
    let problem = serde_json::to_value(Problem::schema()).unwrap_or_default();
    schemas.insert("Problem".to_owned(), problem);
    schemas.insert(
        "Link".to_owned(),
        json!({"type": "object", "description": "A link", "required": ["href"], "properties": {"href": {"type": "string", "format": "uri-reference"}}}),
    );
    schemas.insert(
        "Links".to_owned(),
        json!({"type": "object", "description": "Where it is, and what belongs to it",
            "additionalProperties": {"$ref": "#/components/schemas/Link"}}),
    );
    schemas.insert(
        "Page".to_owned(),
        json!({"type": "object", "description": "How much this page holds", "required": ["size"],
            "properties": {"size": {"type": "integer", "minimum": 0, "maximum": 200}, "totalElements": {"type": "integer", "minimum": 0}}}),
    );
}

/// Names of the schemas that requests are made of, and of what stands inside them.
fn asked(whole: &mut Value) -> BTreeSet<String> {
    let mut due: Vec<String> = Vec::new();
    for (_, _, operation) in operations(whole) {
        references(&operation["requestBody"], &mut due);
    }
    let mut asked = BTreeSet::new();
    while let Some(name) = due.pop() {
        references(&whole["components"]["schemas"][&name], &mut due);
        if !asked.insert(name) {
            due.retain(|name| !asked.contains(name));
        }
    }
    asked
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
                found.push(name.to_owned());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// What a movement is about, as a client may say it: things are numbered or named.
fn reference_input() -> Value {
    json!({
        "type": "object", "description": "What it is about", "required": ["type", "id"], "additionalProperties": false,
        "properties": {
            "type": {"type": "string", "minLength": 1, "maxLength": TEXT_CHARS, "example": "deal"},
            "id": {"type": ["string", "integer"], "minLength": 1, "maxLength": TEXT_CHARS,
                "minimum": i64::MIN, "maximum": i64::MAX, "example": "4"},
        },
    })
}

/// In requests nothing unknown may stand, texts are short, and whole numbers may come as text.
fn request(schema: &mut Value) {
    if schema["properties"].is_object() && schema.get("additionalProperties").is_none() {
        schema["additionalProperties"] = json!(false);
    }
    refer(schema, "ReferenceView", "ReferenceInput");
    let is_movement = is_movement(schema);
    each_property(schema, &mut |name, property| {
        choices(property);
        number(name, property, is_movement);
        if is_of(property, "string") && !is_of(property, "integer") && property.get("maxLength").is_none() {
            property["maxLength"] = json!(TEXT_CHARS);
        }
    });
    if is_movement {
        schema["if"] = json!({"properties": {"kind": {"const": "ADJUST"}}});
        schema["else"] = json!({"properties": {"amount": {"minimum": 1, "pattern": text_of(1, MAX_AMOUNT)}}});
    }
}

/// Whether points move by it in either direction: those that are earned or used have no sign, those of an adjustment
/// do.
fn is_movement(schema: &Value) -> bool {
    let kind = schema["properties"]["kind"]["description"].as_str();
    kind.is_some_and(|text| text.contains("`ADJUST`")) && schema["properties"]["amount"].is_object()
}

/// Another name in every reference.
fn refer(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(path)) = fields.get_mut("$ref")
                && path.ends_with(&format!("/{from}"))
            {
                *path = format!("#/components/schemas/{to}");
            }
            fields.values_mut().for_each(|value| refer(value, from, to));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| refer(value, from, to)),
        _ => {}
    }
}

/// Whether a value may be of this type.
pub(super) fn is_of(property: &Value, kind: &str) -> bool {
    property["type"] == kind || property["type"].as_array().is_some_and(|kinds| kinds.iter().any(|known| known == kind))
}

/// A field that is described by nothing but words in capitals is one of them: "`EARN`, `USE` or `ADJUST`."
fn choices(property: &mut Value) {
    if property.get("enum").is_some() || !is_of(property, "string") {
        return;
    }
    let text = property["description"].as_str().unwrap_or_default().trim_end_matches('.').replace(" or ", ", ");
    let words: Option<Vec<&str>> = text.split(", ").map(word).collect();
    let Some(words) = words.filter(|words| words.len() > 1) else { return };
    let mut words: Vec<Value> = words.into_iter().map(|word| json!(word)).collect();
    words.extend(is_of(property, "null").then_some(Value::Null));
    property["enum"] = Value::Array(words);
}

/// The word between backticks, if it is one in capitals.
fn word(text: &str) -> Option<&str> {
    let word = text.strip_prefix('`')?.strip_suffix('`')?;
    let is_capital = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    (!word.is_empty() && word.bytes().all(is_capital)).then_some(word)
}

/// In answers, states are named and instants are instants.
fn states(schema: &mut Value) {
    each_property(schema, &mut |name, property| {
        if !is_of(property, "string") {
            return;
        }
        choices(property);
        let is_one_of = |words: &[&str]| property["example"].as_str().is_none_or(|example| words.contains(&example));
        if let Some((_, words)) = STATES.iter().find(|(state, words)| *state == name && is_one_of(words)) {
            let mut words: Vec<Value> = words.iter().map(|word| json!(word)).collect();
            words.extend(is_of(property, "null").then_some(Value::Null));
            property["enum"] = Value::Array(words);
        }
        if name == "at" || name.ends_with("At") {
            property["format"] = json!("date-time");
        }
    });
}

fn each_property(schema: &mut Value, change: &mut impl FnMut(&str, &mut Value)) {
    match schema {
        Value::Object(fields) => {
            if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
                properties.iter_mut().for_each(|(name, property)| change(name, property));
            }
            fields.values_mut().for_each(|value| each_property(value, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| each_property(value, change)),
        _ => {}
    }
}
