//! A search for bytes in every file of a folder.

use std::collections::BTreeMap;
use std::path::Path;

/// Bytes that are looked for, all of them at once.
pub struct Needles {
    all: Vec<Vec<u8>>,
    /// By their first two bytes.
    starts: Vec<Vec<usize>>,
}

impl Needles {
    /// What is looked for; at least four bytes each, or chance would find it.
    pub fn new<B: Into<Vec<u8>>>(all: impl IntoIterator<Item = B>) -> Self {
        let all: Vec<Vec<u8>> = all.into_iter().map(Into::into).collect();
        let mut starts = vec![Vec::new(); 1 << 16];
        for (number, needle) in all.iter().enumerate() {
            assert!(needle.len() >= 4, "{needle:?} is too short");
            starts[place(needle)].push(number);
        }
        Self { all, starts }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The needles that stand anywhere in the folder or below, by their number, each with a file in which it does.
    pub fn found_below(&self, folder: &Path) -> BTreeMap<usize, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            // A server and a running program remove files while they are looked at.
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for path in entries.map(|entry| entry.expect("an entry").path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(bytes) = std::fs::read(&path) {
                    self.look_at(&bytes, &mut |needle| drop(found.insert(needle, path.display().to_string())));
                }
            }
        }
        found
    }

    fn look_at(&self, bytes: &[u8], tell: &mut dyn FnMut(usize)) {
        for at in 0..bytes.len().saturating_sub(1) {
            for &number in &self.starts[place(&bytes[at..])] {
                if bytes[at..].starts_with(&self.all[number]) {
                    tell(number);
                }
            }
        }
    }
}

fn place(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

#[test]
fn what_is_there_is_found_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("below")).expect("a folder");
    std::fs::write(folder.path().join("below/one"), b"\0\0canarycanary\xff").expect("a file");
    std::fs::write(folder.path().join("two"), "카나리아").expect("a file");
    let needles = Needles::new(["canary", "canarz", "나리아", "카나리안"]);
    assert_eq!(needles.found_below(folder.path()).into_keys().collect::<Vec<_>>(), [0, 2]);
}
