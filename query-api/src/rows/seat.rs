//! Rows of numbered seats: blocks of the plan, and the few seats that somebody has.

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use contract::{Seat, seat_id};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Row, postgres::PgRow};
use utoipa::ToSchema;
use uuid::Uuid;

/// Bytes of JSON that are made at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// What has become of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SeatStatus {
    /// It can be booked now.
    Free,
    /// It is set aside until it is paid for.
    Held,
    /// It is somebody's.
    Sold,
}

impl SeatStatus {
    const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Held => "held",
            Self::Sold => "sold",
        }
    }

    /// From a row of `event_seats`: a hold whose time is over blocks nobody.
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        let booking: Option<Uuid> = row.try_get("booking_id")?;
        let held_until: Option<DateTime<Utc>> = row.try_get("held_until")?;
        let now: DateTime<Utc> = row.try_get("now")?;
        Ok(match (booking, held_until) {
            (None, _) => Self::Free,
            (Some(_), None) => Self::Sold,
            (Some(_), Some(until)) if until > now => Self::Held,
            (Some(_), Some(_)) => Self::Free,
        })
    }
}

/// All seats of an event.
#[derive(Debug)]
pub(crate) struct SeatPlan {
    event_id: Uuid,
    /// By their indexes.
    blocks: Vec<Block>,
    /// What is not free, by its index.
    taken: Vec<(u32, SeatStatus)>,
}

/// Seats beside each other in a row, numbered through; their indexes too.
#[derive(Debug)]
struct Block {
    first_index: u32,
    section: String,
    row: String,
    ticket_type_id: Uuid,
    first_number: u32,
    seats: u32,
}

impl Block {
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            first_index: whole(row, "first_index")?,
            section: row.try_get("section")?,
            row: row.try_get("row")?,
            ticket_type_id: row.try_get("ticket_type_id")?,
            first_number: whole(row, "first_number")?,
            seats: whole(row, "seats")?,
        })
    }

    fn seat(&self, event_id: Uuid, place: u32, status: SeatStatus) -> Seat {
        Seat {
            id: seat_id(event_id, self.first_index + place),
            section: self.section.clone(),
            row: self.row.clone(),
            number: i64::from(self.first_number + place),
            ticket_type_id: self.ticket_type_id,
            status: status.name().to_owned(),
        }
    }
}

fn whole(row: &PgRow, column: &str) -> Result<u32, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    u32::try_from(number)
        .map_err(|source| sqlx::Error::ColumnDecode { index: column.to_owned(), source: source.into() })
}

/// Every seat, as of the transaction's time; it should see one state of the database.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn plan_in_tx(tx: &mut PgConnection, event_id: Uuid) -> Result<SeatPlan, sqlx::Error> {
    let blocks = sqlx::query(
        r#"select first_index, section, "row", ticket_type_id, first_number, seats
           from event_seat_blocks where event_id = $1 order by first_index"#,
    )
    .bind(event_id)
    .fetch_all(&mut *tx)
    .await?;
    let taken = sqlx::query(
        "select seat_index, booking_id, held_until, now() as now from event_seats
         where event_id = $1 and booking_id is not null and (held_until is null or held_until > now())
         order by seat_index",
    )
    .bind(event_id)
    .fetch_all(tx)
    .await?;
    Ok(SeatPlan {
        event_id,
        blocks: blocks.iter().map(Block::of).collect::<Result<_, _>>()?,
        taken: taken
            .iter()
            .map(|row| Ok((whole(row, "seat_index")?, SeatStatus::of(row)?)))
            .collect::<Result<_, sqlx::Error>>()?,
    })
}

/// The seats that are others since a place in the event's stream and a time, apart from those that the plan no longer
/// has; as of the transaction's time.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn changed_in_tx(
    tx: &mut PgConnection,
    event_id: Uuid,
    sequence: i64,
    time: DateTime<Utc>,
) -> Result<Vec<Seat>, sqlx::Error> {
    let rows = sqlx::query(
        r#"select s.seat_index, s.booking_id, s.held_until, now() as now,
                  b.first_index, b.section, b."row", b.ticket_type_id, b.first_number, b.seats
           from event_seats s
           cross join lateral (
               select * from event_seat_blocks b
               where b.event_id = s.event_id and b.first_index <= s.seat_index
               order by b.first_index desc limit 1
           ) b
           where s.event_id = $1 and (s.sequence > $2 or s.held_until > $3 and s.held_until <= now())
                 and s.seat_index < b.first_index + b.seats
           order by s.seat_index"#,
    )
    .bind(event_id)
    .bind(sequence)
    .bind(time)
    .fetch_all(tx)
    .await?;
    let seat = |row: &PgRow| {
        let block = Block::of(row)?;
        let place = whole(row, "seat_index")? - block.first_index;
        Ok(block.seat(event_id, place, SeatStatus::of(row)?))
    };
    rows.iter().map(seat).collect()
}

