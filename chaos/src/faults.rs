//! Faults: which there are, in which order a seed brings them, and that each leaves whole what it broke.
//!
//! `processes`, `database`, `kafka`, `clock` and `disk` do the breaking.

mod clock;
mod database;
mod disk;
mod kafka;
mod processes;

use std::{
    collections::{BTreeMap, VecDeque},
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use crate::{cluster::Cluster, dice::Dice, journal::Journal};

/// Faults that are under way at once, at the most.
const LANES: u64 = 2;

/// A way to break the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// `kill -9` of a process of this role.
    Kill(&'static str),
    /// `kill -9` of PostgreSQL with all its backends.
    KillPostgres,
    /// `kill -9` of the broker.
    KillKafka,
    /// A process of this role stopped for longer than the relay's lease, and continued.
    Pause(&'static str),
    /// PostgreSQL stopped with all its backends, and continued.
    PausePostgres,
    /// The broker stopped, and continued.
    PauseKafka,
    /// Backends of the product ended by the server.
    TerminateBackends,
    /// A transaction that appends, does nothing for a long time, and commits.
    LateCommit,
    /// A transaction in another database of the server that wrote, and does nothing for a long time.
    IdleTransactionElsewhere,
    /// A further projector that joins the groups and leaves again.
    ConsumersComeAndGo,
    /// Records that Kafka has had for long, once more.
    OldRecordsAgain,
    /// Events that no projection can apply.
    Poison,
    /// A process whose clock is an hour off.
    ClockOff,
    /// No room on PostgreSQL's disk.
    FullDisk,
    /// Kafka without its newest records, mended by `boxoffice relay reconcile`.
    KafkaLosesRecords,
}

/// Every fault.
pub const ALL: [Fault; 22] = [
    Fault::Kill("command-api"),
    Fault::Kill("relay"),
    Fault::Kill("projector"),
    Fault::Kill("processes"),
    Fault::Kill("query-api"),
    Fault::KillPostgres,
    Fault::KillKafka,
    Fault::Pause("command-api"),
    Fault::Pause("relay"),
    Fault::Pause("projector"),
    Fault::Pause("processes"),
    Fault::PausePostgres,
    Fault::PauseKafka,
    Fault::TerminateBackends,
    Fault::LateCommit,
    Fault::IdleTransactionElsewhere,
    Fault::ConsumersComeAndGo,
    Fault::OldRecordsAgain,
    Fault::Poison,
    Fault::ClockOff,
    Fault::FullDisk,
    Fault::KafkaLosesRecords,
];

/// How long faults last, in milliseconds.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Between two faults of a lane.
    pub between: RangeInclusive<u64>,
    /// A process that is stopped.
    pub pause: RangeInclusive<u64>,
    /// A transaction that is open.
    pub transaction: RangeInclusive<u64>,
    /// What is down, or in another way broken.
    pub outage: RangeInclusive<u64>,
}

impl Pace {
    /// Past every lease and timeout.
    #[must_use]
    pub fn full() -> Self {
        Self {
            between: 500..=4_000,
            pause: 13_000..=16_000,
            transaction: 30_000..=31_000,
            outage: 500..=6_000,
        }
    }

    /// For runs of less than a minute: still past the relay's lease.
    #[must_use]
    pub fn short() -> Self {
        Self { between: 100..=800, pause: 11_000..=11_500, transaction: 3_000..=6_000, outage: 200..=1_000 }
    }
}

/// What became of a fault.
pub(crate) enum Done {
    Yes,
    /// Not possible here, and why.
    Skipped(String),
}

/// Breaks things in the order that the seed says, until its time is up.
pub(crate) struct Nemesis {
    cluster: Arc<Cluster>,
    journal: Arc<Journal>,
    pace: Pace,
    schedule: Mutex<Schedule>,
    counts: Mutex<BTreeMap<Fault, u64>>,
    skipped: Mutex<BTreeMap<Fault, String>>,
    failed: Mutex<BTreeMap<Fault, Failures>>,
}

/// How often a fault did not come about because another one, or whatever else, was in its way; and what was said last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failures {
    pub(crate) times: u64,
    pub(crate) last: String,
}

/// Every fault once, in an order that the seed decides; then every fault once more.
struct Schedule {
    faults: Vec<Fault>,
    next: VecDeque<(Fault, Dice)>,
    dice: Dice,
    drawn: u64,
}

