//! A disk in memory that can be made full and be given room again (tmpfs). It goes with the directory that it is
//! mounted in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::statvfs::statvfs;

/// A mounted disk.
#[derive(Debug)]
pub struct SmallDisk {
    dir: PathBuf,
    mebibytes: u64,
}

impl SmallDisk {
    pub(crate) fn mount(dir: &Path, mebibytes: u64) -> io::Result<Self> {
        fs::create_dir(dir)?;
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o"])
            .arg(options(mebibytes * 1024))
            .arg("tmpfs")
            .arg(dir))?;
        Ok(Self { dir: dir.to_owned(), mebibytes })
    }

    /// Makes the disk as small as what is on it, and so many kibibytes.
    ///
    /// # Errors
    ///
    /// When it cannot be mounted anew.
    pub fn fill_up_to(&self, free_kibibytes: u64) -> io::Result<()> {
        let stat = statvfs(&self.dir)?;
        let used = (stat.blocks() - stat.blocks_free()) * stat.fragment_size() / 1024;
        self.resize(used + free_kibibytes)
    }

    /// Gives it its first size again.
    ///
    /// # Errors
    ///
    /// When it cannot be mounted anew.
    pub fn make_room(&self) -> io::Result<()> {
        self.resize(self.mebibytes * 1024)
    }

    fn resize(&self, kibibytes: u64) -> io::Result<()> {
        run(Command::new("mount").arg("-o").arg(format!("remount,size={kibibytes}k")).arg(&self.dir))
    }
}

fn options(kibibytes: u64) -> String {
    format!("size={kibibytes}k,mode=700")
}

fn run(command: &mut Command) -> io::Result<()> {
    let done = command.output()?;
    if done.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&done.stderr).trim().to_owned()))
}
