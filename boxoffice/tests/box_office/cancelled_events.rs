//! When an event is cancelled, every booking of it ends cancelled, each once.

use std::time::Duration;

use chrono::Utc;
use futures::{StreamExt, stream};
use reqwest::StatusCode;
use serde_json::json;
use sqlx::PgPool;
use testkit::eventually;
use uuid::Uuid;

use crate::harness::{BoxOffice, DEADLINE, Person, both_sources, token_of};

/// People with accounts, written past the write edge: twenty thousand password hashes would take minutes.
async fn people(pool: &PgPool, like: &Person, count: usize) -> Vec<Person> {
    let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    sqlx::query(
        "insert into accounts (user_id, email_hash, password_hash)
         select id, decode(md5(id::text), 'hex'), 'none' from unnest($1::uuid[]) as person (id)",
    )
    .bind(&ids)
    .execute(pool)
    .await
    .expect("accounts");
    let person = |id: Uuid| {
        let person = Person { id: id.to_string(), ..like.clone() };
        Person { token: token_of(&person, "attendee", Utc::now()), ..person }
    };
    ids.into_iter().map(person).collect()
}

#[tokio::test]
#[ignore = "slow proof: 20,000 bookings"]
async fn twenty_thousand_bookings_end_once_while_the_process_manager_is_killed() {
    const BOOKINGS: usize = 20_000;
    let mut office = BoxOffice::in_roles(None).await;
    let (host, event) = office.event(BOOKINGS as u32).await;
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    let like = office.register("attendee").await;
    let attendees = people(&pool, &like, BOOKINGS).await;
    let booked: Vec<StatusCode> = stream::iter(&attendees)
        .map(|attendee| async { office.book(attendee, &event.text("/id")).await.status })
        .buffer_unordered(128)
        .collect()
        .await;
    assert!(booked.iter().all(|status| *status == StatusCode::CREATED));

    let path = format!("/api/v1/events/{}/cancel", event.text("/id"));
    office.post(&path, Some(&host.token), &json!({})).await.expect(StatusCode::OK);
    let cancelled = async || -> i64 {
        let count = "select count(*) from events where event_type = 'BookingCancelled'";
        sqlx::query_scalar(count).fetch_one(&pool).await.expect("counts")
    };
    for kill in 1..=3 {
        office.start("processes").await;
        eventually("it has begun", DEADLINE, async || (cancelled().await > kill * 2_000).then_some(())).await;
        office.processes.last_mut().expect("started").kill_hard();
        let so_far = cancelled().await;
        assert!(so_far < BOOKINGS as i64, "killed half-way, not after {so_far}");
    }
    office.start("processes").await;
    eventually("all have ended", Duration::from_secs(180), async || {
        (cancelled().await >= BOOKINGS as i64).then_some(())
    })
    .await;
    let (events, bookings): (i64, i64) = sqlx::query_as(
        "select count(*), count(distinct aggregate_id) from events where event_type = 'BookingCancelled'",
    )
    .fetch_one(&pool)
    .await
    .expect("counts");
    assert_eq!((events, bookings), (BOOKINGS as i64, BOOKINGS as i64), "each once");
    let path = format!("/api/v1/events/{}/bookings?status=cancelled&limit=1", event.text("/id"));
    eventually("the read model has all of it", Duration::from_secs(180), async || {
        let listed = office.get(&path, Some(&host.token)).await;
        (listed.body["total"] == BOOKINGS).then_some(())
    })
    .await;
}

both_sources! {
    async fn its_bookings_end_and_nobody_can_book(office: &BoxOffice) {
        let (host, event) = office.event(5).await;
        let attendees = office.register_many("attendee", 3).await;
        let mut bookings = Vec::new();
        for attendee in &attendees {
            bookings.push(office.book(attendee, &event.text("/id")).await);
        }
        let path = format!("/api/v1/events/{}", event.text("/id"));
        for _ in 0..2 {
            let cancelled = office.post(&format!("{path}/cancel"), Some(&host.token), &json!({})).await;
            assert_eq!(cancelled.expect(StatusCode::OK).body["status"], "cancelled");
        }
        for (attendee, booking) in attendees.iter().zip(&bookings) {
            let path = format!("/api/v1/bookings/{}", booking.text("/id"));
            eventually("the booking is cancelled", DEADLINE, || async {
                let seen = office.get(&path, Some(&attendee.token)).await;
                (seen.body["status"] == "cancelled" && seen.body["version"] == 2).then_some(())
            })
            .await;
        }
        let late = office.register("attendee").await;
        office.book(&late, &event.text("/id")).await.expect_problem(409, "event-cancelled");
    }

    async fn the_bookings_of_a_deleted_event_are_cancelled(office: &BoxOffice) {
        let (host, event) = office.event(5).await;
        let attendee = office.register("attendee").await;
        let booking = office.book(&attendee, &event.text("/id")).await;
        let path = format!("/api/v1/events/{}", event.text("/id"));
        office.delete(&path, Some(&host.token)).await.expect(StatusCode::NO_CONTENT);
        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        eventually("the booking is cancelled and still found", DEADLINE, || async {
            let seen = office.get(&path, Some(&attendee.token)).await;
            (seen.body["status"] == "cancelled").then_some(())
        })
        .await;
    }

    async fn a_deleted_event_is_in_no_list_and_still_found(office: &BoxOffice) {
        let (host, event) = office.event(5).await;
        let path = format!("/api/v1/events/{}", event.text("/id"));
        let deleted = office.delete(&path, Some(&host.token)).await;
        deleted.expect(StatusCode::NO_CONTENT);
        office.delete(&path, Some(&host.token)).await.expect(StatusCode::NO_CONTENT);
        let seen = office.get_after(&path, None, &deleted).await;
        assert_eq!(seen.expect(StatusCode::OK).body["status"], "cancelled");
        let listed = office.get_after(&format!("/api/v1/events?host={}", host.id), None, &deleted).await;
        assert_eq!(listed.body["total"], 0, "{}", listed.body);
    }
}
