//! Ends a child process and removes its files when the test process dies, however it dies.
//!
//! A small shell reads a pipe that only the test process can write to. The kernel closes that pipe with the test
//! process, even after `kill -9`; the shell sees the end of its input, ends the child that it was told of last
//! and removes the directory, what is mounted on its `data` too.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;

/// `$1`: the directory; `$2`: the signal that ends the child; input: the child's process id, or an empty line
/// when there is none any more.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
    kill -s "$2" "$pid"
    tries=30
    while [ "$tries" -gt 0 ] && kill -0 "$pid"; do sleep 0.1; tries=$((tries - 1)); done
    [ "$tries" -gt 0 ] || kill -s KILL "$pid"
fi
umount -l "$1/data"
rm -rf -- "$1"
"#;

/// A scratch directory and the shell that guards it together with at most one child process.
pub(crate) struct Guardian {
    dir: PathBuf,
    shell: Child,
    lifeline: Option<ChildStdin>,
}

impl Guardian {
    /// Makes a new directory, `name` in its name, and the shell that will remove it.
    pub(crate) fn new(name: &str, ending: Signal) -> Self {
        let dir = new_dir(name);
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "guardian"])
            .arg(&dir)
            .arg(ending.as_str().trim_start_matches("SIG"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh can be started");
        let lifeline = shell.stdin.take();
        Self { dir, shell, lifeline }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// From now on this is the child to end.
    pub(crate) fn watch(&mut self, child: &Child) {
        self.tell(&child.id().to_string());
    }

    /// The child is about to be reaped, its process id to be free again: there is nothing to end any more.
    pub(crate) fn forget(&mut self) {
        self.tell("");
    }

    fn tell(&mut self, line: &str) {
        let lifeline = self.lifeline.as_mut().expect("the lifeline lasts until drop");
        writeln!(lifeline, "{line}").expect("the guardian reads until its input ends");
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // Nothing to do about an error: the directory may then stay behind.
        let _ = self.shell.wait();
    }
}

fn new_dir(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_millis();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("boxoffice-{name}-{}-{count}-{now}", std::process::id()));
    std::fs::create_dir(&dir)
        .unwrap_or_else(|error| panic!("cannot make the directory {}: {error}", dir.display()));
    dir
}
