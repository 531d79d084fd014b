//! Rows as the projector would write them.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

/// A published event of 100 places; tests say what matters.
#[derive(Debug, Clone)]
pub(crate) struct EventRow {
    pub(crate) id: Uuid,
    pub(crate) host_id: Uuid,
    pub(crate) title: String,
    pub(crate) description: Option<&'static str>,
    pub(crate) venue: Option<&'static str>,
    pub(crate) start: DateTime<Utc>,
    pub(crate) status: &'static str,
    pub(crate) sold: i64,
    pub(crate) held: i64,
}

impl EventRow {
    pub(crate) fn new(title: &str) -> Self {
        Self {
            id: Uuid::now_v7(),
            host_id: Uuid::now_v7(),
            title: title.to_owned(),
            description: None,
            venue: None,
            start: time("2090-06-01T20:00:00Z"),
            status: "published",
            sold: 0,
            held: 0,
        }
    }

    /// Lasts two hours.
    pub(crate) async fn insert(self, rows: &PgPool) -> Self {
        sqlx::query(
            "insert into events (id, host_id, title, description, venue, start_date_time, end_date_time, time_zone,
                                 max_tickets_per_booking, hold_seconds, status, published, created_at, version,
                                 details_sequence)
             values ($1, $2, $3, $4, $5, $6, $6 + interval '2 hours', 'Europe/London', 8, 600, $7, $7 <> 'draft',
                     now(), 7, 1)",
        )
        .bind(self.id)
        .bind(self.host_id)
        .bind(&self.title)
        .bind(self.description)
        .bind(self.venue)
        .bind(self.start)
        .bind(self.status)
        .execute(rows)
        .await
        .unwrap();
        let stalls = Uuid::now_v7();
        sqlx::query(
            "insert into event_ticket_types (event_id, id, place, name, amount, currency, capacity, sold)
             values ($1, gen_random_uuid(), 2, 'Balcony', 2500, 'EUR', 40, 0),
                    ($1, $2, 1, 'Stalls', 5000, 'EUR', 60, $3)",
        )
        .bind(self.id)
        .bind(stalls)
        .bind(self.sold)
        .execute(rows)
        .await
        .unwrap();
        // One hold that counts, and one that has lapsed.
        sqlx::query(
            "insert into event_holds (event_id, booking_id, ticket_type_id, quantity, held_until)
             values ($1, gen_random_uuid(), $2, $3, now() + interval '1 hour'),
                    ($1, gen_random_uuid(), $2, 9, now() - interval '1 second')",
        )
        .bind(self.id)
        .bind(stalls)
        .bind(self.held)
        .execute(rows)
        .await
        .unwrap();
        self
    }
}

/// A confirmed booking of two tickets; its id.
pub(crate) async fn insert_booking(rows: &PgPool, event_id: Uuid, user_id: Uuid, created_at: &str) -> Uuid {
    let id = Uuid::now_v7();
    let price = json!({"amount": 2500, "currency": "EUR"});
    sqlx::query(
        "insert into bookings (id, event_id, user_id, status, tickets, seats, amount, currency, created_at,
                               version)
         values ($1, $2, $3, 'confirmed', $4, '{}', 5000, 'EUR', $5, 1)",
    )
    .bind(id)
    .bind(event_id)
    .bind(user_id)
    .bind(json!([{"ticketTypeId": Uuid::now_v7(), "quantity": 2, "price": price}]))
    .bind(time(created_at))
    .execute(rows)
    .await
    .unwrap();
    id
}

/// A user called Ada.
pub(crate) async fn insert_user(rows: &PgPool, id: Uuid) {
    sqlx::query(
        "insert into users (id, name, email, role, registered_at, version)
         values ($1, 'Ada', 'ada@example.org', 'attendee', now(), 3)",
    )
    .bind(id)
    .execute(rows)
    .await
    .unwrap();
    set_applied(rows, "users", "user", id, 3).await;
}

/// Notes how far a projection has applied a stream.
pub(crate) async fn set_applied(rows: &PgPool, projection: &str, kind: &str, id: Uuid, sequence: i64) {
    sqlx::query(&format!(
        "insert into {projection}_applied values ($1, $2, $3)
         on conflict (stream_type, stream_id) do update set sequence = excluded.sequence"
    ))
    .bind(kind)
    .bind(id.to_string())
    .bind(sequence)
    .execute(rows)
    .await
    .unwrap();
}

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
