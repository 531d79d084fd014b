//! The tables of a rebuild: made like the live ones in a schema of their own, completed, put in their place.
//!
//! The statements are put together from names that are constants of this crate or come from the catalogue of the read
//! database; no input is among them.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool, postgres::PgPoolOptions};

use crate::{Projection, migrate::READ_SCHEMA};

/// Connections that write into the new tables.
const MAX_CONNECTIONS: u32 = 4;
/// How long the switch waits for one table: less than the server's `deadlock_timeout`, so that a reader who waits for
/// another table of the same projection never loses.
const LOCK_DEADLINE_MS: u32 = 100;
/// How long the switch lets readers finish whose view of the database is older than the last batch: in the new tables they
/// would see less than in the live ones.
const OLD_VIEWS_DEADLINE: Duration = Duration::from_millis(500);
/// How often it looks whether they have. Before it looks first, too: a view may be there before the server tells of it.
const OLD_VIEWS_POLL: Duration = Duration::from_millis(50);
/// Says which code made the tables.
const MADE_BY: &str = "made_by";
/// Indexes that serve readers alone: they are made when the rows are in. A name that is not here costs only time.
pub(super) const OF_READERS: [&str; 17] = [
    "bookings_event",
    "bookings_user",
    "event_seats_sequence",
    "event_seats_until",
    "events_created",
    "events_host",
    "events_search",
    "events_start",
    "events_title",
    "notifications_user",
    "payments_booking",
    "refunds_booking",
    "refunds_status",
    "sale_lines_event",
    "users_name",
    "users_registered",
    "users_role",
];

/// The tables of one projection in a schema beside the live ones.
pub(super) struct Tables {
    projection: &'static dyn Projection,
    pub(super) schema: String,
}

/// What an earlier rebuild has left.
pub(super) enum Found {
    /// No tables.
    Nothing,
    /// Tables that can be gone on with.
    Usable,
    /// Tables that cannot, and why.
    Foreign(&'static str),
}

/// Tables that were made at one time: those that are made later under the same names are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made(Option<i64>);

/// A key, a check or an index that the live table has and the new one has not.
pub(super) struct Lacking {
    name: String,
    statement: String,
}

impl Tables {
    /// Those that are to replace the live ones.
    pub(super) fn of_rebuild(projection: &'static dyn Projection) -> Self {
        Self { projection, schema: projection.rebuild_schema().to_owned() }
    }

    /// Those that are only compared with the live ones.
    pub(super) fn of_comparison(projection: &'static dyn Projection) -> Self {
        Self { projection, schema: format!("compare_{}", projection.name()) }
    }

    /// A pool that finds these tables. Its commits do not wait for the disk: a crash of the server, which may take some back,
    /// ends the rebuild, and the next one goes on where the tables are; the switch, which waits, comes after all of them.
    pub(super) fn pool(&self, live: &PgPool) -> PgPool {
        let options = live.connect_options().as_ref().clone();
        let options = options.application_name("boxoffice replay");
        let options = options.options([("search_path", self.schema.as_str()), ("synchronous_commit", "off")]);
        PgPoolOptions::new().max_connections(MAX_CONNECTIONS).connect_lazy_with(options)
    }

    /// Its own, and those that every projection has rows in.
    fn names(&self) -> Vec<&'static str> {
        self.projection.tables().iter().chain(&["projections", "parked"]).copied().collect()
    }

    /// What is there.
    pub(super) async fn find(&self, live: &PgPool, code: &str) -> Result<Found, sqlx::Error> {
        let schema = &self.schema;
        let mut connection = live.acquire().await?;
        let is_there: bool = sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(format!("{schema}.{MADE_BY}"))
            .fetch_one(&mut *connection)
            .await?;
        if !is_there {
            return Ok(Found::Nothing);
        }
        let is_of_this_code: bool =
            sqlx::query_scalar(&format!("select exists (select from {schema}.{MADE_BY} where code = $1)"))
                .bind(code)
                .fetch_one(&mut *connection)
                .await?;
        if !is_of_this_code {
            return Ok(Found::Foreign("because other code has made it"));
        }
        if !self.have_the_columns_of_the_live_ones_in_tx(&mut connection).await? {
            return Ok(Found::Foreign("because the live tables have other columns by now"));
        }
        Ok(Found::Usable)
    }

