//! Starts the server's process, waits for it, and stops it: ours, and one that an earlier process left behind.
//!
//! Must not know where files are or why.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

use super::EmbeddedPostgresError as Error;
use super::account::Account;
use super::binaries::Binaries;
use super::{MAX_CONNECTIONS, PORT, READ_DATABASE, SUPERUSER, WRITE_DATABASE};

/// How long the server may take to accept connections; after a crash it first replays its log.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// How long the server may take to stop; it writes what is still in memory.
const STOP_DEADLINE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const LOG_TAIL_LINES: usize = 15;
/// How much of the end of a log is looked at.
const LOG_TAIL_BYTES: usize = 16 * 1024;

/// The server's process and what is needed to stop it.
#[derive(Debug)]
pub(super) struct Server {
    binaries: Binaries,
    account: Account,
    cluster: PathBuf,
    sockets: PathBuf,
    log: PathBuf,
    child: Child,
}

impl Server {
    /// Starts the process and does not wait for it.
    ///
    /// It gets a process group of its own: Ctrl-C in a terminal reaches us alone, and we stop it in order.
    pub(super) fn spawn(
        binaries: Binaries,
        account: Account,
        cluster: PathBuf,
        sockets: PathBuf,
        log: PathBuf,
    ) -> Result<Self, Error> {
        let program = binaries.program("postgres");
        let output = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&log)
            .map_err(Error::io("open", &log))?;
        let errors = output.try_clone().map_err(Error::io("open", &log))?;
        let mut command = account.command(&program);
        command.arg("-D").arg(&cluster).stdout(output).stderr(errors).process_group(0);
        let settings = [
            "listen_addresses=".to_owned(),
            format!("unix_socket_directories={}", quoted(&sockets)),
            "unix_socket_permissions=0700".to_owned(),
            format!("port={PORT}"),
            format!("max_connections={MAX_CONNECTIONS}"),
            "logging_collector=off".to_owned(),
            "log_destination=stderr".to_owned(),
        ];
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        let child = command.spawn().map_err(Error::io("run", &program))?;
        Ok(Self { binaries, account, cluster, sockets, log, child })
    }

    pub(super) fn version(&self) -> &str {
        self.binaries.version()
    }

    /// Waits until the server accepts connections.
    pub(super) async fn wait_until_ready(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Ok(connection) = connect(&self.sockets).await {
                // That it was closed in good order does not matter: it has done its work.
                let _ = connection.close().await;
                return Ok(());
            }
            if !self.is_running() {
                return Err(self.not_started("ended while starting"));
            }
            if Instant::now() > deadline {
                return Err(self.not_started("did not accept connections in time"));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Stops the server and waits for its end. Blocking; a second call does nothing.
    pub(super) fn stop(&mut self) -> Result<(), Error> {
        if !self.is_running() {
            return Ok(());
        }
        if let Err(error) = pg_ctl_stop(&self.binaries, &self.account, &self.cluster, Wait::ByCaller)
            && self.is_running()
        {
            return Err(error);
        }
        let deadline = Instant::now() + STOP_DEADLINE;
        while self.is_running() {
            if Instant::now() > deadline {
                return Err(self.not_started("did not stop in time"));
            }
            thread::sleep(POLL_INTERVAL);
        }
        // It is made again at the next start; left behind, it would only be litter.
        let _ = fs::remove_dir(&self.sockets);
        Ok(())
    }

    fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn not_started(&self, what: &'static str) -> Error {
        Error::NotStarted { what, log: self.log.clone(), tail: tail(&self.log) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the embedded PostgreSQL was left running"
            );
        }
    }
}

/// Stops a server that still runs on this cluster. Call it only while holding the data directory's lock: then its
/// owner is dead, because it would hold that lock.
pub(super) fn stop_left_over(binaries: &Binaries, account: &Account, cluster: &Path) -> Result<(), Error> {
    let Some(pid) = pid_in(cluster) else { return Ok(()) };
    if !runs_on(pid, cluster) {
        return Ok(());
    }
    tracing::warn!(pid, "stopping a PostgreSQL that an earlier process left running");
    pg_ctl_stop(binaries, account, cluster, Wait::ByPgCtl)
}

/// The process that the cluster's lock file names.
fn pid_in(cluster: &Path) -> Option<u32> {
    fs::read_to_string(cluster.join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}

/// Whether that process is a server of this cluster, and not another that got the same number since: a server works
/// in its cluster's directory. Without `/proc`, a number that is there must do.
fn runs_on(pid: u32, cluster: &Path) -> bool {
    if Path::new("/proc/self/cwd").exists() {
        return fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|directory| directory == cluster);
    }
    Command::new("ps").args(["-p", &pid.to_string()]).output().is_ok_and(|found| found.status.success())
}

/// Who waits for the end of the server.
enum Wait {
    /// For a server that is not our child.
    ByPgCtl,
    /// For our child: when it is killed at the same moment, pg_ctl would wait for a zombie that only we can reap.
    ByCaller,
}

fn pg_ctl_stop(binaries: &Binaries, account: &Account, cluster: &Path, wait: Wait) -> Result<(), Error> {
    let mut command = account.command(binaries.program("pg_ctl"));
    command.args(["stop", "--mode=fast"]);
    match wait {
        Wait::ByPgCtl => command.args(["--wait", "--timeout", &STOP_DEADLINE.as_secs().to_string()]),
        Wait::ByCaller => command.arg("--no-wait"),
    };
    command.arg("--pgdata").arg(cluster);
    run_to_end("pg_ctl stop", &mut command)
}

/// Runs a program; what it printed is the error when it fails.
pub(super) fn run_to_end(name: &str, command: &mut Command) -> Result<(), Error> {
    let output = command.output().map_err(Error::io("run", Path::new(command.get_program())))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stderr, output.stdout].concat();
    let printed = String::from_utf8_lossy(&printed).trim().to_owned();
    Err(Error::Program { program: name.to_owned(), output: printed })
}

/// Makes the two databases where they are missing.
pub(super) async fn create_databases(sockets: &Path) -> Result<(), sqlx::Error> {
    let mut connection = connect(sockets).await?;
    for (name, create) in [
        (WRITE_DATABASE, "create database boxoffice_write"),
        (READ_DATABASE, "create database boxoffice_read"),
    ] {
        let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if !exists {
            sqlx::query(create).execute(&mut connection).await?;
        }
    }
    connection.close().await
}

async fn connect(sockets: &Path) -> Result<PgConnection, sqlx::Error> {
    PgConnectOptions::new_without_pgpass()
        .socket(sockets)
        .port(PORT)
        .username(SUPERUSER)
        .database("postgres")
        .connect()
        .await
}

/// A path as one element of PostgreSQL's list of directories.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('"', "\"\""))
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(LOG_TAIL_BYTES)..]).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}
