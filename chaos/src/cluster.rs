//! The running system: PostgreSQL, Kafka and every role of the product as a process of its own.
//!
//! A fault locks what it breaks, so that two faults never break the same thing at once. Roles that end by themselves are
//! started again, as an orchestrator would.

use std::{
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use sqlx::{PgPool, postgres::PgPoolOptions};
use testkit::{
    free_port,
    kafka::KafkaServer,
    postgres::{PostgresServer, SmallDisk},
    process::Process,
};
use tokio::sync::Mutex;

/// Roles, and how many processes of each.
const ROLES: [(&str, usize); 5] =
    [("command-api", 2), ("query-api", 1), ("relay", 2), ("projector", 2), ("processes", 1)];
/// What PostgreSQL's disk holds before it is made full; it is in memory, which is taken as it is used.
const DISK_MEBIBYTES: u64 = 8 * 1024;
/// How often a role that has ended by itself is looked for.
const SUPERVISION: Duration = Duration::from_millis(300);
/// How long a role may take until it is ready, when nothing is broken.
pub(crate) const READY_DEADLINE: Duration = Duration::from_secs(120);
/// How long a command of the operator may take. Longer than anything of a run does.
const COMMAND_DEADLINE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(200);
/// Connections of the checker itself.
const OWN_CONNECTIONS: u32 = 8;
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Keys for these processes only, which must share them.
const JWT_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHKMNzFyBPeq8gtqOJ8GdOeEBzhJFOZRTbIkTa9bSVPH
-----END PRIVATE KEY-----";
const MASTER_KEY: &str = "dGVzdCB0ZXN0IHRlc3QgdGVzdCB0ZXN0IHRlc3QgISE=";

pub(crate) struct Cluster {
    settings: Settings,
    pub(crate) postgres: Mutex<PostgresServer>,
    pub(crate) kafka: Mutex<KafkaServer>,
    /// PostgreSQL's, if this machine lets us mount one.
    pub(crate) disk: Result<SmallDisk, String>,
    /// A database that has nothing to do with the product.
    pub(crate) other_database: PgPool,
    pub(crate) write: PgPool,
    pub(crate) read: PgPool,
    pub(crate) brokers: String,
    pub(crate) roles: Vec<Role>,
}

/// What every process of the product is told.
struct Settings {
    boxoffice: PathBuf,
    write_url: String,
    read_url: String,
    brokers: String,
    planted_bug: Option<String>,
}

/// A process of the product that is there all the time.
pub(crate) struct Role {
    /// Such as `command-api`.
    pub(crate) kind: &'static str,
    /// Such as `command-api 2`.
    pub(crate) name: String,
    pub(crate) url: String,
    listen: String,
    pub(crate) running: Mutex<Running>,
}

pub(crate) struct Running {
    pub(crate) process: Process,
    /// How often it ended without being told to.
    ended_by_itself: u32,
}

impl Cluster {
    /// Starts everything and waits until it is ready.
    pub(crate) async fn start(boxoffice: PathBuf, planted_bug: Option<String>) -> Result<Self> {
        let ((postgres, disk), kafka) = tokio::join!(start_postgres(), KafkaServer::start_own());
        let (write, read) = (postgres.database("write").await, postgres.database("read").await);
        let other = postgres.database("other").await;
        let settings = Settings {
            boxoffice,
            write_url: write.url().to_owned(),
            read_url: read.url().to_owned(),
            brokers: kafka.brokers().to_owned(),
            planted_bug,
        };
        let migrated = settings.command("migrate").output().context("boxoffice cannot be started")?;
        if !migrated.status.success() {
            bail!("boxoffice migrate failed:\n{}", String::from_utf8_lossy(&migrated.stderr));
        }
        let numbered = ROLES.iter().flat_map(|(kind, count)| (1..=*count).map(move |n| (*kind, n)));
        let roles = numbered.map(|(kind, number)| Role::start(&settings, kind, number)).collect();
        let cluster = Self {
            brokers: settings.brokers.clone(),
            settings,
            postgres: Mutex::new(postgres),
            kafka: Mutex::new(kafka),
            disk,
            other_database: pool(other.url())?,
            write: pool(write.url())?,
            read: pool(read.url())?,
            roles,
        };
        cluster.await_ready().await?;
        Ok(cluster)
    }

    /// The binary with everything that its processes share.
    pub(crate) fn command(&self, role: &str) -> Command {
        self.settings.command(role)
    }

    /// Runs the binary to its end, which it must come to.
    pub(crate) async fn output(&self, arguments: &str) -> Result<Output> {
        let mut command = tokio::process::Command::from(self.command(arguments));
        let output = tokio::time::timeout(COMMAND_DEADLINE, command.kill_on_drop(true).output()).await;
        let output = output.with_context(|| {
            format!("`boxoffice {arguments}` did not come to its end within {COMMAND_DEADLINE:?}")
        })?;
        Ok(output?)
    }

    pub(crate) fn roles_of<'a>(&'a self, kind: &'a str) -> Vec<&'a Role> {
        self.roles.iter().filter(|role| role.kind == kind).collect()
    }

    /// Starts it again, with further environment variables.
    pub(crate) fn respawn(&self, role: &Role, running: &mut Running, environment: &[(&str, String)]) {
        let mut command = self.settings.command(role.kind);
        command.env("BOXOFFICE_LISTEN", &role.listen);
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        running.process.respawn(&mut command);
    }

    /// Starts again whatever has ended by itself; never returns.
    pub(crate) async fn supervise(&self) {
        loop {
            for role in &self.roles {
                // Who holds the lock is breaking it on purpose.
                let Ok(mut running) = role.running.try_lock() else { continue };
                if running.process.exit_status().is_some() {
                    running.ended_by_itself += 1;
                    self.respawn(role, &mut running, &[]);
                }
            }
            tokio::time::sleep(SUPERVISION).await;
        }
    }

    /// Waits until every role says that it is ready.
    pub(crate) async fn await_ready(&self) -> Result<()> {
        let client = reqwest::Client::new();
        for role in &self.roles {
            let ready = async {
                while !role.is_ready(&client).await {
                    tokio::time::sleep(POLL).await;
                }
            };
            if tokio::time::timeout(READY_DEADLINE, ready).await.is_err() {
                let says = role.readiness(&client).await;
                let running = role.running.lock().await;
                bail!(
                    "{} is not ready within {READY_DEADLINE:?}; it says {says}; its threads:\n{}\nits log ends:\n{}",
                    role.name,
                    threads(running.process.id()),
                    running.process.output_end()
                );
            }
        }
        Ok(())
    }

    /// How often each role ended without being told to, where it did.
    pub(crate) async fn ended_by_themselves(&self) -> Vec<(String, u32)> {
        let mut ended = vec![];
        for role in &self.roles {
            let count = role.running.lock().await.ended_by_itself;
            if count > 0 {
                ended.push((role.name.clone(), count));
            }
        }
        ended
    }
}

impl Settings {
    fn command(&self, role: &str) -> Command {
        let mut command = Command::new(&self.boxoffice);
        command.args(role.split(' '));
        // Nobody's environment makes the product other than its defaults.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("BOXOFFICE_") || text.ends_with("DATABASE_URL") || text == "KAFKA_BROKERS" {
                command.env_remove(&name);
            }
        }
        command
            .env("DATABASE_URL", &self.write_url)
            .env("READ_DATABASE_URL", &self.read_url)
            .env("KAFKA_BROKERS", &self.brokers)
            .env("BOXOFFICE_JWT_KEY", JWT_KEY)
            .env("BOXOFFICE_MASTER_KEY", MASTER_KEY);
        if let Some(bug) = &self.planted_bug {
            command.env("BOXOFFICE_PLANTED_BUG", bug);
        }
        command
    }
}

