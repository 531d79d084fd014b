//! Waiting for a condition instead of sleeping.

use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Asks `condition` again and again until it gives `Some`, and returns that.
///
/// # Panics
///
/// With `what` and the caller's place, when `deadline` has passed first. A condition that hangs counts as not
/// true.
///
/// ```
/// # use std::time::Duration;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(async {
/// let mut asked = 0;
/// let answer = testkit::eventually("the third answer", Duration::from_secs(5), || {
///     asked += 1;
///     let answer = (asked == 3).then_some(asked);
///     async move { answer }
/// });
/// assert_eq!(answer.await, 3);
/// # });
/// ```
#[track_caller]
pub fn eventually<T, C, F>(what: &str, deadline: Duration, mut condition: C) -> impl Future<Output = T>
where
    C: FnMut() -> F,
    F: Future<Output = Option<T>>,
{
    let caller = Location::caller();
    async move {
        let end = Instant::now() + deadline;
        let mut pause = FIRST_PAUSE;
        while let Ok(answer) = timeout_at(end, condition()).await {
            if let Some(answer) = answer {
                return answer;
            }
            if Instant::now() + pause > end {
                break;
            }
            sleep(pause).await;
            pause = (pause + Duration::from_millis(10)).min(LONGEST_PAUSE);
        }
        panic!("did not come true within {deadline:?}: {what} (awaited at {caller})");
    }
}
