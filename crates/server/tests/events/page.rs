//! The page, from the types.

use std::path::Path;

use platform::bus::render;
use platform::db::Cursor;
use platform::log::Event;
use serde_json::{Map, Value, json};

use super::Told;
use super::source::{Member, Types};

const BEGINNING: &str = "# Events

What the contexts tell each other, as it stands in their logs and, with `bus.url = kafka://…`, in their topics. It is public
contract: fields are added, none changes its meaning. Written from where the events are defined; `tests/events.rs` says when
it is out of date.

A message is a CloudEvents 1.0 envelope in JSON, with the aggregate's number as its key:

| attribute | is |
|---|---|
| `specversion` | `1.0` |
| `id` | the place of the event in its log, `XID:POSITION`; unique for each `source` |
| `source` | whose log it is: `onepoint/<context>`, with `bus.prefix` in front |
| `type` | what happened; `mark` says how far the log goes where its last rows are no events, and has no `data` |
| `time` | when, RFC 3339 in UTC |
| `previous` | the place up to which everything had been published before this message |
| `subject` | the aggregate that it happened to, a whole number |
| `sequence` | rises by one with each event of the aggregate, where the context counts them; otherwise 0 |
| `traceparent` | where the command behind it stands in a W3C trace, if it stands in one |
| `datacontenttype` | `application/json`; `text/plain` for data that this program itself cannot read |
| `data` | the fields of the type, as below |

Whole numbers of 64 bits are strings in attributes, because CloudEvents has only 32 bits for numbers. A reader that keeps
the last `id` it has taken in passes over what is not beyond it (the relay repeats after a crash), and takes a message only
if its `previous` is not beyond it either: otherwise something is missing. Places compare by `XID`, then by `POSITION`.
";

/// The whole page.
pub fn page(types: &Types, told: &[Told]) -> String {
    let mut page = BEGINNING.to_owned();
    for told in told {
        let file = Path::new(told.file);
        let (file, definition) = types.find(file, told.name).expect("the events of a context");
        page.push_str(&format!("\n## {}\n\nTopic `onepoint.{}`.\n", told.context, told.context));
        for (member, (_, example)) in definition.members.iter().zip(examples(types, told)) {
            page.push_str(&format!("\n### {}\n\n{}\n", member.name, plain(&member.words)));
            page.push_str("\n| field | type | meaning |\n|---|---|---|\n");
            for row in fields_of(types, file, member) {
                let Row { name, kind, words, .. } = row;
                page.push_str(&format!("| `{name}` | {kind} | {} |\n", plain(&words)));
            }
            page.push_str(&format!("\n```json\n{example}\n```\n"));
        }
    }
    page
}

/// Each type of event with an example as it is published.
pub fn examples(types: &Types, told: &Told) -> Vec<(String, String)> {
    let (file, definition) = types.find(Path::new(told.file), told.name).expect("the events of a context");
    let example = |member: &Member| {
        let fields = fields_of(types, file, member);
        let data: Map<String, Value> = fields.into_iter().map(|row| (row.name, row.example)).collect();
        let event = Event {
            cursor: Cursor { xid: 0, position: 1_042 },
            kind: member.name.clone(),
            subject: 17,
            sequence: 3,
            at_ms: 1_767_225_600_123,
            data: Value::Object(data).to_string(),
            origin: None,
        };
        let mut text = String::new();
        render(&mut text, &format!("onepoint/{}", told.context), &event, Cursor { xid: 0, position: 1_041 });
        (member.name.clone(), text)
    };
    definition.members.iter().map(example).collect()
}

struct Row {
    name: String,
    kind: String,
    words: String,
    example: Value,
}

/// The fields of a variant, or of the struct that it holds.
fn fields_of(types: &Types, file: &Path, variant: &Member) -> Vec<Row> {
    match &variant.kind {
        Some(held) => rows_of_struct(types, file, held),
        None => rows(types, file, &variant.fields),
    }
}

fn rows_of_struct(types: &Types, file: &Path, name: &str) -> Vec<Row> {
    let (file, held) = types.find(file, name).unwrap_or_else(|| panic!("{name} is defined nowhere"));
    rows(types, file, &held.members)
}

fn rows(types: &Types, file: &Path, fields: &[Member]) -> Vec<Row> {
    let row = |field: &Member| {
        let kind = field.kind.as_deref().unwrap_or_default();
        if field.is_flat {
            return rows_of_struct(types, file, kind);
        }
        let (described, example) = described(types, file, &field.name, kind);
        vec![Row { name: field.name.clone(), kind: described, words: field.words.clone(), example }]
    };
    fields.iter().flat_map(row).collect()
}

/// The JSON type of a Rust type, and an example of it.
fn described(types: &Types, file: &Path, name: &str, kind: &str) -> (String, Value) {
    let inside = |outer: &str| kind.strip_prefix(outer).and_then(|rest| rest.strip_suffix('>'));
    if let Some(inner) = inside("Option<") {
        let (kind, example) = described(types, file, name, inner);
        return (format!("{kind}, or none"), example);
    }
    if let Some(inner) = inside("Vec<") {
        let (kind, example) = described(types, file, name, inner);
        return (format!("array: {kind}"), json!([example]));
    }
    match kind {
        "i64" if name.ends_with("Ms") => ("integer".to_owned(), json!(1_767_225_600_000_i64)),
        "i64" if name.to_lowercase().ends_with("month") => ("integer".to_owned(), json!(202_601)),
        "i64" => ("integer".to_owned(), json!(17)),
        "bool" => ("boolean".to_owned(), json!(true)),
        "String" if name.ends_with("Date") => ("string".to_owned(), json!("2026-01-01")),
        "String" if name == "month" => ("string".to_owned(), json!("202601")),
        "String" => ("string".to_owned(), json!("…")),
        named => of_named(types, file, named),
    }
}

fn of_named(types: &Types, file: &Path, named: &str) -> (String, Value) {
    let (file, definition) = types.find(file, named).unwrap_or_else(|| panic!("{named} is defined nowhere"));
    if !definition.is_enum {
        let rows = rows(types, file, &definition.members);
        let names: Vec<String> = rows.iter().map(|row| format!("`{}` {}", row.name, row.kind)).collect();
        let example: Map<String, Value> = rows.into_iter().map(|row| (row.name, row.example)).collect();
        return (format!("object: {}", names.join(", ")), Value::Object(example));
    }
    let first = definition.members.first().expect("an enum with variants");
    let names: Vec<String> = definition.members.iter().map(|member| format!("`{}`", member.name)).collect();
    match &first.kind {
        None => (format!("string: {}", names.join(", ")), json!(first.name)),
        Some(held) => {
            let (kind, example) = described(types, file, &first.name, held);
            (format!("object with one of {}: {kind}", names.join(", ")), json!({ first.name.clone(): example }))
        }
    }
}

/// Words of a comment without links into the source, fit for a table.
fn plain(words: &str) -> String {
    words.replace("[`", "`").replace("`]", "`").replace('|', "\\|")
}
