//! Reads type definitions, as rustfmt writes them: names, fields, words beside them, and what serde is told.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The definitions of a program by file and name.
pub struct Types(HashMap<(PathBuf, String), Definition>);

/// A struct or an enum.
#[derive(Debug, Default)]
pub struct Definition {
    pub is_enum: bool,
    pub members: Vec<Member>,
}

/// A field or a variant.
#[derive(Debug, Default, Clone)]
pub struct Member {
    /// As on the wire.
    pub name: String,
    pub words: String,
    pub is_flat: bool,
    /// Of a field; or of a variant that holds one value.
    pub kind: Option<String>,
    /// Of a variant with fields.
    pub fields: Vec<Member>,
}

impl Types {
    /// Those of the rules, and of the ledger's entries.
    pub fn read(crates: &Path) -> Self {
        let mut types = HashMap::new();
        for folder in ["domain/src", "app/src/point"] {
            read_folder(&crates.join(folder), crates, &mut types);
        }
        Self(types)
    }

    /// The definition of this name that is nearest to `file`.
    pub fn find(&self, file: &Path, name: &str) -> Option<(&Path, &Definition)> {
        let name = name.rsplit("::").next().unwrap_or(name);
        let shared = |path: &Path| path.components().zip(file.components()).take_while(|(a, b)| a == b).count();
        let found = self.0.iter().filter(|((_, known), _)| known == name);
        let ((path, _), definition) = found.max_by_key(|((path, _), _)| (path == file, shared(path)))?;
        Some((path, definition))
    }
}

fn read_folder(folder: &Path, root: &Path, types: &mut HashMap<(PathBuf, String), Definition>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_folder(&path, root, types);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let file = path.strip_prefix(root).expect("below the crates").to_path_buf();
            let mut lines = text.lines().peekable();
            let mut serde = Vec::new();
            while let Some(line) = lines.next() {
                if let Some((name, is_enum)) = opening(line) {
                    let renames = ["rename_all", "rename_all_fields"].map(|key| told(&serde, key));
                    let members = members(&mut lines, "}", &renames, is_enum);
                    types.insert((file.clone(), name), Definition { is_enum, members });
                }
                if line.starts_with("#[serde") {
                    serde.push(line.to_owned());
                } else if !line.starts_with('#') && !line.starts_with("///") {
                    serde.clear();
                }
            }
        }
    }
}

/// The name of the type that begins here, and whether it is an enum.
fn opening(line: &str) -> Option<(String, bool)> {
    let rest = line.strip_suffix(" {")?;
    let kinds = [("pub struct ", false), ("pub enum ", true)];
    kinds.into_iter().find_map(|(begin, is_enum)| rest.strip_prefix(begin).map(|name| (name.to_owned(), is_enum)))
}

/// What serde is told under this key.
fn told(serde: &[String], key: &str) -> Option<String> {
    let begin = format!("{key} = \"");
    let value = serde.iter().find_map(|line| line.split_once(&begin))?.1;
    value.split_once('"').map(|(value, _)| value.to_owned())
}

/// The members up to the line that ends them.
fn members<'a>(
    lines: &mut impl Iterator<Item = &'a str>,
    end: &str,
    renames: &[Option<String>; 2],
    is_enum: bool,
) -> Vec<Member> {
    let (mut found, mut words, mut serde) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(line) = lines.next() {
        let text = line.trim();
        if line.trim_end() == end {
            break;
        }
        if let Some(word) = text.strip_prefix("///") {
            words.push(word.trim().to_owned());
        } else if text.starts_with("#[serde") {
            serde.push(text.to_owned());
        } else if !text.is_empty() && !text.starts_with('#') && !text.starts_with("//") {
            let mut member = if is_enum { variant(text, lines, renames) } else { field(text) };
            let style = renames[0].as_deref();
            member.name = told(&serde, "rename").unwrap_or_else(|| renamed(&member.name, style));
            member.is_flat = serde.iter().any(|line| line.contains("flatten"));
            member.words = words.join(" ");
            found.push(member);
            (words, serde) = (Vec::new(), Vec::new());
        }
    }
    found
}

/// `pub name: Type,`
fn field(text: &str) -> Member {
    let text = text.strip_prefix("pub ").unwrap_or(text).trim_end_matches(',');
    let (name, kind) = text.split_once(": ").unwrap_or((text, ""));
    Member { name: name.to_owned(), kind: Some(kind.to_owned()), ..Member::default() }
}

/// `Name,`, `Name(Type),` or `Name {` with fields in the lines that follow.
fn variant<'a>(text: &str, lines: &mut impl Iterator<Item = &'a str>, renames: &[Option<String>; 2]) -> Member {
    let text = text.trim_end_matches(',');
    if let Some(name) = text.strip_suffix(" {") {
        let fields = members(lines, "    },", &[renames[1].clone(), None], false);
        return Member { name: name.to_owned(), fields, ..Member::default() };
    }
    let inner = text.split_once('(').map(|(_, rest)| rest.trim_end_matches(')').to_owned());
    let name = text.split('(').next().unwrap_or(text);
    Member { name: name.to_owned(), kind: inner, ..Member::default() }
}

/// A name as serde writes it.
fn renamed(name: &str, style: Option<&str>) -> String {
    let words: Vec<String> = if name.contains('_') || name.chars().all(|letter| !letter.is_ascii_uppercase()) {
        name.split('_').map(str::to_owned).collect()
    } else {
        let mut words: Vec<String> = Vec::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() || words.is_empty() {
                words.push(String::new());
            }
            words.last_mut().expect("there is one").push(letter.to_ascii_lowercase());
        }
        words
    };
    let capital = |word: &String| format!("{}{}", word[..1].to_ascii_uppercase(), &word[1..]);
    match style {
        Some("SCREAMING_SNAKE_CASE") => words.join("_").to_ascii_uppercase(),
        Some("snake_case") => words.join("_"),
        Some("camelCase") => words[..1].iter().cloned().chain(words[1..].iter().map(capital)).collect(),
        Some(other) => panic!("no name is written in {other} yet"),
        None => name.to_owned(),
    }
}
