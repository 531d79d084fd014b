//! A private PostgreSQL for one data directory, so that one command runs everything.
//!
//! Must not know any table. It listens on a Unix socket in a directory of its owner alone, and on no network. Its
//! durability is PostgreSQL's default: nothing is traded for speed. Where to read on: `binaries` finds the server,
//! `account` says who runs it (it refuses to run as root), `place` where its files are, `server` starts and stops it.

mod account;
mod binaries;
mod place;
mod server;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use account::Account;
use binaries::Binaries;
use server::Server;

/// The oldest PostgreSQL that will do.
pub const OLDEST_MAJOR: u32 = 14;

/// The most connections that the server takes; the pools of one process share them.
pub const MAX_CONNECTIONS: u32 = 200;

const SUPERUSER: &str = "boxoffice";
const WRITE_DATABASE: &str = "boxoffice_write";
const READ_DATABASE: &str = "boxoffice_read";
const PORT: u16 = 5432;

/// A running server. [`EmbeddedPostgres::stop`] ends it in order; dropping it tries the same, in a blocking way.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    server: Server,
    sockets: PathBuf,
    /// Held for as long as the server may run. The last field: it is given up after the server has stopped.
    _lock: File,
}

/// The embedded PostgreSQL cannot run. Each text says what a person can do about it.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedPostgresError {
    /// There are no server binaries.
    #[error(
        "no PostgreSQL server was found (in PATH, by pg_config, in /usr/lib/postgresql, in /usr/local/pgsql): \
         install PostgreSQL {OLDEST_MAJOR} or newer (Debian: apt install postgresql), or set DATABASE_URL"
    )]
    NotInstalled,
    /// There are server binaries, none of them of a version that will do.
    #[error("PostgreSQL {needed} is needed and only {found} was found: install it, or set DATABASE_URL")]
    WrongVersion {
        /// The version that will do.
        needed: String,
        /// The versions that are there.
        found: String,
    },
    /// Another process uses the data directory.
    #[error("{} is in use by another process: stop that one, or set BOXOFFICE_DATA_DIR", .0.display())]
    InUse(PathBuf),
    /// The data directory points to files that are gone.
    #[error("{} points to a database that is gone: remove the link to begin with an empty one", .0.display())]
    Gone(PathBuf),
    /// A directory for sockets belongs to somebody else or is open to others.
    #[error("{} is not a directory that only user {uid} may enter: remove it", path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// Whose it should be.
        uid: u32,
    },
    /// The system refused something.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// One of PostgreSQL's programs failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Which one.
        program: String,
        /// What it printed.
        output: String,
    },
    /// The server ended, or did not answer in time.
    #[error("PostgreSQL {what}; the end of {}:\n{tail}", log.display())]
    NotStarted {
        /// How it failed.
        what: &'static str,
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// The server runs and its databases cannot be made.
    #[error("cannot create the databases of the embedded PostgreSQL")]
    Databases(#[source] sqlx::Error),
}

impl EmbeddedPostgresError {
    fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

impl EmbeddedPostgres {
    /// Starts the server of this data directory and makes its databases where they are missing.
    ///
    /// The first start creates the cluster in `<data_dir>/postgres`. A server that an earlier process left running
    /// (it was killed) is stopped first. Started by root, the server runs as `postgres` or `nobody`; where that user
    /// cannot enter the data directory, the cluster is kept under `/var/lib/boxoffice` and linked to.
    ///
    /// # Errors
    /// When there is no server to run, another process uses the directory, or the server does not start.
    pub async fn start(data_dir: &Path) -> Result<Self, EmbeddedPostgresError> {
        let data_dir = data_dir.to_owned();
        let mut postgres = tokio::task::spawn_blocking(move || Self::launch(&data_dir))
            .await
            .expect("launching neither panics nor is cancelled")?;
        postgres.server.wait_until_ready().await?;
        server::create_databases(&postgres.sockets).await.map_err(EmbeddedPostgresError::Databases)?;
        tracing::info!(version = postgres.version(), "the embedded PostgreSQL is ready");
        Ok(postgres)
    }

    fn launch(data_dir: &Path) -> Result<Self, EmbeddedPostgresError> {
        let data_dir = place::create_data_dir(data_dir)?;
        let lock = place::lock(&data_dir)?;
        let existing = place::existing_cluster(&data_dir)?;
        let account = Account::to_run(existing.as_deref())?;
        let binaries = Binaries::find(existing.as_deref().and_then(place::major_of))?;
        let cluster = match existing {
            Some(cluster) => {
                server::stop_left_over(&binaries, &account, &cluster)?;
                cluster
            }
            None => place::new_cluster(&data_dir, &binaries, &account)?,
        };
        let sockets = place::socket_dir(&data_dir, &account)?;
        let log = data_dir.join("postgres.log");
        let server = Server::spawn(binaries, account, cluster, sockets.clone(), log)?;
        Ok(Self { server, sockets, _lock: lock })
    }

    /// The URLs, for writing and for reading, of the server that another process runs in this data directory; nothing
    /// if no server has left a sign of running there.
    pub fn of_other_process(data_dir: &Path) -> Option<(SecretString, SecretString)> {
        // Line 5 of postmaster.pid is the first socket directory.
        const SOCKET_LINE: usize = 4;
        let sign = std::fs::read_to_string(data_dir.join("postgres").join("postmaster.pid")).ok()?;
        let sockets = sign.lines().nth(SOCKET_LINE).filter(|line| !line.is_empty()).map(Path::new)?;
        Some((url(sockets, WRITE_DATABASE).into(), url(sockets, READ_DATABASE).into()))
    }

    /// The URL of the database for writing.
    pub fn write_url(&self) -> SecretString {
        url(&self.sockets, WRITE_DATABASE).into()
    }

    /// The URL of the database for reading.
    pub fn read_url(&self) -> SecretString {
        url(&self.sockets, READ_DATABASE).into()
    }

    /// The version of the server, such as `15.18`.
    pub fn version(&self) -> &str {
        self.server.version()
    }

    /// Stops the server: open transactions are rolled back, everything committed is flushed.
    ///
    /// # Errors
    /// When the server does not stop in time.
    pub async fn stop(self) -> Result<(), EmbeddedPostgresError> {
        let stop = move || {
            // The whole of it moves here, so that the lock is held until the server has stopped.
            let mut postgres = self;
            postgres.server.stop()
        };
        tokio::task::spawn_blocking(stop).await.expect("stopping neither panics nor is cancelled")
    }
}

/// A URL that sqlx and libpq both understand.
fn url(sockets: &Path, database: &str) -> String {
    let host: String = form_urlencoded::byte_serialize(sockets.as_os_str().as_encoded_bytes()).collect();
    let host = host.replace('+', "%20");
    format!("postgres:///{database}?host={host}&port={PORT}&user={SUPERUSER}&sslmode=disable")
}
