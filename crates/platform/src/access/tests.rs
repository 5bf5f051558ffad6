//! Tests of the keys on an embedded store.

use tempfile::TempDir;

use super::*;
use crate::db::{Durability, Location};

const OWNERS: &[&str] = &["tenant", "guest"];

fn open(folder: &TempDir) -> AccessKeys {
    let place = Location::Sqlite(folder.path().join("access.sqlite"));
    let database = Database::open("access", &place, Durability::Full).expect("the store opens");
    AccessKeys::open(database, OWNERS).expect("the keys load")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_key_is_known_by_its_whole_text_only() {
    let folder = folder();
    let keys = open(&folder);
    assert!(!keys.has_keys());
    let (key, text) = keys.create(Role::Owner("tenant"), Some(7), "  phone ", 1_000).expect("a key");
    assert!(keys.has_keys());
    assert_eq!(
        keys.find(&text),
        Some(Principal { role: Role::Owner("tenant"), owner_id: Some(7), id: key.id.clone() })
    );
    let (_, other) = keys.create(Role::Operator, None, "console", 2_000).expect("a key");
    let mixed = format!("{}{}", &text[..12], &other[12..]);
    for wrong in ["", "op_", &text[..54], &mixed, &text.to_uppercase(), &key.id] {
        assert_eq!(keys.find(wrong), None, "{wrong}");
    }
    let listed = keys.list().expect("a list");
    assert_eq!(listed.iter().map(|key| key.label.as_str()).collect::<Vec<_>>(), ["phone", "console"]);
    assert_eq!(listed[0], key);
}

#[test]
fn the_key_itself_is_not_in_the_store() {
    let folder = folder();
    let (_, text) = open(&folder).create(Role::Service, None, "bus", 1).expect("a key");
    let secret = &text[12..];
    for file in std::fs::read_dir(folder.path()).expect("the folder") {
        let bytes = std::fs::read(file.expect("an entry").path()).expect("a file");
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[tokio::test]
async fn a_running_server_takes_up_what_the_command_line_does_to_the_same_store() {
    let folder = folder();
    let (server, console) = (open(&folder), open(&folder));
    let (key, text) = console.create(Role::Operator, None, "console", 1_000).expect("a key");
    assert_eq!(server.find(&text), None);
    server.refresh().await.expect("a refresh");
    assert!(server.find(&text).is_some());
    let revoked = console.revoke(&key.id, 5_000).expect("revoked");
    assert_eq!(revoked.revoked_at_ms, Some(5_000));
    assert_eq!(console.find(&text), None);
    server.refresh().await.expect("a refresh");
    assert_eq!(server.find(&text), None);
    assert!(!server.has_keys());
    assert_eq!(console.revoke(&key.id, 9_000).expect("still revoked").revoked_at_ms, Some(5_000));
    assert_eq!(console.revoke("nobody00", 9_000).expect_err("unknown").code, "access.no_such_key");
}

#[test]
fn keys_outlive_the_process() {
    let folder = folder();
    let (_, text) = open(&folder).create(Role::Owner("guest"), Some(3), "till", 1).expect("a key");
    assert_eq!(open(&folder).find(&text).map(|principal| principal.owner_id), Some(Some(3)));
}

#[test]
fn only_keys_of_members_and_merchants_have_an_owner() {
    let folder = folder();
    let keys = open(&folder);
    for role in [Role::Operator, Role::Service, Role::Owner("tenant"), Role::Owner("guest")] {
        assert_eq!(Role::named(role.name(), OWNERS), Some(role));
        assert_eq!(keys.create(role, Some(1), "x", 1).is_ok(), matches!(role, Role::Owner(_)));
        assert_eq!(keys.create(role, None, "x", 1).is_ok(), !matches!(role, Role::Owner(_)));
        assert!(keys.create(role, Some(0), "x", 1).is_err());
    }
    for label in ["", "   ", "a\nb", &"가".repeat(101)] {
        assert!(keys.create(Role::Operator, None, label, 1).is_err(), "{label}");
    }
    assert!(keys.create(Role::Operator, None, &"가".repeat(100), 1).is_ok());
}

#[test]
fn a_key_made_elsewhere_is_taken_in_once_and_never_changes_one_that_is_here() {
    let (there, here) = (folder(), folder());
    let (elsewhere, keys) = (open(&there), open(&here));
    let (made, text) = elsewhere.create(Role::Service, None, "processes", 1_000).expect("a key");
    assert_eq!(keys.find(&text), None);
    assert!(keys.adopt(Role::Service, "processes", &text, 2_000).expect("it is taken in"));
    assert!(!keys.adopt(Role::Service, "processes", &text, 3_000).expect("it is known"));
    assert_eq!(keys.find(&text).expect("it is valid").id, made.id);
    let (_, other) = elsewhere.create(Role::Service, None, "other", 2_000).expect("a key");
    let other_secret = format!("{}{}", &text[..12], &other[12..]);
    let refused = |role, text: &str| keys.adopt(role, "x", text, 4_000).expect_err("a refusal").code;
    assert_eq!(refused(Role::Service, &other_secret), "access.key_differs");
    assert_eq!(refused(Role::Operator, &text), "access.key_differs");
    assert_eq!(refused(Role::Operator, "op_x"), "request.invalid_value");
    keys.revoke(&made.id, 5_000).expect("it is revoked");
    assert_eq!(refused(Role::Service, &text), "access.key_differs");
    assert_eq!(keys.list().expect("a list").len(), 1);
}
