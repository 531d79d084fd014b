//! Binaries run as child processes, to be killed, stopped and asked what they printed.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::sleep;

use crate::guardian::Guardian;

const POLL: Duration = Duration::from_millis(20);

/// A running binary. It is killed when this is dropped or when the test process dies.
pub struct Process {
    name: String,
    guardian: Guardian,
    child: Child,
    /// Set once the child has been reaped.
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` with what it prints (standard output and error together) going to a file, and nothing to
    /// read.
    ///
    /// ```no_run
    /// # use std::process::Command;
    /// # use testkit::process::Process;
    /// let relay = Process::spawn(Command::new("target/debug/boxoffice").arg("relay").env("KAFKA_BROKERS", "…"));
    /// ```
    ///
    /// # Panics
    ///
    /// When the binary cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        let name = short_name(command.get_program());
        Self::spawn_guarded(command, Guardian::new(&name, Signal::SIGKILL))
    }

    /// Starts `command` in the care of a guardian that may already have files for it.
    pub(crate) fn spawn_guarded(command: &mut Command, mut guardian: Guardian) -> Self {
        let name = short_name(command.get_program());
        let child = start(command, &mut guardian);
        Self { name, guardian, child, status: None }
    }

    /// Starts `command` in place of the child, which is killed if it still runs; its output continues the same file.
    ///
    /// # Panics
    ///
    /// When the binary cannot be started.
    pub fn respawn(&mut self, command: &mut Command) {
        self.kill_hard();
        self.child = start(command, &mut self.guardian);
        self.status = None;
    }

    /// The scratch directory that is removed with the process.
    pub(crate) fn dir(&self) -> &Path {
        self.guardian.dir()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The ids of its child processes, dead ones that it has not reaped among them.
    ///
    /// # Panics
    ///
    /// On a machine without `/proc`.
    pub fn children(&self) -> Vec<u32> {
        children_of(self.id())
    }

    /// What it has printed so far, standard output and error in one.
    pub fn output(&self) -> String {
        let bytes = fs::read(output_file(&self.guardian)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines of [`output`](Self::output), for messages about failures.
    pub fn output_end(&self) -> String {
        const LINES: usize = 40;
        let output = self.output();
        let lines: Vec<_> = output.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Its exit status, if it has ended.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("our own child can be waited for");
            if self.status.is_some() {
                self.guardian.forget();
            }
        }
        self.status
    }

    /// `kill -9`, and waits until it is dead. Does nothing when it has already ended.
    pub fn kill_hard(&mut self) {
        if self.exit_status().is_none() {
            self.signal(Signal::SIGKILL);
            // It stays a zombie, its id reserved, until `wait`: forgetting first leaves no moment at which the
            // guardian could kill a stranger.
            self.guardian.forget();
            self.status = Some(self.child.wait().expect("our own child can be waited for"));
        }
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    ///
    /// With the end of its output, when it has not ended within `deadline`.
    pub async fn terminate(&mut self, deadline: Duration) -> ExitStatus {
        self.end_with(Signal::SIGTERM, deadline).await
    }

    /// What Ctrl-C does (SIGINT), otherwise like [`terminate`](Self::terminate).
    ///
    /// # Panics
    ///
    /// With the end of its output, when it has not ended within `deadline`.
    pub async fn interrupt(&mut self, deadline: Duration) -> ExitStatus {
        self.end_with(Signal::SIGINT, deadline).await
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    ///
    /// With the end of its output, when it has not ended within `deadline`.
    pub async fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let end = Instant::now() + deadline;
        loop {
            if let Some(status) = self.exit_status() {
                return status;
            }
            if Instant::now() > end {
                panic!(
                    "{} still runs after {deadline:?}; its output ends:\n{}",
                    self.name,
                    self.output_end()
                );
            }
            sleep(POLL).await;
        }
    }

    /// Freezes it (SIGSTOP): it keeps its connections and answers nobody.
    pub fn pause(&mut self) {
        self.signal_if_running(Signal::SIGSTOP);
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&mut self) {
        self.signal_if_running(Signal::SIGCONT);
    }

    /// Freezes it with all its children.
    pub(crate) fn pause_family(&mut self) {
        if self.exit_status().is_none() {
            // A stopped parent starts no further children while we look for them.
            self.signal(Signal::SIGSTOP);
            self.signal_children(Signal::SIGSTOP);
        }
    }

    /// Lets all of them go on after [`pause_family`](Self::pause_family).
    pub(crate) fn resume_family(&mut self) {
        if self.exit_status().is_none() {
            self.signal_children(Signal::SIGCONT);
            self.signal(Signal::SIGCONT);
        }
    }

    /// Only while this process is stopped: it reaps nobody then, so that no id can belong to a stranger.
    fn signal_children(&self, signal: Signal) {
        for child in self.children() {
            kill(pid(child), signal).expect("a child of our child can be sent a signal");
        }
    }

    async fn end_with(&mut self, signal: Signal, deadline: Duration) -> ExitStatus {
        self.signal_if_running(signal);
        self.wait(deadline).await
    }

    fn signal_if_running(&mut self, signal: Signal) {
        if self.exit_status().is_none() {
            self.signal(signal);
        }
    }

    /// Only while the child has not been reaped: later its id may belong to a stranger.
    fn signal(&self, signal: Signal) {
        kill(pid(self.id()), signal).expect("our own child can be sent a signal");
    }

    /// `kill -9` of the process and of all its children at once, as a power cut would.
    pub(crate) async fn kill_family(&mut self) {
        if self.exit_status().is_some() {
            return;
        }
        // A stopped parent starts no further children while we look for them.
        self.signal(Signal::SIGSTOP);
        let children = self.children();
        // One that has ended by itself meanwhile is a zombie that its stopped parent cannot reap.
        self.signal_children(Signal::SIGKILL);
        self.kill_hard();
        for child in children {
            while is_alive(child) {
                sleep(POLL).await;
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_hard();
    }
}

/// Says how a process ended, for messages.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it exited with code {code}"),
        (None, Some(signal)) => format!("signal {signal} ended it"),
        (None, None) => format!("it ended: {status}"),
    }
}

fn start(command: &mut Command, guardian: &mut Guardian) -> Child {
    let output = OpenOptions::new()
        .create(true)
        .append(true)
        .open(output_file(guardian))
        .expect("the scratch directory takes a file");
    let child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("an open file can be shared"))
        .stderr(output)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", command.get_program()));
    guardian.watch(&child);
    child
}

fn output_file(guardian: &Guardian) -> PathBuf {
    guardian.dir().join("output.log")
}

fn short_name(program: &OsStr) -> String {
    Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned()
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("process ids fit an i32"))
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc is mounted");
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| stat(*id).is_some_and(|stat| stat.parent == parent)).collect()
}

fn is_alive(id: u32) -> bool {
    stat(id).is_some_and(|stat| stat.state != "Z" && stat.state != "X")
}

struct Stat {
    state: String,
    parent: u32,
}

/// Two fields of `/proc/<id>/stat` (see proc(5)); none when there is no such process.
fn stat(id: u32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is the name in brackets, and may itself contain brackets and spaces.
    let (_, rest) = line.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some(Stat { state: fields.next()?.to_owned(), parent: fields.next()?.parse().ok()? })
}
