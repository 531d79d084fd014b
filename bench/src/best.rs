//! The best that this tree has ever done at 16 clients, on each kind of machine: R3 is measured against that, so that
//! getting slower there does not look like growing with the crowd.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{machine::Machine, rows::Row};

/// The checked-in file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Best {
    /// What it is for, for who opens it.
    about: String,
    records: Vec<Record>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    machine: String,
    bookings_per_second: f64,
    commit: String,
    date: String,
}

impl Best {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("{}: run it in the repository, or name it with --best", path.display())
        })?;
        Ok(serde_json::from_str(&text)?)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        Ok(std::fs::write(path, format!("{}\n", serde_json::to_string_pretty(self)?))?)
    }

    /// Compares this run's figure with the best, and remembers the better one, unless the run does not count.
    pub(crate) fn take_part(&mut self, row: &mut Row, machine: &Machine, does_not_count: bool) {
        let now = row.theirs.median();
        let kind = machine.kind();
        let before = self.records.iter().position(|record| record.machine == kind);
        match before.map(|index| &self.records[index]) {
            Some(best) if best.bookings_per_second > now => {
                let from = format!("best of the tree's history: {}, {}", best.commit, best.date);
                row.instead_of_theirs = Some((best.bookings_per_second, from));
            }
            Some(_) | None => row
                .remarks
                .push("no better figure at 16 clients is on record: divided by this run's".to_owned()),
        }
        if !does_not_count && row.instead_of_theirs.is_none() {
            let record = Record {
                machine: kind,
                bookings_per_second: now,
                commit: machine.commit.clone(),
                date: machine.date.clone(),
            };
            match before {
                Some(index) => self.records[index] = record,
                None => self.records.push(record),
            }
        }
    }
}
