//! Reads outside transactions. Single rows that are asked for at the same time travel in one statement, so a
//! thousand readers cost the server a few dozen statements.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell, mpsc, oneshot};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::Target;
use super::wire::{failed, read_row};
use crate::db::{Row, Table, Value};
use crate::error::{Error, Result};

/// Rows fetched by one statement at most.
const BATCH_ROWS: usize = 256;

struct Wanted {
    table: &'static Table,
    key: i64,
    answer: oneshot::Sender<Result<Option<Row>>>,
}

/// The reading side of a store.
pub struct Reader {
    connection: Arc<Connection>,
    queue: OnceCell<mpsc::Sender<Wanted>>,
}

/// A connection that is made when first needed and again when it was lost.
struct Connection {
    target: Target,
    client: Mutex<Option<Arc<Client>>>,
}

impl Connection {
    async fn client(&self) -> Result<Arc<Client>> {
        let mut slot = self.client.lock().await;
        if let Some(client) = slot.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.target.connect().await?);
        *slot = Some(Arc::clone(&client));
        Ok(client)
    }
}

impl Reader {
    pub(super) fn new(target: Target) -> Self {
        Self { connection: Arc::new(Connection { target, client: Mutex::new(None) }), queue: OnceCell::new() }
    }

    pub(super) async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let client = self.connection.client().await?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        client.query(sql, &params).await.map_err(failed)?.iter().map(read_row).collect()
    }

    pub(super) async fn get_many(&self, table: &'static Table, keys: &[i64]) -> Result<Vec<Row>> {
        let client = self.connection.client().await?;
        let sql = format!("SELECT {} FROM {} WHERE {} = ANY($1)", table.column_list(), table.name, table.key());
        client.query(&sql, &[&keys]).await.map_err(failed)?.iter().map(read_row).collect()
    }

    pub(super) async fn get(&self, table: &'static Table, key: i64) -> Result<Option<Row>> {
        let queue = self.queue.get_or_init(|| async { start(Arc::clone(&self.connection)) }).await;
        let (answer, answered) = oneshot::channel();
        let gone = || Error::unavailable("store.gone", "the database cannot be read right now");
        queue.send(Wanted { table, key, answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

fn start(connection: Arc<Connection>) -> mpsc::Sender<Wanted> {
    let (queue, mut waiting) = mpsc::channel::<Wanted>(4 * BATCH_ROWS);
    tokio::spawn(async move {
        let mut statements = HashMap::new();
        let mut batch = Vec::with_capacity(BATCH_ROWS);
        while waiting.recv_many(&mut batch, BATCH_ROWS).await > 0 {
            let mut by_table: HashMap<&'static str, Vec<Wanted>> = HashMap::new();
            for wanted in batch.drain(..) {
                by_table.entry(wanted.table.name).or_default().push(wanted);
            }
            for wanted in by_table.into_values() {
                let found = fetch(&connection, &mut statements, &wanted).await;
                answer(wanted, found);
            }
        }
    });
    queue
}

type Statements = HashMap<&'static str, (Arc<Client>, tokio_postgres::Statement)>;

async fn fetch(connection: &Connection, statements: &mut Statements, wanted: &[Wanted]) -> Result<HashMap<i64, Row>> {
    let table = wanted[0].table;
    let client = connection.client().await?;
    let known = statements
        .get(table.name)
        .filter(|(owner, _)| Arc::ptr_eq(owner, &client))
        .map(|(_, statement)| statement.clone());
    let statement = match known {
        Some(statement) => statement,
        None => {
            let sql = format!("SELECT {} FROM {} WHERE {} = ANY($1)", table.column_list(), table.name, table.key());
            let statement = client.prepare(&sql).await.map_err(failed)?;
            statements.insert(table.name, (Arc::clone(&client), statement.clone()));
            statement
        }
    };
    let keys: Vec<i64> = wanted.iter().map(|wanted| wanted.key).collect();
    let rows = client.query(&statement, &[&keys]).await.map_err(failed)?;
    rows.iter().map(|row| read_row(row).map(|row| (row.int(0), row))).collect()
}

fn answer(wanted: Vec<Wanted>, found: Result<HashMap<i64, Row>>) {
    for wanted in wanted {
        let row = found.as_ref().map(|rows| rows.get(&wanted.key).cloned()).map_err(Clone::clone);
        let _ = wanted.answer.send(row);
    }
}
