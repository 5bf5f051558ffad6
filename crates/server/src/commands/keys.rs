//! `onepoint keys`: API keys, shown once.

use std::path::PathBuf;
use std::process::ExitCode;

use app::kit::OWNERS;
use clap::Subcommand;
use platform::access::Role;
use platform::error::{Error, ErrorKind, Result};
use platform::zone::Zone;

use crate::assembly::clock;
use crate::config::Settings;
use crate::stores::open_access;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key; it is shown once and cannot be read again
    Create {
        /// Whom it is for: operator, merchant, member or service
        #[arg(long, value_parser = ["operator", "merchant", "member", "service"])]
        role: String,
        /// The member's or merchant's number
        #[arg(long, value_name = "NUMBER")]
        owner: Option<i64>,
        /// A name by which you will know it again (default: the role)
        #[arg(long)]
        label: Option<String>,
    },
    /// Take a key in that was made elsewhere, as a file holds it; nothing changes if it is known already
    Adopt {
        /// Whom it is for: operator or service
        #[arg(long, value_parser = ["operator", "service"])]
        role: String,
        /// The file with the key
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// A name by which you will know it again (default: the role)
        #[arg(long)]
        label: Option<String>,
    },
    /// List keys
    List {
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key; servers refuse it within a second
    Revoke {
        /// The key's id, as in the list
        id: String,
    },
}

/// Runs the command.
///
/// # Errors
/// A store that cannot be reached, an unknown key, a role without its owner.
pub fn run(settings: &Settings, command: &KeysCommand) -> Result<ExitCode> {
    let keys = open_access(settings)?;
    let now_ms = clock(settings)?.now_ms();
    let zone = Zone::named(settings.text("timezone"))?;
    match command {
        KeysCommand::Create { role, owner, label } => {
            let role = named(role)?;
            let label = label.as_deref().unwrap_or(role.name());
            let (key, text) = keys.create(role, *owner, label, now_ms)?;
            eprintln!(
                "Key {} for {}. Keep it now: it is not shown again. Send it as 'Authorization: Bearer …'.",
                key.id,
                key.role.name()
            );
            println!("{text}");
        }
        KeysCommand::Adopt { role, from, label } => {
            let role = named(role)?;
            let text = std::fs::read_to_string(from).map_err(|error| {
                let message = format!("cannot read the key in '{}'", from.display());
                Error::new(ErrorKind::Invalid, "config.unreadable", message).caused_by(error)
            })?;
            let is_new = keys.adopt(role, label.as_deref().unwrap_or(role.name()), text.trim(), now_ms)?;
            println!("{}", if is_new { "taken in" } else { "known already" });
        }
        KeysCommand::List { json: true } => {
            let text = serde_json::to_string_pretty(&keys.list()?)
                .map_err(|error| Error::internal("the list cannot be written").caused_by(error))?;
            println!("{text}");
        }
        KeysCommand::List { json: false } => {
            println!("{:<10} {:<10} {:>8}  {:<30} label", "id", "role", "owner", "made");
            for key in keys.list()? {
                let owner = key.owner_id.map_or(String::new(), |owner| owner.to_string());
                let state =
                    key.revoked_at_ms.map_or(String::new(), |at_ms| format!(" (revoked {})", zone.format(at_ms)));
                println!(
                    "{:<10} {:<10} {owner:>8}  {:<30} {}{state}",
                    key.id,
                    key.role.name(),
                    zone.format(key.created_at_ms),
                    key.label
                );
            }
        }
        KeysCommand::Revoke { id } => {
            let key = keys.revoke(id, now_ms)?;
            println!("{} is revoked", key.id);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn named(role: &str) -> Result<Role> {
    Role::named(role, OWNERS).ok_or_else(|| Error::new(ErrorKind::Invalid, "config.role", "there is no such role"))
}
