//! Hosts: they create, publish, change and cancel events.

use std::{ops::RangeInclusive, sync::Arc};

use anyhow::{Result, bail};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{dice::Dice, journal::Order};

use super::{
    Stop,
    http::{Answer, Api},
    person::{Call, Person},
    shows::Shows,
};

/// Milliseconds between two commands.
const PAUSE: RangeInclusive<u64> = 60..=300;
const TRIES: u32 = 5;

/// What an event sells.
#[derive(Debug, Clone, Copy)]
enum Offer {
    /// Free of charge, so many.
    Free(u64),
    /// Two types that cost something, with short holds.
    Priced(u64),
    /// Rows of numbered seats that cost something, with short holds.
    Seated { rows: u32 },
    /// Numbered seats, free of charge.
    FreeSeats { rows: u32 },
}

const SEATS_A_ROW: u32 = 6;

pub(super) async fn run(api: Arc<Api>, mut host: Person, shows: Arc<Shows>, mut dice: Dice, stop: Stop) {
    while !stop.is_said() {
        match dice.below(100) {
            0..30 => {
                create(&api, &mut host, &shows, any_offer(&mut dice), false, &mut dice).await;
            }
            30..70 => change(&api, &mut host, &shows, &mut dice).await,
            70..78 => cancel(&api, &mut host, &shows, &mut dice).await,
            _ => {
                host.repeat(&api, &mut dice).await;
            }
        }
        tokio::time::sleep(dice.millis(PAUSE)).await;
    }
}

/// One of each kind: they stay as long as the run, small ones among them, which are sold out most of the time.
pub(super) async fn first_events(api: &Api, host: &mut Person, shows: &Shows, dice: &mut Dice) -> Result<()> {
    let offers = [
        Offer::Free(2),
        Offer::Free(3),
        Offer::Free(100_000),
        Offer::Priced(2),
        Offer::Priced(3),
        Offer::Seated { rows: 1 },
        Offer::FreeSeats { rows: 1 },
        Offer::Seated { rows: 20 },
    ];
    for offer in offers {
        let mut tries = 0;
        while !create(api, host, shows, offer, true, dice).await {
            tries += 1;
            if tries == TRIES {
                bail!("no event after {TRIES} tries, though nothing is broken yet");
            }
        }
    }
    Ok(())
}

fn any_offer(dice: &mut Dice) -> Offer {
    match dice.below(5) {
        0 => Offer::Free(dice.between(1..=4)),
        1 => Offer::Free(dice.between(1_000..=100_000)),
        2 => Offer::Priced(dice.between(1..=4)),
        3 => Offer::Seated { rows: 2 },
        _ => Offer::FreeSeats { rows: 1 },
    }
}

/// Whether it was answered as created.
async fn create(
    api: &Api,
    host: &mut Person,
    shows: &Shows,
    offer: Offer,
    stays: bool,
    dice: &mut Dice,
) -> bool {
    let is_draft = !stays && dice.percent(50);
    let (body, seats) = event(offer, is_draft, dice);
    let call = Call::post("/api/v1/events".to_owned(), Some(body));
    let mut answer = host.send(api, Order::CreateEvent, call, dice).await;
    if let Answer::Unknown = answer
        && let Some(again) = host.repeat_last(api, dice).await
    {
        answer = again;
    }
    let Answer::Ok(created) = answer else { return false };
    shows.add(&created, seats, stays);
    if is_draft && let Some(event) = created["id"].as_str().and_then(|id| id.parse().ok()) {
        let call = Call::post(format!("/api/v1/events/{event}/publish"), None);
        host.send(api, Order::Publish { event }, call, dice).await;
    }
    true
}

fn event(offer: Offer, is_draft: bool, dice: &mut Dice) -> (Value, u32) {
    let start = Utc::now() + TimeDelta::days(30);
    let mut body = json!({
        "title": "An evening of engines",
        "startDateTime": start,
        "endDateTime": start + TimeDelta::hours(3),
        "holdSeconds": dice.between(1..=6),
        "draft": is_draft,
    });
    let price = json!({ "amount": 2_500, "currency": "EUR" });
    let free = json!({ "amount": 0, "currency": "EUR" });
    let section = |price: Value, rows: u32| {
        let rows: Vec<Value> =
            (1..=rows).map(|row| json!({ "row": row.to_string(), "seats": SEATS_A_ROW })).collect();
        json!([{ "section": "Stalls", "ticketType": { "name": "Stalls", "price": price }, "rows": rows }])
    };
    let seats = match offer {
        Offer::Free(capacity) => {
            body["capacity"] = json!(capacity);
            0
        }
        Offer::Priced(capacity) => {
            body["ticketTypes"] = json!([
                { "name": "Full", "price": price, "capacity": capacity },
                { "name": "Half", "price": { "amount": 1_250, "currency": "EUR" }, "capacity": capacity },
            ]);
            0
        }
        Offer::Seated { rows } => {
            body["seating"] = section(price, rows);
            rows * SEATS_A_ROW
        }
        Offer::FreeSeats { rows } => {
            body["seating"] = section(free, rows);
            rows * SEATS_A_ROW
        }
    };
    (body, seats)
}

/// Capacity up or down where there is one, else the title.
async fn change(api: &Api, host: &mut Person, shows: &Shows, dice: &mut Dice) {
    let Some(show) = shows.of_host(host.id, dice) else { return };
    let body = if show.seats == 0 && show.ticket_types.len() == 1 && dice.percent(70) {
        json!({ "capacity": dice.between(1..=5) })
    } else {
        json!({ "title": format!("An evening of engines, number {}", dice.between(1..=1_000_000)) })
    };
    let call = Call::put(format!("/api/v1/events/{}", show.id), Some(body));
    host.send(api, Order::ChangeEvent { event: show.id }, call, dice).await;
}

async fn cancel(api: &Api, host: &mut Person, shows: &Shows, dice: &mut Dice) {
    let Some(show) = shows.of_host(host.id, dice).filter(|show| !show.stays) else { return };
    let call = Call::post(format!("/api/v1/events/{}/cancel", show.id), None);
    host.send(api, Order::CancelEvent { event: show.id }, call, dice).await;
}
