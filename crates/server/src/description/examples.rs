//! An example of every request and every good answer, made from their schemas, so that it fits whatever they become.

use serde_json::{Map, Value, json};

use super::operations;

/// What fields of these names look like in examples.
const FIELDS: &[(&str, &str)] = &[
    ("phoneNo", "\"01085581234\""),
    ("nickname", "\"달콤한고래\""),
    ("fullName", "\"김하늘\""),
    ("name", "\"어린이 도서관\""),
    ("email", "\"whale@example.com\""),
    ("address", "\"서울특별시 종로구\""),
    ("loginId", "\"whale\""),
    ("reason", "\"아메리카노 2잔\""),
    ("remainPoint", "1000"),
    ("balanceAfter", "1000"),
    ("balanceBefore", "1530"),
    ("amount", "100"),
    ("requirePoint", "530"),
    ("forfeitedPoint", "800"),
    ("held", "0"),
    ("owed", "0"),
    ("expiringSoon", "0"),
    ("size", "1"),
    ("totalElements", "1"),
    ("type", "\"deal\""),
    ("month", "\"203111\""),
    ("href", "\"http://127.0.0.1:8080/members/1\""),
];
const INSTANT: &str = "2026-11-21T10:15:30.123+09:00";
/// Schemas stand inside each other no deeper than this.
const DEPTH: usize = 16;

/// Puts an example beside every schema of a request or of a good answer that has none.
pub(super) fn complete(whole: &mut Value) {
    let schemas = whole["components"]["schemas"].clone();
    for (_, _, operation) in operations(whole) {
        contents(&mut operation["requestBody"], &schemas);
        let responses = operation["responses"].as_object_mut().into_iter().flatten();
        for (_, response) in responses.filter(|(status, _)| status.starts_with('2')) {
            contents(response, &schemas);
        }
    }
}

fn contents(message: &mut Value, schemas: &Value) {
    // Indexing would make the field where there is none.
    let Some(content) = message.get_mut("content").and_then(Value::as_object_mut) else { return };
    for (_, body) in content.iter_mut().filter(|(kind, _)| kind.contains("json")) {
        let has_example = body.get("example").is_some() || body.get("examples").is_some();
        if has_example || body["schema"].as_object().is_none_or(Map::is_empty) {
            continue;
        }
        body["example"] = example(&body["schema"], "", schemas, 0);
    }
}

/// A value that fits the schema of a field of this name.
fn example(schema: &Value, name: &str, schemas: &Value, depth: usize) -> Value {
    if depth > DEPTH {
        return Value::Null;
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return example(&schemas[target], name, schemas, depth + 1);
    }
    if !schema["example"].is_null() {
        return schema["example"].clone();
    }
    if let Some(first) = schema["examples"].as_array().or(schema["enum"].as_array()).and_then(|values| values.first()) {
        return first.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let fields = parts.iter().filter_map(|part| example(part, name, schemas, depth + 1).as_object().cloned());
        return Value::Object(fields.flatten().collect());
    }
    let choices = schema["oneOf"].as_array().or(schema["anyOf"].as_array()).into_iter().flatten();
    if let Some(choice) = choices.into_iter().find(|choice| choice["type"] != "null") {
        return example(choice, name, schemas, depth + 1);
    }
    match kind(schema) {
        "object" => object(schema, schemas, depth),
        "array" => Value::Array(vec![example(&schema["items"], name, schemas, depth + 1)]),
        kind => simple(kind, name, schema),
    }
}

/// Its first type that is not null.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null"),
        _ if schema["properties"].is_object() => "object",
        _ => "",
    }
}

fn object(schema: &Value, schemas: &Value, depth: usize) -> Value {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut fields: Map<String, Value> = properties
        .map(|(name, property)| {
            // People have names of another kind than things.
            let looks_like =
                if name == "name" && schema["properties"]["phoneNo"].is_object() { "fullName" } else { name };
            (name.clone(), example(property, looks_like, schemas, depth + 1))
        })
        .filter(|(_, value)| !value.is_null())
        .collect();
    if fields.is_empty() && schema["additionalProperties"].is_object() {
        fields.insert("self".to_owned(), example(&schema["additionalProperties"], "self", schemas, depth + 1));
    }
    Value::Object(fields)
}

fn simple(kind: &str, name: &str, schema: &Value) -> Value {
    let known = FIELDS.iter().find(|(field, _)| *field == name).and_then(|(_, text)| serde_json::from_str(text).ok());
    let fits = |value: &Value| match kind {
        "integer" | "number" => value.is_number(),
        "string" => value.is_string(),
        _ => false,
    };
    match (known.filter(fits), kind) {
        (Some(value), _) => value,
        (None, "string") if schema["format"] == "date-time" => json!(INSTANT),
        (None, "string") => json!("…"),
        (None, "integer" | "number") => {
            schema.get("minimum").filter(|least| least.as_i64() > Some(1)).cloned().unwrap_or(json!(1))
        }
        (None, "boolean") => json!(true),
        _ => Value::Null,
    }
}
