//! A show in pieces, so that a long stream need not be read whole: a head, and what is sold, in parts.
//!
//! The head is a [`Show`] as it is serialized: everything but what is sold. A show that was deserialized misses every
//! part that has something in it, until it is [brought](Show::bring). Snapshots can be thrown away at any time.

use std::collections::BTreeSet;

use super::{CreatedShow, Part, Show, ShowCommand, SoldTickets};

/// What snapshots are told apart by when folding, or their form, has changed. A test keeps a snapshot of this version
/// beside the facts that it was made of, and fails when they no longer fit together: raise it then.
pub const FOLD_VERSION: i32 = 1;

impl Show {
    /// Of these parts, those that were not brought yet.
    pub fn missing_of(&self, parts: impl IntoIterator<Item = Part>) -> BTreeSet<Part> {
        let Some(show) = self.created() else { return BTreeSet::new() };
        parts.into_iter().filter(|part| show.bookings.is_missing(*part)).collect()
    }

    /// Whether no part is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing_of(Part::all()).is_empty()
    }

    /// What is sold in a part that is here.
    #[must_use]
    pub fn part(&self, part: Part) -> Vec<&SoldTickets> {
        self.created().map_or_else(Vec::new, |show| show.bookings.part(part))
    }

    /// A missing part, as it was when the snapshot was taken. What came since then stays. Answers whether it holds as many
    /// bookings as the head says; otherwise the snapshot is damaged.
    #[must_use]
    pub fn bring(&mut self, part: Part, sold: Vec<SoldTickets>) -> bool {
        match self {
            Self::Uncreated => true,
            Self::Created(show) => show.bookings.bring(part, sold),
        }
    }
}

impl CreatedShow {
    /// The parts that have to be brought before the command can be decided.
    pub(super) fn missing_parts(&self, command: &ShowCommand) -> BTreeSet<Part> {
        let attendee_id = match command {
            ShowCommand::TakeTickets(take) => take.attendee_id,
            ShowCommand::ExtendHold { attendee_id, .. }
            | ShowCommand::KeepHold { attendee_id, .. }
            | ShowCommand::ReleaseTickets { attendee_id, .. }
            | ShowCommand::ReleaseUnused { attendee_id, .. } => *attendee_id,
            ShowCommand::SellHeld { taken, .. } => taken.attendee_id,
            ShowCommand::ReleaseCancelled { limit, .. } => return self.bookings.missing_among_first(*limit),
            ShowCommand::Create(_)
            | ShowCommand::Change(_)
            | ShowCommand::Publish { .. }
            | ShowCommand::Cancel { .. }
            | ShowCommand::CancelComing { .. }
            | ShowCommand::StartSales { .. }
            | ShowCommand::Delete { .. }
            | ShowCommand::ExpireHolds { .. } => return BTreeSet::new(),
        };
        let part = Part::of(attendee_id);
        self.bookings.is_missing(part).then_some(part).into_iter().collect()
    }
}
