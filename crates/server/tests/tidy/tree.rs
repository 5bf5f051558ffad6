//! The files of this repository, as the rules see them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of the repository.
pub struct File {
    /// Its path below the root, with `/` between the parts.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl File {
    /// A file that exists only in a test.
    pub fn of(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether it holds nothing but tests.
    pub fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs"))
    }

    /// The context it belongs to: the folder below `crates/app/src`.
    pub fn context(&self) -> Option<&str> {
        let (context, _) = self.path.strip_prefix("crates/app/src/")?.split_once('/')?;
        Some(context)
    }
}

/// Every Rust file of the workspace.
pub fn rust_files() -> Vec<File> {
    files_below("crates", "rs")
}

/// Every migration.
pub fn migrations() -> Vec<File> {
    files_below("migrations", "sql")
}

/// One file.
pub fn read(path: &str) -> File {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    File::of(path, &text)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files_below(folder: &str, ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    collect(&root().join(folder), folder, ending, &mut found);
    assert!(!found.is_empty(), "no .{ending} files below {folder}: the rules would check nothing");
    found
}

fn collect(folder: &Path, name: &str, ending: &str, found: &mut Vec<File>) {
    let listed = fs::read_dir(folder).unwrap_or_else(|error| panic!("{name}: {error}"));
    // In the order of their names, so that findings come in the same order everywhere.
    let entries: BTreeMap<String, PathBuf> = listed
        .map(|entry| entry.expect("a listed entry can be read").path())
        .map(|path| (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), path))
        .collect();
    for (entry, path) in entries {
        let name = format!("{name}/{entry}");
        if path.is_dir() {
            collect(&path, &name, ending, found);
        } else if path.extension().is_some_and(|found| found == ending) {
            found.push(read(&name));
        }
    }
}
