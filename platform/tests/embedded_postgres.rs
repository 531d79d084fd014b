//! The embedded PostgreSQL against real server binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use platform::embedded_postgres::{EmbeddedPostgres, EmbeddedPostgresError};
use platform::postgres::{PoolOptions, Statements, connect};
use secrecy::SecretString;
use sqlx::PgPool;
use uuid::Uuid;

/// A data directory that is removed at the end of its test.
struct DataDir(PathBuf);

impl DataDir {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("platform-test-{}", Uuid::now_v7().simple())))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Ok(cluster) = self.0.join("postgres").canonicalize() {
            let _ = std::fs::remove_dir_all(cluster);
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn pool(url: &SecretString) -> Result<PgPool> {
    let options = PoolOptions {
        max_connections: 2,
        application_name: "platform-test",
        search_path: Some("\"$user\", public"),
        statements: Statements::Writes,
    };
    Ok(connect(url, options).await?)
}

async fn sql(url: &SecretString, statement: &'static str) -> Result<()> {
    let pool = pool(url).await?;
    sqlx::query(statement).execute(&pool).await?;
    pool.close().await;
    Ok(())
}

async fn text(url: &SecretString, query: &'static str) -> Result<String> {
    let pool = pool(url).await?;
    let answer = sqlx::query_scalar(query).fetch_one(&pool).await?;
    pool.close().await;
    Ok(answer)
}

#[tokio::test]
async fn data_is_there_again_after_a_stop() -> Result<()> {
    let directory = DataDir::new();
    let postgres = EmbeddedPostgres::start(directory.path()).await?;
    sql(&postgres.write_url(), "create table kept (what text)").await?;
    sql(&postgres.write_url(), "insert into kept values ('a row')").await?;
    postgres.stop().await?;
    assert!(!directory.path().join("postgres/postmaster.pid").exists(), "it stopped in order");

    let postgres = EmbeddedPostgres::start(directory.path()).await?;
    assert_eq!(text(&postgres.write_url(), "select what from kept").await?, "a row");
    assert!(
        sql(&postgres.read_url(), "select what from kept").await.is_err(),
        "the read database is another one"
    );
    postgres.stop().await?;
    Ok(())
}

#[tokio::test]
async fn the_server_is_durable_and_listens_on_no_network() -> Result<()> {
    let directory = DataDir::new();
    let postgres = EmbeddedPostgres::start(directory.path()).await?;
    let url = postgres.write_url();
    for (query, expected) in [
        ("show fsync", "on"),
        ("show synchronous_commit", "on"),
        ("show full_page_writes", "on"),
        ("show data_checksums", "on"),
        ("show listen_addresses", ""),
        ("show server_encoding", "UTF8"),
        ("select datcollate from pg_database where datname = current_database()", "C.UTF-8"),
        ("show search_path", "\"$user\", public"),
    ] {
        assert_eq!(text(&url, query).await?, expected, "{query}");
    }
    postgres.stop().await?;
    Ok(())
}

#[tokio::test]
async fn two_processes_never_share_a_data_directory() -> Result<()> {
    let directory = DataDir::new();
    let postgres = EmbeddedPostgres::start(directory.path()).await?;
    let second = EmbeddedPostgres::start(directory.path()).await;
    assert!(matches!(second, Err(EmbeddedPostgresError::InUse(_))), "{second:?}");
    postgres.stop().await?;
    Ok(())
}

/// A process that was killed leaves its server running: the lock is gone, the server is not.
#[tokio::test]
async fn a_server_left_by_a_killed_process_is_replaced_and_its_data_kept() -> Result<()> {
    let directory = DataDir::new();
    let orphan = EmbeddedPostgres::start(directory.path()).await?;
    sql(&orphan.write_url(), "create table kept as select 'a row' as what").await?;
    let pid = postmaster(directory.path())?;
    // What the kernel does for a killed process: no destructor runs, and its files are closed.
    release_lock_without_stopping(orphan, directory.path())?;

    let postgres = EmbeddedPostgres::start(directory.path()).await?;
    assert_ne!(postmaster(directory.path())?, pid);
    assert_eq!(text(&postgres.write_url(), "select what from kept").await?, "a row");
    postgres.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_was_killed_itself_recovers_what_was_committed() -> Result<()> {
    let directory = DataDir::new();
    let killed = EmbeddedPostgres::start(directory.path()).await?;
    sql(&killed.write_url(), "create table kept as select 'a row' as what").await?;
    let pid = postmaster(directory.path())?;
    assert!(Command::new("kill").args(["-KILL", &pid]).status()?.success());
    drop(killed);

    let postgres = EmbeddedPostgres::start(directory.path()).await?;
    assert_eq!(text(&postgres.write_url(), "select what from kept").await?, "a row");
    postgres.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_long_data_directory_gets_a_short_socket() -> Result<()> {
    let directory = DataDir::new();
    let long = directory.path().join("a long path with spaces, commas and \"quotes\" ".repeat(3).trim());
    let postgres = EmbeddedPostgres::start(&long).await?;
    assert_eq!(text(&postgres.write_url(), "select current_user::text").await?, "boxoffice");
    postgres.stop().await?;
    Ok(())
}

/// The process id in the server's lock file.
fn postmaster(data_dir: &Path) -> Result<String> {
    let file = std::fs::read_to_string(data_dir.join("postgres/postmaster.pid"))?;
    Ok(file.lines().next().context("no process id")?.trim().to_owned())
}

fn release_lock_without_stopping(orphan: EmbeddedPostgres, data_dir: &Path) -> Result<()> {
    std::mem::forget(orphan);
    // The lock belongs to the open file, which `forget` keeps open: put another file in its place.
    Ok(std::fs::remove_file(data_dir.join("lock"))?)
}
