//! The long proof: thousands of paid bookings through a gateway that fails, while the process manager and the process that
//! takes the payments are killed.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::StreamExt;
use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;
use testkit::{
    eventually, free_port,
    process::Process,
    stripe::{FakeStripe, Faults},
};

use crate::{
    harness::{BoxOffice, DEADLINE, Person, http, start},
    stripe::{PRICE, WEBHOOK_SECRET, event, settings},
};

/// The `command-api` that takes the payments; it dies and comes back where it was.
struct Payer {
    address: String,
    http: reqwest::Client,
}

impl Payer {
    async fn start(&self, office: &BoxOffice) -> Process {
        let mut command = office.command("command-api");
        let process = Process::spawn(command.env("BOXOFFICE_LISTEN", &self.address));
        eventually("it is ready", DEADLINE, || async {
            let ready = self.http.get(format!("http://{}/readyz", self.address)).send().await;
            ready.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
        process
    }
}

/// Pays until it is said what became of it, as a patient client does.
async fn insist(office: &BoxOffice, payer: &Payer, attendee: &Person, booking_id: &str) {
    let url = format!("http://{}/api/v1/bookings/{booking_id}/payment", payer.address);
    for _ in 0..40 {
        let request = payer.http.post(&url);
        let request = request.bearer_auth(&attendee.token).json(&json!({ "paymentMethod": "pm_card_visa" }));
        match request.send().await.map(|answer| answer.status().as_u16()) {
            Ok(200 | 202) => return,
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
        let seen = office.get(&format!("/api/v1/bookings/{booking_id}"), Some(&attendee.token)).await;
        if seen.body["status"] == "confirmed" {
            return;
        }
    }
}

/// Ten in a hundred calls fail, one of them after it has begun; five are not answered, one of them while its client waits.
fn faults() -> Faults {
    Faults {
        failing: 9,
        broken: 1,
        unanswered: 4,
        hanging: 1,
        // Longer than a try may take.
        hangs_for: Duration::from_secs(9),
        lost: 10,
        doubled: 30,
        delayed: Duration::from_secs(2),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_paid_bookings_agree_with_a_gateway_that_fails_to_the_cent() {
    money_and_tickets_agree(25).await;
}

/// A quarter of an hour.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow proof: a quarter of an hour"]
async fn five_thousand_paid_bookings_agree_with_a_gateway_that_fails_to_the_cent() {
    let left = money_and_tickets_agree(5_000).await;
    assert!(left > 0, "whoever was killed left something to do");
}

/// What was left to do each time that somebody was killed, all together.
async fn money_and_tickets_agree(bookings: usize) -> i64 {
    let stripe = FakeStripe::start(faults(), WEBHOOK_SECRET).await;
    let mut settings = settings(&stripe);
    settings.retain(|(name, _)| *name != "BOXOFFICE_LOG");
    let office = BoxOffice::in_roles_with(None, settings).await;
    stripe.tell(office.url(&Method::POST, "/api/v1/webhooks/stripe"));
    let (mut manager, _) = start(office.command("processes"), &http()).await;
    let payer = Payer { address: format!("127.0.0.1:{}", free_port()), http: http() };
    let mut taking = payer.start(&office).await;
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    let (_, event_id) = event(&office, u32::try_from(bookings).expect("a few")).await;
    let attendees: Vec<_> =
        office.register_many("attendee", bookings).await.into_iter().enumerate().collect();

    let fifth = bookings.div_ceil(5);
    let mut left = 0;
    for attendees in attendees.chunks(fifth) {
        let paid = AtomicUsize::new(0);
        let round = futures::stream::iter(attendees).map(|(nth, attendee)| async {
            let booking = office.book(attendee, &event_id).await;
            booking.expect(reqwest::StatusCode::CREATED);
            let booking_id = booking.text("/id");
            insist(&office, &payer, attendee, &booking_id).await;
            // Every seventh thinks better of it.
            if nth.is_multiple_of(7) {
                office.delete(&format!("/api/v1/bookings/{booking_id}"), Some(&attendee.token)).await;
            }
            paid.fetch_add(1, Ordering::Relaxed);
        });
        let clients = round.buffer_unordered(32).collect::<Vec<()>>();
        // Five times, each while the others pay.
        let killer = async {
            eventually("half of them have paid", Duration::from_secs(900), || async {
                (paid.load(Ordering::Relaxed) * 2 >= attendees.len()).then_some(())
            })
            .await;
            left += due(&pool).await;
            manager.kill_hard();
            taking.kill_hard();
            taking = payer.start(&office).await;
            manager = start(office.command("processes"), &http()).await.0;
        };
        tokio::join!(clients, killer);
    }

    eventually("all payments and refunds are settled", Duration::from_secs(900), || async {
        let due = due(&pool).await;
        let kept = kept(&pool).await;
        let totals = stripe.totals();
        (due == 0 && totals.authorised == 0 && totals.captured - totals.refunded == kept.1).then_some(())
    })
    .await;
    let (confirmed, kept) = kept(&pool).await;
    assert_eq!(kept, confirmed * PRICE, "nobody has an unpaid ticket, and nobody has paid for none");
    let sold: i64 = sqlx::query_scalar(
        "select count(*) filter (where event_type = 'TicketsSold') -
                count(*) filter (where event_type = 'TicketsReleased' and exists (
                    select from events s where s.event_type = 'TicketsSold'
                    and s.payload ->> 'bookingId' = events.payload ->> 'bookingId'))
         from events where aggregate_type = 'event'",
    )
    .fetch_one(&pool)
    .await
    .expect("reads");
    assert_eq!(sold, confirmed, "the show has sold what is confirmed");
    let twice: i64 = sqlx::query_scalar(
        "select count(*) from (select aggregate_id from events where event_type = 'PaymentCaptured'
                               group by aggregate_id having count(*) > 1) as twice",
    )
    .fetch_one(&pool)
    .await
    .expect("reads");
    assert_eq!(twice, 0, "nobody has paid twice");
    let captures = captures(&pool).await;
    assert_eq!(captures, stripe.totals().captures);
    assert!(confirmed * 2 > bookings as i64, "{confirmed} of {bookings} were confirmed in the end");
    println!("{bookings} bookings, {confirmed} confirmed, {captures} captures, {:?}", stripe.totals());
    left
}

/// Payments whose money was taken.
async fn captures(pool: &PgPool) -> usize {
    let captures: i64 =
        sqlx::query_scalar("select count(*) from events where event_type = 'PaymentCaptured'")
            .fetch_one(pool)
            .await
            .expect("reads");
    usize::try_from(captures).expect("a number")
}

/// Bookings that are not settled. Refunds that were made are looked at days later.
async fn due(pool: &PgPool) -> i64 {
    let soon = "select count(*) from payments_due where due_at < clock_timestamp() + interval '1 hour'";
    sqlx::query_scalar(soon).fetch_one(pool).await.expect("reads")
}

/// Confirmed bookings, and what the events say is kept: captured, less what went back.
async fn kept(pool: &PgPool) -> (i64, i64) {
    let confirmed: i64 = sqlx::query_scalar(
        "select count(*) filter (where event_type = 'BookingConfirmed') -
                count(*) filter (where event_type = 'BookingCancelled' and exists (
                    select from events c where c.aggregate_type = 'booking' and c.aggregate_id = events.aggregate_id
                    and c.event_type = 'BookingConfirmed'))
         from events where aggregate_type = 'booking'",
    )
    .fetch_one(pool)
    .await
    .expect("reads");
    let kept: Option<i64> = sqlx::query_scalar(
        "select sum(case event_type when 'PaymentCaptured' then (payload #>> '{amount,amount}')::bigint
                                    when 'RefundMade' then -(payload #>> '{amount,amount}')::bigint else 0 end)::bigint
         from events where aggregate_type = 'booking'",
    )
    .fetch_one(pool)
    .await
    .expect("reads");
    (confirmed, kept.unwrap_or_default())
}
