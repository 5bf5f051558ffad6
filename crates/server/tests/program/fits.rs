//! Whether a value fits a schema of the description: the part of JSON Schema that the description uses.

use serde_json::Value;

/// What is wrong with a value, as sentences; nothing if it fits.
pub fn misfits(value: &Value, schema: &Value, whole: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look(value, schema, whole, "", &mut found);
    found
}

fn look(value: &Value, schema: &Value, whole: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(target) = schema["$ref"].as_str() {
        match whole.pointer(target.trim_start_matches('#')) {
            Some(target) => look(value, target, whole, at, found),
            None => found.push(format!("{at}: {target} leads nowhere")),
        }
        return;
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        look(value, part, whole, at, found);
    }
    for choices in [&schema["oneOf"], &schema["anyOf"]] {
        let choices = choices.as_array().map(Vec::as_slice).unwrap_or_default();
        if !choices.is_empty() && !choices.iter().any(|choice| misfits(value, choice, whole).is_empty()) {
            found.push(format!("{at}: {value} is none of the choices"));
        }
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_of(value, kind)) {
        found.push(format!("{at}: {value} is not of {kinds:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        found.push(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    bounds(value, schema, at, found);
    fields(value, schema, whole, at, found);
    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
        look(item, &schema["items"], whole, &format!("{at}/{place}"), found);
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    }
}

fn bounds(value: &Value, schema: &Value, at: &str, found: &mut Vec<String>) {
    let least = schema["minimum"].as_i64().zip(value.as_i64()).is_some_and(|(least, value)| value < least);
    let most = schema["maximum"].as_i64().zip(value.as_i64()).is_some_and(|(most, value)| value > most);
    let length = value.as_str().map(|text| text.chars().count() as u64);
    let short = schema["minLength"].as_u64().zip(length).is_some_and(|(least, length)| length < least);
    let long = schema["maxLength"].as_u64().zip(length).is_some_and(|(most, length)| length > most);
    if least || most || short || long {
        found.push(format!("{at}: {value} is out of bounds"));
    }
}

fn fields(value: &Value, schema: &Value, whole: &Value, at: &str, found: &mut Vec<String>) {
    let Some(fields) = value.as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(required) {
            found.push(format!("{at}: {required} is missing"));
        }
    }
    for (name, field) in fields {
        let (known, others) = (&schema["properties"][name], &schema["additionalProperties"]);
        match (known.is_null(), others) {
            (false, _) => look(field, known, whole, &format!("{at}/{name}"), found),
            (true, Value::Bool(false)) => found.push(format!("{at}: {name} is not described")),
            (true, Value::Object(_)) => look(field, others, whole, &format!("{at}/{name}"), found),
            (true, _) => {}
        }
    }
}
