//! Bodies that commands accept, for tests that break them in one place after the other.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{BoxOffice, PASSWORD, Person, event_request};

/// A command and its body.
pub(crate) struct Example {
    pub(crate) method: Method,
    /// As the document has it.
    pub(crate) route: &'static str,
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Value,
}

fn person(path: &str, person: &Person) -> String {
    path.replace("{id}", &person.id)
}

/// Of every command that has a body, with each of the alternatives that it knows.
pub(crate) async fn examples(office: &BoxOffice) -> Vec<Example> {
    let (host, event) = office.event(50).await;
    let attendee = office.register("attendee").await;
    let example = |method, route: &'static str, path: String, who: Option<&Person>, body| Example {
        method,
        route,
        path,
        token: who.map(|who| who.token.clone()),
        body,
    };
    let ticket_type =
        json!({ "name": "Floor", "price": { "amount": 2500, "currency": "EUR" }, "capacity": 5 });
    let section = json!({
        "section": "Stalls",
        "ticketType": { "name": "Stalls", "price": { "amount": 2500, "currency": "EUR" } },
        "rows": [{ "row": "A", "seats": 20 }],
    });
    let offering = |field: &str, offer: &Value| {
        let mut request = event_request(1);
        request.as_object_mut().expect("an object").remove("capacity");
        request[field] = json!([offer]);
        request
    };
    let mut full = event_request(5);
    for (field, value) in [("description", json!("All of them")), ("venue", json!("Hall 1"))] {
        full[field] = value;
    }
    full["maxTicketsPerBooking"] = json!(5);
    full["holdSeconds"] = json!(600);
    let with_password = json!({
        "name": "Ada", "email": "ada@example.org", "password": PASSWORD, "role": "attendee"
    });
    let (events, own_event) = ("/api/v1/events", "/api/v1/events/{id}");
    let own_path = own_event.replace("{id}", &event.text("/id"));
    let ticket_type_id = &event.body["ticketTypes"][0]["id"];
    let tickets =
        json!({ "eventId": Uuid::now_v7(), "tickets": [{ "ticketTypeId": ticket_type_id, "quantity": 1 }] });
    let seats = json!({ "eventId": Uuid::now_v7(), "seats": [Uuid::now_v7()] });
    let (bookings, user) = ("/api/v1/bookings", "/api/v1/users/{id}");
    let preferences = "/api/v1/users/{id}/preferences";
    // Free of charge: the body is looked at all the same.
    let (payment, booked) =
        ("/api/v1/bookings/{id}/payment", office.book(&attendee, &event.text("/id")).await);
    let post = |route: &'static str, who, body| example(Method::POST, route, route.to_owned(), who, body);
    let put_event = |body| example(Method::PUT, own_event, own_path.clone(), Some(&host), body);
    vec![
        post("/api/v1/auth/register", None, with_password),
        post("/api/v1/auth/login", None, json!({ "email": "ada@example.org", "password": PASSWORD })),
        post("/api/v1/auth/refresh", None, json!({ "refreshToken": "x".repeat(96) })),
        post(
            "/api/v1/auth/password",
            Some(&attendee),
            json!({ "currentPassword": "not the password", "newPassword": PASSWORD }),
        ),
        example(
            Method::PUT,
            user,
            person(user, &attendee),
            Some(&attendee),
            json!({ "name": "Ada", "email": attendee.email }),
        ),
        example(
            Method::PUT,
            preferences,
            person(preferences, &attendee),
            Some(&attendee),
            json!({ "new-event": "inbox" }),
        ),
        post(events, Some(&host), full.clone()),
        post(events, Some(&host), offering("ticketTypes", &ticket_type)),
        post(events, Some(&host), offering("seating", &section)),
        put_event(full),
        put_event(json!({ "ticketTypes": [ticket_type] })),
        put_event(json!({ "seating": [section] })),
        post(bookings, Some(&attendee), tickets),
        post(bookings, Some(&attendee), seats),
        example(
            Method::POST,
            payment,
            payment.replace("{id}", &booked.text("/id")),
            Some(&attendee),
            json!({ "paymentMethod": "pm_card_visa" }),
        ),
    ]
}
