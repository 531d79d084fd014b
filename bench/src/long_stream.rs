//! How much slower bookings are of a show with a long stream, compared with one that nobody has booked yet.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    buyers::Bookings,
    cli,
    http::{self, Connection},
    load::Pace,
    progress::say,
    rows::median,
    servers::Servers,
    stage::Stage,
    trial::{self, Trial},
};

/// Clients that make the stream long.
const FILLING_CLIENTS: usize = 256;
const FILLING_DEADLINE: Duration = Duration::from_secs(900);
/// Attendees for each phase after that.
const ATTENDEES: usize = 300_000;
const FILLED: &str = "long_stream";
const DATABASE: &str = "long_stream_trial";

/// Runs it and prints what came of it.
pub(crate) async fn long_stream(options: cli::LongStream) -> Result<()> {
    let servers =
        Servers::start(options.repeats.product.boxoffice.clone(), options.repeats.product.logs).await?;
    let stage = Stage::set(&servers, options.events + ATTENDEES).await?;
    fill(&servers, &stage, options.events).await?;
    let fresh = Arc::new(stage.attendees[options.events..].to_vec());
    let (mut long, mut empty) = (Vec::new(), Vec::new());
    let (mut first_of_long, mut first_of_empty) = (Vec::new(), Vec::new());
    for round in 1..=options.repeats.rounds {
        for is_long in [round % 2 == 1, round % 2 == 0] {
            let (rate, first_ms) = measure(&servers, &stage, &fresh, &options, is_long).await?;
            (if is_long { &mut long } else { &mut empty }).push(rate);
            (if is_long { &mut first_of_long } else { &mut first_of_empty }).push(first_ms);
        }
    }
    let (long, empty) = (median(&long), median(&empty));
    say(format!(
        "medians of {} rounds, {} clients: {long:.0}/s with {} events in the stream ÷ {empty:.0}/s on an empty one = {:.2}",
        options.repeats.rounds,
        options.clients,
        options.events,
        long / empty
    ));
    let (long, empty) = (median(&first_of_long), median(&first_of_empty));
    say(format!(
        "the first booking of a process that has just started, the show is loaded for it: {long:.1} ms ÷ {empty:.1} ms = {:.2}",
        long / empty
    ));
    Ok(())
}

/// Books so many tickets of the first event, through the product.
async fn fill(servers: &Servers, stage: &Stage, events: usize) -> Result<()> {
    stage.copy(servers, FILLED).await?;
    let office = vec![servers.role("command-api", FILLED).await?];
    let trial = Trial {
        name: "making a long stream",
        events: &stage.events[..1],
        attendees: events,
        pace: Pace::Closed { clients: FILLING_CLIENTS },
        duration: FILLING_DEADLINE,
        is_cold: true,
        command_apis: 1,
    };
    let bookings = Bookings::of(trial.events, &stage.some_attendees(events));
    let filled = trial.measure(&office, bookings).await?.summary;
    say(format!("made a stream of {} bookings: {filled}", filled.accepted));
    if filled.accepted != events as u64 {
        bail!("the stream is not as long as it should be");
    }
    for process in office {
        process.stop().await;
    }
    Ok(())
}

async fn measure(
    servers: &Servers,
    stage: &Stage,
    fresh: &Arc<Vec<Box<str>>>,
    options: &cli::LongStream,
    is_long: bool,
) -> Result<(f64, f64)> {
    if is_long {
        servers.create(DATABASE, FILLED).await?;
    } else {
        stage.copy(servers, DATABASE).await?;
    }
    let office = vec![servers.role("command-api", DATABASE).await?];
    trial::show_tokens(&trial::addresses(&office), fresh).await?;
    let name = if is_long { "long stream" } else { "empty stream" };
    let events = &stage.events[..1];
    let first = Instant::now();
    let mut connection = Connection::open(office[0].address).await?;
    let mut request = Vec::new();
    let body = format!(r#"{{"eventId":"{}"}}"#, events[0]);
    http::write_post(&mut request, "/api/v1/bookings", &fresh[0], &body);
    let answer = connection.exchange(&request).await?;
    if answer.status != 201 {
        bail!("no first booking: {}", String::from_utf8_lossy(answer.body));
    }
    let first = first.elapsed();
    let trial = Trial {
        name,
        events,
        attendees: fresh.len(),
        pace: Pace::Closed { clients: options.clients },
        duration: Duration::from_secs(options.repeats.seconds),
        is_cold: false,
        command_apis: 1,
    };
    let outcome = trial.measure(&office, Bookings::starting_with(events, fresh, 1)).await?;
    say(format!(
        "{name}: first booking after {:.0} ms; {}; peak memory {:.0} MiB",
        first.as_secs_f64() * 1e3,
        outcome.summary,
        outcome.peak_memory_mib
    ));
    for process in office {
        process.stop().await;
    }
    let before = if is_long { options.events as u64 } else { 0 };
    trial::check_counts(servers, DATABASE, name, before + 1 + outcome.summary.accepted).await?;
    servers.drop(DATABASE).await?;
    Ok((outcome.summary.rate(), first.as_secs_f64() * 1e3))
}