    /// Which tables these are, if they are there.
    pub(super) async fn made(&self, executor: impl PgExecutor<'_>) -> Result<Made, sqlx::Error> {
        let id = sqlx::query_scalar("select to_regclass($1)::oid::bigint")
            .bind(format!("{}.{MADE_BY}", self.schema))
            .fetch_one(executor)
            .await?;
        Ok(Made(id))
    }

    /// Empty tables, with all but the indexes of readers.
    pub(super) async fn create(&self, live: &PgPool, code: &str) -> Result<(), sqlx::Error> {
        let schema = &self.schema;
        let mut tx = live.begin().await?;
        self.drop_in_tx(&mut tx).await?;
        sqlx::raw_sql(&format!(
            "create schema {schema}; create table {schema}.{MADE_BY} (code text not null)"
        ))
        .execute(&mut *tx)
        .await?;
        sqlx::query(&format!("insert into {schema}.{MADE_BY} (code) values ($1)"))
            .bind(code)
            .execute(&mut *tx)
            .await?;
        for table in self.names() {
            let like = format!(
                "create table {schema}.{table}
                 (like {READ_SCHEMA}.{table} including defaults including generated including identity)"
            );
            sqlx::raw_sql(&like).execute(&mut *tx).await?;
        }
        for lacking in self.lacking_in_tx(&mut tx).await? {
            if !OF_READERS.contains(&lacking.name.as_str()) {
                sqlx::raw_sql(&lacking.statement).execute(&mut *tx).await?;
            }
        }
        sqlx::query(&format!("insert into {schema}.projections (name) values ($1)"))
            .bind(self.projection.name())
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// What a rebuild of this name has left is dropped.
    pub(super) async fn drop_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        // Notices of what there is or is not to drop tell nobody anything.
        let drop =
            format!("set local client_min_messages = warning; drop schema if exists {} cascade", self.schema);
        sqlx::raw_sql(&drop).execute(tx).await?;
        Ok(())
    }

    /// Whatever the live tables have and these have not, one by one, and what the planner must know of them.
    pub(super) async fn complete(&self, live: &PgPool) -> Result<(), sqlx::Error> {
        let mut connection = live.acquire().await?;
        for lacking in self.lacking_in_tx(&mut connection).await? {
            sqlx::raw_sql(&lacking.statement).execute(&mut *connection).await?;
        }
        for table in self.projection.tables() {
            sqlx::raw_sql(&format!("analyze {}.{table}", self.schema)).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Keys, checks and indexes by the live ones' own names (`including all` would make up others, and a later migration
    /// would not find them).
    pub(super) async fn lacking_in_tx(&self, tx: &mut PgConnection) -> Result<Vec<Lacking>, sqlx::Error> {
        let schema = &self.schema;
        let constraints: Vec<(String, String, String)> = sqlx::query_as(
            "select c.relname::text, k.conname::text, pg_get_constraintdef(k.oid)
             from pg_constraint k join pg_class c on c.oid = k.conrelid
             where c.relnamespace = to_regnamespace($1) and c.relname = any($3) and k.contype in ('p', 'u', 'c')
                   and not exists (
                       select from pg_constraint l join pg_class d on d.oid = l.conrelid
                       where d.relnamespace = to_regnamespace($2) and d.relname = c.relname and l.conname = k.conname
                   )
             order by c.relname, k.conname",
        )
        .bind(READ_SCHEMA)
        .bind(schema)
        .bind(self.names())
        .fetch_all(&mut *tx)
        .await?;
        let indexes: Vec<(String, String)> = sqlx::query_as(
            "select indexname::text, indexdef from pg_indexes i
             where schemaname = $1 and tablename = any($3)
                   and not exists (select from pg_constraint
                                   where connamespace = to_regnamespace($1) and conname = indexname)
                   and not exists (select from pg_indexes j where j.schemaname = $2 and j.indexname = i.indexname)
             order by tablename, indexname",
        )
        .bind(READ_SCHEMA)
        .bind(schema)
        .bind(self.names())
        .fetch_all(tx)
        .await?;
        let constraints = constraints.into_iter().map(|(table, name, definition)| Lacking {
            statement: format!("alter table {schema}.{table} add constraint \"{name}\" {definition}"),
            name,
        });
        let (live, anew) = (format!(" ON {READ_SCHEMA}."), format!(" ON {schema}."));
        let indexes = indexes
            .into_iter()
            .map(|(name, definition)| Lacking { name, statement: definition.replacen(&live, &anew, 1) });
        Ok(constraints.chain(indexes).collect())
    }

    /// Whether these and the live ones have the same columns, in the same order.
    pub(super) async fn have_the_columns_of_the_live_ones_in_tx(
        &self,
        tx: &mut PgConnection,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "with described as (
                 select c.relnamespace = to_regnamespace($1) as is_live, c.relname, a.attname,
                        row_number() over (partition by c.oid order by a.attnum) as place,
                        format_type(a.atttypid, a.atttypmod) as type, a.attnotnull, a.attgenerated,
                        pg_get_expr(d.adbin, d.adrelid) as value
                 from pg_class c
                 join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                 left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
                 where c.relnamespace in (to_regnamespace($1), to_regnamespace($2)) and c.relname = any($3)
             )
             select not exists (
                 select from described
                 group by relname, attname, place, type, attnotnull, attgenerated, value
                 having count(*) <> 2
             )",
        )
        .bind(READ_SCHEMA)
        .bind(&self.schema)
        .bind(self.names())
        .fetch_one(tx)
        .await
    }

