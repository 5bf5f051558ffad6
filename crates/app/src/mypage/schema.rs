//! My page's tables, and a digest over all of them.

use platform::db::{Fill, Kind, Migration, Row, Session, Table, Value};
use platform::error::Result;
use platform::seal::Seal;
use sha2::{Digest as _, Sha256};

use super::purchases::{CART, MEMBERSHIP};
use super::shown::Shown;

/// The schema of mypage.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 5,
        name: "mypage_pages",
        sql: include_str!("../../../../migrations/0005_mypage_pages.sql"),
        lives_with: 5,
    },
    Migration {
        number: 9,
        name: "mypage_donations",
        sql: include_str!("../../../../migrations/0009_mypage_donations.sql"),
        lives_with: 5,
    },
    Migration {
        number: 20,
        name: "mypage_coupons",
        sql: include_str!("../../../../migrations/0020_mypage_coupons.sql"),
        lives_with: 5,
    },
    Migration {
        number: 23,
        name: "mypage_contacts",
        sql: include_str!("../../../../migrations/0023_mypage_contacts.sql"),
        lives_with: 23,
    },
    Migration {
        number: 26,
        name: "mypage_remains",
        sql: include_str!("../../../../migrations/0026_mypage_remains.sql"),
        lives_with: 23,
    },
    Migration {
        number: 33,
        name: "mypage_purchases",
        sql: include_str!("../../../../migrations/0033_mypage_purchases.sql"),
        lives_with: 23,
    },
    Migration {
        number: 36,
        name: "mypage_bought",
        sql: include_str!("../../../../migrations/0036_mypage_bought.sql"),
        // An older program would not note what is bought.
        lives_with: 36,
    },
];

/// Steps in Rust of [`MIGRATIONS`].
pub const FILLS: &[Fill] = &[(23, |tx, _| {
    // A process that still runs would carry on where it stood, and never fill what is emptied.
    platform::consumer::depose_followers(tx)?;
    platform::consumer::forget_cursors(tx)
})];

pub(super) static PAGE: Table = Table {
    name: "page",
    columns: &[
        ("member_id", Kind::Int),
        ("contacts", Kind::Blob),
        ("member_status", Kind::Text),
        ("remain_point", Kind::Int),
        ("recent", Kind::Text),
        ("member_sequence", Kind::Int),
        ("point_sequence", Kind::Int),
        ("gone", Kind::Int),
        ("donations", Kind::Text),
        ("donation_sequence", Kind::Int),
        ("coupons", Kind::Text),
        ("coupon_sequence", Kind::Int),
        ("bought", Kind::Int),
    ],
};

/// Whether a page of this member is there, and whether it knows that the member bought something.
pub(super) static PAGE_STANDING: Table = Table {
    name: "page",
    columns: &[("member_id", Kind::Int), ("member_sequence", Kind::Int), ("gone", Kind::Int), ("bought", Kind::Int)],
};

/// What the first purchase changes of a page.
pub(super) static PAGE_BOUGHT: Table =
    Table { name: "page", columns: &[("member_id", Kind::Int), ("bought", Kind::Int)] };

/// What an entry changes of a page. Entries are far the most of what changes, so they write nothing else.
pub(super) static PAGE_POINTS: Table = Table {
    name: "page",
    columns: &[
        ("member_id", Kind::Int),
        ("remain_point", Kind::Int),
        ("recent", Kind::Text),
        ("point_sequence", Kind::Int),
    ],
};

/// Whether the member of this page ever bought something.
pub(super) fn has_bought(page: &Row) -> bool {
    page.int(12) != 0
}

pub(super) fn list_sql() -> String {
    format!(
        "SELECT {} FROM {} WHERE member_id > $1 AND gone = 0 AND member_sequence > 0 ORDER BY member_id LIMIT $2",
        PAGE.column_list(),
        PAGE.name
    )
}

/// Empties the read model and sets its consumers back to the start.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn clear(tx: &mut dyn Session) -> Result<()> {
    for table in [&PAGE, &CART, &MEMBERSHIP] {
        tx.execute(&format!("DELETE FROM {}", table.name), &[])?;
    }
    platform::consumer::forget_cursors(tx)
}

/// A digest over every page and every purchase, for comparing a page model with one rebuilt from the logs.
///
/// # Errors
/// `Unavailable` when the store cannot be reached; `seal.broken` if contact data cannot be opened.
pub(super) fn digest(session: &mut dyn Session, seal: &Seal) -> Result<String> {
    let mut hasher = Sha256::new();
    each_row(session, &PAGE, &mut |mut row| {
        // The same is sealed differently each time.
        if let Some(sealed) = row.blob(1) {
            let shown = Shown::open(seal, row.int(0), sealed)?;
            row.0[1] = format!("{:?} {:?}", shown.nickname, shown.phone_no).into();
        }
        // Whether something was bought is seen from the purchases.
        row.0.pop();
        hasher.update(format!("{row:?}"));
        Ok(())
    })?;
    for table in [&CART, &MEMBERSHIP] {
        hasher.update(table.name);
        each_row(session, table, &mut |row| {
            hasher.update(format!("{row:?}"));
            Ok(())
        })?;
    }
    let digest = hasher.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Shows every row of a table in the order of its key.
///
/// # Errors
/// `Unavailable` when the store cannot be reached, and what `look` says.
pub(super) fn each_row(
    session: &mut dyn Session,
    table: &Table,
    look: &mut dyn FnMut(Row) -> Result<()>,
) -> Result<()> {
    let (name, key, columns) = (table.name, table.key(), table.column_list());
    let sql = format!("SELECT {columns} FROM {name} WHERE {key} > $1 ORDER BY {key} LIMIT 5000");
    let mut after = 0;
    loop {
        let rows = session.query(&sql, &[Value::Int(after)])?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.int(0);
        rows.into_iter().try_for_each(&mut *look)?;
    }
}
