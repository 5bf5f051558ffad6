//! What holds for schemas of every route: links, pages, problems, names of states, and numbers as clients send them.

use std::collections::BTreeSet;

use app::kit::{MAX_AMOUNT, MAX_SAFE};
use platform::http::problem::Problem;
use serde_json::{Value, json};
use utoipa::PartialSchema;

use super::operations;

/// A whole number as text: blanks around it, one sign, leading zeros.
const WHOLE_TEXT: &str = "^\\s*[+-]?[0-9]{1,18}\\s*$";

/// Fields that are one of a few words, wherever they stand in an answer.
const STATES: &[(&str, &[&str])] = &[
    ("memberStatus", &["READY", "NORMAL", "ABNORMAL"]),
    ("couponStatus", &["NONE", "ISSUED", "CANCELLED"]),
    ("messageStatus", &["READY", "SUCCESS", "FAIL"]),
    ("notified", &["Y", "N"]),
    ("couponCancelled", &["Y", "N"]),
    ("result", &["APPLIED", "REJECTED"]),
    ("step", &["PREPARING", "RELEASED", "WITHDRAWING", "DONE"]),
];

/// Completes the schemas.
pub(super) fn complete(whole: &mut Value) {
    let asked = asked(whole);
    let schemas = super::object(&mut whole["components"], "schemas");
    for (name, schema) in schemas.iter_mut() {
        if asked.contains(name) { whole_numbers(schema) } else { states(schema) }
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

/// In requests a whole number may come as text, and none is larger than the ledger takes.
fn whole_numbers(schema: &mut Value) {
    each_property(schema, &mut |name, property| {
        let Some(nullable) = integer(property) else { return };
        let most = if name.ends_with("Id") { MAX_SAFE } else { MAX_AMOUNT };
        let least = if name.ends_with("Id") { 1 } else { -MAX_AMOUNT };
        property["type"] = if nullable { json!(["integer", "string", "null"]) } else { json!(["integer", "string"]) };
        property["pattern"] = json!(WHOLE_TEXT);
        if property["minimum"].is_null() {
            property["minimum"] = json!(least);
        }
        if property["maximum"].is_null() {
            property["maximum"] = json!(most);
        }
        if let Some(fields) = property.as_object_mut() {
            fields.remove("format");
        }
    });
}

/// Whether it is a whole number, and then whether it may be null.
fn integer(property: &Value) -> Option<bool> {
    match &property["type"] {
        Value::String(kind) if kind == "integer" => Some(false),
        Value::Array(kinds) if kinds.iter().any(|kind| kind == "integer") => {
            Some(kinds.iter().any(|kind| kind == "null"))
        }
        _ => None,
    }
}

/// In answers, states are named and instants are instants.
fn states(schema: &mut Value) {
    each_property(schema, &mut |name, property| {
        let nullable = property["type"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"));
        if !nullable && property["type"] != "string" {
            return;
        }
        if let Some((_, words)) = STATES.iter().find(|(state, _)| *state == name) {
            let mut words: Vec<Value> = words.iter().map(|word| json!(word)).collect();
            words.extend(nullable.then_some(Value::Null));
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
