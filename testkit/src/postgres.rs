//! A real PostgreSQL, from the server binaries of this machine.
//!
//! It is as durable as a real one (`fsync` stays on), because what Boxoffice promises rests on that.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};
use sqlx::{Connection, Executor, PgConnection, Row};
use tokio::sync::OnceCell;
use tokio::time::sleep;

use crate::free_port;
use crate::guardian::Guardian;
use crate::process::{Process, describe};
pub use crate::small_disk::SmallDisk;

const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(30);
const PORTS_TRIED: u32 = 5;
const MAX_CONNECTIONS: u32 = 300;
const SUPERUSER: &str = "boxoffice";
/// PostgreSQL cuts longer names.
const NAME_LENGTH: usize = 63;

/// An empty database on the server that all tests of this process share.
pub async fn database(name_hint: &str) -> TestDatabase {
    PostgresServer::shared().await.database(name_hint).await
}

/// A running PostgreSQL server. It ends when this is dropped or when the test process dies.
pub struct PostgresServer {
    installation: Installation,
    process: Process,
    port: u16,
    version: String,
}

/// A database that belongs to one test.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    url: String,
    name: String,
}

impl TestDatabase {
    /// A `postgres://` URL for sqlx, libpq and `psql`, as a superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl PostgresServer {
    /// The server of this test process, started on first use.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<PostgresServer> = OnceCell::const_new();
        SHARED.get_or_init(Self::start_own).await
    }

    /// A server of the caller's own, to be killed and restarted.
    ///
    /// # Panics
    ///
    /// When there are no server binaries, or with the end of the server's log when it does not start.
    pub async fn start_own() -> Self {
        Self::start_guarded(Guardian::new("postgres", Signal::SIGQUIT)).await
    }

    /// The same on a disk of its own, so many mebibytes in memory, that can be made full: see [`SmallDisk`].
    ///
    /// # Errors
    ///
    /// When no disk can be mounted: that takes root, and a machine that lets root do it.
    ///
    /// # Panics
    ///
    /// Like [`start_own`](Self::start_own).
    pub async fn start_on_small_disk(mebibytes: u64) -> io::Result<(Self, SmallDisk)> {
        let guardian = Guardian::new("postgres", Signal::SIGQUIT);
        let disk = SmallDisk::mount(&data_dir(guardian.dir()), mebibytes)?;
        Ok((Self::start_guarded(guardian).await, disk))
    }

    async fn start_guarded(guardian: Guardian) -> Self {
        let installation = Installation::find();
        installation.make_cluster(guardian.dir());
        let mut port = free_port();
        let mut server = installation.server(guardian.dir(), port);
        let mut process = Process::spawn_guarded(&mut server, guardian);
        let mut ports_left = PORTS_TRIED;
        loop {
            match await_version(&mut process, port).await {
                Ok(version) => {
                    // Not `eprintln!`, which the test runner keeps to itself.
                    let _ = writeln!(io::stderr(), "PostgreSQL {version}");
                    return Self { installation, process, port, version };
                }
                Err(failure) if ports_left == 1 => panic!("PostgreSQL does not start: {failure}"),
                // Somebody else may have taken the port before the server did.
                Err(_) => ports_left -= 1,
            }
            port = free_port();
            server = installation.server(process.dir(), port);
            process.respawn(&mut server);
        }
    }

    /// The server's version, such as `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The loopback port it listens on; it survives [`restart`](Self::restart).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database, `name_hint` in its name.
    pub async fn database(&self, name_hint: &str) -> TestDatabase {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let suffix = format!("_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let hint =
            name_hint.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
        let name = hint.take(NAME_LENGTH - suffix.len()).collect::<String>() + &suffix;
        let mut admin =
            PgConnection::connect(&url(self.port, "postgres")).await.expect("the server accepts us");
        // From template0, because nobody can be connected to it, which would block this.
        let create = format!(r#"create database "{name}" template template0"#);
        admin.execute(create.as_str()).await.expect("a fresh name can be created");
        // Nothing is lost when saying goodbye fails.
        let _ = admin.close().await;
        TestDatabase { url: url(self.port, &name), name }
    }

    /// `kill -9` of the server with all its backends, as a power cut would end it (what the kernel has got
    /// survives).
    pub async fn kill_hard(&mut self) {
        self.process.kill_family().await;
    }

    /// Starts it again on the same port and data, after a fast shutdown if it still runs.
    ///
    /// # Panics
    ///
    /// With the end of the server's log when it does not start.
    pub async fn restart(&mut self) {
        self.process.interrupt(STOP_DEADLINE).await;
        let mut command = self.installation.server(self.process.dir(), self.port);
        self.process.respawn(&mut command);
        if let Err(failure) = await_version(&mut self.process, self.port).await {
            panic!("PostgreSQL does not start again: {failure}");
        }
    }

    /// Freezes it with all its backends (SIGSTOP): connections stay, nobody gets an answer.
    pub fn pause(&mut self) {
        self.process.pause_family();
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&mut self) {
        self.process.resume_family();
    }

    /// Whether it runs; a full disk may have ended it.
    pub fn is_running(&mut self) -> bool {
        self.process.exit_status().is_none()
    }

    /// Where its data is.
    pub fn data_dir(&self) -> PathBuf {
        data_dir(self.process.dir())
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        self.process.output()
    }
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://{SUPERUSER}@127.0.0.1:{port}/{database}")
}

fn data_dir(scratch: &Path) -> PathBuf {
    scratch.join("data")
}

/// Waits until the server answers, with its version, or says why it never will.
async fn await_version(process: &mut Process, port: u16) -> Result<String, String> {
    let end = Instant::now() + START_DEADLINE;
    loop {
        if let Some(status) = process.exit_status() {
            return Err(format!("{}; its log ends:\n{}", describe(status), process.output_end()));
        }
        if let Some(version) = ask_version(port, &data_dir(process.dir())).await {
            return Ok(version);
        }
        if Instant::now() > end {
            process.kill_family().await;
            return Err(format!(
                "no answer within {START_DEADLINE:?}; its log ends:\n{}",
                process.output_end()
            ));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// None when nobody answers, or somebody else who was faster in taking the port.
async fn ask_version(port: u16, data_dir: &Path) -> Option<String> {
    let mut connection = PgConnection::connect(&url(port, "postgres")).await.ok()?;
    let query = "select current_setting('server_version'), current_setting('data_directory')";
    let row = connection.fetch_one(query).await.ok()?;
    // Nothing is lost when saying goodbye fails.
    let _ = connection.close().await;
    let (version, directory): (String, String) = (row.get(0), row.get(1));
    // Debian adds its own version: "15.18 (Debian 15.18-0+deb12u1)".
    (Path::new(&directory) == data_dir).then(|| version.split(' ').next().unwrap_or(&version).to_owned())
}

/// Where the server binaries are, and who runs them.
struct Installation {
    binaries: PathBuf,
    /// The server refuses to run as root. Then, another user.
    user: Option<User>,
}

impl Installation {
    fn find() -> Self {
        let binaries = binary_dirs().into_iter().find(|dir| dir.join("initdb").exists()).expect(
            "PostgreSQL's server binaries (initdb, postgres) are on PATH, where pg_config says, or in \
             /usr/lib/postgresql/<version>/bin; `./dev test` installs them where it can",
        );
        let user = geteuid().is_root().then(|| {
            ["postgres", "nobody"]
                .into_iter()
                .find_map(|name| User::from_name(name).ok().flatten())
                .expect("a machine whose user is root has a user `postgres` or `nobody` to run the server")
        });
        Self { binaries, user }
    }

    fn make_cluster(&self, scratch: &Path) {
        if let Some(user) = &self.user {
            let owned = [scratch.to_owned(), data_dir(scratch)].into_iter().filter(|dir| dir.exists());
            for dir in owned {
                chown(dir, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                    .expect("root can give files away");
            }
        }
        // Only making the cluster goes unsynced: a machine that crashes now has no tests running any more.
        let done = self
            .command("initdb", scratch)
            .args([
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "--username",
                SUPERUSER,
                "-D",
            ])
            .arg(data_dir(scratch))
            .output()
            .expect("initdb can be started");
        assert!(done.status.success(), "initdb failed:\n{}", String::from_utf8_lossy(&done.stderr));
    }

    fn server(&self, scratch: &Path, port: u16) -> Command {
        let mut command = self.command("postgres", scratch);
        command.arg("-D").arg(data_dir(scratch)).args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
        command.args(["-N", &MAX_CONNECTIONS.to_string(), "-c", "unix_socket_directories="]);
        command
    }

    fn command(&self, binary: &str, scratch: &Path) -> Command {
        let mut command = Command::new(self.binaries.join(binary));
        command.current_dir(scratch);
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }
}

/// Folders that may hold the server binaries: the user's choice first, then Debian's newest.
fn binary_dirs() -> Vec<PathBuf> {
    let mut dirs: Vec<_> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    if let Ok(told) = Command::new("pg_config").arg("--bindir").output() {
        dirs.push(PathBuf::from(String::from_utf8_lossy(&told.stdout).trim()));
    }
    let mut versions: Vec<u32> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    dirs.extend(versions.iter().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"))));
    dirs
}