    /// Waits until every reader sees the last batch; false where one does not for longer. Such a reader may not have locked a
    /// live table yet: it would wait for the switch, and then read the new one as it was before.
    pub(super) async fn is_seen_by_all(&self, live: &PgPool) -> Result<bool, sqlx::Error> {
        let now: DateTime<Utc> = sqlx::query_scalar("select clock_timestamp()").fetch_one(live).await?;
        let deadline = Instant::now() + OLD_VIEWS_DEADLINE;
        loop {
            tokio::time::sleep(OLD_VIEWS_POLL).await;
            let is_seen: bool = sqlx::query_scalar(
                "select not exists (
                     select from pg_stat_activity
                     where datname = current_database() and backend_type = 'client backend'
                           and backend_xmin is not null and xact_start < $1
                 )",
            )
            .bind(now)
            .fetch_one(live)
            .await?;
            if is_seen || Instant::now() > deadline {
                return Ok(is_seen);
            }
        }
    }

    /// Keeps everybody away from these tables and from the live ones; false where somebody holds one for longer. Who has these,
    /// a vacuum perhaps, is waited for while readers still have the live ones.
    pub(super) async fn lock_in_tx(&self, tx: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let schemas = [self.schema.as_str(), READ_SCHEMA];
        let of = |schema| self.projection.tables().iter().map(move |table| format!("{schema}.{table}"));
        let tables = schemas.into_iter().flat_map(of);
        let lock = format!(
            "set local lock_timeout = {LOCK_DEADLINE_MS};
             lock table {} in access exclusive mode;
             set local lock_timeout = 0",
            tables.collect::<Vec<_>>().join(", ")
        );
        match sqlx::raw_sql(&lock).execute(tx).await {
            Ok(_) => Ok(true),
            Err(error) if is_lock_timeout(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Drops the live tables and moves these into their place, with what is parked and the checkpoint.
    pub(super) async fn switch_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        let (schema, name) = (&self.schema, self.projection.name());
        let mut statements = Vec::new();
        for table in self.projection.tables() {
            statements.push(format!("drop table {READ_SCHEMA}.{table}"));
            statements.push(format!("alter table {schema}.{table} set schema {READ_SCHEMA}"));
        }
        statements.extend([
            format!("delete from {READ_SCHEMA}.parked where projection = '{name}'"),
            format!("insert into {READ_SCHEMA}.parked select * from {schema}.parked"),
            format!(
                "update {READ_SCHEMA}.projections live set position = greatest(live.position, anew.position)
                 from {schema}.projections anew where live.name = anew.name"
            ),
        ]);
        for statement in statements {
            sqlx::raw_sql(&statement).execute(&mut *tx).await?;
        }
        self.drop_in_tx(tx).await
    }
}

/// SQLSTATE lock_not_available.
fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "55P03")
}
