//! The rules for one Rust file or manifest each; every one returns what it found wrong, as `path:line: what`.

use super::scanner::{Source, scan};
use super::tree::File;

/// Lines that a source file may have.
const FILE_LINES: usize = 400;
/// Lines that a function may have.
const FUNCTION_LINES: usize = 60;

/// Words of the business, which `platform` does not know.
const BUSINESS: &[&str] = &[
    "account",
    "billing",
    "campaign",
    "cart",
    "cause",
    "coupon",
    "deal",
    "donation",
    "earn",
    "forfeit",
    "gifticon",
    "ledger",
    "loyalty",
    "member",
    "membership",
    "merchant",
    "mypage",
    "nickname",
    "notification",
    "payment",
    "phone",
    "point",
    "product",
    "reward",
    "settlement",
    "voucher",
    "welcome",
    "withdrawal",
];

/// What engines understand differently; in string literals, since `any(` is Rust as well.
const DIALECT: &[&str] = &["on conflict", "unnest", "returning", "any("];

/// A file that grew too long hides what is in it.
pub fn long_files(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    let long = lines > FILE_LINES;
    long.then(|| format!("{}: {lines} lines, at most {FILE_LINES}", file.path)).into_iter().collect()
}

/// A function that grew too long does two things.
pub fn long_functions(file: &File) -> Vec<String> {
    let long = scan(&file.text).functions().into_iter().filter(|function| function.lines > FUNCTION_LINES);
    long.map(|f| format!("{}:{}: fn {} has {} lines, at most {FUNCTION_LINES}", file.path, f.line, f.name, f.lines))
        .collect()
}

/// A file says first what it is for.
pub fn missing_openings(file: &File) -> Vec<String> {
    let opens = file.text.starts_with("//!");
    if opens { Vec::new() } else { vec![format!("{}: does not open with //!", file.path)] }
}

/// What was left for later. Looked for in comments and in code, so that a text about it may name it.
pub fn loose_ends(file: &File) -> Vec<String> {
    let source = scan(&file.text);
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let noted = source.comments.iter().filter(|comment| marks.iter().any(|mark| comment.text.contains(mark)));
    let noted = noted.map(|comment| (comment.line, "a comment that puts something off".to_owned()));
    let macros = ["dbg", "todo", "unimplemented"];
    let called = source.names().into_iter().filter(|(at, name)| {
        let behind = source.after(at + name.len(), 2);
        macros.contains(&name.as_str()) && behind.starts_with('!') && behind != "!="
    });
    let called = called.map(|(at, name)| (source.line(at), format!("{name}!")));
    noted.chain(called).map(|(line, what)| format!("{}:{line}: {what}", file.path)).collect()
}

/// `platform` is plumbing: names and texts in it speak of nothing that is sold or given.
pub fn business_words(file: &File) -> Vec<String> {
    if !file.path.starts_with("crates/platform/src/") || file.is_test() {
        return Vec::new();
    }
    let source = scan(&file.text).without_tests();
    let names = source.names().into_iter().map(|(at, name)| (source.line(at), name));
    let texts = source.strings.iter().map(|piece| (piece.line, piece.text.clone()));
    let found = names.chain(texts).flat_map(|(line, text)| words(&text).into_iter().map(move |word| (line, word)));
    found
        .filter(|(_, word)| BUSINESS.contains(&word.as_str()) || BUSINESS.contains(&word.trim_end_matches('s')))
        .map(|(line, word)| format!("{}:{line}: the business word '{word}'", file.path))
        .collect()
}

/// The words of a name or a text: split where it is not a letter, and where CamelCase begins anew.
pub fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        let splits = !c.is_alphabetic() || (c.is_uppercase() && before.is_lowercase());
        if splits {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphabetic(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What differs between engines stands in one place.
pub fn dialect_words(file: &File) -> Vec<String> {
    let at_home = file.path.starts_with("crates/platform/src/db/");
    if at_home || file.is_test() {
        return Vec::new();
    }
    let source = scan(&file.text).without_tests();
    let spoken = source.strings.iter().flat_map(|piece| {
        let text = piece.text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        DIALECT.iter().filter(move |word| stands_in(&text, word)).map(|word| (piece.line, *word))
    });
    spoken.map(|(line, word)| format!("{}:{line}: the dialect word '{word}'", file.path)).collect()
}

/// Whether the word stands in the text and is not part of a longer one.
fn stands_in(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let ends = word.ends_with('(') || !after.is_some_and(|c| c.is_alphanumeric() || c == '_');
        ends && !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The rules depend on nothing that has a clock, a file or a socket.
pub fn impure_domain(manifest: &File, root: &File) -> Vec<String> {
    let depends = dependencies(&manifest.text);
    let mut found: Vec<String> = depends
        .into_iter()
        .filter(|name| name != "serde")
        .map(|name| format!("{}: depends on {name}; only serde is allowed", manifest.path))
        .collect();
    let code: String = scan(&root.text).without_tests().code.into_iter().collect();
    if !code.contains("#![no_std]") {
        found.push(format!("{}: is not #![no_std]", root.path));
    }
    found
}

/// No rule reaches for the standard library, which has a clock.
pub fn standard_library(file: &File) -> Vec<String> {
    if !file.path.starts_with("crates/domain/src/") || file.is_test() {
        return Vec::new();
    }
    let source: Source = scan(&file.text).without_tests();
    let named = source.names().into_iter().filter(|(_, name)| name == "std");
    named.map(|(at, _)| format!("{}:{}: names the standard library", file.path, source.line(at))).collect()
}

/// `server` builds on `app`, `app` on `domain` and `platform`, and these two know nothing of each other.
pub fn wrong_directions(manifest: &File) -> Vec<String> {
    let crates = ["app", "domain", "platform", "server"];
    let allowed: &[&str] = match manifest.path.split('/').nth(1) {
        Some("server") => &["app", "domain", "platform"],
        Some("app") => &["domain", "platform"],
        _ => &[],
    };
    let depends = dependencies(&manifest.text).into_iter();
    depends
        .filter(|name| crates.contains(&name.as_str()) && !allowed.contains(&name.as_str()))
        .map(|name| format!("{}: depends on {name}", manifest.path))
        .collect()
}

/// The names under every kind of dependencies in a manifest but those of tests.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let section = section.trim();
            inside = section.ends_with("dependencies") && !section.ends_with("dev-dependencies");
            if let Some((_, name)) = section.rsplit_once("dependencies.")
                && !section.contains("dev-dependencies")
            {
                names.push(name.to_owned());
            }
        } else if inside && let Some((key, _)) = line.split_once('=') {
            names.push(key.trim().split('.').next().unwrap_or_default().trim_matches('"').to_owned());
        }
    }
    names
}
