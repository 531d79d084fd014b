//! What a show, and a booking that is paid, say to the orders of a batch.
//!
//! Of a step of paying the booking is asked first, then the show: either both agree or nothing happens. Two orders about a
//! booking that is paid are never in one batch, see `show_writers`, so what the booking says here, it says again when
//! its events are made.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::{
    BookingId, UserId,
    booking::PaymentCommand,
    show::{Part, ShowCommand, ShowError, ShowEvent, ShowStatus},
};
use event_store::{AppendError, PlantedBug};

use crate::{
    following::{Agreed, Bookings, booking_that_follows},
    show_batch::ShowWriter,
    show_orders::{OrderError, ShowOrder},
    show_writers::Waiting,
};

/// What was decided on an order.
pub(crate) struct Decided {
    pub(crate) of_show: Vec<ShowEvent>,
    /// What a booking is told of its money, before it follows the show.
    pub(crate) of_money: Option<(BookingId, PaymentCommand)>,
    /// The show's sequence before its events.
    pub(crate) expected_sequence: i64,
    /// Whether anything was wanted of the show.
    asks_show: bool,
}

impl Decided {
    /// Whether it holds whatever others have done to the show meanwhile: the append checks its events, or nothing was wanted
    /// of it. That there is nothing to do it may say because it knows too little.
    fn is_certain(&self) -> bool {
        !self.of_show.is_empty() || (self.of_money.is_some() && !self.asks_show)
    }
}

/// What an order wants.
#[derive(Clone)]
struct Wanted {
    of_show: Option<ShowCommand>,
    of_money: Option<(BookingId, PaymentCommand)>,
}

/// Of a step of paying: what it wants of the show, if the booking agrees.
fn wanted(order: &ShowOrder, paid: &Bookings, now: DateTime<Utc>) -> Result<Wanted, OrderError> {
    let Some((booking_id, command)) = order.payment(now) else {
        return Ok(Wanted { of_show: order.command(now), of_money: None });
    };
    Ok(match paid.agrees(booking_id, &command)? {
        Agreed::NothingLeft => Wanted { of_show: None, of_money: None },
        Agreed::Alone => Wanted { of_show: None, of_money: Some((booking_id, command)) },
        Agreed::WithShow(of_show) => Wanted { of_show: Some(of_show), of_money: Some((booking_id, command)) },
    })
}

impl ShowWriter {
    /// What the show decides on each order, in turn; and the streams of the bookings that must follow.
    pub(crate) async fn decide(
        &mut self,
        batch: &[Waiting],
    ) -> Result<(DateTime<Utc>, Vec<Result<Decided, OrderError>>, Bookings), AppendError> {
        let paid = batch.iter().filter(|waiting| matches!(waiting.order, ShowOrder::Pay { .. }));
        let paid: BTreeSet<BookingId> = paid.filter_map(|waiting| waiting.order.booking()).collect();
        let paid = Bookings::read(&self.store, &paid).await?;
        let mut decided = None;
        if let Some(now) = self.show.recent_time() {
            let decisions = self.decide_at(batch, &paid, now).await?;
            let are_certain = decisions.iter().all(|d| d.as_ref().is_ok_and(Decided::is_certain));
            let is_enough = are_certain || PlantedBug::NoTailRead.is_planted();
            decided = is_enough.then_some((now, decisions));
        }
        let (now, decisions) = match decided {
            Some(decided) => decided,
            None => {
                self.show.roll_back();
                let now = self.show.read_on().await?;
                (now, self.decide_at(batch, &paid, now).await?)
            }
        };
        let of_show = decisions.iter().flatten().flat_map(|decided| &decided.of_show);
        let mut wanted: BTreeSet<BookingId> = of_show.filter_map(booking_that_follows).collect();
        wanted.extend(batch.iter().filter_map(|waiting| waiting.order.known_booking()));
        // Those that are paid were read before the show decided; what it decided rests on them.
        wanted.retain(|booking_id| paid.placed(*booking_id).is_none());
        Ok((now, decisions, Bookings::read(&self.store, &wanted).await?.and(paid)))
    }

    async fn decide_at(
        &mut self,
        batch: &[Waiting],
        paid: &Bookings,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<Decided, OrderError>>, AppendError> {
        let wanted: Vec<_> = batch.iter().map(|waiting| wanted(&waiting.order, paid, now)).collect();
        loop {
            let orders = batch.iter().map(|waiting| &waiting.order).zip(wanted.clone());
            let decisions: Vec<_> = orders.map(|(order, wanted)| self.decide_one(order, wanted?)).collect();
            // What an order needs may depend on its neighbours. Each round has fewer parts missing.
            let missing: BTreeSet<Part> =
                decisions.iter().filter_map(missing_parts).flatten().copied().collect();
            if missing.is_empty() {
                return Ok(decisions);
            }
            self.show.roll_back();
            self.show.bring(missing).await?;
        }
    }

    fn decide_one(&mut self, order: &ShowOrder, wanted: Wanted) -> Result<Decided, OrderError> {
        if let ShowOrder::OfHost { host_id: Some(host_id), .. } = order {
            self.only_for(*host_id)?;
        }
        let (expected_sequence, asks_show) = (self.show.sequence(), wanted.of_show.is_some());
        let of_show = wanted.of_show.map(|command| self.show.decide(command)).transpose()?;
        Ok(Decided {
            of_show: of_show.unwrap_or_default(),
            of_money: wanted.of_money,
            expected_sequence,
            asks_show,
        })
    }

    /// A draft that is somebody else's is not there at all.
    fn only_for(&self, host_id: UserId) -> Result<(), OrderError> {
        match self.show.created() {
            Some(show) if show.host_id == host_id => Ok(()),
            Some(show) if show.status != ShowStatus::Draft => Err(OrderError::NotYours),
            Some(_) | None => Err(ShowError::NotCreated.into()),
        }
    }
}

fn missing_parts(decision: &Result<Decided, OrderError>) -> Option<&BTreeSet<Part>> {
    match decision {
        Err(OrderError::Show(ShowError::PartsMissing { parts })) => Some(parts),
        Ok(_) | Err(_) => None,
    }
}
