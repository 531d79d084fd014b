//! What the process managers could not understand: later events of the same stream went on.

use anyhow::bail;
use event_store::{EventStore, StreamId};
use platform::{Config, postgres::Statements};
use processes::parked::{self, ParkedEvent, Resumed};
use serde_json::{Value, json};

use super::{MAX_SHOWN, of_event, print_event, print_rest, time};
use crate::{cli::ProcessesParked, databases::Databases};

/// Most streams that are read at once when everything is tried again.
const MAX_STREAMS: i64 = 500;

pub(crate) async fn run(config: &Config, command: ProcessesParked) -> anyhow::Result<()> {
    let databases = Databases::beside_up(config).await?;
    let store = databases.store(databases.write_pool("boxoffice parked", Statements::Writes).await?).await?;
    match command {
        ProcessesParked::List { limit, json } => list(&store, limit, json).await?,
        ProcessesParked::Show { stream, json } => show(&store, &stream, json).await?,
        ProcessesParked::Resume { stream } => resume(&store, stream).await?,
    }
    databases.stop().await
}

async fn list(store: &EventStore, limit: u32, json: bool) -> anyhow::Result<()> {
    let parked = parked::list(store, None, limit.into()).await?;
    if json {
        let items: Vec<Value> = parked.events.iter().map(event_json).collect();
        println!("{}", json!({ "items": items, "total": parked.total }));
        return Ok(());
    }
    if parked.events.is_empty() {
        println!("Nothing is parked.");
    }
    for event in &parked.events {
        print_parked(event);
    }
    print_rest(parked.events.len(), parked.total, "events");
    Ok(())
}

async fn show(store: &EventStore, stream: &StreamId, json: bool) -> anyhow::Result<()> {
    let parked = parked::list(store, Some(stream), MAX_SHOWN).await?;
    if parked.events.is_empty() {
        bail!("nothing of {stream} is parked");
    }
    let mut items = Vec::new();
    for event in &parked.events {
        let logged = parked::event(store, event).await?;
        if json {
            let mut item = event_json(event);
            item["event"] = logged.map_or(Value::Null, |logged| of_event(&logged.event));
            items.push(item);
            continue;
        }
        print_parked(event);
        match logged {
            Some(logged) => print_event(&logged.event),
            None => println!("    the event log does not have it"),
        }
    }
    if json {
        println!("{}", json!({ "items": items, "total": parked.total }));
    } else {
        let rest = parked.total - i64::try_from(parked.events.len()).unwrap_or(parked.total);
        if rest > 0 {
            println!("… and {rest} later events");
        }
    }
    Ok(())
}

async fn resume(store: &EventStore, stream: Option<StreamId>) -> anyhow::Result<()> {
    let mut streams = match &stream {
        Some(stream) => vec![stream.clone()],
        None => parked::streams_after(store, None, MAX_STREAMS).await?,
    };
    let (mut tried, mut still_parked) = (0, 0);
    while let Some(last) = streams.last().cloned() {
        for one in &streams {
            let Resumed { noted, parked } = parked::resume(store, one).await?;
            if noted + parked.len() == 0 {
                continue;
            }
            println!("{one}: {noted} events noted, {} parked still", parked.len());
            for (sequence, reason) in &parked {
                println!("    {sequence}: {reason}");
            }
            tried += noted + parked.len();
            still_parked += parked.len();
        }
        if stream.is_some() {
            break;
        }
        streams = parked::streams_after(store, Some(&last), MAX_STREAMS).await?;
    }
    if tried == 0 {
        println!("Nothing is parked.");
    }
    if still_parked > 0 {
        bail!("{still_parked} of {tried} events are parked still");
    }
    Ok(())
}

fn print_parked(parked: &ParkedEvent) {
    println!("{}  {}  since {}", parked.stream, parked.sequence, time(parked.parked_at));
    println!("    {}", parked.reason);
}

fn event_json(parked: &ParkedEvent) -> Value {
    json!({
        "stream": parked.stream,
        "sequence": parked.sequence,
        "since": time(parked.parked_at),
        "reason": parked.reason,
    })
}