impl SeatPlan {
    /// The seats with this status, or all, as the text of a JSON array, made piece by piece: a large hall is never in
    /// memory as a whole.
    pub(crate) fn into_json(self, only: Option<SeatStatus>) -> impl Iterator<Item = Bytes> + Send {
        let mut seats = Seats { plan: self, block: 0, place: 0, taken: 0 };
        let mut is_first = true;
        let mut is_over = false;
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let mut piece = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
            while piece.len() < PIECE_BYTES {
                let Some((seat, status)) = seats.next() else {
                    is_over = true;
                    break;
                };
                if only.is_none_or(|only| only == status) {
                    piece.push(if is_first { b'[' } else { b',' });
                    is_first = false;
                    serde_json::to_writer(&mut piece, &seat).expect("a seat is plain data");
                }
            }
            if is_over {
                piece.extend_from_slice(if is_first { b"[]" } else { b"]" });
            }
            Some(Bytes::from(piece))
        })
    }
}

/// All seats of a plan, in the order of their indexes.
struct Seats {
    plan: SeatPlan,
    /// Where the next one is: its block, its place in it, and how many of those taken are before it.
    block: usize,
    place: u32,
    taken: usize,
}

impl Iterator for Seats {
    type Item = (Seat, SeatStatus);

    fn next(&mut self) -> Option<Self::Item> {
        let mut block = self.plan.blocks.get(self.block)?;
        while self.place >= block.seats {
            self.block += 1;
            self.place = 0;
            block = self.plan.blocks.get(self.block)?;
        }
        let index = block.first_index + self.place;
        while self.plan.taken.get(self.taken).is_some_and(|(taken, _)| *taken < index) {
            self.taken += 1;
        }
        let status = match self.plan.taken.get(self.taken) {
            Some((taken, status)) if *taken == index => *status,
            Some(_) | None => SeatStatus::Free,
        };
        let seat = block.seat(self.plan.event_id, self.place, status);
        self.place += 1;
        Some((seat, status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rows: u32, seats: u32, taken: Vec<(u32, SeatStatus)>) -> SeatPlan {
        let block = |row| Block {
            first_index: row * seats,
            section: "Stalls \"left\"".to_owned(),
            row: format!("R{row}"),
            ticket_type_id: Uuid::nil(),
            first_number: 1,
            seats,
        };
        SeatPlan { event_id: Uuid::now_v7(), blocks: (0..rows).map(block).collect(), taken }
    }

    fn seats(plan: SeatPlan, only: Option<SeatStatus>) -> Vec<Seat> {
        let text: Vec<u8> = plan.into_json(only).flatten().collect();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn the_pieces_are_one_array_however_large_the_hall_is() {
        assert_eq!(seats(plan(0, 0, vec![]), None), []);
        assert_eq!(seats(plan(1, 1, vec![]), None).len(), 1);
        let all = seats(plan(400, 250, vec![(249, SeatStatus::Sold), (99_999, SeatStatus::Held)]), None);
        assert_eq!(all.len(), 100_000);
        assert_eq!((all[249].row.as_str(), all[249].number, all[249].status.as_str()), ("R0", 250, "sold"));
        assert_eq!((all[250].row.as_str(), all[250].number, all[250].status.as_str()), ("R1", 1, "free"));
        assert_eq!(all[99_999].status, "held");
    }

    #[test]
    fn only_seats_with_the_status_are_in() {
        let plan = || plan(2, 3, vec![(1, SeatStatus::Sold), (4, SeatStatus::Held)]);
        let numbers = |only| seats(plan(), Some(only)).iter().map(|seat| seat.number).collect::<Vec<_>>();
        assert_eq!(numbers(SeatStatus::Free), [1, 3, 1, 3]);
        assert_eq!(numbers(SeatStatus::Held), [2]);
        assert_eq!(numbers(SeatStatus::Sold), [2]);
    }
}
