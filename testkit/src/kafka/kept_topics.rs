//! A power cut, as Kafka's files show it: what was acknowledged last never reached the disk.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use super::KafkaServer;
use crate::guardian::Guardian;

/// What the disk had of some topics.
pub struct KeptTopics(Guardian);

impl KafkaServer {
    /// Copies what the disk has of all topics whose names begin so, while the broker runs.
    ///
    /// # Panics
    ///
    /// When the files cannot be copied.
    pub fn keep(&mut self, topics: &str) -> KeptTopics {
        let kept = KeptTopics(Guardian::new("kept-topics", Signal::SIGKILL));
        for (name, partition) in partitions(&self.process().dir().join("data"), topics) {
            copy_files(&partition, &kept.0.dir().join(name));
        }
        kept
    }

    /// Puts the copies in the place of those topics, as if nothing since had reached the disk before the power was cut.
    /// The broker must have been killed; consumers' offsets are as they were.
    ///
    /// # Panics
    ///
    /// When the broker runs, or the files cannot be copied.
    pub fn put_back(&mut self, kept: &KeptTopics) {
        let process = self.process();
        assert!(process.exit_status().is_some(), "the broker must not run: kill it first");
        let data = process.dir().join("data");
        for (name, partition) in partitions(kept.0.dir(), "") {
            fs::remove_dir_all(data.join(&name)).expect("the partition is there");
            copy_files(&partition, &data.join(name));
        }
    }
}

/// The folders of all partitions of topics whose names begin so.
fn partitions(data: &Path, topics: &str) -> Vec<(String, PathBuf)> {
    let folders = fs::read_dir(data).expect("the broker has a data directory").filter_map(|entry| {
        let entry = entry.ok().filter(|entry| entry.path().is_dir())?;
        Some((entry.file_name().into_string().ok()?, entry.path()))
    });
    folders.filter(|(name, _)| name.starts_with(topics)).collect()
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir(to).expect("there is room");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("a file");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a file can be copied");
    }
}
