//! The table in DESIGN section 1 that no compiler enforces, as tests. There is no list of exceptions.
//!
//! Each rule stands twice: once over the whole tree, and once over a snippet that breaks it and has to be caught.

#[path = "tidy/contexts.rs"]
mod contexts;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/scanner.rs"]
mod scanner;
#[path = "tidy/tree.rs"]
mod tree;

use contexts::{Schema, foreign_insides, foreign_tables};
use scanner::scan;
use tree::{File, migrations, read, rust_files};

const MANIFESTS: &[&str] =
    &["crates/app/Cargo.toml", "crates/domain/Cargo.toml", "crates/platform/Cargo.toml", "crates/server/Cargo.toml"];

/// Applies a rule to every Rust file.
fn nothing_found(rule: impl Fn(&File) -> Vec<String>) {
    let found: Vec<String> = rust_files().iter().flat_map(rule).collect();
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));
}

fn schema() -> Schema {
    let schema = Schema::read(&migrations());
    assert!(schema.len() >= 8, "only {} tables and sequences were found in the migrations", schema.len());
    schema
}

#[test]
fn a_source_file_has_at_most_400_lines() {
    nothing_found(rules::long_files);
}

#[test]
fn a_file_of_401_lines_is_caught() {
    let file = |lines: usize| File::of("crates/app/src/point/long.rs", &"//! Long.\n".repeat(lines));
    assert!(rules::long_files(&file(400)).is_empty());
    assert_eq!(rules::long_files(&file(401)), ["crates/app/src/point/long.rs: 401 lines, at most 400"]);
}

#[test]
fn a_function_has_at_most_60_lines() {
    nothing_found(rules::long_functions);
}

#[test]
fn a_function_of_61_lines_is_caught_whatever_stands_in_it() {
    let tricks =
        "    let a = '{'; let b: &'static str = \"}\\\"}\"; let c = r#\"}\"}\"#; /* } /* } */ */ let d = b'}'; // }\n";
    let function = |lines: usize| {
        let text = format!(
            "//! Long.\nfn long<'a>(x: &'a [u8; 4]) -> u8 {{\n{}}}\nfn short() {{}}\n",
            tricks.repeat(lines - 2)
        );
        rules::long_functions(&File::of("long.rs", &text))
    };
    assert!(function(60).is_empty());
    assert_eq!(function(61), ["long.rs:2: fn long has 61 lines, at most 60"]);
}

#[test]
fn every_source_file_opens_by_saying_what_it_is_for() {
    nothing_found(rules::missing_openings);
}

#[test]
fn a_file_that_opens_with_something_else_is_caught() {
    assert!(rules::missing_openings(&File::of("a.rs", "//! A.\nuse b;\n")).is_empty());
    assert_eq!(rules::missing_openings(&File::of("a.rs", "// A.\n//! A.\n")).len(), 1);
}

#[test]
fn nothing_is_put_off_in_the_source() {
    nothing_found(rules::loose_ends);
}

#[test]
fn what_is_put_off_is_caught_in_comments_and_in_code_but_not_in_texts() {
    let later = concat!("TO", "DO");
    let bad = format!("// {later}: later\nfn f() {{\n    {}!(1);\n    to{}!()\n}}\n", "dbg", "do");
    let lines = rules::loose_ends(&File::of("a.rs", &bad));
    assert_eq!(lines.len(), 3, "{lines:?}");
    let good = format!("/// Prints a mark.\nfn f(dbg: i32) -> bool {{ print(\"{later}\"); dbg != 1 }}\n");
    assert!(rules::loose_ends(&File::of("a.rs", &good)).is_empty());
}

#[test]
fn platform_knows_no_word_of_the_business() {
    nothing_found(rules::business_words);
}

