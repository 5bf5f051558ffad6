//! Keeps a list of what the server has acknowledged, so that a test that kills the server can check that all of it is still there.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Appends a line `KEY ID` for each acknowledged write. Lines appear in the file at [`AckedFile::flush`] at the latest.
#[derive(Debug)]
pub(super) struct AckedFile {
    path: PathBuf,
    out: BufWriter<File>,
    failure: Option<std::io::Error>,
}

impl AckedFile {
    /// Opens the file for appending and creates it if it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|cause| format!("cannot write --acked {}: {cause}", path.display()))?;
        Ok(Self { path: path.to_owned(), out: BufWriter::new(file), failure: None })
    }

    /// Notes one acknowledged write: its key, and the number that the server gave it in `body`.
    pub(super) fn note(&mut self, key: &[u8], body: &[u8]) {
        let line = [key, b" ", created_id(body).to_string().as_bytes(), b"\n"].concat();
        let written = self.out.write_all(&line);
        self.keep(written);
    }

    /// Hands everything noted so far to the operating system.
    pub(super) fn flush(&mut self) {
        let flushed = self.out.flush();
        self.keep(flushed);
    }

    /// The first failure since the file was opened: with one, the list is not complete.
    pub(super) fn finish(mut self) -> Result<(), String> {
        self.flush();
        match self.failure {
            None => Ok(()),
            Some(cause) => Err(format!("--acked {} is not complete: {cause}", self.path.display())),
        }
    }

    fn keep(&mut self, result: std::io::Result<()>) {
        if let Err(cause) = result {
            self.failure.get_or_insert(cause);
        }
    }
}

/// The `entryId` of a transaction, the `dealId` of a deal, the `cartId` of a cart or the `memberId` of a join, as JSON text; `-` if the body has none.
fn created_id(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let id = ["entryId", "dealId", "cartId"].iter().find_map(|name| body.get(*name)).or_else(|| body.get("memberId"));
    id.map_or_else(|| "-".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_acknowledged_write_is_a_line_and_a_second_run_appends() {
        let path = std::env::temp_dir().join(format!("onepoint-acked-{}", std::process::id()));
        for key in [b"a-1", b"b-1"] {
            let mut acked = AckedFile::open(&path).expect("the temporary directory is writable");
            acked.note(key, br#"{"entryId":7,"memberId":1}"#);
            acked.finish().expect("nothing failed");
        }
        let text = std::fs::read_to_string(&path).expect("it was written");
        std::fs::remove_file(&path).expect("it is there");
        assert_eq!(text, "a-1 7\nb-1 7\n");
    }

    #[test]
    fn entry_and_deal_go_before_the_member() {
        assert_eq!(created_id(br#"{"memberId":3,"entryId":4}"#), "4");
        assert_eq!(created_id(br#"{"memberId":3,"dealId":5}"#), "5");
        assert_eq!(created_id(br#"{"cartId":6,"gifticonId":1}"#), "6");
        assert_eq!(created_id(br#"{"memberId":3}"#), "3");
        assert_eq!(created_id(b"?"), "-");
    }
}
