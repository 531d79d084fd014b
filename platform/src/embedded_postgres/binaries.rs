//! Finds the programs of a PostgreSQL server on this machine.
//!
//! Must not start a server.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{EmbeddedPostgresError, OLDEST_MAJOR};

const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Where the server's programs are, and of which version.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    directory: PathBuf,
    version: String,
    major: u32,
}

impl Binaries {
    /// The first server found that will do: of this major version when a cluster needs it, else any that is not too
    /// old.
    pub(super) fn find(needed: Option<u32>) -> Result<Self, EmbeddedPostgresError> {
        let found: Vec<Self> =
            candidates().into_iter().filter_map(|directory| Self::at(&directory)).collect();
        if found.is_empty() {
            return Err(EmbeddedPostgresError::NotInstalled);
        }
        let versions: BTreeSet<&str> = found.iter().map(|binaries| binaries.version.as_str()).collect();
        let wrong = EmbeddedPostgresError::WrongVersion {
            needed: needed.map_or_else(|| format!("{OLDEST_MAJOR} or newer"), |major| major.to_string()),
            found: versions.into_iter().collect::<Vec<_>>().join(", "),
        };
        let will_do = |major| needed.map_or(major >= OLDEST_MAJOR, |needed| major == needed);
        found.into_iter().find(|binaries| will_do(binaries.major)).ok_or(wrong)
    }

    fn at(directory: &Path) -> Option<Self> {
        if !PROGRAMS.iter().all(|program| directory.join(program).is_file()) {
            return None;
        }
        let output = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
        let version = version_in(&String::from_utf8_lossy(&output.stdout))?;
        let major = leading_number(&version)?;
        Some(Self { directory: directory.to_owned(), version, major })
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn major(&self) -> u32 {
        self.major
    }
}

/// Every directory worth a look, the best first.
fn candidates() -> Vec<PathBuf> {
    let in_path = env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = env::split_paths(&in_path)
        // A link in PATH leads to the directory that holds the other programs too.
        .filter_map(|directory| {
            fs::canonicalize(directory.join("postgres")).ok()?.parent().map(Path::to_owned)
        })
        .collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        directories.push(String::from_utf8_lossy(&output.stdout).trim().into());
    }
    directories.extend(packaged(Path::new("/usr/lib/postgresql")));
    directories.push("/usr/local/pgsql/bin".into());
    directories
}

/// Debian's layout, `<root>/<major>/bin`, newest first.
fn packaged(root: &Path) -> Vec<PathBuf> {
    let mut majors: Vec<u32> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    majors.sort_unstable_by(|one, other| other.cmp(one));
    majors.into_iter().map(|major| root.join(major.to_string()).join("bin")).collect()
}

/// The version in what `postgres --version` prints: `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version_in(printed: &str) -> Option<String> {
    printed.split_once("(PostgreSQL)")?.1.split_whitespace().next().map(str::to_owned)
}

/// The major version in `15.18`, and in `18beta1`.
fn leading_number(version: &str) -> Option<u32> {
    let end = version.find(|character: char| !character.is_ascii_digit()).unwrap_or(version.len());
    version[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_the_server_prints() {
        let debian = version_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").unwrap();
        assert_eq!((debian.as_str(), leading_number(&debian)), ("15.18", Some(15)));
        assert_eq!(leading_number(&version_in("postgres (PostgreSQL) 18beta1").unwrap()), Some(18));
        assert_eq!(version_in("something else"), None);
    }

    #[test]
    fn a_directory_without_every_program_is_passed_over() {
        assert!(Binaries::at(Path::new("/usr/bin/no-such-directory")).is_none());
    }
}
