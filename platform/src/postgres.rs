//! Opens pools of connections to PostgreSQL.
//!
//! Must not know any table; migrations and queries belong to the crates that own the schemas.

use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool};

use crate::health::Check;

/// How long a request waits for a free connection before it fails.
pub const ACQUIRE_DEADLINE: Duration = Duration::from_secs(5);

/// A connection that was idle for so long is asked whether it still works before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// How long one statement of a read-only pool may run before the server ends it.
pub const READ_STATEMENT_DEADLINE: Duration = Duration::from_secs(30);

/// How long a statement of a writing pool may run, wait for a lock, and how long a transaction may do nothing, before
/// the server ends it: a process that froze or was cut off must not hold others up.
pub const WRITE_STATEMENT_DEADLINE: Duration = Duration::from_secs(60);
/// See [`WRITE_STATEMENT_DEADLINE`].
pub const LOCK_DEADLINE: Duration = Duration::from_secs(5);
/// See [`WRITE_STATEMENT_DEADLINE`].
pub const IDLE_TRANSACTION_DEADLINE: Duration = Duration::from_secs(10);

/// A statement that goes by keys is planned once: to plan it anew each time costs as much as to run it. And it is planned
/// for keys from the start: a plan that was made while a table is small would scan it, and be kept when the table has
/// grown.
const BY_KEYS: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// What a pool's statements are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statements {
    /// They read, and take no longer than [`READ_STATEMENT_DEADLINE`].
    Reads,
    /// They read and write, each by keys, within [`WRITE_STATEMENT_DEADLINE`].
    ByKeys,
    /// They read and write, within [`WRITE_STATEMENT_DEADLINE`].
    Writes,
    /// They may take as long as they need: migrations and rebuilds.
    Patient,
}

/// How a pool is opened.
#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    /// The most connections at once.
    pub max_connections: u32,
    /// The name under which an operator sees the connections in `pg_stat_activity`.
    pub application_name: &'static str,
    /// The schemas to look in; `None` keeps the server's default.
    pub search_path: Option<&'static str>,
    /// What is asked for through it.
    pub statements: Statements,
}

/// A pool could not be opened. Its text holds no part of the URL.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be read.
    #[error("the database URL cannot be read")]
    Url(#[source] sqlx::Error),
    /// Nobody answers there, or not to us.
    #[error("cannot connect to the database")]
    Connect(#[source] sqlx::Error),
}

/// Opens a pool and makes its first connection, so that a wrong URL shows at the start.
///
/// A server that refuses connections because it is just starting is tried for [`ACQUIRE_DEADLINE`].
///
/// # Errors
/// When the URL cannot be read or the first connection fails.
pub async fn connect(url: &SecretString, options: PoolOptions) -> Result<PgPool, ConnectError> {
    let (pool, settings) = (pool(options), settings(url, options)?);
    pool.connect_with(settings).await.map_err(ConnectError::Connect)
}

/// Opens a pool that connects when something is asked for: a database that is away holds up nobody who does not need it.
///
/// # Errors
/// When the URL cannot be read.
pub fn connect_lazily(url: &SecretString, options: PoolOptions) -> Result<PgPool, ConnectError> {
    Ok(pool(options).connect_lazy_with(settings(url, options)?))
}

fn settings(url: &SecretString, options: PoolOptions) -> Result<PgConnectOptions, ConnectError> {
    let mut settings = PgConnectOptions::from_str(url.expose_secret())
        .map_err(ConnectError::Url)?
        .application_name(options.application_name)
        // Statements here are short. Where the planner takes one for costly, compiling it would take longer than all of it.
        .options([("jit", "off")]);
    if let Some(search_path) = options.search_path {
        settings = settings.options([("search_path", search_path.replace(' ', "\\ "))]);
    }
    let millis = |deadline: Duration| deadline.as_millis().to_string();
    settings = match options.statements {
        Statements::Reads => settings.options([
            ("default_transaction_read_only", "on".to_owned()),
            ("statement_timeout", millis(READ_STATEMENT_DEADLINE)),
        ]),
        Statements::ByKeys | Statements::Writes => settings.options([
            ("statement_timeout", millis(WRITE_STATEMENT_DEADLINE)),
            ("lock_timeout", millis(LOCK_DEADLINE)),
            ("idle_in_transaction_session_timeout", millis(IDLE_TRANSACTION_DEADLINE)),
        ]),
        Statements::Patient => settings,
    };
    if options.statements == Statements::ByKeys {
        settings = settings.options(BY_KEYS);
    }
    Ok(settings)
}

fn pool(options: PoolOptions) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(ACQUIRE_DEADLINE)
        // A connection that was in use a moment ago need not be asked whether it still works.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// A readiness check: the database answers.
pub fn ready(name: &'static str, pool: &PgPool) -> Check {
    let pool = pool.clone();
    Check::new(name, move || {
        let pool = pool.clone();
        async move {
            match sqlx::query("select 1").execute(&pool).await {
                Ok(_) => Ok(()),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, name, "a database is not ready");
                    Err("the database does not answer".to_owned())
                }
            }
        }
    })
}
