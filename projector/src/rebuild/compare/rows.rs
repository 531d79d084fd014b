//! Two tables with the same columns, row by row, by their primary key.
//!
//! The statements are put together from the catalogue's names; no input is among them.

use serde_json::{Map, Value};
use sqlx::PgConnection;

use crate::migrate::READ_SCHEMA;

/// Columns with personal data: that they differ is said, how is not.
const PERSONAL: [(&str, &str); 2] = [("users", "name"), ("users", "email")];

/// How many rows of a table differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDifferences {
    /// Which.
    pub table: String,
    /// Rows in the live table or in the other or in both.
    pub rows: i64,
    /// In both, with other columns.
    pub changed: i64,
    /// In the live table alone.
    pub only_live: i64,
    /// From the event log alone.
    pub only_in_log: i64,
}

impl TableDifferences {
    /// How many rows are not the same in both.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.changed + self.only_live + self.only_in_log
    }
}

/// A row that is not the same in both.
#[derive(Debug, Clone, PartialEq)]
pub enum RowDifference {
    /// In the live table alone.
    OnlyLive {
        /// Which table.
        table: String,
        /// The columns of its primary key.
        key: Map<String, Value>,
    },
    /// From the event log alone.
    OnlyInLog {
        /// Which table.
        table: String,
        /// The columns of its primary key.
        key: Map<String, Value>,
    },
    /// In both.
    Changed {
        /// Which table.
        table: String,
        /// The columns of its primary key.
        key: Map<String, Value>,
        /// What differs.
        columns: Vec<ChangedColumn>,
    },
}

/// A column that is not the same in both.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedColumn {
    /// Its name.
    pub name: String,
    /// The live value and that of the event log; nothing where they are personal data.
    pub values: Option<(Value, Value)>,
}

/// A pair of tables.
pub(super) struct Compared {
    table: &'static str,
    key: Vec<String>,
    /// `… full join …`, live as `l`, of the event log as `b`.
    pair: String,
    /// When a pair of rows differs in other columns than the key.
    changed: String,
}

impl Compared {
    pub(super) async fn in_tx(
        tx: &mut PgConnection,
        table: &'static str,
        schema: &str,
    ) -> Result<Self, sqlx::Error> {
        let key = key_in_tx(tx, table).await?;
        let columns: Vec<String> = sqlx::query_scalar(
            "select quote_ident(attname) from pg_attribute
             where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attgenerated = ''
                   and quote_ident(attname) <> all($2)
             order by attnum",
        )
        .bind(format!("{READ_SCHEMA}.{table}"))
        .bind(&key)
        .fetch_all(tx)
        .await?;
        let row =
            |of: &str| columns.iter().map(|column| format!("{of}.{column}")).collect::<Vec<_>>().join(", ");
        let changed = if columns.is_empty() {
            "false".to_owned()
        } else {
            format!("row({}) is distinct from row({})", row("l"), row("b"))
        };
        // A stream of which nothing is applied may have a row or none.
        let rows = if table.ends_with("_applied") { " where sequence > 0" } else { "" };
        let pair = format!(
            "(select * from {READ_SCHEMA}.{table}{rows}) l full join (select * from {schema}.{table}{rows}) b
             using ({})",
            key.join(", ")
        );
        Ok(Self { table, key, pair, changed })
    }

    pub(super) async fn count_in_tx(&self, tx: &mut PgConnection) -> Result<TableDifferences, sqlx::Error> {
        let Self { pair, changed, .. } = self;
        let key = &self.key[0];
        let query = format!(
            "select count(*), count(*) filter (where l.{key} is not null and b.{key} is not null and {changed}),
                    count(*) filter (where b.{key} is null), count(*) filter (where l.{key} is null)
             from {pair}"
        );
        let (rows, changed, only_live, only_in_log) = sqlx::query_as(&query).fetch_one(tx).await?;
        Ok(TableDifferences { table: self.table.to_owned(), rows, changed, only_live, only_in_log })
    }

    pub(super) async fn first_in_tx(
        &self,
        tx: &mut PgConnection,
        limit: usize,
    ) -> Result<Vec<RowDifference>, sqlx::Error> {
        let Self { pair, changed, .. } = self;
        let (key, keys) = (&self.key[0], self.key.join(", "));
        let query = format!(
            "select (select to_jsonb(k) from (select {keys}) k), to_jsonb(l), to_jsonb(b) from {pair}
             where l.{key} is null or b.{key} is null or {changed} order by {keys} limit $1"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<(Value, Option<Value>, Option<Value>)> =
            sqlx::query_as(&query).bind(limit).fetch_all(tx).await?;
        Ok(rows.into_iter().map(|(key, live, log)| self.difference(key, live, log)).collect())
    }

    fn difference(&self, key: Value, live: Option<Value>, log: Option<Value>) -> RowDifference {
        let object = |value| match value {
            Value::Object(map) => map,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Map::new()
            }
        };
        let (table, key) = (self.table.to_owned(), object(key));
        match (live, log) {
            (_, None) => RowDifference::OnlyLive { table, key },
            (None, Some(_)) => RowDifference::OnlyInLog { table, key },
            (Some(live), Some(log)) => {
                let (live, mut log) = (object(live), object(log));
                let changed = live.into_iter().filter_map(|(name, live)| {
                    let log = log.remove(&name).unwrap_or_default();
                    let is_personal = PERSONAL.contains(&(self.table, name.as_str()));
                    (live != log)
                        .then(|| ChangedColumn { name, values: (!is_personal).then_some((live, log)) })
                });
                RowDifference::Changed { columns: changed.collect(), table, key }
            }
        }
    }
}

/// The columns of the primary key, in its order.
async fn key_in_tx(tx: &mut PgConnection, table: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select quote_ident(a.attname) from pg_index i
         cross join lateral unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
         where i.indrelid = to_regclass($1) and i.indisprimary order by k.place",
    )
    .bind(format!("{READ_SCHEMA}.{table}"))
    .fetch_all(tx)
    .await
}
