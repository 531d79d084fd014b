//! What a projection could not apply: the stream waits from that event on.

use anyhow::{Context, bail};
use event_store::{EventStore, StreamId};
use platform::{Config, postgres::Statements};
use projector::{
    Projection,
    parked::{self, ParkedEvent, ParkedStream},
};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{MAX_SHOWN, of_event, print_event, print_rest, time};
use crate::{cli::ProjectorParked, databases::Databases, replay};

/// Most streams that are read at once when all of a projection are tried again.
const MAX_STREAMS: i64 = 500;

pub(crate) async fn run(config: &Config, command: ProjectorParked) -> anyhow::Result<()> {
    let databases = Databases::beside_up(config).await?;
    let store = databases.store(databases.write_pool("boxoffice parked", Statements::Writes).await?).await?;
    // Trying again may have to wait for a rebuild to switch its tables in.
    let read = databases.projector_pool(Statements::Patient).await?;
    match command {
        ProjectorParked::List { projection, limit, json } => {
            let projection = projection.as_deref().map(replay::projection).transpose()?;
            list(&read, projection, limit, json).await?;
        }
        ProjectorParked::Show { projection, stream, json } => {
            show(&read, &store, replay::projection(&projection)?, &stream, json).await?;
        }
        ProjectorParked::Resume { projection, stream } => {
            resume(&read, &store, replay::projection(&projection)?, stream).await?;
        }
    }
    databases.stop().await
}

async fn list(
    read: &PgPool,
    projection: Option<&dyn Projection>,
    limit: u32,
    json: bool,
) -> anyhow::Result<()> {
    let parked = parked::list(read, projection.map(Projection::name), limit.into()).await?;
    if json {
        let items: Vec<Value> = parked.streams.iter().map(stream_json).collect();
        println!("{}", json!({ "items": items, "total": parked.total }));
        return Ok(());
    }
    if parked.streams.is_empty() {
        println!("Nothing is parked.");
    }
    for stream in &parked.streams {
        print_stream(stream);
    }
    print_rest(parked.streams.len(), parked.total, "streams");
    Ok(())
}

async fn show(
    read: &PgPool,
    store: &EventStore,
    projection: &dyn Projection,
    stream: &StreamId,
    json: bool,
) -> anyhow::Result<()> {
    let Some(parked) = parked::find(read, projection, stream).await? else {
        bail!("`{}` has nothing parked of {stream}", projection.name());
    };
    let events = parked::events(read, store, &parked, MAX_SHOWN).await?;
    if json {
        let mut shown = stream_json(&parked);
        shown["items"] = events.iter().map(event_json).collect();
        println!("{shown}");
        return Ok(());
    }
    print_stream(&parked);
    for ParkedEvent { logged, reason, .. } in &events {
        println!();
        let place = format!("{} (position {})", logged.event.sequence, logged.global_position);
        println!("  {place}: {}", reason.as_deref().unwrap_or("no longer parked"));
        print_event(&logged.event);
    }
    let rest = parked.events - i64::try_from(events.len()).unwrap_or(parked.events);
    if rest > 0 {
        println!("\n… and {rest} later events");
    }
    Ok(())
}

async fn resume(
    read: &PgPool,
    store: &EventStore,
    projection: &'static dyn Projection,
    stream: Option<StreamId>,
) -> anyhow::Result<()> {
    let mut streams = match &stream {
        Some(stream) => vec![stream.clone()],
        None => parked::streams_after(read, projection, None, MAX_STREAMS).await?,
    };
    if let Some(stream) = &stream
        && parked::find(read, projection, stream).await?.is_none()
    {
        bail!("`{}` has nothing parked of {stream}", projection.name());
    }
    let (mut tried, mut still_parked) = (0, 0);
    while let Some(last) = streams.last().cloned() {
        for one in &streams {
            let resumed = parked::resume(projection, read, store, one).await;
            let resumed = resumed.with_context(|| format!("{one} is parked as it was"))?;
            println!("{one}: {}", in_words(&resumed));
            tried += 1;
            still_parked += usize::from(resumed.parked.is_some());
        }
        if stream.is_some() {
            break;
        }
        streams = parked::streams_after(read, projection, Some(&last), MAX_STREAMS).await?;
    }
    if tried == 0 {
        println!("`{}` has nothing parked.", projection.name());
    }
    if still_parked > 0 {
        bail!("{still_parked} of {tried} streams of `{}` are parked still", projection.name());
    }
    Ok(())
}

fn in_words(resumed: &parked::Resumed) -> String {
    let applied = resumed.applied;
    match &resumed.parked {
        None => format!("{applied} events applied, nothing of it is parked any more"),
        Some(parked) => format!(
            "{applied} events applied, {} parked still, from {} on: {}",
            parked.events, parked.first_sequence, parked.reason
        ),
    }
}

fn print_stream(parked: &ParkedStream) {
    println!(
        "{}  {}  from {} on, {} events, since {}",
        parked.projection,
        parked.stream,
        parked.first_sequence,
        parked.events,
        time(parked.since)
    );
    println!("    {}", parked.reason);
}

fn stream_json(parked: &ParkedStream) -> Value {
    json!({
        "projection": parked.projection,
        "stream": parked.stream,
        "firstSequence": parked.first_sequence,
        "events": parked.events,
        "since": time(parked.since),
        "reason": parked.reason,
    })
}

fn event_json(parked: &ParkedEvent) -> Value {
    let mut event = of_event(&parked.logged.event);
    event["sequence"] = json!(parked.logged.event.sequence);
    event["globalPosition"] = json!(parked.logged.global_position);
    event["reason"] = json!(parked.reason);
    event["parkedAt"] = json!(parked.parked_at.map(time));
    event
}