#[test]
fn a_business_word_in_platform_is_caught_in_names_and_texts_but_not_in_comments_and_tests() {
    let found = |text: &str| rules::business_words(&File::of("crates/platform/src/a.rs", text)).len();
    for bad in
        ["fn move_points() {}", "struct MemberKey;", "let t = \"SELECT 1 FROM coupon\";", "const WELCOME: i64 = 1;"]
    {
        assert_eq!(found(bad), 1, "{bad}");
    }
    let good = "/// As a point of order.\nfn pointer() { let appointed = \"endpoint\"; }\n";
    assert_eq!(found(good), 0);
    assert_eq!(found("#[cfg(test)]\nmod tests {\n    fn points() {}\n}\n"), 0);
    assert_eq!(found("#[cfg(test)]\nmod tests;\nfn points() {}\n"), 1);
    assert!(rules::business_words(&File::of("crates/app/src/a.rs", "fn move_points() {}")).is_empty());
}

#[test]
fn a_context_touches_only_tables_that_its_own_migrations_created() {
    let schema = schema();
    nothing_found(|file| foreign_tables(file, &schema));
}

#[test]
fn a_foreign_table_is_caught_in_statements_constants_sequences_and_schemas() {
    let schema = schema();
    let found = |text: &str| foreign_tables(&File::of("crates/app/src/point/store.rs", text), &schema).len();
    for bad in [
        "let sql = \"SELECT a FROM member WHERE b = $1\";",
        "let sql = \"select a from point_account p join member m on m.a = p.a\";",
        "let sql = \"DELETE FROM cursor_position\";",
        "let sql = \"WITH RECURSIVE a AS (SELECT b FROM member) SELECT b FROM a\";",
        "let sql = \"UPDATE page SET a = 1\";",
        "static T: Table = Table { name: \"member\", columns: &[] };",
        "tx.next_ids(\"member_number\", 1)?;",
        "include_str!(\"../migrations/0002_member_members.sql\")",
    ] {
        assert_eq!(found(bad), 1, "{bad}");
    }
    for good in [
        "let sql = \"SELECT a FROM point_account WHERE b = $1\";",
        "let text = \"points of a member come from member\";",
        "let sql = \"WITH RECURSIVE a AS (SELECT b FROM point_entry) SELECT b FROM a\";",
        "let sql = format!(\"SELECT {} FROM {} WHERE a > $1\", a, b);",
        "static T: Table = Table { name: \"point_entry\", columns: &[] };",
        "include_str!(\"../migrations/0004_point_ledger.sql\")",
    ] {
        assert_eq!(found(good), 0, "{good}");
    }
}

#[test]
fn contexts_know_each_other_only_by_their_api_and_their_events() {
    nothing_found(foreign_insides);
}

#[test]
fn a_way_around_the_api_is_caught() {
    let found = |path: &str, text: &str| foreign_insides(&File::of(path, text));
    let point = |text: &str| found("crates/app/src/point/store.rs", text).len();
    for bad in [
        "use crate::member::store::Slot;",
        "use crate::member::{MemberApi, Members};",
        "use crate::member::http;",
        "use crate::member;",
        "use crate::{member, kit};",
        "use super::super::member::Contacts;",
        "let members = crate::member::Members::open();",
    ] {
        assert_eq!(point(bad), 1, "{bad}");
    }
    for good in [
        "use crate::member::{Contacts, MemberApi};",
        "use crate::member::MemberApi as Api;",
        "use crate::kit::Kit;",
        "use crate::point::entry::EntryRow;",
        "use super::entry::EntryRow;\npub(super) fn a() {}",
    ] {
        assert_eq!(point(good), 0, "{good}");
    }
    assert_eq!(found("crates/app/src/point/store/rows.rs", "use super::super::entry::EntryRow;").len(), 0);
    assert_eq!(found("crates/app/src/point/mod.rs", "use super::member::Members;").len(), 1);
}

#[test]
fn dialect_words_stand_only_where_the_engines_are() {
    nothing_found(rules::dialect_words);
}

