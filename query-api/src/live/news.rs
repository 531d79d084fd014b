//! What an event's readers have not seen since a position.

use std::sync::Arc;

use axum::body::Bytes;
use contract::{Availability, TicketType};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Position, Seen};
use crate::rows::{self, ONE_STATE, event::Moment, seat::Seats};

/// What is told, and where readers are then.
pub(super) struct News {
    /// Empty where nothing is to be told.
    pub(super) text: Text,
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
                // For all readers, who are many, and it is not much.
                ChangedSeats::Some(seats) if told.is_some() => {
                    messages.add_json("seats", seats.into_json(None))
                }
                ChangedSeats::Some(seats) | ChangedSeats::All(seats) => messages.add_seats(seats),
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
    Some(Arc<Seats>),
    /// The plan is another one.
    All(Arc<Seats>),
}

async fn changed_seats_in_tx(
    tx: &mut PgConnection,
    moment: &Moment,
    after: Position,
) -> Result<ChangedSeats, sqlx::Error> {
    let id = moment.event.id;
    let Some(arranged) = moment.seating_sequence else { return Ok(ChangedSeats::None) };
    if arranged > after.sequence {
        return rows::seat::all_in_tx(tx, id).await.map(|seats| ChangedSeats::All(Arc::new(seats)));
    }
    let seats = rows::seat::changed_in_tx(tx, id, after.sequence, after.time).await?;
    Ok(if seats.is_empty() { ChangedSeats::None } else { ChangedSeats::Some(Arc::new(seats)) })
}

impl Moment {
    fn sale_started_since(&self, after: Position) -> bool {
        let started = |start| after.time < start && start <= self.as_of;
        self.event.status == "published" && self.event.sales_start.is_some_and(started)
    }
}

/// Messages of one moment.
#[derive(Default)]
struct Messages(Vec<(&'static str, Data)>);

enum Data {
    /// JSON has no line breaks outside of its strings, and none unescaped inside.
    Json(Vec<u8>),
    Seats(Arc<Seats>),
}

impl Messages {
    fn add(&mut self, kind: &'static str, data: &impl Serialize) {
        let json = serde_json::to_vec(data).expect("shapes of the contract are plain data");
        self.0.push((kind, Data::Json(json)));
    }

    fn add_json(&mut self, kind: &'static str, pieces: impl Iterator<Item = Bytes>) {
        self.0.push((kind, Data::Json(pieces.flatten().collect())));
    }

    fn add_seats(&mut self, seats: Arc<Seats>) {
        self.0.push(("seats", Data::Seats(seats)));
    }

    /// Only the last one has the new position: who loses the connection before it gets all of them again.
    fn into_text(self, before: Position, after: Position) -> Text {
        let count = self.0.len();
        let mut parts = vec![];
        let mut text = vec![];
        for (number, (kind, data)) in (1..).zip(self.0) {
            let id = if number == count { after } else { before };
            text.extend_from_slice(format!("id: {id}\nevent: {kind}\ndata: ").as_bytes());
            match data {
                Data::Json(json) => text.extend_from_slice(&json),
                Data::Seats(seats) => {
                    parts.push(Part::Bytes(std::mem::take(&mut text).into()));
                    parts.push(Part::Seats(seats));
                }
            }
            text.extend_from_slice(b"\n\n");
        }
        if !text.is_empty() {
            parts.push(Part::Bytes(text.into()));
        }
        Text(parts)
    }
}

/// Messages as text of SSE. That of all seats, and of those that one reader has missed, is made while it is sent: there may be
/// 100,000 of them, which are 20 MB.
#[derive(Debug, Clone, Default)]
pub(super) struct Text(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Bytes(Bytes),
    Seats(Arc<Seats>),
}

/// What is sent, one after the other.
pub(super) type Pieces = Box<dyn Iterator<Item = Bytes> + Send>;

impl Text {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_pieces(self) -> Pieces {
        Box::new(self.0.into_iter().flat_map(|part| -> Pieces {
            match part {
                Part::Bytes(bytes) => Box::new(std::iter::once(bytes)),
                Part::Seats(seats) => Box::new(seats.into_json(None)),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_got_all_messages_of_a_moment_gets_them_again() {
        let mut messages = Messages::default();
        messages.add("one", &"first\nline");
        messages.add("two", &["second"]);
        let after = Position { sequence: 7, ..Position::BEGINNING };
        let text = messages.into_text(Position::BEGINNING, after);
        let text: Vec<u8> = text.into_pieces().flatten().collect();
        let expected =
            "id: 0-0\nevent: one\ndata: \"first\\nline\"\n\nid: 7-0\nevent: two\ndata: [\"second\"]\n\n";
        assert_eq!(str::from_utf8(&text), Ok(expected));
        assert!(Messages::default().into_text(after, after).is_empty());
    }
}
