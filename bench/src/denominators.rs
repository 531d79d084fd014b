//! The other side of R1 and R2: pgbench with the scripts in `sql/`, which are the project's to the letter, in a database
//! of their own on the same server.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use secrecy::SecretString;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::{progress, servers::Servers, tally::Tally};

const DATABASE: &str = "denominators";
/// As the scripts say.
const CLIENTS: &str = "64";
const THREADS: &str = "2";
const SETUP: &str = include_str!("../sql/setup.sql");
const APPEND: &str = include_str!("../sql/append.sql");
const ROW_LOCK: &str = include_str!("../sql/row-lock.sql");
/// Prints what a session of pgbench sees.
const SETTINGS: &str =
    "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as sync,
    current_setting('full_page_writes') as pages \\gset
\\shell echo settings :fsync :sync :pages";

/// Which script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// R1's: one domain event, one row, one transaction.
    Append,
    /// R2's: the usual design, one hot row.
    RowLock,
}

/// What a session sees; all three must be on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Durability {
    pub(crate) fsync: String,
    pub(crate) synchronous_commit: String,
    pub(crate) full_page_writes: String,
}

/// pgbench and its scripts.
pub(crate) struct Pgbench {
    program: PathBuf,
    scripts: TempDir,
    url: String,
}

impl Pgbench {
    pub(crate) async fn prepare(servers: &Servers) -> Result<Self> {
        servers.create(DATABASE, "template0").await?;
        let scripts = TempDir::new()?;
        for (script, text) in [(Script::Append, APPEND), (Script::RowLock, ROW_LOCK)] {
            std::fs::write(scripts.path().join(script.file()), text)?;
        }
        std::fs::write(scripts.path().join("settings.sql"), SETTINGS)?;
        Ok(Self { program: program()?, scripts, url: servers.url(DATABASE) })
    }

    /// Runs a script; answers with transactions a second.
    pub(crate) async fn run(&self, script: Script, duration: Duration) -> Result<f64> {
        let mut connection = PgConnection::connect(&self.url).await?;
        sqlx::raw_sql(SETUP).execute(&mut connection).await?;
        sqlx::raw_sql("checkpoint").execute(&mut connection).await?;
        connection.close().await?;
        let seconds = duration.as_secs().max(1);
        let arguments = ["-c", CLIENTS, "-j", THREADS, "-T", &seconds.to_string()];
        let name = format!("pgbench {}", script.file());
        let output = tokio::select! {
            output = self.output(script.file(), &arguments) => output?,
            () = waiting(&name, duration) => bail!("{name} does not end"),
        };
        let tps = output.lines().find_map(|line| line.strip_prefix("tps = ")).context("a line tps")?;
        Ok(tps.split(' ').next().context("a number")?.parse()?)
    }

    /// What its sessions see.
    pub(crate) async fn durability(&self) -> Result<Durability> {
        let output = self.output("settings.sql", &["-c", "1", "-t", "1"]).await?;
        let line = output.lines().find_map(|line| line.strip_prefix("settings ")).context("settings")?;
        let mut words = line.split(' ').map(str::to_owned);
        let mut next = || words.next().context("three settings");
        Ok(Durability { fsync: next()?, synchronous_commit: next()?, full_page_writes: next()? })
    }

    async fn output(&self, file: &str, arguments: &[&str]) -> Result<String> {
        let output = tokio::process::Command::new(&self.program)
            .args(["-n", "-M", "prepared", "-f"])
            .arg(self.scripts.path().join(file))
            .args(arguments)
            .arg(&self.url)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        if !output.status.success() {
            bail!("pgbench {file} failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Script {
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::Append => "append.sql",
            Self::RowLock => "row-lock.sql",
        }
    }
}

impl Durability {
    /// What the product's sessions see, through a pool that is opened as the product opens its own.
    pub(crate) async fn of_the_product(servers: &Servers, database: &str) -> Result<Self> {
        let options = platform::postgres::PoolOptions {
            max_connections: 1,
            application_name: "boxoffice command-api",
            search_path: None,
            statements: platform::postgres::Statements::ByKeys,
        };
        let pool = platform::postgres::connect(&SecretString::from(servers.url(database)), options).await?;
        let (fsync, synchronous_commit, full_page_writes) = sqlx::query_as(
            "select current_setting('fsync'), current_setting('synchronous_commit'),
                    current_setting('full_page_writes')",
        )
        .fetch_one(&pool)
        .await?;
        pool.close().await;
        Ok(Self { fsync, synchronous_commit, full_page_writes })
    }

    /// Refuses to measure anything else.
    pub(crate) fn insist(&self) -> Result<()> {
        let all = [&self.fsync, &self.synchronous_commit, &self.full_page_writes];
        if all.iter().any(|value| *value != "on") {
            bail!("not durable: {self:?}");
        }
        Ok(())
    }
}

/// Twice as long as it should take.
async fn waiting(name: &str, duration: Duration) {
    progress::show(name, duration, &Tally::new()).await;
    tokio::time::sleep(duration.max(Duration::from_secs(30))).await;
}

/// PATH's, or Debian's newest.
fn program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|dir| dir.join("pgbench"));
    let versions = (10..=30).rev().map(|version| format!("/usr/lib/postgresql/{version}/bin/pgbench").into());
    in_path.chain(versions).find(|program| program.is_file()).context("pgbench is not installed")
}
