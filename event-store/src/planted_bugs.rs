//! Bugs that a test build can switch on, one at a time, to show that `chaos` finds them. Without the feature `planted-bugs`
//! there are none: every question is answered with no by the compiler.

#[cfg(feature = "planted-bugs")]
use crate::{
    EventStore,
    event_log::{Epoch, Head},
};

/// What can be broken. The name in `BOXOFFICE_PLANTED_BUG` is the variant's, in words with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedBug {
    /// A leader that was overtaken writes on: `epoch-check-off`.
    EpochCheckOff,
    /// The outbox is claimed behind the last position that was seen: `claim-by-cursor`.
    ClaimByCursor,
    /// The outbox is emptied up to the last claimed position: `delete-up-to-last`.
    DeleteUpToLast,
    /// What a projection has applied, it applies again: `applied-check-off`.
    AppliedCheckOff,
    /// No receipts: `no-receipts`.
    NoReceipts,
    /// Refusals rest on what a process believed before: `no-tail-read`.
    NoTailRead,
    /// The streams of shows and those of bookings in two transactions: `append-in-two`.
    AppendInTwo,
}

impl PlantedBug {
    /// Whether it is switched on.
    #[must_use]
    #[cfg(feature = "planted-bugs")]
    pub fn is_planted(self) -> bool {
        static PLANTED: std::sync::LazyLock<Option<String>> =
            std::sync::LazyLock::new(|| std::env::var("BOXOFFICE_PLANTED_BUG").ok());
        let name = match self {
            Self::EpochCheckOff => "epoch-check-off",
            Self::ClaimByCursor => "claim-by-cursor",
            Self::DeleteUpToLast => "delete-up-to-last",
            Self::AppliedCheckOff => "applied-check-off",
            Self::NoReceipts => "no-receipts",
            Self::NoTailRead => "no-tail-read",
            Self::AppendInTwo => "append-in-two",
        };
        PLANTED.as_deref() == Some(name)
    }

    /// Whether it is switched on: never in this build.
    #[must_use]
    #[cfg(not(feature = "planted-bugs"))]
    pub const fn is_planted(self) -> bool {
        false
    }
}

/// What [`PlantedBug::ClaimByCursor`] leaves of a claim: what lies behind the last position that this process has seen.
#[cfg(feature = "planted-bugs")]
pub(crate) fn behind_the_cursor<T>(mut claimed: Vec<T>, position: impl Fn(&T) -> i64) -> Vec<T> {
    use std::sync::atomic::{AtomicI64, Ordering};
    static LAST_SEEN: AtomicI64 = AtomicI64::new(0);
    if PlantedBug::ClaimByCursor.is_planted() {
        let last_seen = LAST_SEEN.load(Ordering::Relaxed);
        claimed.retain(|claimed| position(claimed) > last_seen);
        if let Some(last) = claimed.last() {
            LAST_SEEN.store(position(last), Ordering::Relaxed);
        }
    }
    claimed
}

/// What [`PlantedBug::EpochCheckOff`] lets pass: any epoch is taken for the last one.
#[cfg(feature = "planted-bugs")]
pub(crate) async fn unchecked(store: &EventStore, epoch: Epoch) -> Result<Epoch, sqlx::Error> {
    if !PlantedBug::EpochCheckOff.is_planted() {
        return Ok(epoch);
    }
    let last = sqlx::query_scalar("select epoch from relay_leader").fetch_one(store.pool()).await?;
    Ok(Epoch::of_number(last))
}

/// What [`PlantedBug::EpochCheckOff`] makes of what the relay remembers: otherwise it would notice that another one writes.
#[cfg(feature = "planted-bugs")]
pub(crate) async fn unchecked_head(store: &EventStore, head: Head) -> Result<Head, sqlx::Error> {
    if PlantedBug::EpochCheckOff.is_planted() { store.head().await } else { Ok(head) }
}

/// What [`PlantedBug::DeleteUpToLast`] does after a claim was numbered: what became visible meanwhile goes, too.
#[cfg(feature = "planted-bugs")]
pub(crate) async fn delete_up_to_last(
    store: &EventStore,
    claimed: impl Iterator<Item = i64>,
) -> Result<(), sqlx::Error> {
    if PlantedBug::DeleteUpToLast.is_planted() {
        let delete = sqlx::query("delete from outbox where position <= $1").bind(claimed.max());
        delete.execute(store.pool()).await?;
    }
    Ok(())
}
