//! A short run with a fixed seed, on every `./dev test`.

use std::time::Duration;

use chaos::{
    Options,
    faults::{Fault, Pace},
};

use crate::{boxoffice, one_at_a_time, target, tell};

const SEED: u64 = 20_261_121;

/// The faults that fit into less than a minute.
const FAULTS: [Fault; 14] = [
    Fault::Kill("command-api"),
    Fault::Kill("relay"),
    Fault::Kill("projector"),
    Fault::Kill("processes"),
    Fault::KillPostgres,
    Fault::KillKafka,
    Fault::Pause("relay"),
    Fault::TerminateBackends,
    Fault::LateCommit,
    Fault::ConsumersComeAndGo,
    Fault::OldRecordsAgain,
    Fault::Poison,
    Fault::ClockOff,
    Fault::FullDisk,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_broken_nothing_is_lost_and_nothing_happens_twice() {
    let _alone = one_at_a_time().await;
    let options = Options {
        seed: SEED,
        duration: Duration::from_secs(20),
        settle_deadline: Duration::from_secs(120),
        boxoffice: boxoffice(),
        faults: FAULTS.to_vec(),
        pace: Pace::short(),
        clients: 8,
        planted_bug: None,
        keep_in: Some(target().join("chaos-kept")),
    };
    let report = chaos::run(&options).await.expect("the run comes to its end");
    tell(&report);
    assert!(report.is_clean(), "{report}");
    // A run in which nothing happened would prove nothing.
    assert!(report.acknowledged() > 200, "{report}");
    assert!(report.faults() >= 6, "{report}");
}
