//! I5: the rows of bookings, events and users are the fold of their streams, made here from the streams alone.

use std::collections::BTreeSet;

use anyhow::Result;
use chrono::{DateTime, Utc};
use sqlx::{PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    check::{Findings, ShowState},
    evidence::Evidence,
    facts::{BookingFact, UserFact},
    journal::StreamKey,
    projections::{FOLLOWED_BY_PROCESSES, PROJECTIONS},
};

pub(super) async fn check(
    read: &PgPool,
    write: &PgPool,
    evidence: &Evidence,
    findings: &mut Findings,
) -> Result<()> {
    let bookings = same("bookings", expected_bookings(evidence), bookings(read).await?, findings);
    findings.violations("I5", bookings);
    let (types, holds, seats, statuses) = expected_shows(evidence);
    let ticket_types = ticket_types(read).await?;
    let wrong = same("ticket types of events, with what is sold", types, ticket_types, findings);
    findings.violations("I5", wrong);
    let wrong = same("holds of events", holds, open_holds(read).await?, findings);
    findings.violations("I5", wrong);
    let wrong = same("seats that are taken", seats, taken_seats(read).await?, findings);
    findings.violations("I5", wrong);
    let wrong = same("events", statuses, event_statuses(read).await?, findings);
    findings.violations("I5", wrong);
    let (users, follows) = expected_users(evidence);
    let wrong = same("users", users, user_rows(read).await?, findings);
    findings.violations("I5", wrong);
    let wrong = same("follows", follows, follow_rows(read).await?, findings);
    findings.violations("I5", wrong);
    let wrong = same("parked streams", expected_parked(evidence), parked(read).await?, findings);
    findings.violations("I5", wrong);
    let (expected, found) = (expected_parked_by_processes(evidence), parked_by_processes(write).await?);
    let wrong = same("events parked by processes", expected, found, findings);
    findings.violations("I6", wrong);
    Ok(())
}

/// A row as a text, so that a difference can be shown.
type Rows = BTreeSet<String>;

fn same(what: &'static str, expected: Rows, found: Rows, findings: &mut Findings) -> Vec<String> {
    findings.compared(what, expected.len() as u64);
    let missing = expected.difference(&found).map(|row| format!("{what}: there should be {row}"));
    let others = found.difference(&expected).map(|row| format!("{what}: there should not be {row}"));
    missing.chain(others).collect()
}

fn expected_bookings(evidence: &Evidence) -> Rows {
    let row = |(id, facts): (&Uuid, &Vec<BookingFact>)| {
        let (mut status, mut until, mut about) = ("", None, None);
        for fact in facts {
            (status, until) = match fact {
                BookingFact::Held { show, taken, until } => {
                    about = Some((*show, taken.clone()));
                    ("held", Some(*until))
                }
                BookingFact::Confirmed { show, taken } => {
                    about = Some((*show, taken.clone()));
                    ("confirmed", None)
                }
                BookingFact::Extended { until, .. } => (status, Some(*until)),
                BookingFact::Expired { .. } => ("expired", None),
                BookingFact::Cancelled { .. } => ("cancelled", None),
                // Confirmed is it when the money has come.
                BookingFact::Authorised { .. } => ("held", None),
                BookingFact::Money { .. } => (status, until),
            };
        }
        let (show, taken) = about?;
        Some(booking_row(
            *id,
            show,
            taken.attendee,
            status,
            until,
            taken.total,
            taken.tickets.len(),
            taken.seats.len(),
            facts.len(),
        ))
    };
    evidence.bookings.iter().filter_map(row).collect()
}

#[expect(clippy::too_many_arguments, reason = "they are the columns of a row")]
fn booking_row(
    id: Uuid,
    show: Uuid,
    user: Uuid,
    status: &str,
    until: Option<DateTime<Utc>>,
    amount: i64,
    lines: usize,
    seats: usize,
    version: usize,
) -> String {
    let until = until.map(|until| until.timestamp_micros());
    format!(
        "{id} event {show} user {user} {status} until {until:?} {amount} lines {lines} seats {seats} version {version}"
    )
}

