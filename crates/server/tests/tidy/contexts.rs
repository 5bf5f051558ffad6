//! The rules between contexts: each has its own tables, and is known to the others by a few names only.

use std::collections::BTreeMap;

use super::scanner::{Source, scan};
use super::tree::File;

/// What contexts may know of each other: the trait with the questions, what it answers, and the events of the log; of
/// coupon and payment also what `onepoint verify` compares pages, carts and memberships with.
const KNOWN: &[(&str, &[&str])] = &[
    ("member", &["MemberApi", "Contacts"]),
    ("notification", &[]),
    (
        "point",
        &[
            "PointApi",
            "PointEvent",
            "EntryFacts",
            "DonationQuestion",
            "DealQuestion",
            "DealtFacts",
            "HoldQuestion",
            "PaymentQuestion",
        ],
    ),
    ("coupon", &["CouponApi", "HeldCoupons"]),
    ("donation", &[]),
    ("deal", &["DealApi"]),
    ("mypage", &[]),
    ("payment", &["Paid"]),
    ("gifticon", &["GifticonApi", "ReserveStock", "ReservedStock", "Revocation"]),
    ("cart", &["CartApi", "Claim"]),
    ("dashboard", &[]),
    ("product", &["ProductApi", "ReserveUnit", "ReservedUnit", "KnownUnits"]),
    ("membership", &["MembershipApi"]),
];

/// Words behind which SQL names a table.
const BEFORE_TABLES: &[&str] = &["from", "into", "update", "join", "table"];
/// Words with which SQL begins; any other text is for people.
const STATEMENTS: &[&str] = &["select", "insert", "update", "delete", "with", "create", "alter", "drop", "replace"];

/// What the migrations of each context created: `NNNN_<context>_<what>.sql`.
pub struct Schema(BTreeMap<String, Vec<String>>);

impl Schema {
    /// Reads the tables and sequences of every context.
    pub fn read(migrations: &[File]) -> Self {
        let mut created: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for file in migrations {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let context = name.split(['_', '.']).nth(1).unwrap_or_default();
            created.entry(context.to_owned()).or_default().extend(names_created(&file.text));
        }
        Self(created)
    }

    fn has(&self, context: &str, name: &str) -> bool {
        self.0.get(context).is_some_and(|names| names.iter().any(|created| created == name))
    }

    /// How many names are known, so that a test can tell that they were read.
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// Tables after `CREATE TABLE` and `RENAME TO`, and sequences after the token `{sequence`.
fn names_created(sql: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in sql.lines().filter(|line| !line.trim_start().starts_with("--")) {
        let words: Vec<&str> = line.split([' ', '(', '}']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            ["CREATE", "TABLE", name, ..] | ["{sequence", name, ..] => names.push((*name).to_owned()),
            ["ALTER", "TABLE", _, "RENAME", "TO", name] => names.push(name.trim_end_matches(';').to_owned()),
            _ => {}
        }
    }
    names
}

/// A context reads and writes what its own migrations created, and nothing else.
pub fn foreign_tables(file: &File, schema: &Schema) -> Vec<String> {
    let Some(context) = file.context().filter(|_| !file.is_test()) else { return Vec::new() };
    let source = scan(&file.text).without_tests();
    let in_sql = source.strings.iter().flat_map(|piece| tables_in(&piece.text).into_iter().map(|t| (piece.line, t)));
    let found = in_sql.chain(tables_in_code(&source)).filter(|(_, table)| !schema.has(context, table));
    let mut found: Vec<String> = found
        .map(|(line, table)| format!("{}:{line}: {context} has no table or sequence '{table}'", file.path))
        .collect();
    let own = format!("_{context}_");
    let schemas =
        source.strings.iter().filter(|piece| piece.text.contains("migrations/") && !piece.text.contains(&own));
    found.extend(schemas.map(|piece| format!("{}:{}: takes over another's migration", file.path, piece.line)));
    found
}

/// The tables that a piece of SQL names; nothing if the text is no SQL.
pub fn tables_in(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || "(),;=".contains(c)).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let is_sql = words.first().is_some_and(|first| STATEMENTS.contains(&first.to_lowercase().as_str()));
    if !is_sql {
        return Vec::new();
    }
    let named = words.windows(2).filter(|pair| BEFORE_TABLES.contains(&pair[0].to_lowercase().as_str()));
    let own = own_name(&words);
    // A name that is filled in later comes from a table constant, which is looked at where it stands.
    named
        .map(|pair| pair[1])
        .filter(|name| !name.contains('{') && !name.eq_ignore_ascii_case("set") && Some(*name) != own)
        .map(str::to_owned)
        .collect()
}

