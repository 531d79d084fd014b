//! `boxoffice replay <projection>`: a read model anew from the event log.

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use platform::Config;
use projector::{
    projections,
    rebuild::{Progress, rebuild},
};

use crate::databases::{Access, Databases};

pub(crate) async fn replay(config: &Config, name: &str) -> anyhow::Result<()> {
    let Some(projection) = projections::named(name) else {
        let names: Vec<&str> = projections::all().iter().map(|projection| projection.name()).collect();
        bail!("there is no projection `{name}`; there are: {}", names.join(", "));
    };
    let databases = Databases::beside_up(config).await?;
    let store = databases.store(databases.write_pool("boxoffice replay").await?).await?;
    let live = databases.projector_pool(Access::WritesPatiently).await?;
    let beside =
        databases.read_pool("boxoffice replay", projection.rebuild_schema(), Access::WritesPatiently).await?;
    let bar = progress_bar(store.head().await?.global_position);
    let mut events = 0;
    rebuild(projection, &live, &beside, &store, |Progress { position, head }| {
        events = position;
        bar.set_length(head.unsigned_abs());
        bar.set_position(position.unsigned_abs());
    })
    .await
    .with_context(|| format!("the live rows of `{name}` are as they were"))?;
    bar.finish_and_clear();
    println!("`{name}` is rebuilt from {events} events of the log.");
    databases.stop().await
}

/// On the standard error; nothing where that is no terminal.
fn progress_bar(head: i64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} events, {per_sec}, {eta} left")
        .expect("the template is well formed");
    ProgressBar::new(head.unsigned_abs()).with_style(style)
}
