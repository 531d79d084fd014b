//! The servers that are measured: PostgreSQL, and the product as its release binary.
//!
//! Both sides use the one PostgreSQL that a run starts, durable as it comes (testkit says with which switches). The
//! product runs with its defaults; it is told only where to listen, where its database is and its master key, which all
//! processes must share. Databases are copies of one that was prepared: see `stage`.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use sqlx::{Connection as _, Executor, PgConnection};
use testkit::{free_port, postgres::PostgresServer, process::Process};

use crate::http::{self, Connection};

/// How long a process may take until it is ready.
const START_DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
/// How long a process may take to end.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// PostgreSQL, and what is needed to start the product on it.
pub(crate) struct Servers {
    postgres: PostgresServer,
    /// A URL without the name of a database.
    base_url: String,
    boxoffice: PathBuf,
    master_key: String,
    keeps_logs: bool,
    /// With brokers the product uses Kafka.
    brokers: Option<String>,
}

/// A process of the product.
pub(crate) struct Running {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Servers {
    /// Starts a PostgreSQL of its own.
    pub(crate) async fn start(boxoffice: Option<PathBuf>, keeps_logs: bool) -> Result<Self> {
        let boxoffice = match boxoffice {
            Some(path) => path,
            None => std::env::current_exe()?.with_file_name("boxoffice"),
        };
        if !boxoffice.is_file() {
            bail!("there is no {}: cargo build --release --package boxoffice", boxoffice.display());
        }
        let postgres = PostgresServer::start_own().await;
        let database = postgres.database("nothing").await;
        let base_url =
            database.url().strip_suffix(database.name()).context("a URL that ends with its database")?;
        let base_url = base_url.to_owned();
        let master_key = event_store::MasterKey::generate();
        Ok(Self { postgres, base_url, boxoffice, master_key, keeps_logs, brokers: None })
    }

    /// Another PostgreSQL for the same product, which uses Kafka there. It remembers when each transaction committed.
    pub(crate) async fn another_with_kafka(&self, brokers: &str) -> Result<Self> {
        let mut another = Self::start(Some(self.boxoffice.clone()), self.keeps_logs).await?;
        another.administer("alter system set track_commit_timestamp = on").await?;
        another.postgres.restart().await;
        another.brokers = Some(brokers.to_owned());
        Ok(another)
    }

    pub(crate) fn postgres_version(&self) -> &str {
        self.postgres.version()
    }

    pub(crate) fn master_key(&self) -> &str {
        &self.master_key
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("{}{database}", self.base_url)
    }

    /// A new database: empty, or a copy of one that nobody is connected to. What making it left to be written is
    /// written before this ends, so that no measurement pays for it.
    pub(crate) async fn create(&self, name: &str, template: &str) -> Result<()> {
        self.administer(&format!(r#"drop database if exists "{name}""#)).await?;
        self.administer(&format!(r#"create database "{name}" template "{template}""#)).await?;
        self.checkpoint().await
    }

    /// Leaves PostgreSQL with nothing to be written, and with files of its log that it can use again, as it has in service:
    /// without them commits wait now and then for 16 MiB of zeros.
    pub(crate) async fn checkpoint(&self) -> Result<()> {
        self.administer("checkpoint").await
    }

    pub(crate) async fn drop(&self, name: &str) -> Result<()> {
        self.administer(&format!(r#"drop database if exists "{name}" with (force)"#)).await
    }

    async fn administer(&self, statement: &str) -> Result<()> {
        let mut admin = PgConnection::connect(&self.url("postgres")).await?;
        admin.execute(statement).await.with_context(|| statement.to_owned())?;
        Ok(admin.close().await?)
    }

    /// What this PostgreSQL's settings are, where they are not the defaults of the version.
    pub(crate) async fn settings_that_differ(&self) -> Result<Vec<String>> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        // Where it keeps files and listens is no setting that makes it faster, and names paths of this machine.
        let settings = sqlx::query_scalar(
            "select name || ' = ' || setting from pg_settings
             where source = 'command line' and name not in ('data_directory', 'port', 'listen_addresses',
                                                            'unix_socket_directories')
             order by name",
        )
        .fetch_all(&mut connection)
        .await?;
        connection.close().await?;
        Ok(settings)
    }

    /// Runs a subcommand that ends by itself.
    pub(crate) fn run_once(&self, role: &str, database: &str) -> Result<()> {
        self.run_once_with(None, role, database)
    }

    /// The same, with Kafka if it is told of one.
    pub(crate) fn run_once_with(&self, brokers: Option<&str>, role: &str, database: &str) -> Result<()> {
        let output = self.command(brokers, role, database).output()?;
        if !output.status.success() {
            bail!("boxoffice {role} failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// Starts a role and waits until it is ready.
    pub(crate) async fn role(&self, role: &str, database: &str) -> Result<Running> {
        let Running { mut process, address } = self.spawn(None, role, database);
        await_ready(&mut process, address).await.with_context(|| {
            format!(
                "boxoffice {role} does not start (with --logs its log is shown):\n{}",
                process.output_end()
            )
        })?;
        Ok(Running { process, address })
    }

    /// Starts a role, with Kafka if it is told of one, and waits for nothing.
    pub(crate) fn spawn(&self, brokers: Option<&str>, role: &str, database: &str) -> Running {
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let direct = self.command(brokers, role, database);
        let mut command = if self.keeps_logs { direct } else { without_output(&direct) };
        command.env("BOXOFFICE_LISTEN", address.to_string());
        Running { process: Process::spawn(&mut command), address }
    }

    fn command(&self, brokers: Option<&str>, role: &str, database: &str) -> Command {
        let mut command = Command::new(&self.boxoffice);
        command.args(role.split(' '));
        // Nobody's environment makes the product other than its defaults.
        for (name, _) in std::env::vars_os() {
            let ours = name.to_string_lossy();
            if ours.starts_with("BOXOFFICE_") || ours.ends_with("DATABASE_URL") || ours == "KAFKA_BROKERS" {
                command.env_remove(&name);
            }
        }
        command.env("DATABASE_URL", self.url(database)).env("BOXOFFICE_MASTER_KEY", &self.master_key);
        if let Some(brokers) = brokers.or(self.brokers.as_deref()) {
            command.env("KAFKA_BROKERS", brokers);
        }
        command
    }
}

impl Running {
    /// The most memory that it has had in RAM at once, in MiB.
    pub(crate) fn peak_memory_mib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("a line VmHWM")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }

    /// Seconds of CPU that it has used so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        crate::machine::cpu_seconds(self.process.id())
    }

    pub(crate) async fn stop(mut self) {
        self.process.terminate(STOP_DEADLINE).await;
    }
}

/// The same command with what it logs going nowhere: a run would fill a disk that the database needs.
fn without_output(command: &Command) -> Command {
    let mut quiet = Command::new("sh");
    quiet
        .args(["-c", "exec \"$0\" \"$@\" >/dev/null 2>&1"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => quiet.env(name, value),
            None => quiet.env_remove(name),
        };
    }
    quiet
}

async fn await_ready(process: &mut Process, address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + START_DEADLINE;
    let mut request = Vec::new();
    http::write_get(&mut request, "/readyz");
    loop {
        if let Some(status) = process.exit_status() {
            bail!("it ended with {status}");
        }
        if let Ok(mut connection) = Connection::open(address).await
            && connection.exchange(&request).await.is_ok_and(|answer| answer.status == 200)
        {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("not ready within {START_DEADLINE:?}");
        }
        tokio::time::sleep(POLL).await;
    }
}
