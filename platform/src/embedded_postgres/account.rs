//! Whose account the server runs under: ours, or, as PostgreSQL refuses to run as root, one without rights.
//!
//! Must not know what is run.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::EmbeddedPostgresError;

const ROOT: u32 = 0;

/// Who may run the server when we are root, the best first.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The user and group that run the server and own its files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
    /// Whether that is somebody else than us.
    other: bool,
}

impl Account {
    /// Us, unless we are root: then the owner of the cluster where there is one, else a user without rights.
    pub(super) fn to_run(cluster: Option<&Path>) -> Result<Self, EmbeddedPostgresError> {
        let (uid, gid) = ids(None)?;
        if uid != ROOT {
            return Ok(Self { uid, gid, other: false });
        }
        if let Some(cluster) = cluster {
            let owner = fs::metadata(cluster).map_err(EmbeddedPostgresError::io("look at", cluster))?;
            if owner.uid() != ROOT {
                return Ok(Self { uid: owner.uid(), gid: owner.gid(), other: true });
            }
        }
        let found = UNPRIVILEGED.iter().find_map(|name| ids(Some(name)).ok());
        let (uid, gid) = found.ok_or_else(|| EmbeddedPostgresError::Program {
            program: "id".to_owned(),
            output: "there is neither a user postgres nor a user nobody, and PostgreSQL does not run as root"
                .to_owned(),
        })?;
        Ok(Self { uid, gid, other: true })
    }

    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    pub(super) fn is_other(&self) -> bool {
        self.other
    }

    /// A command that runs under this account, away from our working directory, which it may not be able to enter,
    /// and without our `PG…` variables, which would change what PostgreSQL does. Without our groups too: std drops
    /// them when root sets a user.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        if self.other {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Whether this account can pass through all directories down to this one, tried and not computed, because
    /// modes are not everything that decides.
    pub(super) fn can_enter(&self, directory: &Path) -> bool {
        let tried = self
            .command("sh")
            .args(["-c", "cd -- \"$1\"", "sh"])
            .arg(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    }

    /// Makes a file or directory this account's.
    pub(super) fn own(&self, path: &Path) -> Result<(), EmbeddedPostgresError> {
        if !self.other {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid))
            .map_err(EmbeddedPostgresError::io("change the owner of", path))
    }
}

/// The user's and the group's number by POSIX `id`: std knows no way to ask the system itself.
fn ids(user: Option<&str>) -> Result<(u32, u32), EmbeddedPostgresError> {
    let ask = |flag: &str| -> Result<u32, EmbeddedPostgresError> {
        let output = Command::new("id")
            .arg(flag)
            .args(user)
            .output()
            .map_err(EmbeddedPostgresError::io("run", Path::new("id")))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        printed.trim().parse().map_err(|_| EmbeddedPostgresError::Program {
            program: format!("id {flag}"),
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    };
    Ok((ask("-u")?, ask("-g")?))
}
