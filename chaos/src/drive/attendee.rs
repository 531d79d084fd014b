//! Attendees: they book, extend, pay, cancel, follow, and repeat what they have asked before.

use std::{ops::RangeInclusive, sync::Arc};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    dice::Dice,
    journal::{Order, Wanted},
};

use super::{
    Stop,
    http::{Answer, Api},
    person::{Call, Person},
    shows::{KnownShow, Shows, seat_id},
};

/// Milliseconds between two commands.
const PAUSE: RangeInclusive<u64> = 5..=60;
/// Bookings that a client remembers, to extend or cancel them.
const REMEMBERED: usize = 30;

/// One client with some accounts.
struct Client {
    api: Arc<Api>,
    accounts: Vec<Person>,
    shows: Arc<Shows>,
    hosts: Arc<Vec<Uuid>>,
    /// By the account's place.
    bookings: Vec<(usize, Uuid)>,
    dice: Dice,
}

pub(super) async fn run(
    api: Arc<Api>,
    accounts: Vec<Person>,
    shows: Arc<Shows>,
    hosts: Arc<Vec<Uuid>>,
    dice: Dice,
    stop: Stop,
) {
    let mut client = Client { api, accounts, shows, hosts, bookings: vec![], dice };
    while !stop.is_said() {
        client.step().await;
        let pause = client.dice.millis(PAUSE);
        tokio::time::sleep(pause).await;
    }
}

impl Client {
    async fn step(&mut self) {
        match self.dice.below(100) {
            0..42 => self.book().await,
            42..58 => self.pay().await,
            58..72 => self.cancel().await,
            72..78 => self.extend().await,
            78..82 => self.follow().await,
            82..84 => self.show_interest().await,
            _ => {
                let account = self.dice.below(self.accounts.len());
                self.accounts[account].repeat(&self.api, &mut self.dice).await;
            }
        }
    }

    async fn book(&mut self) {
        let Some(show) = self.shows.any(&mut self.dice) else { return };
        let account = self.dice.below(self.accounts.len());
        let (wanted, body) = self.wanted(&show, self.accounts[account].id);
        let call = Call::post("/api/v1/bookings".to_owned(), Some(body));
        let person = &mut self.accounts[account];
        let mut answer = person.send(&self.api, Order::Book(wanted), call, &mut self.dice).await;
        if let Answer::Unknown = answer
            && self.dice.percent(50)
            && let Some(again) = person.repeat_last(&self.api, &mut self.dice).await
        {
            answer = again;
        }
        let Answer::Ok(booking) = answer else { return };
        if let Some(id) = booking["id"].as_str().and_then(|id| id.parse().ok()) {
            if self.bookings.len() >= REMEMBERED {
                self.bookings.remove(0);
            }
            self.bookings.push((account, id));
        }
    }

    fn wanted(&mut self, show: &KnownShow, attendee: Uuid) -> (Wanted, Value) {
        let dice = &mut self.dice;
        let event = show.id;
        if show.seats > 0 {
            let first = dice.between(0..=u64::from(show.seats) - 1) as u32;
            let last = (first + dice.between(0..=2) as u32).min(show.seats - 1);
            let seats: Vec<Uuid> = (first..=last).map(|index| seat_id(event, index)).collect();
            let body = json!({ "eventId": event, "seats": seats });
            return (Wanted { event, attendee, tickets: vec![], seats }, body);
        }
        let quantity = dice.between(1..=2);
        let tickets: Vec<(Uuid, u64)> =
            dice.pick(&show.ticket_types).map(|id| (*id, quantity)).into_iter().collect();
        let lines: Vec<Value> = tickets
            .iter()
            .map(|(id, quantity)| json!({ "ticketTypeId": id, "quantity": quantity }))
            .collect();
        (Wanted { event, attendee, tickets, seats: vec![] }, json!({ "eventId": event, "tickets": lines }))
    }

    async fn cancel(&mut self) {
        let Some((account, booking)) = self.dice.pick(&self.bookings).copied() else { return };
        let call = Call::delete(format!("/api/v1/bookings/{booking}"));
        let order = Order::CancelBooking { booking };
        let answer = self.accounts[account].send(&self.api, order, call, &mut self.dice).await;
        // Now and then it is cancelled again.
        if matches!(answer, Answer::Ok(_)) && self.dice.percent(80) {
            self.bookings.retain(|(_, id)| *id != booking);
        }
    }

    /// Whatever it costs; now and then the card is declined.
    async fn pay(&mut self) {
        let Some((account, booking)) = self.dice.pick(&self.bookings).copied() else { return };
        let card = if self.dice.percent(85) { "pm_card_visa" } else { "pm_card_chargeDeclined" };
        let body = json!({ "paymentMethod": card });
        let call = Call::post(format!("/api/v1/bookings/{booking}/payment"), Some(body));
        let person = &mut self.accounts[account];
        let answer = person.send(&self.api, Order::Pay { booking }, call, &mut self.dice).await;
        if matches!(answer, Answer::Unknown) && self.dice.percent(50) {
            person.repeat_last(&self.api, &mut self.dice).await;
        }
    }

    async fn extend(&mut self) {
        let Some((account, booking)) = self.dice.pick(&self.bookings).copied() else { return };
        let call = Call::post(format!("/api/v1/bookings/{booking}/extend"), None);
        self.accounts[account].send(&self.api, Order::Extend { booking }, call, &mut self.dice).await;
    }

    async fn follow(&mut self) {
        let Some(host) = self.dice.pick(&self.hosts).copied() else { return };
        let account = self.dice.below(self.accounts.len());
        let path = format!("/api/v1/users/{host}/follow");
        let (order, call) = if self.dice.percent(60) {
            (Order::Follow { host }, Call::put(path, None))
        } else {
            (Order::Unfollow { host }, Call::delete(path))
        };
        self.accounts[account].send(&self.api, order, call, &mut self.dice).await;
    }

    async fn show_interest(&mut self) {
        let Some(show) = self.shows.any(&mut self.dice) else { return };
        let account = self.dice.below(self.accounts.len());
        let call = Call::put(format!("/api/v1/events/{}/interest", show.id), None);
        let order = Order::ShowInterest { event: show.id };
        self.accounts[account].send(&self.api, order, call, &mut self.dice).await;
    }
}
