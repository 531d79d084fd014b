//! What was sold and given back, by ticket type and day. What never was a sale, because the money came for tickets that
//! were gone, is none when it goes back either.

use chrono::{DateTime, Utc};
use domain::{BookingId, Money, ShowId, UserId, booking::OfRefund, show::TicketLine};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

/// What is booked, for when its money goes back.
pub(super) async fn book_in_tx(
    tx: &mut PgConnection,
    booking_id: BookingId,
    event_id: ShowId,
    user_id: UserId,
    tickets: &[TicketLine],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into payment_bookings (booking_id, event_id, user_id, tickets) values ($1, $2, $3, $4)
         on conflict (booking_id) do nothing",
    )
    .bind(booking_id.uuid())
    .bind(event_id.uuid())
    .bind(user_id.uuid())
    .bind(Json(tickets))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn sell_in_tx(
    tx: &mut PgConnection,
    booking_id: BookingId,
    event_id: ShowId,
    tickets: &[TicketLine],
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let types: Vec<Uuid> = tickets.iter().map(|line| line.ticket_type_id.uuid()).collect();
    let quantities: Vec<i64> = tickets.iter().map(|line| i64::from(line.quantity)).collect();
    let amounts: Vec<i64> = tickets.iter().map(|line| line.price.amount * i64::from(line.quantity)).collect();
    let currencies: Vec<&str> = tickets.iter().map(|line| line.price.currency.code()).collect();
    sqlx::query(
        "insert into sale_lines (event_id, cause_id, ticket_type_id, day, currency, sold, gross, refunded)
         select $1, $2, type, ($3 at time zone 'utc')::date, currency, quantity, amount, 0
         from unnest($4::uuid[], $5::bigint[], $6::bigint[], $7::text[]) as line (type, quantity, amount, currency)",
    )
    .bind(event_id.uuid())
    .bind(booking_id.uuid())
    .bind(at)
    .bind(&types)
    .bind(&quantities)
    .bind(&amounts)
    .bind(&currencies)
    .execute(tx)
    .await?;
    Ok(())
}

/// Spread over the lines of the sale from the first one on, so that the parts are the whole to the cent.
pub(super) async fn refund_in_tx(
    tx: &mut PgConnection,
    of: OfRefund,
    amount: Money,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into sale_lines (event_id, cause_id, ticket_type_id, day, currency, sold, gross, refunded)
         select event_id, $1, ticket_type_id, ($2 at time zone 'utc')::date, currency, 0, 0,
                least(gross, greatest(0, $3 - before))
         from (select event_id, ticket_type_id, currency, gross,
                      coalesce(sum(gross) over (order by ticket_type_id
                                                rows between unbounded preceding and 1 preceding), 0)::bigint as before
               from sale_lines where cause_id = $4) as sold
         on conflict (cause_id, ticket_type_id) do nothing",
    )
    .bind(of.refund_id.uuid())
    .bind(at)
    .bind(amount.amount)
    .bind(of.payment.booking_id.uuid())
    .execute(tx)
    .await?;
    Ok(())
}

/// One that was made may still fail.
pub(super) async fn take_back_in_tx(tx: &mut PgConnection, of: OfRefund) -> Result<(), sqlx::Error> {
    sqlx::query("delete from sale_lines where cause_id = $1").bind(of.refund_id.uuid()).execute(tx).await?;
    Ok(())
}
