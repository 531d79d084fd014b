//! `boxoffice up --demo`: a few believable events and bookings, made through the API like anybody's.

use anyhow::{Context, bail};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header},
};
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tower::ServiceExt;

const PASSWORD: &str = "boxoffice-demo";
const MAX_ANSWER_BYTES: usize = 1 << 20;

struct DemoEvent {
    title: &'static str,
    description: &'static str,
    venue: &'static str,
    time_zone: &'static str,
    in_days: u64,
    at: (u32, u32),
    minutes: i64,
    capacity: u32,
    /// How many of the demo's attendees go there.
    attendees: usize,
}

const EVENTS: [DemoEvent; 5] = [
    DemoEvent {
        title: "Rust Meetup: ownership without tears",
        description: "Two talks and pizza.\nBeginners are welcome; bring a laptop if you want to type along.",
        venue: "Kulturfabrik, Berlin",
        time_zone: "Europe/Berlin",
        in_days: 9,
        at: (17, 30),
        minutes: 150,
        capacity: 60,
        attendees: 5,
    },
    DemoEvent {
        title: "Open rehearsal: string quartet no. 14",
        description: "The quartet works on Schubert's Death and the Maiden. Please be seated ten minutes before.",
        venue: "Small Hall, Wigmore Street, London",
        time_zone: "Europe/London",
        in_days: 16,
        at: (11, 0),
        minutes: 120,
        capacity: 4,
        attendees: 4,
    },
    DemoEvent {
        title: "Guided night walk: bats of the harbour",
        description: "Detectors are provided. It takes place in light rain, too.",
        venue: "Pier 3, Hamburg",
        time_zone: "Europe/Berlin",
        in_days: 23,
        at: (19, 45),
        minutes: 90,
        capacity: 25,
        attendees: 2,
    },
    DemoEvent {
        title: "Repair café",
        description: "Bring what is broken: lamps, radios, coats. Somebody will know.",
        venue: "Community Centre, Brooklyn",
        time_zone: "America/New_York",
        in_days: 30,
        at: (15, 0),
        minutes: 240,
        capacity: 80,
        attendees: 3,
    },
    DemoEvent {
        title: "Summer concert in the park",
        description: "Brass, blankets and the sunset. Free of charge.",
        venue: "Tempelhofer Feld, Berlin",
        time_zone: "Europe/Berlin",
        in_days: 200,
        at: (18, 0),
        minutes: 180,
        capacity: 5_000,
        attendees: 5,
    },
];

const ATTENDEES: [&str; 5] = ["Ada", "Grace", "Edsger", "Barbara", "Alan"];

/// Fills an empty box office; one that has the demo's host already stays as it is.
pub(crate) async fn fill(router: Router) {
    match try_to_fill(&router).await {
        Ok(true) => {
            println!("The demo is in. Sign in as host@demo.example or ada@demo.example, password {PASSWORD}.")
        }
        Ok(false) => println!("The demo was in already."),
        Err(error) => tracing::error!("the demo could not be filled in: {error:#}"),
    }
}

async fn try_to_fill(router: &Router) -> anyhow::Result<bool> {
    let Some(host) = register(router, "Kulturfabrik e. V.", "host@demo.example", "host").await? else {
        return Ok(false);
    };
    let mut attendees = Vec::new();
    for name in ATTENDEES {
        let email = format!("{}@demo.example", name.to_lowercase());
        attendees.push(register(router, name, &email, "attendee").await?.context("already registered")?);
    }
    for event in &EVENTS {
        let (status, created) =
            post(router, "/api/v1/events", Some(&host), &event.request(Utc::now())).await?;
        if status != StatusCode::CREATED {
            bail!("event refused: {created}");
        }
        for attendee in &attendees[..event.attendees] {
            let body = json!({ "eventId": created["id"] });
            let (status, answer) = post(router, "/api/v1/bookings", Some(attendee), &body).await?;
            if status != StatusCode::CREATED {
                bail!("booking refused: {answer}");
            }
        }
    }
    Ok(true)
}

impl DemoEvent {
    fn request(&self, now: DateTime<Utc>) -> Value {
        let (hour, minute) = self.at;
        let day = now.date_naive() + Days::new(self.in_days);
        let start = day.and_time(NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default()).and_utc();
        json!({
            "title": self.title, "description": self.description, "venue": self.venue,
            "timeZone": self.time_zone, "capacity": self.capacity,
            "startDateTime": start, "endDateTime": start + TimeDelta::minutes(self.minutes),
        })
    }
}

/// The access token of a new account; nothing if there is one with this address.
async fn register(router: &Router, name: &str, email: &str, role: &str) -> anyhow::Result<Option<String>> {
    let body = json!({ "name": name, "email": email, "password": PASSWORD, "role": role });
    let (status, answer) = post(router, "/api/v1/auth/register", None, &body).await?;
    match status {
        StatusCode::CREATED => Ok(answer["accessToken"].as_str().map(str::to_owned)),
        StatusCode::CONFLICT => Ok(None),
        _ => bail!("registration refused: {answer}"),
    }
}

async fn post(
    router: &Router,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> anyhow::Result<(StatusCode, Value)> {
    let mut request =
        Request::builder().method(Method::POST).uri(path).header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let response = router.clone().oneshot(request.body(Body::from(body.to_string()))?).await?;
    let status = response.status();
    let bytes = to_bytes(response.into_body(), MAX_ANSWER_BYTES).await?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
}
