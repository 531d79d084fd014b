//! Keys of calls that Stripe remembers as failed.
//!
//! Each is made from the first one, so that whoever repeats a call comes to the same.

use chrono::Utc;

use crate::IdempotencyKey;

/// Most keys of a call that is not to be done twice.
const MAX_KEYS: i64 = 3;

/// For a call that is not to be done twice: the next one is only for those who have been told how the one before it failed,
/// and then nobody can be told anything else any more.
pub(super) fn in_turn(first: &IdempotencyKey) -> impl Iterator<Item = IdempotencyKey> {
    let first = first.clone();
    (0..MAX_KEYS).map(move |nth| if nth == 0 { first.clone() } else { first.again(nth) })
}

/// For a call that may be done as often as one likes: a new one each minute, for all who make it then.
pub(super) fn of_this_minute(first: &IdempotencyKey) -> IdempotencyKey {
    first.again(Utc::now().timestamp() / 60)
}
