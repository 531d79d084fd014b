//! An event log that takes a rebuild a while: sales of a show of its own, put in by hand.

use sqlx::PgPool;
use testkit::eventually;

use crate::harness::{BoxOffice, DEADLINE};

/// A show with so many sales, in the log and in the read model `events`. Nobody else may sell it. A rebuild takes 5,000
/// at once.
pub(crate) async fn sell_by_hand(office: &BoxOffice, pool: &PgPool, sales: i64) {
    let (_, event) = office.event(30_000).await;
    let id = event.text("/id");
    let attendee = office.register("attendee").await;
    let booking = office.book(&attendee, &id).await;
    booking.expect(reqwest::StatusCode::CREATED);
    sqlx::query(
        "insert into public.events
             (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         select aggregate_type, aggregate_id, sequence + n, event_type, event_version,
                jsonb_set(payload::jsonb, '{bookingId}', to_jsonb(gen_random_uuid()))::json, metadata
         from public.events cross join generate_series(1, $2) n
         where aggregate_id = $1 and event_type = 'TicketsSold'",
    )
    .bind(&id)
    .bind(sales - 1)
    .execute(pool)
    .await
    .expect("inserts");
    let sold = "select sold from read_model.event_ticket_types where event_id = $1::uuid";
    eventually("all sales are in the read model", DEADLINE, || async {
        let sold: Option<i64> = sqlx::query_scalar(sold).bind(&id).fetch_optional(pool).await.expect("reads");
        (sold == Some(sales)).then_some(())
    })
    .await;
}
