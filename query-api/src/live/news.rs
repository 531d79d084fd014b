//! What an event's readers have not seen since a position.

use axum::body::Bytes;
use contract::{Availability, Seat, TicketType};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Position, Seen};
use crate::rows::{self, ONE_STATE, event::Moment};

/// What is told, and where readers are then.
pub(super) struct News {
    /// Messages of SSE; empty where nothing is to be told.
    pub(super) text: Bytes,
    pub(super) seen: Seen,
}

impl News {
    /// The news of an event, if there is such an event: of everything after a position, or of nothing but what is available
    /// now. That is told when it differs from what was `told`.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn read(
        pool: &PgPool,
        id: Uuid,
        after: Option<Position>,
        told: Option<&[TicketType]>,
    ) -> Result<Option<Self>, sqlx::Error> {
        let mut tx = pool.begin_with(ONE_STATE).await?;
        let news = match rows::event::moment_in_tx(&mut tx, id).await? {
            None => None,
            Some(moment) => Some(Self::at_in_tx(&mut tx, moment, after, told).await?),
        };
        tx.commit().await?;
        Ok(news)
    }

    async fn at_in_tx(
        tx: &mut PgConnection,
        moment: Moment,
        after: Option<Position>,
        told: Option<&[TicketType]>,
    ) -> Result<Self, sqlx::Error> {
        let position = Position { sequence: moment.sequence, time: moment.as_of };
        // Nobody can be further than the rows, unless these are others than they were: all of it anew.
        let after = after.map(|p| if p.sequence > position.sequence { Position::BEGINNING } else { p });
        let mut messages = Messages::default();
        if told != Some(&moment.event.ticket_types) {
            let availability = Availability::of(moment.event.ticket_types.clone(), moment.as_of);
            messages.add("availability", &availability);
        }
        if let Some(after) = after {
            match changed_seats_in_tx(tx, &moment, after).await? {
                ChangedSeats::None => {}
                ChangedSeats::Some(seats) => messages.add("seats", &seats),
                ChangedSeats::All(json) => messages.add_json("seats", json),
            }
            if moment.sale_started_since(after) {
                messages.add("sales-started", &moment.event);
            }
            if moment.details_sequence > after.sequence {
                messages.add("event-updated", &moment.event);
            }
            if moment.cancelled_sequence.is_some_and(|sequence| sequence > after.sequence) {
                messages.add("event-cancelled", &moment.event);
            }
        }
        let sale_start = moment.event.sales_start.filter(|start| *start > moment.as_of);
        let next_due = [moment.next_lapse, sale_start].into_iter().flatten().min();
        Ok(Self {
            text: messages.into_text(after.unwrap_or(Position::BEGINNING), position),
            seen: Seen { position, ticket_types: moment.event.ticket_types, next_due },
        })
    }
}

enum ChangedSeats {
    None,
    Some(Vec<Seat>),
    /// The plan is another one: every seat, as JSON.
    All(Vec<u8>),
}

async fn changed_seats_in_tx(
    tx: &mut PgConnection,
    moment: &Moment,
    after: Position,
) -> Result<ChangedSeats, sqlx::Error> {
    let id = moment.event.id;
    let Some(arranged) = moment.seating_sequence else { return Ok(ChangedSeats::None) };
    if arranged > after.sequence {
        let plan = rows::seat::plan_in_tx(tx, id).await?;
        return Ok(ChangedSeats::All(plan.into_json(None).flatten().collect()));
    }
    let seats = rows::seat::changed_in_tx(tx, id, after.sequence, after.time).await?;
    Ok(if seats.is_empty() { ChangedSeats::None } else { ChangedSeats::Some(seats) })
}

impl Moment {
    fn sale_started_since(&self, after: Position) -> bool {
        let started = |start| after.time < start && start <= self.as_of;
        self.event.status == "published" && self.event.sales_start.is_some_and(started)
    }
}

/// Messages of SSE, of one moment.
#[derive(Default)]
struct Messages(Vec<(&'static str, Vec<u8>)>);

impl Messages {
    fn add(&mut self, kind: &'static str, data: &impl Serialize) {
        self.add_json(kind, serde_json::to_vec(data).expect("shapes of the contract are plain data"));
    }

    /// JSON has no line breaks outside of its strings, and none unescaped inside.
    fn add_json(&mut self, kind: &'static str, json: Vec<u8>) {
        self.0.push((kind, json));
    }

    /// Only the last one has the new position: who loses the connection before it gets all of them again.
    fn into_text(self, before: Position, after: Position) -> Bytes {
        let count = self.0.len();
        let mut text = Vec::with_capacity(self.0.iter().map(|(_, json)| json.len() + 64).sum());
        for (number, (kind, json)) in (1..).zip(self.0) {
            let id = if number == count { after } else { before };
            text.extend_from_slice(format!("id: {id}\nevent: {kind}\ndata: ").as_bytes());
            text.extend_from_slice(&json);
            text.extend_from_slice(b"\n\n");
        }
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_got_all_messages_of_a_moment_gets_them_again() {
        let mut messages = Messages::default();
        messages.add("one", &"first\nline");
        messages.add_json("two", b"[]".to_vec());
        let after = Position { sequence: 7, ..Position::BEGINNING };
        let text = messages.into_text(Position::BEGINNING, after);
        let expected = "id: 0-0\nevent: one\ndata: \"first\\nline\"\n\nid: 7-0\nevent: two\ndata: []\n\n";
        assert_eq!(str::from_utf8(&text), Ok(expected));
        assert!(Messages::default().into_text(after, after).is_empty());
    }
}
