//! Numbered seats: the plan in blocks, and a row for each seat that was ever taken.

use chrono::{DateTime, Utc};
use domain::{
    BookingId,
    show::{SeatBlock, Taken},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Place;

/// A row of `event_seat_blocks`: first index, section, row, ticket type, first number, seats.
type BlockRow = (i64, String, String, Uuid, i64, i64);

/// The plan from now on. Nothing is touched when it is the same.
pub(super) async fn arrange_in_tx(
    tx: &mut PgConnection,
    place: Place,
    seating: &[SeatBlock],
) -> Result<(), sqlx::Error> {
    let before: Vec<BlockRow> = sqlx::query_as(
        r#"select first_index, section, "row", ticket_type_id, first_number, seats
           from event_seat_blocks where event_id = $1 order by first_index"#,
    )
    .bind(place.event_id.uuid())
    .fetch_all(&mut *tx)
    .await?;
    let mut after: Vec<BlockRow> = seating.iter().map(block_row).collect();
    after.sort_by_key(|block| block.0);
    if before == after {
        return Ok(());
    }
    sqlx::query("delete from event_seat_blocks where event_id = $1")
        .bind(place.event_id.uuid())
        .execute(&mut *tx)
        .await?;
    insert_blocks_in_tx(tx, place, &after).await?;
    sqlx::query("update events set seating_sequence = $2 where id = $1")
        .bind(place.event_id.uuid())
        .bind(place.sequence)
        .execute(tx)
        .await?;
    Ok(())
}

fn block_row(block: &SeatBlock) -> BlockRow {
    (
        block.first_index.into(),
        block.section.as_str().to_owned(),
        block.row.as_str().to_owned(),
        block.ticket_type_id.uuid(),
        block.first_number.into(),
        block.seats.into(),
    )
}

async fn insert_blocks_in_tx(
    tx: &mut PgConnection,
    place: Place,
    blocks: &[BlockRow],
) -> Result<(), sqlx::Error> {
    let indexes: Vec<i64> = blocks.iter().map(|block| block.0).collect();
    let sections: Vec<&str> = blocks.iter().map(|block| block.1.as_str()).collect();
    let rows: Vec<&str> = blocks.iter().map(|block| block.2.as_str()).collect();
    let ticket_types: Vec<Uuid> = blocks.iter().map(|block| block.3).collect();
    let numbers: Vec<i64> = blocks.iter().map(|block| block.4).collect();
    let seats: Vec<i64> = blocks.iter().map(|block| block.5).collect();
    sqlx::query(
        r#"insert into event_seat_blocks (event_id, first_index, section, "row", ticket_type_id, first_number, seats)
           select $1, * from unnest($2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::bigint[])"#,
    )
    .bind(place.event_id.uuid())
    .bind(&indexes)
    .bind(&sections)
    .bind(&rows)
    .bind(&ticket_types)
    .bind(&numbers)
    .bind(&seats)
    .execute(tx)
    .await?;
    Ok(())
}

/// Held until a time, or for good.
pub(super) async fn take_in_tx(
    tx: &mut PgConnection,
    place: Place,
    taken: &Taken,
    held_until: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    if taken.seats.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into event_seats (event_id, seat_index, booking_id, held_until, sequence)
         select $1, seat_index, $3, $4, $5 from unnest($2::bigint[]) as seat_index
         on conflict (event_id, seat_index) do update
         set booking_id = excluded.booking_id, held_until = excluded.held_until, sequence = excluded.sequence",
    )
    .bind(place.event_id.uuid())
    .bind(indexes(place, taken))
    .bind(taken.booking_id.uuid())
    .bind(held_until)
    .bind(place.sequence)
    .execute(tx)
    .await?;
    Ok(())
}

/// A reader may have seen the seats as free already, when the hold had lapsed before this was applied; so this counts
/// as a change of them.
pub(super) async fn extend_in_tx(
    tx: &mut PgConnection,
    place: Place,
    booking_id: BookingId,
    held_until: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update event_seats set held_until = $3, sequence = $4 where event_id = $1 and booking_id = $2",
    )
    .bind(place.event_id.uuid())
    .bind(booking_id.uuid())
    .bind(held_until)
    .bind(place.sequence)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn free_in_tx(
    tx: &mut PgConnection,
    place: Place,
    taken: &Taken,
) -> Result<(), sqlx::Error> {
    if taken.seats.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update event_seats set booking_id = null, held_until = null, sequence = $3
         where event_id = $1 and seat_index = any($2)",
    )
    .bind(place.event_id.uuid())
    .bind(indexes(place, taken))
    .bind(place.sequence)
    .execute(tx)
    .await?;
    Ok(())
}

fn indexes(place: Place, taken: &Taken) -> Vec<i64> {
    taken.seats.iter().filter_map(|seat| seat.index_in(place.event_id)).map(i64::from).collect()
}
