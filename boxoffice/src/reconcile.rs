//! `boxoffice relay reconcile`: makes Kafka carry everything that the event log has.

use anyhow::Context;
use feed::reconcile::{
    GroupBeyondTheEnd, PATIENCE, ReconcileProgress, Reconciled, SetBack, reconcile as reconcile_topics,
};
use indicatif::{ProgressBar, ProgressStyle};
use platform::{Config, postgres::Statements};

use crate::databases::Databases;

pub(crate) async fn reconcile(config: &Config, dry_run: bool) -> anyhow::Result<()> {
    let brokers = config.kafka_brokers.as_deref();
    let brokers = brokers.context("KAFKA_BROKERS is not set: without Kafka there is nothing to reconcile")?;
    let databases = Databases::beside_up(config).await?;
    let store =
        databases.store(databases.write_pool("boxoffice relay reconcile", Statements::Writes).await?).await?;
    let bar = progress_bar();
    let shown = bar.clone();
    let found =
        reconcile_topics(&store, brokers, dry_run, PATIENCE, move |progress| show(&shown, progress)).await?;
    bar.finish_and_clear();
    let Reconciled { groups, compared, missing, published } = found;
    for group in &groups {
        println!("{}", in_words(group));
    }
    println!("{compared} events of the log were looked for in Kafka; {missing} were missing.");
    if dry_run {
        println!("Nothing was published (--dry-run).");
    } else {
        println!("{published} were published: everything from the first missing one on.");
    }
    databases.stop().await
}

fn in_words(group: &GroupBeyondTheEnd) -> String {
    let GroupBeyondTheEnd { name, partitions, done } = group;
    let done = match done {
        SetBack::No => "it is to be set back",
        SetBack::Yes => "it was set back to their beginning",
        SetBack::Overgrown => "one has grown past its place, and what it passes over is published again",
        SetBack::ByItself => "its members have seen it, and have begun at their beginning",
    };
    format!("{name} had read what {partitions} partitions have lost: {done}.")
}

/// On the standard error; nothing where that is no terminal.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len}, {per_sec}, {eta} left")
        .expect("the template is well formed");
    ProgressBar::new(0).with_style(style)
}

fn show(bar: &ProgressBar, progress: ReconcileProgress) {
    let (what, position, length) = match progress {
        ReconcileProgress::Waiting { waited, of } => {
            ("waiting for members of groups", waited.as_secs(), of.as_secs())
        }
        ReconcileProgress::Reading { records, of } => {
            ("reading the topics", records.unsigned_abs(), of.unsigned_abs())
        }
        ReconcileProgress::Publishing { events, of } => {
            ("publishing", events.unsigned_abs(), of.unsigned_abs())
        }
    };
    bar.set_message(what);
    bar.set_length(length);
    bar.set_position(position);
}
