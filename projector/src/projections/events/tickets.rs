//! Ticket types with what is sold of them, and open holds.

use chrono::{DateTime, Utc};
use domain::{
    BookingId,
    show::{OfferedTicketType, Taken},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Place;

/// What is offered from now on; types that stay keep what is sold of them.
pub(super) async fn offer_in_tx(
    tx: &mut PgConnection,
    place: Place,
    offered: &[OfferedTicketType],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = offered.iter().map(|t| t.id.uuid()).collect();
    let names: Vec<&str> = offered.iter().map(|t| t.name.as_str()).collect();
    let amounts: Vec<i64> = offered.iter().map(|t| t.price.amount).collect();
    let currencies: Vec<&str> = offered.iter().map(|t| t.price.currency.code()).collect();
    let capacities: Vec<i64> = offered.iter().map(|t| i64::from(t.capacity)).collect();
    sqlx::query("delete from event_ticket_types where event_id = $1 and id <> all($2)")
        .bind(place.event_id.uuid())
        .bind(&ids)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "insert into event_ticket_types (event_id, id, place, name, amount, currency, capacity)
         select $1, id, place, name, amount, currency, capacity
         from unnest($2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::bigint[])
              with ordinality as offered (id, name, amount, currency, capacity, place)
         on conflict (event_id, id) do update
         set place = excluded.place, name = excluded.name, amount = excluded.amount,
             currency = excluded.currency, capacity = excluded.capacity",
    )
    .bind(place.event_id.uuid())
    .bind(&ids)
    .bind(&names)
    .bind(&amounts)
    .bind(&currencies)
    .bind(&capacities)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn hold_in_tx(
    tx: &mut PgConnection,
    place: Place,
    taken: &Taken,
    held_until: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (ids, quantities) = lines(taken);
    sqlx::query(
        "insert into event_holds (event_id, booking_id, ticket_type_id, quantity, held_until)
         select $1, $2, id, quantity, $5 from unnest($3::uuid[], $4::bigint[]) as line (id, quantity)",
    )
    .bind(place.event_id.uuid())
    .bind(taken.booking_id.uuid())
    .bind(&ids)
    .bind(&quantities)
    .bind(held_until)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn extend_in_tx(
    tx: &mut PgConnection,
    place: Place,
    booking_id: BookingId,
    held_until: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query("update event_holds set held_until = $3 where event_id = $1 and booking_id = $2")
        .bind(place.event_id.uuid())
        .bind(booking_id.uuid())
        .bind(held_until)
        .execute(tx)
        .await?;
    Ok(())
}

/// What was held is held no more.
pub(super) async fn sell_in_tx(
    tx: &mut PgConnection,
    place: Place,
    taken: &Taken,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from event_holds where event_id = $1 and booking_id = $2")
        .bind(place.event_id.uuid())
        .bind(taken.booking_id.uuid())
        .execute(&mut *tx)
        .await?;
    add_sold_in_tx(tx, place, taken, 1).await
}

/// Tickets of a hold were not sold yet; those of any other booking were.
pub(super) async fn free_in_tx(
    tx: &mut PgConnection,
    place: Place,
    taken: &Taken,
) -> Result<(), sqlx::Error> {
    let held = sqlx::query("delete from event_holds where event_id = $1 and booking_id = $2")
        .bind(place.event_id.uuid())
        .bind(taken.booking_id.uuid())
        .execute(&mut *tx)
        .await?;
    if held.rows_affected() == 0 { add_sold_in_tx(tx, place, taken, -1).await } else { Ok(()) }
}

async fn add_sold_in_tx(
    tx: &mut PgConnection,
    place: Place,
    taken: &Taken,
    sign: i64,
) -> Result<(), sqlx::Error> {
    let (ids, quantities) = lines(taken);
    sqlx::query(
        "update event_ticket_types t set sold = sold + line.quantity * $4
         from unnest($2::uuid[], $3::bigint[]) as line (id, quantity)
         where t.event_id = $1 and t.id = line.id",
    )
    .bind(place.event_id.uuid())
    .bind(&ids)
    .bind(&quantities)
    .bind(sign)
    .execute(tx)
    .await?;
    Ok(())
}

fn lines(taken: &Taken) -> (Vec<Uuid>, Vec<i64>) {
    taken.tickets.iter().map(|line| (line.ticket_type_id.uuid(), i64::from(line.quantity))).unzip()
}