async fn bookings(read: &PgPool) -> Result<Rows> {
    let row = |row: PgRow| -> Result<String, sqlx::Error> {
        let count = |name: &str| {
            Ok::<_, sqlx::Error>(usize::try_from(row.try_get::<i64, _>(name)?).unwrap_or_default())
        };
        Ok(booking_row(
            row.try_get("id")?,
            row.try_get("event_id")?,
            row.try_get("user_id")?,
            row.try_get("status")?,
            row.try_get("held_until")?,
            row.try_get("amount")?,
            count("lines")?,
            count("seats")?,
            count("version")?,
        ))
    };
    let rows = sqlx::query(
        "select id, event_id, user_id, status, held_until, amount, jsonb_array_length(tickets)::bigint as lines,
                cardinality(seats)::bigint as seats, version
         from read_model.bookings",
    )
    .fetch_all(read)
    .await?;
    Ok(rows.into_iter().map(row).collect::<Result<_, _>>()?)
}

/// Ticket types with what is sold, holds, taken seats, and events with their status.
fn expected_shows(evidence: &Evidence) -> (Rows, Rows, Rows, Rows) {
    let (mut types, mut holds, mut seats, mut statuses) =
        (Rows::new(), Rows::new(), Rows::new(), Rows::new());
    for (show, facts) in &evidence.shows {
        let mut state = ShowState::default();
        for fact in facts {
            state.apply(fact);
        }
        statuses.insert(format!("{show} cancelled {} deleted {}", state.is_cancelled, state.is_deleted));
        for (ticket_type, sold) in state.sold() {
            types.insert(format!("{show} {ticket_type} sold {sold} of {}", state.capacity(ticket_type)));
        }
        for (booking, open) in &state.open {
            let until = open.until.map(|until| until.timestamp_micros());
            if until.is_some() {
                let lines = open.taken.tickets.iter();
                holds.extend(
                    lines.map(|(id, quantity)| format!("{show} {booking} {id} {quantity} until {until:?}")),
                );
            }
            let of_booking = open.taken.seats.iter();
            seats.extend(of_booking.map(|seat| {
                let index = (seat.as_u128() ^ show.as_u128()).wrapping_sub(1);
                format!("{show} seat {index} of {booking} until {until:?}")
            }));
        }
    }
    (types, holds, seats, statuses)
}

async fn ticket_types(read: &PgPool) -> Result<Rows> {
    let rows: Vec<(Uuid, Uuid, i64, i64)> =
        sqlx::query_as("select event_id, id, sold, capacity from read_model.event_ticket_types")
            .fetch_all(read)
            .await?;
    Ok(rows
        .iter()
        .map(|(event, id, sold, capacity)| format!("{event} {id} sold {sold} of {capacity}"))
        .collect())
}

async fn open_holds(read: &PgPool) -> Result<Rows> {
    let rows: Vec<(Uuid, Uuid, Uuid, i64, DateTime<Utc>)> = sqlx::query_as(
        "select event_id, booking_id, ticket_type_id, quantity, held_until from read_model.event_holds",
    )
    .fetch_all(read)
    .await?;
    let row = |(event, booking, id, quantity, until): &(Uuid, Uuid, Uuid, i64, DateTime<Utc>)| {
        format!("{event} {booking} {id} {quantity} until {:?}", Some(until.timestamp_micros()))
    };
    Ok(rows.iter().map(row).collect())
}

