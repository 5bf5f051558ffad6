//! The programme's secret: from the settings, or made at the first start and kept beside the data.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use platform::db::make_private_folder;
use platform::error::{Error, ErrorKind, Result};

use crate::config::Settings;

const SECRET_BYTES: usize = 32;

/// The secret under which contact data is sealed and digests of phone numbers are kept.
///
/// # Errors
/// `config.secret` for one shorter than 32 bytes, or if it can be neither read nor made.
pub fn programme_secret(settings: &Settings) -> Result<Arc<[u8]>> {
    let given = settings.text("programme.secret");
    long_enough(if given.is_empty() { kept_secret(Path::new(settings.text("data")))? } else { given.to_owned() })
}

/// The secret, if there is one already. Makes none.
///
/// # Errors
/// As [`programme_secret`].
pub fn present_secret(settings: &Settings) -> Result<Option<Arc<[u8]>>> {
    let is_given = !settings.text("programme.secret").is_empty();
    if is_given {
        return programme_secret(settings).map(Some);
    }
    let path = kept_at(Path::new(settings.text("data")));
    read_kept(&path).map_err(|error| cannot_use(&path, error))?.map(long_enough).transpose()
}

fn long_enough(secret: String) -> Result<Arc<[u8]>> {
    if secret.len() < SECRET_BYTES {
        let message = "programme.secret has less than 32 bytes; make one with: head -c 32 /dev/urandom | base64";
        return Err(Error::new(ErrorKind::Invalid, "config.secret", message));
    }
    Ok(secret.into_bytes().into())
}

fn kept_at(data: &Path) -> PathBuf {
    data.join("programme.secret")
}

fn cannot_use(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Conflict, "config.secret", format!("cannot use {}", path.display())).caused_by(error)
}

/// What the file holds. Nothing is sealed under an empty one: it is as good as none.
fn read_kept(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn kept_secret(data: &Path) -> Result<String> {
    let path = kept_at(data);
    let cannot = |error| cannot_use(&path, error);
    if let Some(text) = read_kept(&path).map_err(cannot)? {
        return Ok(text);
    }
    make_private_folder(data).map_err(cannot)?;
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Error::internal("the machine gives no random numbers"))?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    keep(data, &path, text).map_err(cannot)
}

/// Keeps a secret, so that no power cut takes it from what is sealed under it; the one that another process on this
/// folder kept first, if there was one.
fn keep(data: &Path, path: &Path, text: String) -> io::Result<String> {
    let beside = path.with_extension("secret.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&beside)?;
    file.lock()?;
    if let Some(kept) = read_kept(path)? {
        // Nobody who finds this one kept needs what stands beside it.
        let _ = fs::remove_file(&beside);
        return Ok(kept);
    }
    file.set_len(0)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(data)?.sync_all()?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_kept_and_an_empty_file_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = kept_secret(folder.path()).expect("a secret");
        assert_eq!(made.len(), 2 * SECRET_BYTES);
        assert_eq!(kept_secret(folder.path()).expect("the same"), made);
        // What a kill may leave: a file that nothing was written to, and one beside it with half of a secret.
        fs::write(kept_at(folder.path()), "").expect("an empty file");
        fs::write(folder.path().join("programme.secret.new"), "0123456789".repeat(20)).expect("a rest");
        assert_eq!(read_kept(&kept_at(folder.path())).expect("it can be read"), None);
        let again = kept_secret(folder.path()).expect("another");
        assert_ne!(again, made);
        assert_eq!(again.len(), 2 * SECRET_BYTES);
        assert_eq!(kept_secret(folder.path()).expect("the same"), again);
        let names = fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["programme.secret"]);
    }

    #[test]
    fn of_those_who_make_one_at_the_same_time_all_have_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let made: Vec<String> = std::thread::scope(|scope| {
            let make = || kept_secret(folder.path()).expect("a secret");
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(made.iter().all(|secret| *secret == made[0]), "{made:?}");
    }
}
