//! What the numbers were taken on. Never a name of the machine or a path of it.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context, Result};
use serde::Serialize;

/// Machine, versions and commit.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    /// Hash and subject of the commit that was built; with a mark if the tree had changes.
    pub(crate) commit: String,
    pub(crate) date: String,
}

impl Machine {
    pub(crate) fn read() -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        let kib = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).context("MemTotal")?;
        let kib: f64 = kib.trim().trim_end_matches(" kB").parse()?;
        let has_changes = said_by("git", &["status", "--porcelain", "--untracked-files=no"]);
        let mark = if has_changes.is_empty() { "" } else { ", with changes that are not committed" };
        Ok(Self {
            cpu: model.map_or("unknown", |(_, name)| name).to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: kib / 1024.0 / 1024.0,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            rustc: said_by("rustc", &["--version"]),
            commit: format!("{}{mark}", said_by("git", &["log", "-1", "--format=%h %s"])),
            date: chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string(),
        })
    }

    /// What makes numbers comparable.
    pub(crate) fn kind(&self) -> String {
        format!("{}, {} cores", self.cpu, self.cores)
    }
}

/// One line of a program, or nothing.
pub(crate) fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Seconds of CPU that a process has used, see proc(5).
pub(crate) fn cpu_seconds(process: u32) -> Result<f64> {
    /// `getconf CLK_TCK` on every Linux that this runs on.
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("a name in brackets")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_A_SECOND)
}

/// Seconds of CPU as a share of what all cores had.
pub(crate) fn share(cpu_seconds: f64, elapsed: Duration) -> Result<f64> {
    let cores = std::thread::available_parallelism()?.get();
    Ok(cpu_seconds / (elapsed.as_secs_f64() * cores as f64))
}

/// How much of the machine others use, as a share, while nothing of ours does anything: watched for this long.
const WATCH: Duration = Duration::from_secs(1);
/// More than this, and a run does not count. What is measured against suffers most: a row lock that is handed on by 64
/// clients falls to a fraction when others take turns on the cores, so that a busy machine flatters R2 and R3.
pub(crate) const QUIET: f64 = 0.10;

/// The share of the machine that others use now.
pub(crate) async fn used_by_others() -> Result<f64> {
    let before = jiffies()?;
    tokio::time::sleep(WATCH).await;
    let after = jiffies()?;
    let all = after.0 - before.0;
    Ok(if all > 0.0 { 1.0 - (after.1 - before.1) / all } else { 0.0 })
}

/// All time of all cores, and the idle part of it; see `/proc/stat` in proc(5).
fn jiffies() -> Result<(f64, f64)> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("a line cpu")?;
    let fields: Vec<f64> =
        line.split_whitespace().skip(1).take(8).map(str::parse).collect::<Result<_, _>>()?;
    let idle = fields.iter().skip(3).take(2).sum();
    Ok((fields.iter().sum(), idle))
}