async fn taken_seats(read: &PgPool) -> Result<Rows> {
    let rows: Vec<(Uuid, i64, Uuid, Option<DateTime<Utc>>)> = sqlx::query_as(
        "select event_id, seat_index, booking_id, held_until from read_model.event_seats where booking_id is not null",
    )
    .fetch_all(read)
    .await?;
    let row = |(event, index, booking, until): &(Uuid, i64, Uuid, Option<DateTime<Utc>>)| {
        format!("{event} seat {index} of {booking} until {:?}", until.map(|until| until.timestamp_micros()))
    };
    Ok(rows.iter().map(row).collect())
}

async fn event_statuses(read: &PgPool) -> Result<Rows> {
    let rows: Vec<(Uuid, bool, bool)> =
        sqlx::query_as("select id, status = 'cancelled', deleted from read_model.events")
            .fetch_all(read)
            .await?;
    Ok(rows
        .iter()
        .map(|(id, cancelled, deleted)| format!("{id} cancelled {cancelled} deleted {deleted}"))
        .collect())
}

fn expected_users(evidence: &Evidence) -> (Rows, Rows) {
    let (mut users, mut follows) = (Rows::new(), Rows::new());
    for (user, facts) in &evidence.users {
        let mut followed = BTreeSet::new();
        for fact in facts {
            match fact {
                UserFact::Registered { role } => {
                    users.insert(format!("{user} {role}"));
                }
                UserFact::Followed { host } => {
                    followed.insert(*host);
                }
                UserFact::Unfollowed { host } => {
                    followed.remove(host);
                }
                UserFact::Other => {}
            }
        }
        follows.extend(followed.iter().map(|host| format!("{user} follows {host}")));
    }
    (users, follows)
}

async fn user_rows(read: &PgPool) -> Result<Rows> {
    let rows: Vec<(Uuid, String)> =
        sqlx::query_as("select id, role from read_model.users").fetch_all(read).await?;
    Ok(rows.iter().map(|(id, role)| format!("{id} {role}")).collect())
}

async fn follow_rows(read: &PgPool) -> Result<Rows> {
    let rows: Vec<(Uuid, Uuid)> =
        sqlx::query_as("select user_id, host_id from read_model.follows").fetch_all(read).await?;
    Ok(rows.iter().map(|(user, host)| format!("{user} follows {host}")).collect())
}

fn poisoned(evidence: &Evidence) -> impl Iterator<Item = &StreamKey> {
    evidence.poisoned.iter().filter(|stream| evidence.end(stream) > 0)
}

/// Process managers park it event by event.
fn expected_parked_by_processes(evidence: &Evidence) -> Rows {
    let followed = poisoned(evidence).filter(|(kind, _)| FOLLOWED_BY_PROCESSES.contains(&kind.as_str()));
    let events =
        followed.flat_map(|stream| evidence.streams[stream].iter().map(move |event| (stream, event)));
    events.map(|((kind, id), event)| format!("{kind}:{id} {}", event.sequence)).collect()
}

async fn parked_by_processes(write: &PgPool) -> Result<Rows> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("select aggregate_type, aggregate_id, sequence from process_parked")
            .fetch_all(write)
            .await?;
    Ok(rows.iter().map(|(kind, id, sequence)| format!("{kind}:{id} {sequence}")).collect())
}

/// Poison is parked by every projection that follows it, from its first event on; nothing else is.
fn expected_parked(evidence: &Evidence) -> Rows {
    let mut parked = Rows::new();
    for stream in poisoned(evidence) {
        for (projection, _) in PROJECTIONS.iter().filter(|(_, types)| types.contains(&stream.0.as_str())) {
            parked.insert(format!("{projection} {}:{} {} events", stream.0, stream.1, evidence.end(stream)));
        }
    }
    parked
}

async fn parked(read: &PgPool) -> Result<Rows> {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "select projection, aggregate_type, aggregate_id, count(*) from read_model.parked
         group by projection, aggregate_type, aggregate_id",
    )
    .fetch_all(read)
    .await?;
    Ok(rows
        .iter()
        .map(|(projection, kind, id, count)| format!("{projection} {kind}:{id} {count} events"))
        .collect())
}