#[test]
fn a_dialect_word_outside_of_the_engines_is_caught() {
    let found = |path: &str, text: &str| rules::dialect_words(&File::of(path, text)).len();
    for bad in [
        "let sql = \"INSERT INTO a (b) VALUES (1) ON  CONFLICT (b) DO NOTHING\";",
        "let sql = \"SELECT a FROM b WHERE c = ANY($1)\";",
        "let sql = \"UPDATE a SET b = 1\\nRETURNING b\";",
        "let sql = r\"SELECT * FROM unnest($1)\";",
    ] {
        assert_eq!(found("crates/app/src/point/store.rs", bad), 1, "{bad}");
        assert_eq!(found("crates/platform/src/db/postgres.rs", bad), 0, "{bad}");
    }
    assert_eq!(found("crates/app/src/point/mod.rs", "// any( of them\nlet a = b.iter().any(|c| c);"), 0);
    assert_eq!(found("crates/app/src/point/mod.rs", "let many = \"many(\";"), 0);
}

#[test]
fn the_rules_depend_on_serde_alone_and_need_no_standard_library() {
    let found = rules::impure_domain(&read("crates/domain/Cargo.toml"), &read("crates/domain/src/lib.rs"));
    assert!(found.is_empty(), "{found:?}");
    nothing_found(rules::standard_library);
}

#[test]
fn a_clock_in_the_rules_is_caught() {
    let root = File::of("crates/domain/src/lib.rs", "//! Rules.\n#![no_std]\n");
    let manifest = |text: &str| File::of("crates/domain/Cargo.toml", text);
    let serde = "[package]\nname = \"domain\"\n[dependencies]\nserde.workspace = true\n";
    assert!(rules::impure_domain(&manifest(serde), &root).is_empty());
    for more in
        ["jiff = \"0.2\"", "[target.'cfg(unix)'.dependencies]\nrustix = \"1\"", "[dependencies.rand]\nversion = \"1\""]
    {
        assert_eq!(rules::impure_domain(&manifest(&format!("{serde}{more}\n")), &root).len(), 1, "{more}");
    }
    let tests = format!("{serde}[dev-dependencies]\nproptest = \"1\"\n");
    assert!(rules::impure_domain(&manifest(&tests), &root).is_empty());
    let with_std = File::of("crates/domain/src/lib.rs", "//! Rules.\n// #![no_std]\n");
    assert_eq!(rules::impure_domain(&manifest(serde), &with_std).len(), 1);
    let clock = File::of("crates/domain/src/point.rs", "//! Rules.\nextern crate std;\n");
    assert_eq!(rules::standard_library(&clock).len(), 1);
}

#[test]
fn the_crates_depend_on_each_other_in_one_direction() {
    let found: Vec<String> = MANIFESTS.iter().flat_map(|path| rules::wrong_directions(&read(path))).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_dependency_against_the_direction_is_caught() {
    let found = |path: &str, text: &str| rules::wrong_directions(&File::of(path, text)).len();
    assert_eq!(found("crates/platform/Cargo.toml", "[dependencies]\ndomain = { workspace = true }\n"), 1);
    assert_eq!(found("crates/app/Cargo.toml", "[build-dependencies]\nserver = { workspace = true }\n"), 1);
    assert_eq!(found("crates/app/Cargo.toml", "[dependencies]\ndomain = { workspace = true }\n"), 0);
}

#[test]
fn the_scanner_tells_code_from_what_is_written_about_it() {
    let source =
        scan("let a = \"x // y\"; // z \"w\"\nlet b: &'a str = r#\"q\"#; let c = '\"'; let d = '\\''; /* e */ f");
    let code: String = source.code.iter().collect();
    assert!(code.ends_with(" f") && code.contains("let b: &'a str") && !code.contains('z'), "{code}");
    let strings: Vec<&str> = source.strings.iter().map(|piece| piece.text.as_str()).collect();
    assert_eq!(strings, ["x // y", "q"]);
    assert_eq!(source.comments.len(), 2);
    assert_eq!(source.comments[1].line, 2);
}
