//! Where the files of the embedded server are: its lock, its cluster, its sockets.
//!
//! Must not delete data: the only directory removed here is one that initdb did not finish.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::EmbeddedPostgresError as Error;
use super::account::Account;
use super::binaries::Binaries;
use super::{PORT, SUPERUSER, server};

/// The longest path of a socket that every system takes; Linux has 107, others have less.
const MAX_SOCKET_PATH_BYTES: usize = 100;

/// Where clusters go that cannot be in the data directory.
const SHARED_HOME: &str = "/var/lib/boxoffice";

/// The first PostgreSQL that has locales of its own.
const BUILTIN_LOCALES_SINCE: u32 = 17;

const OWNER_ONLY: u32 = 0o700;
const PASSABLE: u32 = 0o711;

/// Creates the directory and says where it really is.
pub(super) fn create_data_dir(data_dir: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(data_dir).map_err(Error::io("create", data_dir))?;
    fs::canonicalize(data_dir).map_err(Error::io("find", data_dir))
}

/// Takes the data directory for this process, until the file is closed.
pub(super) fn lock(data_dir: &Path) -> Result<File, Error> {
    let path = data_dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(data_dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(Error::Io { what: "lock", path, source }),
    }
}

/// The cluster that an earlier start made, wherever `<data_dir>/postgres` leads.
pub(super) fn existing_cluster(data_dir: &Path) -> Result<Option<PathBuf>, Error> {
    let link = link(data_dir);
    match fs::canonicalize(&link) {
        Ok(cluster) => Ok(Some(cluster)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("find", &link)(error)),
        Err(_) if link.is_symlink() => Err(Error::Gone(link)),
        Err(_) => Ok(None),
    }
}

/// The major version that a cluster was made by.
pub(super) fn major_of(cluster: &Path) -> Option<u32> {
    fs::read_to_string(cluster.join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// Makes a cluster in the data directory, or elsewhere with a link to it.
pub(super) fn new_cluster(data_dir: &Path, binaries: &Binaries, account: &Account) -> Result<PathBuf, Error> {
    let link = link(data_dir);
    if account.can_enter(data_dir) {
        initialise(&link, binaries, account)?;
        return Ok(link);
    }
    // A new name each time: whoever removed the data directory wants an empty one, not what was here before.
    let name = format!("{}-{}", short_hash(data_dir), Uuid::now_v7().simple());
    let cluster = Path::new(SHARED_HOME).join(name);
    let home = Path::new(SHARED_HOME);
    fs::create_dir_all(home).map_err(Error::io("create", home))?;
    if !account.can_enter(home) {
        fs::set_permissions(home, Permissions::from_mode(PASSABLE))
            .map_err(Error::io("open to others", home))?;
    }
    tracing::warn!(
        cluster = %cluster.display(), link = %link.display(), user = account.uid(),
        "the user that PostgreSQL runs as cannot enter the data directory: the database is kept elsewhere"
    );
    initialise(&cluster, binaries, account)?;
    symlink(&cluster, &link).map_err(Error::io("create", &link))?;
    Ok(cluster)
}

/// Runs initdb beside the final place and moves the result there, so that a cluster is whole or absent.
fn initialise(cluster: &Path, binaries: &Binaries, account: &Account) -> Result<(), Error> {
    let mut unfinished = cluster.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(Error::io("remove", &unfinished))?;
    }
    create_private(&unfinished, account)?;

    tracing::info!(cluster = %cluster.display(), version = binaries.version(), "creating the database");
    let mut initdb = account.command(binaries.program("initdb"));
    initdb
        .args(["--username", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"])
        // Whoever may enter the socket's directory is let in; nobody else can reach it.
        .args(["--auth-local=trust", "--auth-host=reject", "--no-instructions"])
        .arg("--pgdata")
        .arg(&unfinished);
    if binaries.major() >= BUILTIN_LOCALES_SINCE {
        initdb.arg("--locale-provider=builtin");
    }
    server::run_to_end("initdb", &mut initdb)?;
    fs::rename(&unfinished, cluster).map_err(Error::io("rename", &unfinished))
}

/// A directory for the server's socket that nobody but its owner can enter, with a path that is short enough.
pub(super) fn socket_dir(data_dir: &Path, account: &Account) -> Result<PathBuf, Error> {
    let preferred = data_dir.join("socket");
    let socket = preferred.join(format!(".s.PGSQL.{PORT}"));
    let is_short = socket.as_os_str().len() <= MAX_SOCKET_PATH_BYTES;
    let directory = if is_short && account.can_enter(data_dir) {
        preferred
    } else {
        // Root's own directory for temporary files may be closed to the user that runs the server.
        let temporary = if account.is_other() { PathBuf::from("/tmp") } else { std::env::temp_dir() };
        temporary.join(format!("boxoffice-{}", short_hash(data_dir)))
    };
    match create_private(&directory, account) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            check_private(&directory, account)?;
            Ok(directory)
        }
        created => created.map(|()| directory),
    }
}

fn create_private(directory: &Path, account: &Account) -> Result<(), Error> {
    DirBuilder::new().mode(OWNER_ONLY).create(directory).map_err(Error::io("create", directory))?;
    account.own(directory)
}

/// In a directory for everybody's temporary files the name may have been taken by somebody else.
fn check_private(directory: &Path, account: &Account) -> Result<(), Error> {
    let found = fs::symlink_metadata(directory).map_err(Error::io("look at", directory))?;
    let is_private =
        found.is_dir() && found.uid() == account.uid() && found.permissions().mode() & 0o777 == OWNER_ONLY;
    if is_private {
        Ok(())
    } else {
        Err(Error::NotPrivate { path: directory.to_owned(), uid: account.uid() })
    }
}

fn link(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres")
}

/// Tells data directories apart in places that they share.
fn short_hash(path: &Path) -> String {
    const CHARS: usize = 12;
    blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex()[..CHARS].to_owned()
}
