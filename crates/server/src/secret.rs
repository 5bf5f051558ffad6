//! The programme's secret: from the settings, or made at the first start and kept beside the data.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
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
    if is_given || kept_at(Path::new(settings.text("data"))).exists() {
        return programme_secret(settings).map(Some);
    }
    Ok(None)
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

fn kept_secret(data: &Path) -> Result<String> {
    let path = kept_at(data);
    let cannot = |error: std::io::Error| {
        Error::new(ErrorKind::Conflict, "config.secret", format!("cannot use {}", path.display())).caused_by(error)
    };
    if path.exists() {
        return fs::read_to_string(&path).map(|text| text.trim().to_owned()).map_err(cannot);
    }
    make_private_folder(data).map_err(cannot)?;
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Error::internal("the machine gives no random numbers"))?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)?;
    Ok(text)
}
