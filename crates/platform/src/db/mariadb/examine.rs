//! Looks at a context's database on MariaDB without changing anything in it.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error as Trouble};

use super::Target;
use super::server::{Settings, connect_failed};
use crate::db::migrate::due;
use crate::db::{Examined, Fault, Migration, Row, SeenLease, Value};
use crate::error::Result;

/// As [`crate::db::examine`].
pub(in crate::db) async fn examine(context: &str, url: &str, migrations: &[Migration]) -> Result<Examined> {
    let target = Target::new(url, context)?;
    let mut conn = target.enter().await?;
    let database = &target.database;
    let seen = look(&mut conn, database).await.map_err(|error| connect_failed(database, error))?;
    let steps_due = due(&seen.done, migrations)?.len();
    Ok(Examined { steps_due, ..seen.examined })
}

/// What was found, and the steps that were taken.
struct Seen {
    examined: Examined,
    done: Vec<Row>,
}

async fn look(conn: &mut Conn, database: &str) -> Result<Seen, Trouble> {
    conn.query_drop("SET SESSION TRANSACTION READ ONLY").await?;
    let settings = Settings::read(conn).await?;
    let clock = "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";
    let mut examined = Examined {
        engine: format!("MariaDB {}", settings.version()),
        faults: settings.faults(),
        is_made: has_table(conn, database, "migration").await?,
        clock_ms: conn.query_first(clock).await?,
        ..Examined::default()
    };
    let schema: Option<String> = conn
        .exec_first("SELECT schema_name FROM information_schema.schemata WHERE schema_name = ?", (database,))
        .await?;
    if schema.is_none() && !may_create(conn, database).await? {
        let what = format!(
            "there is no database '{database}' yet, and this user may not make one; GRANT ALL ON `{database}`.*"
        );
        examined.faults.push(Fault { is_vital: true, what });
    }
    let mut done = Vec::new();
    if examined.is_made {
        let steps: Vec<(i64, i64)> =
            conn.query(format!("SELECT number, lives_with FROM `{database}`.migration")).await?;
        done = steps.into_iter().map(|(number, by)| Row(vec![Value::Int(number), Value::Int(by)])).collect();
    }
    if has_table(conn, database, "lease").await? {
        let sql = format!("SELECT name, holder, until_ms FROM `{database}`.lease ORDER BY name");
        let leases: Vec<(String, String, i64)> = conn.query(sql).await?;
        let seen = |(name, holder, until_ms)| SeenLease { name, holder, until_ms };
        examined.leases = leases.into_iter().map(seen).collect();
    }
    Ok(Seen { examined, done })
}

async fn has_table(conn: &mut Conn, database: &str, table: &str) -> Result<bool, Trouble> {
    let sql = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = ?";
    let count: Option<i64> = conn.exec_first(sql, (database, table)).await?;
    Ok(count.is_some_and(|count| count > 0))
}

/// Whether one of the user's grants lets it make this database.
async fn may_create(conn: &mut Conn, database: &str) -> Result<bool, Trouble> {
    let grants: Vec<String> = conn.query("SHOW GRANTS").await?;
    Ok(grants.iter().any(|grant| lets_create(grant, database)))
}

/// Reads `GRANT CREATE, … ON `name\_%`.* TO …`.
fn lets_create(grant: &str, database: &str) -> bool {
    let Some((rights, rest)) = grant.strip_prefix("GRANT ").and_then(|grant| grant.split_once(" ON ")) else {
        return false;
    };
    let Some(reach) = rest.split_once(" TO ").and_then(|(reach, _)| reach.strip_suffix(".*")) else { return false };
    let reach = reach.trim_matches('`').replace('\\', "");
    let reaches = reach == "*"
        || reach == database
        || reach.split_once('%').is_some_and(|(head, tail)| database.starts_with(head) && tail.is_empty());
    reaches && rights.split(", ").any(|right| ["ALL PRIVILEGES", "CREATE"].contains(&right))
}

#[cfg(test)]
mod tests {
    use super::lets_create;

    #[test]
    fn a_grant_lets_make_a_database_if_it_reaches_it() {
        let lets = |grant: &str| lets_create(grant, "shop_letters");
        assert!(lets("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"));
        assert!(lets("GRANT SELECT, CREATE, DROP ON `shop\\_letters`.* TO `a`@`%`"));
        assert!(lets("GRANT ALL PRIVILEGES ON `shop\\_%`.* TO `a`@`%`"));
        for other in [
            "GRANT USAGE ON *.* TO `a`@`%`",
            "GRANT ALL PRIVILEGES ON `other`.* TO `a`@`%`",
            "GRANT CREATE VIEW, SELECT ON `shop_letters`.* TO `a`@`%`",
            "GRANT ALL PRIVILEGES ON `shop_letters`.`lease` TO `a`@`%`",
        ] {
            assert!(!lets(other), "{other}");
        }
    }
}
