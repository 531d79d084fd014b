//! A hall of numbered seats, a crowd, several processes that take commands: sold to the last seat, none twice, no request
//! without an answer.
//!
//! Each buyer takes one to four random seats among those that look free. Who is told that some are taken picks others;
//! who is told to come back does. All buyers look at the same plan, as if it were on a wall.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use domain::{SeatId, ShowId};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    cli,
    http::{self, Connection},
    progress::{self, say},
    seat_plan::SeatPlan,
    servers::Servers,
    stage::{self, Stage},
    tally::{Tally, problem_code},
    trial,
};

/// Most seats of a booking.
const MOST_SEATS: usize = 4;
const SEATS_A_ROW: u32 = 100;
const DATABASE: &str = "sell_out";
/// An answer that takes longer counts as none.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// When a buyer who was told to come back does so; the product's `Retry-After` is a second.
const COME_BACK: Duration = Duration::from_secs(1);
/// Longest sale.
const SALE_DEADLINE: Duration = Duration::from_secs(600);

/// Runs it and prints what came of it.
pub(crate) async fn sell_out(options: cli::SellOut) -> Result<()> {
    if options.seats == 0 || !options.seats.is_multiple_of(SEATS_A_ROW) {
        bail!("{} seats: a multiple of {SEATS_A_ROW}", options.seats);
    }
    let servers = Servers::start(options.product.boxoffice, options.product.logs).await?;
    let stage = Stage::set(&servers, options.seats as usize).await?;
    stage.copy(&servers, DATABASE).await?;
    let mut processes = Vec::new();
    for _ in 0..options.command_apis {
        processes.push(servers.role("command-api", DATABASE).await?);
    }
    let addresses = trial::addresses(&processes);
    let mut host = Connection::open(addresses[0]).await?;
    let show_id = ShowId::new(stage::create_event(&mut host, &stage.host, hall(options.seats)).await?);
    trial::show_tokens(&addresses, &stage.attendees).await?;

    let plan = SeatPlan::all_free(options.seats);
    let tally = Tally::new();
    let mut buyers = JoinSet::new();
    let started = Instant::now();
    for index in 0..options.buyers {
        let connection = Connection::open(addresses[index % addresses.len()]).await?;
        let buyer = Buyer {
            connection,
            show_id,
            plan: plan.clone(),
            tally: tally.clone(),
            attendees: stage.attendees.clone(),
        };
        buyers.spawn(buyer.buy_until_sold_out());
    }
    let all_ended = async { while buyers.join_next().await.is_some() {} };
    tokio::select! {
        () = all_ended => {}
        () = progress::show("sale", SALE_DEADLINE, &tally) => bail!("not sold out within {SALE_DEADLINE:?}"),
    }
    let summary = tally.summary(started.elapsed());
    say(format!("sold out: {} seats to {} buyers at a time: {summary}", options.seats, options.buyers));
    say(format!("longest refusal {:.1} ms", summary.longest_refusal.as_secs_f64() * 1e3));
    for (index, process) in processes.iter().enumerate() {
        say(format!("command-api {}: peak memory {:.0} MiB", index + 1, process.peak_memory_mib()?));
    }
    if summary.broken > 0 {
        bail!("{} requests got no answer", summary.broken);
    }
    check_seats(&servers, options.seats, summary.accepted).await
}

fn hall(seats: u32) -> Value {
    let rows: Vec<Value> = (1..=seats / SEATS_A_ROW)
        .map(|row| json!({ "row": format!("{row}"), "seats": SEATS_A_ROW }))
        .collect();
    let price = json!({ "amount": 0, "currency": "EUR" });
    json!({ "seating": [{ "section": "Hall", "ticketType": { "name": "Seat", "price": price }, "rows": rows }] })
}

struct Buyer {
    connection: Connection,
    show_id: ShowId,
    plan: SeatPlan,
    tally: Tally,
    attendees: Arc<Vec<Box<str>>>,
}

/// What a buyer heard.
enum Heard {
    Booked,
    /// These seats are somebody else's.
    Taken(Vec<u32>),
    ComeBack,
}

impl Buyer {
    async fn buy_until_sold_out(mut self) {
        let mut request = Vec::new();
        'attendees: while let Some(attendee) = self.plan.next_attendee(self.attendees.len()) {
            loop {
                let seats = self.plan.pick(MOST_SEATS);
                if seats.is_empty() {
                    return;
                }
                self.write_order(&mut request, attendee, &seats);
                match self.order(&request).await {
                    Some(Heard::Booked) => {
                        self.plan.take(&seats);
                        continue 'attendees;
                    }
                    Some(Heard::Taken(taken)) => self.plan.take(&taken),
                    Some(Heard::ComeBack) => tokio::time::sleep(COME_BACK).await,
                    None => return,
                }
            }
        }
    }

    fn write_order(&self, request: &mut Vec<u8>, attendee: usize, seats: &[u32]) {
        let ids: Vec<String> = seats.iter().map(|seat| SeatId::of(self.show_id, *seat).to_string()).collect();
        let body = json!({ "eventId": self.show_id.to_string(), "seats": ids }).to_string();
        http::write_post(request, "/api/v1/bookings", &self.attendees[attendee], &body);
    }

    /// Nothing if no answer came, or one that ends the purchase.
    async fn order(&mut self, request: &[u8]) -> Option<Heard> {
        let since = Instant::now();
        let answer = match timeout(ANSWER_DEADLINE, self.connection.exchange(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                self.tally.broke(&error);
                return None;
            }
            Err(_) => {
                self.tally.broke(&anyhow::anyhow!("no answer within {ANSWER_DEADLINE:?}"));
                return None;
            }
        };
        self.tally.answered(answer.status, answer.body, since.elapsed());
        match (answer.status, problem_code(answer.body)) {
            (201, _) => Some(Heard::Booked),
            (409, Some("seat-taken")) => Some(Heard::Taken(taken_seats(answer.body, self.show_id))),
            (503, _) => Some(Heard::ComeBack),
            _ => None,
        }
    }
}

/// The seats that a problem names.
fn taken_seats(body: &[u8], show_id: ShowId) -> Vec<u32> {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let seats = problem["seats"].as_array().into_iter().flatten();
    seats.filter_map(|id| SeatId::new(id.as_str()?.parse().ok()?).index_in(show_id)).collect()
}

/// That every seat is in one booking, and every booking was acknowledged.
async fn check_seats(servers: &Servers, seats: u32, accepted: u64) -> Result<()> {
    let mut connection = PgConnection::connect(&servers.url(DATABASE)).await?;
    let (bookings, sold, different): (i64, i64, i64) = sqlx::query_as(
        "select count(distinct aggregate_id), count(*), count(distinct seat)
         from events, json_array_elements_text(payload -> 'seats') as seat
         where aggregate_type = 'booking' and event_type = 'BookingConfirmed'",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    let expected = (i64::try_from(accepted)?, i64::from(seats), i64::from(seats));
    if (bookings, sold, different) != expected {
        bail!("{bookings} bookings of {sold} seats, {different} different ones; expected were {expected:?}");
    }
    say(format!("checked: {bookings} bookings stored, all {different} seats sold, none twice"));
    Ok(())
}
