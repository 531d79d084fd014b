//! Reserved seating: no seat twice, no partial booking, and who is refused learns which seats are taken.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::eventually;

use crate::harness::{Answer, BoxOffice, DEADLINE, Person, both_sources, time};

fn hall(rows: u32, seats: u32, amount: u32) -> Value {
    let rows: Vec<Value> = (0..rows).map(|row| json!({ "row": format!("R{row}"), "seats": seats })).collect();
    let ticket_type = json!({ "name": "Stalls", "price": { "amount": amount, "currency": "EUR" } });
    json!([{ "section": "Stalls", "ticketType": ticket_type, "rows": rows }])
}

async fn seats(office: &BoxOffice, event: &Answer, filter: &str) -> Vec<Value> {
    let path = format!("/api/v1/events/{}/seats{filter}", event.text("/id"));
    let answer = office.get_after(&path, None, event).await;
    answer.expect(StatusCode::OK).body.as_array().expect("a plain array").clone()
}

async fn book(office: &BoxOffice, attendee: &Person, event: &Answer, seats: &[Value]) -> Answer {
    let body = json!({ "eventId": event.body["id"], "seats": seats });
    office.post("/api/v1/bookings", Some(&attendee.token), &body).await
}

both_sources! {
    async fn seats_have_places_and_are_booked_all_or_nothing(office: &BoxOffice) {
        let (_, event) = office.event_selling("seating", hall(2, 5, 0), 900).await;
        assert_eq!(event.body["capacity"], 10);
        let all = seats(office, &event, "").await;
        assert_eq!(all.len(), 10);
        assert_eq!(
            (&all[7]["section"], &all[7]["row"], &all[7]["number"], &all[7]["status"]),
            (&json!("Stalls"), &json!("R1"), &json!(3), &json!("free"))
        );
        let id = |place: usize| all[place]["id"].clone();
        let (first, second) = (office.register("attendee").await, office.register("attendee").await);
        let booking = book(office, &first, &event, &[id(1), id(2)]).await;
        assert_eq!(booking.expect(StatusCode::CREATED).body["seats"], json!([id(1), id(2)]));
        let refused = book(office, &second, &event, &[id(0), id(1), id(2)]).await;
        assert_eq!(refused.expect_problem(409, "seat-taken").body["seats"], json!([id(1), id(2)]));
        book(office, &second, &event, &[id(0)]).await.expect(StatusCode::CREATED);
        let sold = seats(office, &booking_token(&event, &booking), "?status=sold").await;
        assert!(sold.len() >= 2, "{sold:?}");
    }

    async fn unknown_and_repeated_seats_are_refused(office: &BoxOffice) {
        let (_, event) = office.event_selling("seating", hall(1, 3, 0), 900).await;
        let (_, other) = office.event_selling("seating", hall(1, 3, 0), 900).await;
        let attendee = office.register("attendee").await;
        let seat = seats(office, &event, "").await[0]["id"].clone();
        let foreign = seats(office, &other, "").await[0]["id"].clone();
        for bad in [vec![foreign], vec![seat.clone(), seat], vec![], vec![json!("no id")]] {
            assert_eq!(book(office, &attendee, &event, &bad).await.status, 422, "{bad:?}");
        }
        let unnamed = json!({ "eventId": event.body["id"] });
        office.post("/api/v1/bookings", Some(&attendee.token), &unnamed).await.expect_invalid("seats");
    }
}

/// The event's answer, as one that a reader awaits after a booking.
fn booking_token(event: &Answer, booking: &Answer) -> Answer {
    Answer { status: event.status, headers: booking.headers.clone(), body: event.body.clone() }
}

#[tokio::test]
async fn three_hundred_grab_overlapping_seats_on_two_processes() {
    const ATTENDEES: usize = 300;
    const HOLD_SECONDS: u32 = 20;
    let office = BoxOffice::in_roles(None).await;
    let (host, event) = office.event_selling("seating", hall(20, 25, 1500), HOLD_SECONDS).await;
    let all = seats(&office, &event, "").await;
    assert_eq!(all.len(), 500);
    let attendees = office.register_many("attendee", ATTENDEES).await;
    // 2 to 6 seats beside each other, each set overlapping others.
    let wanted = |number: usize| -> Vec<Value> {
        let (first, count) = ((number * 7) % 494, 2 + number % 5);
        all[first..first + count].iter().map(|seat| seat["id"].clone()).collect()
    };
    let answers: Vec<(usize, Answer)> = stream::iter(0..ATTENDEES)
        .map(|number| {
            let (office, event, attendees) = (&office, &event, &attendees);
            async move { (number, book(office, &attendees[number], event, &wanted(number)).await) }
        })
        .buffer_unordered(ATTENDEES)
        .collect()
        .await;

    // A hold may lapse while others still try, if the machine is slow; then the seat is rightly sold again.
    let mut holds: BTreeMap<String, Vec<[DateTime<Utc>; 2]>> = BTreeMap::new();
    for (number, answer) in answers.iter().filter(|(_, answer)| answer.status == StatusCode::CREATED) {
        assert_eq!(answer.body["seats"], json!(wanted(*number)), "no partial booking");
        for seat in wanted(*number) {
            let held = [&answer.body["createdAt"], &answer.body["heldUntil"]].map(time);
            let of_seat = holds.entry(seat.as_str().expect("an id").to_owned()).or_default();
            let are_two = of_seat.iter().any(|other| held[0] < other[1] && other[0] < held[1]);
            assert!(!are_two, "a seat has two owners");
            of_seat.push(held);
        }
    }
    for (number, answer) in answers.iter().filter(|(_, answer)| answer.status != StatusCode::CREATED) {
        let taken = answer.expect_problem(409, "seat-taken").body["seats"].as_array().expect("seats").clone();
        assert!(!taken.is_empty());
        for seat in &taken {
            assert!(wanted(*number).contains(seat), "only what was asked for is named");
            assert!(holds.contains_key(seat.as_str().expect("an id")), "it is taken indeed");
        }
    }
    assert!(!holds.is_empty() && answers.iter().any(|(_, answer)| answer.status == StatusCode::CONFLICT));

    // No process manager runs here: the holds lapse by the time alone, for readers and for bookers.
    eventually("all seats are free again", DEADLINE, || async {
        (seats(&office, &event, "?status=free").await.len() == 500).then_some(())
    })
    .await;
    let first = attendees.iter().zip(all.chunks(5)).map(|(attendee, chunk)| {
        let chunk: Vec<Value> = chunk.iter().map(|seat| seat["id"].clone()).collect();
        let (office, event) = (&office, &event);
        async move { book(office, attendee, event, &chunk).await }
    });
    for answer in futures::future::join_all(first).await {
        answer.expect(StatusCode::CREATED);
    }
    drop(host);
}
