//! What was sold for an event that is over stays as it was: nobody gives back a ticket that may have been used.

use chrono::{TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::eventually;

use crate::{
    harness::{BoxOffice, DEADLINE, Person},
    stripe::{event, held, pay, payment_path},
};

/// As if the time had passed: it began and ended before now.
async fn end(pool: &PgPool, event_id: &str) {
    const KEPT: [&str; 8] = [
        "title",
        "description",
        "venue",
        "timeZone",
        "maxTicketsPerBooking",
        "holdSeconds",
        "ticketTypes",
        "seating",
    ];
    let created: Value = sqlx::query_scalar(
        "select payload::jsonb from events where aggregate_type = 'event' and aggregate_id = $1 and sequence = 1",
    )
    .bind(event_id)
    .fetch_one(pool)
    .await
    .expect("an event");
    let now = Utc::now();
    let mut changed = json!({
        "type": "EventChanged", "startDateTime": now - TimeDelta::hours(3), "endDateTime": now - TimeDelta::hours(1),
        "salesStart": null, "salesEnd": null, "at": now,
    });
    for field in KEPT.iter().filter(|field| !created[**field].is_null()) {
        changed[*field] = created[*field].clone();
    }
    sqlx::query(
        "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         select 'event', $1, max(sequence) + 1, 'EventChanged', '1', $2, '{}' from events
         where aggregate_type = 'event' and aggregate_id = $1",
    )
    .bind(event_id)
    .bind(changed)
    .execute(pool)
    .await
    .expect("it is changed");
}

async fn paid(office: &BoxOffice, event_id: &str) -> (Person, String) {
    let (attendee, booking_id) = held(office, event_id).await;
    pay(office, &attendee, &booking_id, "pm_card_visa").await.expect(StatusCode::OK);
    (attendee, format!("/api/v1/bookings/{booking_id}"))
}

async fn status(office: &BoxOffice, person: &Person, path: &str) -> Value {
    office.get(path, Some(&person.token)).await.body["status"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_an_event_that_is_over_are_not_given_back_by_their_attendee() {
    let office = BoxOffice::up(None).await;
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    let (_, event_id) = event(&office, 10).await;
    let (guest, path) = paid(&office, &event_id).await;
    let (early, early_path) = paid(&office, &event_id).await;
    office.delete(&early_path, Some(&early.token)).await.expect(StatusCode::NO_CONTENT);
    let (late, held_id) = held(&office, &event_id).await;
    end(&pool, &event_id).await;

    eventually("the payment is seen", DEADLINE, async || {
        (status(&office, &guest, &path).await == "confirmed").then_some(())
    })
    .await;
    office.delete(&path, Some(&guest.token)).await.expect_problem(409, "event-ended");
    assert_eq!(status(&office, &guest, &path).await, "confirmed");
    // Again, and what was never theirs.
    office.delete(&early_path, Some(&early.token)).await.expect(StatusCode::NO_CONTENT);
    let held_path = format!("/api/v1/bookings/{held_id}");
    office.delete(&held_path, Some(&late.token)).await.expect(StatusCode::NO_CONTENT);

    let admin = office.admin().await;
    office.delete(&path, Some(&admin.token)).await.expect(StatusCode::NO_CONTENT);
    office.delete(&path, Some(&guest.token)).await.expect(StatusCode::NO_CONTENT);
    let payment = payment_path(path.rsplit('/').next().expect("an id"));
    eventually("an administrator gave the money back", DEADLINE, || async {
        let seen = office.get(&payment, Some(&guest.token)).await;
        (seen.body["refunds"][0]["status"] == "made").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_erased_leaves_the_bookings_of_events_that_are_over_as_they_are() {
    let office = BoxOffice::up(None).await;
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    let (host, past_id) = event(&office, 10).await;
    let (other_host, coming_id) = event(&office, 10).await;
    let (guest, past) = paid(&office, &past_id).await;
    let coming = office.book(&guest, &coming_id).await;
    let coming = format!("/api/v1/bookings/{}", coming.expect(StatusCode::CREATED).text("/id"));
    end(&pool, &past_id).await;
    let path = format!("/api/v1/users/{}", guest.id);
    office.delete(&path, Some(&guest.token)).await.expect(StatusCode::NO_CONTENT);
    eventually("the booking of the coming event is cancelled", DEADLINE, || async {
        (status(&office, &other_host, &coming).await == "cancelled").then_some(())
    })
    .await;
    eventually("nothing is left to end", DEADLINE, || async {
        let left: i64 =
            sqlx::query_scalar("select count(*) from cascades").fetch_one(&pool).await.expect("counts");
        (left == 0).then_some(())
    })
    .await;
    assert_eq!(status(&office, &host, &past).await, "confirmed");
    let cancelled: i64 = sqlx::query_scalar(
        "select count(*) from events where event_type in ('BookingCancelled', 'RefundRequested') and aggregate_id = $1",
    )
    .bind(past.rsplit('/').next())
    .fetch_one(&pool)
    .await
    .expect("counts");
    assert_eq!(cancelled, 0);
}
