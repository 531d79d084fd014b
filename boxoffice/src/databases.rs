//! Where the data is: both databases and the master key, from the settings or from the data directory.

use std::{
    io::{ErrorKind, Write},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, bail};
use event_store::{EventStore, MasterKey};
use platform::{
    Config,
    embedded_postgres::EmbeddedPostgres,
    postgres::{PoolOptions, Statements, connect},
};
use projector::READ_SCHEMA;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;

/// The URLs of both databases, and the server if this process runs it.
pub(crate) struct Databases {
    pub(crate) write_url: SecretString,
    pub(crate) read_url: SecretString,
    pub(crate) embedded: Option<EmbeddedPostgres>,
    connections: u32,
    master_key: Arc<MasterKey>,
}

impl Databases {
    /// What DATABASE_URL and READ_DATABASE_URL say.
    pub(crate) fn configured(config: &Config) -> anyhow::Result<Self> {
        let Some(write_url) = config.database_url.clone() else {
            bail!("DATABASE_URL is not set (only `boxoffice up` brings its own PostgreSQL)");
        };
        let read_url = config.read_database_url.clone().unwrap_or_else(|| write_url.clone());
        Self::new(config, write_url, read_url, None)
    }

    /// What the settings say; without them the embedded server of the data directory.
    pub(crate) async fn configured_or_embedded(config: &Config) -> anyhow::Result<Self> {
        if config.database_url.is_some() {
            return Self::configured(config);
        }
        let embedded = EmbeddedPostgres::start(&config.data_dir).await?;
        Self::new(config, embedded.write_url(), embedded.read_url(), Some(embedded))
    }

    /// For commands that may run beside `boxoffice up`: its server if it runs one, else as above. Never makes a new
    /// one: that would be in the wrong folder.
    pub(crate) async fn beside_up(config: &Config) -> anyhow::Result<Self> {
        if config.database_url.is_none()
            && let Some((write_url, read_url)) = EmbeddedPostgres::of_other_process(&config.data_dir)
        {
            let databases = Self::new(config, write_url, read_url, None)?;
            if databases.write_pool("boxoffice", Statements::Writes).await.is_ok() {
                return Ok(databases);
            }
        }
        if config.database_url.is_none() && !config.data_dir.join("postgres").exists() {
            bail!(
                "there is no box office in {}: set BOXOFFICE_DATA_DIR or DATABASE_URL to where yours is",
                config.data_dir.display()
            );
        }
        Self::configured_or_embedded(config).await
    }

    fn new(
        config: &Config,
        write_url: SecretString,
        read_url: SecretString,
        embedded: Option<EmbeddedPostgres>,
    ) -> anyhow::Result<Self> {
        let master_key = match &config.master_key {
            Some(key) => key.expose_secret().to_owned(),
            None => kept_master_key(&config.data_dir)?,
        };
        let master_key = Arc::new(MasterKey::parse(&master_key)?);
        Ok(Self { write_url, read_url, embedded, connections: config.database_connections, master_key })
    }

    /// A pool on the write database.
    pub(crate) async fn write_pool(
        &self,
        application_name: &'static str,
        statements: Statements,
    ) -> anyhow::Result<PgPool> {
        let options = PoolOptions {
            max_connections: self.connections,
            application_name,
            search_path: None,
            statements,
        };
        connect(&self.write_url, options).await.context("write database")
    }

    /// A pool on the read database, for the projector or for readers.
    pub(crate) async fn read_pool(
        &self,
        application_name: &'static str,
        search_path: &'static str,
        statements: Statements,
    ) -> anyhow::Result<PgPool> {
        let options = PoolOptions {
            max_connections: self.connections,
            application_name,
            search_path: Some(search_path),
            statements,
        };
        connect(&self.read_url, options).await.context("read database")
    }

    /// A pool of the live read models that writes.
    pub(crate) async fn projector_pool(&self, statements: Statements) -> anyhow::Result<PgPool> {
        self.read_pool("boxoffice projector", READ_SCHEMA, statements).await
    }

    /// The event store over a pool; refuses a master key that is not this database's.
    pub(crate) async fn store(&self, pool: PgPool) -> anyhow::Result<EventStore> {
        self.master_key.check(&pool).await.context("has `boxoffice migrate` run on this database?")?;
        Ok(self.store_unchecked(pool))
    }

    /// The same without the check, for a pool that only reads.
    pub(crate) fn store_unchecked(&self, pool: PgPool) -> EventStore {
        EventStore::new(pool, self.master_key.clone())
    }

    /// Stops the embedded server, if there is one.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        if let Some(embedded) = self.embedded {
            embedded.stop().await?;
        }
        Ok(())
    }
}

/// The key of the data directory, made at the first start. Losing it loses the personal data of everybody.
fn kept_master_key(data_dir: &Path) -> anyhow::Result<String> {
    let path = data_dir.join("master.key");
    let make = || -> std::io::Result<()> {
        std::fs::create_dir_all(data_dir)?;
        let temporary = data_dir.join(format!("master.key.{}", std::process::id()));
        let mut file = private_file(&temporary)?;
        file.write_all(MasterKey::generate().as_bytes())?;
        file.sync_all()?;
        // A link, not a rename: whoever comes second keeps the first one's key.
        let linked = std::fs::hard_link(&temporary, &path);
        std::fs::remove_file(&temporary)?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    };
    if !path.exists() {
        make().with_context(|| {
            format!("BOXOFFICE_MASTER_KEY is not set, and no key can be kept in {}", data_dir.display())
        })?;
        tracing::info!(path = %path.display(), "made a master key; keep it with your backups, but not in them");
    }
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}