impl Nemesis {
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        journal: Arc<Journal>,
        faults: &[Fault],
        pace: Pace,
        dice: &Dice,
    ) -> Self {
        let schedule =
            Schedule { faults: faults.to_vec(), next: VecDeque::new(), dice: dice.fork(4_000), drawn: 0 };
        Self {
            cluster,
            journal,
            pace,
            schedule: Mutex::new(schedule),
            counts: Mutex::default(),
            skipped: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// Breaks things until then; what is broken at that time is made whole first.
    pub(crate) async fn run_until(&self, end: Instant) {
        let lanes = (0..LANES).map(|_| self.lane(end));
        futures::future::join_all(lanes).await;
        // Without any fault to bring, nothing happens until then.
        tokio::time::sleep_until(end.into()).await;
    }

    async fn lane(&self, end: Instant) {
        while Instant::now() < end {
            let drawn = self.schedule.lock().unwrap_or_else(PoisonError::into_inner).draw();
            let Some((fault, mut dice)) = drawn else { return };
            match self.bring(fault, &mut dice).await {
                Ok(Done::Yes) => {
                    *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(fault).or_default() +=
                        1;
                }
                Ok(Done::Skipped(why)) => {
                    self.skipped.lock().unwrap_or_else(PoisonError::into_inner).insert(fault, why);
                }
                Err(error) => {
                    let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                    let failures = failed.entry(fault).or_default();
                    (failures.times, failures.last) = (failures.times + 1, format!("{error:#}"));
                }
            }
            tokio::time::sleep(dice.millis(self.pace.between.clone())).await;
        }
    }

    async fn bring(&self, fault: Fault, dice: &mut Dice) -> anyhow::Result<Done> {
        match fault {
            Fault::Kill(kind) => self.kill(kind, dice).await,
            Fault::KillPostgres => self.kill_postgres(dice).await,
            Fault::KillKafka => self.kill_kafka(dice).await,
            Fault::Pause(kind) => self.pause(kind, dice).await,
            Fault::PausePostgres => self.pause_postgres(dice).await,
            Fault::PauseKafka => self.pause_kafka(dice).await,
            Fault::TerminateBackends => self.terminate_backends(dice).await,
            Fault::LateCommit => self.late_commit(dice).await,
            Fault::IdleTransactionElsewhere => self.idle_transaction_elsewhere(dice).await,
            Fault::ConsumersComeAndGo => self.consumers_come_and_go(dice).await,
            Fault::OldRecordsAgain => self.old_records_again(dice).await,
            Fault::Poison => self.poison(dice).await,
            Fault::ClockOff => self.clock_off(dice).await,
            Fault::FullDisk => self.full_disk(dice).await,
            Fault::KafkaLosesRecords => self.kafka_loses_records(dice).await,
        }
    }

    /// How often each came about.
    pub(crate) fn counts(&self) -> BTreeMap<Fault, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is not possible on this machine, and why.
    pub(crate) fn skipped(&self) -> BTreeMap<Fault, String> {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What did not come about at least once.
    pub(crate) fn failed(&self) -> BTreeMap<Fault, Failures> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn outage(&self, dice: &mut Dice) {
        tokio::time::sleep(dice.millis(self.pace.outage.clone())).await;
    }
}

impl Schedule {
    fn draw(&mut self) -> Option<(Fault, Dice)> {
        if self.next.is_empty() {
            let mut round = self.faults.clone();
            self.dice.shuffle(&mut round);
            for fault in round {
                self.drawn += 1;
                self.next.push_back((fault, self.dice.fork(self.drawn)));
            }
        }
        self.next.pop_front()
    }
}

impl Fault {
    /// For people.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Kill(kind) => format!("kill -9 {kind}"),
            Self::KillPostgres => "kill -9 PostgreSQL".to_owned(),
            Self::KillKafka => "kill -9 broker".to_owned(),
            Self::Pause(kind) => format!("stop and continue {kind}"),
            Self::PausePostgres => "stop and continue PostgreSQL".to_owned(),
            Self::PauseKafka => "stop and continue broker".to_owned(),
            Self::TerminateBackends => "backends terminated".to_owned(),
            Self::LateCommit => "append that commits late".to_owned(),
            Self::IdleTransactionElsewhere => "idle write transaction elsewhere".to_owned(),
            Self::ConsumersComeAndGo => "consumer joins and leaves".to_owned(),
            Self::OldRecordsAgain => "old records again".to_owned(),
            Self::Poison => "poison".to_owned(),
            Self::ClockOff => "clock an hour off".to_owned(),
            Self::FullDisk => "full disk".to_owned(),
            Self::KafkaLosesRecords => "Kafka loses its newest records".to_owned(),
        }
    }
}
