//! The checker finds what it is there for: each bug of a test build, by the invariant that the bug breaks.
//!
//! `event-store/src/planted_bugs.rs` and `domain/src/planted_bugs.rs` say what the bugs are.

use std::time::Duration;

use chaos::{
    Options, Report,
    faults::{Fault, Pace},
};

use crate::{boxoffice, one_at_a_time, tell};

/// Time enough for a fault or two; and for all that the bugs need, one after the other in two lanes.
const FOR_A_BUG: Duration = Duration::from_secs(15);
const FOR_ALL_FAULTS: Duration = Duration::from_secs(30);

async fn run(bug: Option<&str>, faults: &[Fault], duration: Duration) -> Report {
    let _alone = one_at_a_time().await;
    // Past the lease, and past the other relay's next look.
    let pace = Pace { pause: 13_000..=13_500, between: 3_000..=4_000, ..Pace::short() };
    let options = Options {
        seed: 1,
        duration,
        settle_deadline: Duration::from_secs(20),
        boxoffice: boxoffice(),
        faults: faults.to_vec(),
        pace,
        clients: 12,
        planted_bug: bug.map(str::to_owned),
        keep_in: None,
    };
    let report = chaos::run(&options).await.expect("the run comes to its end");
    tell(&report);
    report
}

/// What the bug breaks must be what is reported.
async fn is_found(bug: &str, faults: &[Fault], invariant: &str) {
    let report = run(Some(bug), faults, FOR_A_BUG).await;
    assert!(report.violates(invariant), "{bug} is not reported as a violation of {invariant}");
}

/// Tests of a minute each.
macro_rules! planted {
    ($($name:ident: $bug:literal, $faults:expr, $invariant:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[ignore = "a run of a minute"]
        async fn $name() {
            is_found($bug, &$faults, $invariant).await;
        })*
    };
}

planted! {
    a_leader_that_was_overtaken_and_writes_on_is_found: "epoch-check-off", [Fault::Pause("relay")], "I4";
    an_outbox_claimed_by_a_cursor_is_found: "claim-by-cursor", [Fault::LateCommit], "I6";
    an_outbox_emptied_up_to_the_last_claimed_position_is_found: "delete-up-to-last", [Fault::LateCommit], "I1";
    a_projection_that_applies_again_what_it_has_applied_is_found: "applied-check-off", [Fault::OldRecordsAgain], "I5";
    commands_without_receipts_are_found: "no-receipts", [Fault::Kill("command-api")], "I2";
    refusals_without_a_look_at_the_stream_are_found: "no-tail-read", [], "I1";
    // While `processes` run, they end most holds before anybody takes the tickets.
    tickets_of_lapsed_holds_taken_without_an_expiry_are_found: "no-expiry", [Fault::Pause("processes")], "I3";
    an_append_in_two_transactions_is_found: "append-in-two", [], "I3";
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a run of a minute"]
async fn without_a_planted_bug_the_same_faults_lead_to_no_report() {
    let faults = [
        Fault::Pause("relay"),
        Fault::LateCommit,
        Fault::OldRecordsAgain,
        Fault::Kill("command-api"),
        Fault::Pause("processes"),
    ];
    let report = run(None, &faults, FOR_ALL_FAULTS).await;
    assert!(report.is_clean(), "{report}");
    assert!(report.faults() >= faults.len() as u64, "{report}");
}