impl Role {
    fn start(settings: &Settings, kind: &'static str, number: usize) -> Self {
        let listen = format!("127.0.0.1:{}", free_port());
        let process = Process::spawn(settings.command(kind).env("BOXOFFICE_LISTEN", &listen));
        Self {
            kind,
            name: format!("{kind} {number}"),
            url: format!("http://{listen}"),
            listen,
            running: Mutex::new(Running { process, ended_by_itself: 0 }),
        }
    }

    async fn is_ready(&self, client: &reqwest::Client) -> bool {
        self.ask(client).await.is_ok_and(|answer| answer.status().is_success())
    }

    /// What it says of itself, or why it says nothing.
    async fn readiness(&self, client: &reqwest::Client) -> String {
        match self.ask(client).await {
            Ok(answer) => answer.text().await.unwrap_or_else(|error| error.to_string()),
            Err(error) => error.to_string(),
        }
    }

    async fn ask(&self, client: &reqwest::Client) -> reqwest::Result<reqwest::Response> {
        client.get(format!("{}/readyz", self.url)).timeout(CONNECT_DEADLINE).send().await
    }
}

/// Where each thread of a process is: who never gets ready may hang. Needs gdb.
fn threads(id: u32) -> String {
    let backtraces = ["-batch", "-ex", "thread apply all backtrace 30", "-p"];
    match Command::new("gdb").args(backtraces).arg(id.to_string()).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => format!("gdb cannot be started: {error}"),
    }
}

/// On a disk that can be made full, if this machine lets us mount one.
async fn start_postgres() -> (PostgresServer, Result<SmallDisk, String>) {
    match PostgresServer::start_on_small_disk(DISK_MEBIBYTES).await {
        Ok((postgres, disk)) => (postgres, Ok(disk)),
        Err(error) => (PostgresServer::start_own().await, Err(error.to_string())),
    }
}

/// Connects when it is used, so that a server that is down does not end the checker.
fn pool(url: &str) -> Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(OWN_CONNECTIONS).acquire_timeout(CONNECT_DEADLINE);
    Ok(options.connect_lazy(url)?)
}
