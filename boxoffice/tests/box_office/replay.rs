//! A read model that is rebuilt from the event log has the same rows as the live one (I5).

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::eventually;

use crate::harness::{BoxOffice, DEADLINE, Person, event_request};

const PROJECTIONS: [(&str, &[&str]); 5] = [
    ("users", &["users", "users_applied"]),
    ("events", &["events", "event_ticket_types", "event_holds", "events_applied"]),
    ("bookings", &["bookings", "bookings_applied"]),
    ("payments", &["payments", "refunds", "sale_lines", "payments_applied"]),
    (
        "notifications",
        &[
            "notifications",
            "notification_events",
            "notification_bookings",
            "notification_subscriptions",
            "notification_preferences",
            "notification_reads",
            "notification_erased",
            "notifications_applied",
        ],
    ),
];

/// Every row as JSON text, sorted: the order in a table means nothing.
async fn rows(pool: &PgPool, table: &str) -> Vec<String> {
    let query = format!("select to_jsonb(t)::text from read_model.{table} t order by 1");
    sqlx::query_scalar(&query).fetch_all(pool).await.expect("reads")
}

/// Keys and indexes by name: a later migration must find them.
async fn indexes(pool: &PgPool, table: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select indexdef from pg_indexes where schemaname = 'read_model' and tablename = $1 order by 1",
    )
    .bind(table)
    .fetch_all(pool)
    .await
    .expect("reads")
}

/// One follows, waits for a sale, has preferences and has read something; one who has no tickets is erased, so that
/// nothing follows from it.
async fn use_the_inbox(office: &BoxOffice, host: &Person, attendees: &[Person]) {
    let (ada, erased) = (&attendees[0], &office.register("attendee").await);
    let token = Some(ada.token.as_str());
    let told = office.get("/api/v1/notifications", token).await;
    let read = format!("/api/v1/notifications/{}/read", told.text("/items/0/id"));
    office.post(&read, token, &Value::Null).await.expect(StatusCode::NO_CONTENT);
    let follow = format!("/api/v1/users/{}/follow", host.id);
    office.put(&follow, token, &Value::Null).await.expect(StatusCode::NO_CONTENT);
    let created = office.post("/api/v1/events", Some(&host.token), &event_request(3)).await;
    let interest = format!("/api/v1/events/{}/interest", created.text("/id"));
    office.put(&interest, token, &Value::Null).await.expect(StatusCode::NO_CONTENT);
    let preferences = format!("/api/v1/users/{}/preferences", ada.id);
    let said = json!({ "new-event": "inbox", "booking-confirmed": "none" });
    let said = office.put(&preferences, token, &said).await;
    let gone = office.delete(&format!("/api/v1/users/{}", erased.id), Some(&erased.token)).await;
    for write in [&created, &said, &gone] {
        office.get_after("/api/v1/notifications", token, write).await.expect(StatusCode::OK);
    }
    office.get_after("/api/v1/users", token, &gone).await.expect(StatusCode::OK);
}

/// One is paid, one is declined and then paid and given back, one is held.
async fn pay(office: &BoxOffice) {
    let price = json!({ "amount": 2_500, "currency": "EUR" });
    let offer = json!([{ "name": "Floor", "price": price, "capacity": 10 }]);
    let (_, event) = office.event_selling("ticketTypes", offer, 900).await;
    for cards in [&["pm_card_visa"][..], &["pm_card_chargeDeclined", "pm_card_visa"], &[]] {
        let attendee = office.register("attendee").await;
        let token = Some(attendee.token.as_str());
        let path =
            format!("/api/v1/bookings/{}", office.book(&attendee, &event.text("/id")).await.text("/id"));
        for card in cards {
            let card = json!({ "paymentMethod": card });
            office.post(&format!("{path}/payment"), token, &card).await;
        }
        if cards.len() == 2 {
            office.delete(&path, token).await.expect(StatusCode::NO_CONTENT);
            eventually("the money is back", DEADLINE, || async {
                let seen = office.get(&format!("{path}/payment"), token).await;
                (seen.body["refunds"][0]["status"] == "made").then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_replay_of_each_projection_gives_the_rows_of_the_live_one() {
    let office = BoxOffice::up(None).await;
    let (host, event) = office.event(6).await;
    let attendees = office.register_many("attendee", 7).await;
    let mut last = None;
    for (number, attendee) in attendees.iter().enumerate() {
        let booking = office.book(attendee, &event.text("/id")).await;
        if booking.status == StatusCode::CREATED && number % 2 == 0 {
            let path = format!("/api/v1/bookings/{}", booking.text("/id"));
            last = Some(office.delete(&path, Some(&attendee.token)).await);
        }
    }
    let last = last.expect("something was cancelled");
    office.get_after("/api/v1/bookings", Some(&attendees[0].token), &last).await.expect(StatusCode::OK);
    office.get_after("/api/v1/notifications", Some(&attendees[0].token), &last).await.expect(StatusCode::OK);
    let sales = format!("/api/v1/events/{}/sales", event.text("/id"));
    office.get_after(&sales, Some(&host.token), &last).await.expect(StatusCode::OK);
    office.get_after("/api/v1/events", None, &last).await.expect(StatusCode::OK);

    pay(&office).await;
    use_the_inbox(&office, &host, &attendees).await;

    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    for (projection, tables) in PROJECTIONS {
        let oid = "select to_regclass('read_model.' || $1)::oid::bigint";
        let before: i64 = sqlx::query_scalar(oid).bind(tables[0]).fetch_one(&pool).await.expect("a table");
        let mut live = Vec::new();
        for table in tables {
            live.push((rows(&pool, table).await, indexes(&pool, table).await));
        }
        assert!(
            live.iter().all(|(rows, indexes)| !rows.is_empty() && !indexes.is_empty()),
            "{projection} has rows to compare"
        );

        let replay = office.command(&format!("replay {projection}")).output().expect("runs");
        assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));

        let after: i64 = sqlx::query_scalar(oid).bind(tables[0]).fetch_one(&pool).await.expect("a table");
        assert_ne!(before, after, "{projection} has new tables");
        for (table, live) in tables.iter().zip(live) {
            assert_eq!((rows(&pool, table).await, indexes(&pool, table).await), live, "{table}");
        }
    }
    // The live projector goes on with the new tables.
    let booking = office.book(&office.register("attendee").await, &event.text("/id")).await;
    let path = format!("/api/v1/events/{}", event.text("/id"));
    office.get_after(&path, None, &booking).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_projection_that_is_not_there_cannot_be_replayed() {
    let office = crate::harness::shared(crate::harness::Source::EventLog).await;
    let replay = office.command("replay nothing").output().expect("runs");
    assert!(!replay.status.success());
    let said = String::from_utf8_lossy(&replay.stderr);
    assert!(said.contains("there are: users, events, bookings, payments, notifications"), "{said}");
}