/// What a statement calls its own first part: `WITH RECURSIVE name AS (`.
fn own_name<'a>(words: &[&'a str]) -> Option<&'a str> {
    let is = |word: &str, wanted: &str| word.eq_ignore_ascii_case(wanted);
    match words {
        [with, recursive, name, as_, ..] if is(with, "with") && is(recursive, "recursive") && is(as_, "as") => {
            Some(name)
        }
        [with, name, as_, ..] if is(with, "with") && is(as_, "as") => Some(name),
        _ => None,
    }
}

/// Names of `Table { name: "…" }` and of the sequences in `next_ids("…")`.
fn tables_in_code(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, name) in source.names() {
        let behind = source.after(at + name.len(), 7);
        let named =
            (name == "Table" && behind.starts_with("{name:")) || (name == "next_ids" && behind.starts_with("(\""));
        let first = source.strings.iter().find(|piece| piece.start > at);
        if let (true, Some(piece)) = (named, first) {
            found.push((piece.line, piece.text.clone()));
        }
    }
    found
}

/// Contexts know each other by the names in [`KNOWN`], and by no path that leads around them.
pub fn foreign_insides(file: &File) -> Vec<String> {
    let Some(context) = file.context().filter(|_| !file.is_test()) else { return Vec::new() };
    let source = scan(&file.text).without_tests();
    let names = source.names();
    let mut found = Vec::new();
    for (place, (at, name)) in names.iter().enumerate() {
        let next = names.get(place + 1).map(|(_, next)| next.as_str());
        let behind = at + name.len();
        if name == "crate" && source.after(behind, 2) == "::" {
            found.extend(
                paths(&source, behind).into_iter().filter(|path| !is_known(context, path)).map(|path| (*at, path)),
            );
        }
        if name == "super" && next != Some("super") && leaves_context(file, &names[..=place], &source) {
            found.push((*at, "super".to_owned() + "::…"));
        }
    }
    found.sort();
    found.dedup();
    found.into_iter().map(|(at, path)| format!("{}:{}: {context} uses {path}", file.path, source.line(at))).collect()
}

/// `crate::a::b` as `a::b`; `crate::a::{b, c::d}` as `a::b` and `a::c`; no deeper than that.
fn paths(source: &Source, at: usize) -> Vec<String> {
    let text: String = source.code[at..].iter().take(1_000).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ::", "::").replace(":: ", "::");
    let Some(text) = text.strip_prefix("::") else { return Vec::new() };
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    if text.starts_with('{') {
        // `use crate::{a, b}` hides what it takes behind a whole context.
        return vec!["{…} of the crate".to_owned()];
    }
    let first = name(text);
    let Some(rest) = text[first.len()..].strip_prefix("::") else { return vec![first] };
    match rest.strip_prefix('{').and_then(|list| list.split_once('}')) {
        Some((list, _)) => list
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| format!("{first}::{}", name(item)))
            .collect(),
        None => vec![format!("{first}::{}", name(rest))],
    }
}

/// Whether `context` may name this path of the crate.
fn is_known(context: &str, path: &str) -> bool {
    let (first, second) = path.split_once("::").unwrap_or((path, ""));
    if first == context || first == "kit" {
        return true;
    }
    KNOWN.iter().any(|(other, names)| *other == first && names.contains(&second))
}

/// Whether the last of these `super` leads to the root of the crate, from where every context can be reached.
fn leaves_context(file: &File, names: &[(usize, String)], source: &Source) -> bool {
    let parts = file.path.trim_start_matches("crates/app/src/").split('/');
    let depth = parts.filter(|part| *part != "mod.rs").count();
    let ups = names.iter().rev().take_while(|(_, name)| name == "super").count();
    let is_path = names.last().is_some_and(|(at, name)| source.after(at + name.len(), 2) == "::");
    is_path && ups >= depth
}
