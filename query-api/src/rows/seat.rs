//! Rows of numbered seats: blocks of the plan, and the few seats that somebody has.

use std::sync::Arc;

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use contract::{Seat, seat_id};
use futures::TryStreamExt;
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

/// Seats of an event: all of them, or some.
#[derive(Debug)]
pub(crate) struct Seats {
    event_id: Uuid,
    /// By their indexes.
    blocks: Vec<Block>,
}

/// Seats beside each other in a row, numbered through; their indexes too.
#[derive(Debug)]
struct Block {
    first_index: u32,
    section: String,
    row: String,
    ticket_type_id: Uuid,
    first_number: u32,
    /// By their places in the block; nothing of those that are not meant.
    statuses: Vec<Option<SeatStatus>>,
}

impl Block {
    /// With this status for all of its seats.
    fn of(row: &PgRow, status: Option<SeatStatus>) -> Result<Self, sqlx::Error> {
        let seats: u32 = whole(row, "seats")?;
        Ok(Self {
            first_index: whole(row, "first_index")?,
            section: row.try_get("section")?,
            row: row.try_get("row")?,
            ticket_type_id: row.try_get("ticket_type_id")?,
            first_number: whole(row, "first_number")?,
            statuses: (0..seats).map(|_| status).collect(),
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

    /// Notes the status of the seat with this index, if it is in this block.
    fn put(&mut self, index: u32, status: SeatStatus) {
        let place = index.checked_sub(self.first_index).and_then(|place| usize::try_from(place).ok());
        if let Some(seat) = place.and_then(|place| self.statuses.get_mut(place)) {
            *seat = Some(status);
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
pub(crate) async fn all_in_tx(tx: &mut PgConnection, event_id: Uuid) -> Result<Seats, sqlx::Error> {
    let rows = sqlx::query(
        r#"select first_index, section, "row", ticket_type_id, first_number, seats
           from event_seat_blocks where event_id = $1 order by first_index"#,
    )
    .bind(event_id)
    .fetch_all(&mut *tx)
    .await?;
    let block = |row| Block::of(row, Some(SeatStatus::Free));
    let mut blocks = rows.iter().map(block).collect::<Result<Vec<_>, _>>()?;
    let mut taken = sqlx::query(
        "select seat_index, booking_id, held_until, now() as now from event_seats
         where event_id = $1 and booking_id is not null and (held_until is null or held_until > now())
         order by seat_index",
    )
    .bind(event_id)
    .fetch(tx);
    let mut following = 0;
    while let Some(row) = taken.try_next().await? {
        let index = whole(&row, "seat_index")?;
        while blocks.get(following).is_some_and(|block| block.first_index <= index) {
            following += 1;
        }
        if let Some(block) = following.checked_sub(1).and_then(|its| blocks.get_mut(its)) {
            block.put(index, SeatStatus::of(&row)?);
        }
    }
    Ok(Seats { event_id, blocks })
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
) -> Result<Seats, sqlx::Error> {
    let mut rows = sqlx::query(
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
    .fetch(tx);
    let mut blocks: Vec<Block> = vec![];
    while let Some(row) = rows.try_next().await? {
        let first_index = whole(&row, "first_index")?;
        if blocks.last().is_none_or(|block| block.first_index != first_index) {
            blocks.push(Block::of(&row, None)?);
        }
        if let Some(block) = blocks.last_mut() {
            block.put(whole(&row, "seat_index")?, SeatStatus::of(&row)?);
        }
    }
    Ok(Seats { event_id, blocks })
}

impl Seats {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.iter().all(|block| block.statuses.iter().all(Option::is_none))
    }

    /// Those with this status, or all, as the text of a JSON array, made piece by piece: a large hall is never in memory as
    /// text.
    pub(crate) fn into_json(self: Arc<Self>, only: Option<SeatStatus>) -> impl Iterator<Item = Bytes> + Send {
        let mut next = Next { seats: self, block: 0, place: 0 };
        let mut is_first = true;
        let mut is_over = false;
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let mut piece = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
            while piece.len() < PIECE_BYTES {
                let Some((seat, status)) = next.next() else {
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
                piece.shrink_to_fit();
            }
            Some(Bytes::from(piece))
        })
    }
}

/// Goes through seats in the order of their indexes.
struct Next {
    seats: Arc<Seats>,
    /// Where it is.
    block: usize,
    place: u32,
}

impl Iterator for Next {
    type Item = (Seat, SeatStatus);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let block = self.seats.blocks.get(self.block)?;
            let place = self.place;
            match usize::try_from(place).ok().and_then(|place| block.statuses.get(place)) {
                None => (self.block, self.place) = (self.block + 1, 0),
                Some(status) => {
                    self.place += 1;
                    if let Some(status) = *status {
                        return Some((block.seat(self.seats.event_id, place, status), status));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hall(rows: u32, seats: u32, taken: Vec<(u32, SeatStatus)>) -> Seats {
        let status =
            |index| taken.iter().find(|(taken, _)| *taken == index).map_or(SeatStatus::Free, |(_, s)| *s);
        let block = |row| Block {
            first_index: row * seats,
            section: "Stalls \"left\"".to_owned(),
            row: format!("R{row}"),
            ticket_type_id: Uuid::nil(),
            first_number: 1,
            statuses: (row * seats..(row + 1) * seats).map(|index| Some(status(index))).collect(),
        };
        Seats { event_id: Uuid::now_v7(), blocks: (0..rows).map(block).collect() }
    }

    fn seats(hall: Seats, only: Option<SeatStatus>) -> Vec<Seat> {
        let text: Vec<u8> = Arc::new(hall).into_json(only).flatten().collect();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn the_pieces_are_one_array_however_large_the_hall_is() {
        assert_eq!(seats(hall(0, 0, vec![]), None), []);
        assert_eq!(seats(hall(1, 1, vec![]), None).len(), 1);
        let all = seats(hall(400, 250, vec![(249, SeatStatus::Sold), (99_999, SeatStatus::Held)]), None);
        assert_eq!(all.len(), 100_000);
        assert_eq!((all[249].row.as_str(), all[249].number, all[249].status.as_str()), ("R0", 250, "sold"));
        assert_eq!((all[250].row.as_str(), all[250].number, all[250].status.as_str()), ("R1", 1, "free"));
        assert_eq!(all[99_999].status, "held");
    }

    #[test]
    fn seats_that_are_not_meant_are_left_out() {
        let mut some = hall(3, 2, vec![(3, SeatStatus::Sold)]);
        assert!(!some.is_empty());
        for index in [0, 1, 2, 4, 5] {
            let block = some.blocks.iter_mut().find(|block| block.first_index + 1 >= index).unwrap();
            block.statuses[usize::try_from(index % 2).unwrap()] = None;
        }
        let left = seats(some, None);
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].row.as_str(), left[0].number, left[0].status.as_str()), ("R1", 2, "sold"));
        assert!(Seats { event_id: Uuid::nil(), blocks: vec![] }.is_empty());
    }

    #[test]
    fn only_seats_with_the_status_are_in() {
        let hall = || hall(2, 3, vec![(1, SeatStatus::Sold), (4, SeatStatus::Held)]);
        let numbers = |only| seats(hall(), Some(only)).iter().map(|seat| seat.number).collect::<Vec<_>>();
        assert_eq!(numbers(SeatStatus::Free), [1, 3, 1, 3]);
        assert_eq!(numbers(SeatStatus::Held), [2]);
        assert_eq!(numbers(SeatStatus::Sold), [2]);
    }
}
