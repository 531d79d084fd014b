//! Bookings follow their show: what each event of the show means to a booking, whose stream goes on in the same append.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    BookingId,
    booking::{
        Booking, BookingCommand, BookingError, BookingStatus, PaymentCommand, PlaceBooking, PlacedBooking,
        RefundCause,
    },
    show::{CreatedShow, ShowCommand, ShowEvent, ShowStatus, Taken},
};
use event_store::{AppendError, EventStore, Metadata, NewEvent, StreamAppend, StreamId, StreamPosition};

/// The bookings that a batch is about.
pub(crate) struct Bookings(HashMap<BookingId, Folded>);

/// A booking's fold and the sequence that its stream stands at.
#[derive(Debug, Default)]
struct Folded {
    state: Booking,
    sequence: i64,
}

impl Bookings {
    /// Reads those that are there already.
    pub(crate) async fn read(store: &EventStore, wanted: &BTreeSet<BookingId>) -> Result<Self, AppendError> {
        let mut bookings: HashMap<_, Folded> = wanted.iter().map(|id| (*id, Folded::default())).collect();
        let whole = |id| StreamPosition { stream: StreamId::new(Booking::TYPE, id), sequence: 0 };
        let wanted: Vec<StreamPosition> = wanted.iter().map(whole).collect();
        if wanted.is_empty() {
            return Ok(Self(bookings));
        }
        for event in &store.read_streams(&wanted).await?.events {
            if let Some(booking) = event.stream.id.parse().ok().and_then(|id| bookings.get_mut(&id)) {
                let decoded = event.decode().map_err(|error| sqlx::Error::Decode(error.into()))?;
                booking.state.apply(decoded);
                booking.sequence = event.sequence;
            }
        }
        Ok(Self(bookings))
    }

    /// What an event of the show means to a booking, folded in and to be appended; nothing if it means nothing.
    pub(crate) fn follow(
        &mut self,
        show: &CreatedShow,
        event: &ShowEvent,
        metadata: &Metadata,
    ) -> Result<Option<(BookingId, StreamAppend)>, AppendError> {
        match booking_command(show, event) {
            Some((booking_id, command)) => self.tell(booking_id, command, metadata),
            None => Ok(None),
        }
    }

    /// A step of paying that the booking has agreed to before, see [`Self::agrees`].
    pub(crate) fn pay(
        &mut self,
        booking_id: BookingId,
        command: PaymentCommand,
        metadata: &Metadata,
    ) -> Result<Option<(BookingId, StreamAppend)>, AppendError> {
        self.tell(booking_id, BookingCommand::Pay(command), metadata)
    }

    /// A booking is cancelled whose show has nothing to release: it may have expired while its bank is being asked.
    ///
    /// # Errors
    /// A conflict, if it has tickets after all: the show gave them after it was read, and is to be asked again.
    pub(crate) fn cancel(
        &mut self,
        show: &CreatedShow,
        booking_id: BookingId,
        at: DateTime<Utc>,
        metadata: &Metadata,
    ) -> Result<Option<(BookingId, StreamAppend)>, AppendError> {
        let Some((placed, position)) = self.placed(booking_id) else { return Ok(None) };
        match placed.status {
            BookingStatus::Held | BookingStatus::Confirmed => {
                Err(AppendError::Conflict { stream: Some(position.stream) })
            }
            BookingStatus::Expired | BookingStatus::Cancelled => {
                self.tell(booking_id, BookingCommand::Cancel { cause: cause_of_end(show), at }, metadata)
            }
        }
    }

    /// Whether a step of paying leads to anything, and what the show must agree to then.
    ///
    /// # Errors
    /// The booking refuses.
    pub(crate) fn agrees(
        &self,
        booking_id: BookingId,
        command: &PaymentCommand,
    ) -> Result<Agreed, BookingError> {
        let booking = self.0.get(&booking_id).ok_or(BookingError::NotPlaced)?;
        let placed = booking.state.placed().ok_or(BookingError::NotPlaced)?;
        let events = booking.state.decide(BookingCommand::Pay(command.clone()))?;
        if events.is_empty() {
            return Ok(Agreed::NothingLeft);
        }
        Ok(command.of_show(placed).map_or(Agreed::Alone, Agreed::WithShow))
    }

    /// These, too.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    fn tell(
        &mut self,
        booking_id: BookingId,
        command: BookingCommand,
        metadata: &Metadata,
    ) -> Result<Option<(BookingId, StreamAppend)>, AppendError> {
        let booking = self.0.entry(booking_id).or_default();
        let events = booking.state.decide(command).map_err(|error| sqlx::Error::Decode(error.into()))?;
        if events.is_empty() {
            return Ok(None);
        }
        let append = StreamAppend {
            stream: StreamId::new(Booking::TYPE, booking_id),
            expected_sequence: booking.sequence,
            events: events.iter().map(|event| NewEvent::from_domain(event, metadata)).collect(),
        };
        booking.sequence += events.len() as i64;
        events.into_iter().for_each(|event| booking.state.apply(event));
        Ok(Some((booking_id, append)))
    }

    /// A booking, and where its stream stands.
    pub(crate) fn placed(&self, booking_id: BookingId) -> Option<(&PlacedBooking, StreamPosition)> {
        let booking = self.0.get(&booking_id)?;
        let stream = StreamId::new(Booking::TYPE, booking_id);
        Some((booking.state.placed()?, StreamPosition { stream, sequence: booking.sequence }))
    }
}

/// What a booking says to a step of paying.
pub(crate) enum Agreed {
    /// It has happened, or has been overtaken.
    NothingLeft,
    /// It is about money alone.
    Alone,
    /// If the show agrees to this.
    WithShow(ShowCommand),
}

/// The booking whose stream is there already and goes on with an event of the show.
pub(crate) fn booking_that_follows(event: &ShowEvent) -> Option<BookingId> {
    let is_new = matches!(event, ShowEvent::TicketsHeld { .. } | ShowEvent::TicketsSold { .. });
    booking_of(event).filter(|_| !is_new)
}

fn booking_of(event: &ShowEvent) -> Option<BookingId> {
    match event {
        ShowEvent::TicketsHeld { taken, .. }
        | ShowEvent::TicketsSold { taken, .. }
        | ShowEvent::HoldExpired { taken, .. }
        | ShowEvent::TicketsReleased { taken, .. } => Some(taken.booking_id),
        ShowEvent::HoldExtended { booking_id, .. } => Some(*booking_id),
        ShowEvent::EventCreated { .. }
        | ShowEvent::EventPublished { .. }
        | ShowEvent::EventChanged { .. }
        | ShowEvent::EventCancelled { .. }
        | ShowEvent::EventDeleted { .. }
        | ShowEvent::SalesStarted { .. } => None,
    }
}

/// What an event of the show means to a booking.
fn booking_command(show: &CreatedShow, event: &ShowEvent) -> Option<(BookingId, BookingCommand)> {
    let (show_id, cause) = (show.id, cause_of_end(show));
    let place = |taken: &Taken, held_until, at| {
        BookingCommand::Place(PlaceBooking { event_id: show_id, taken: taken.clone(), held_until, at })
    };
    let command = match event {
        ShowEvent::TicketsHeld { taken, held_until, at } => place(taken, Some(*held_until), *at),
        ShowEvent::TicketsSold { taken, at } => place(taken, None, *at),
        ShowEvent::HoldExtended { held_until, at, .. } => {
            BookingCommand::Extend { held_until: *held_until, at: *at }
        }
        ShowEvent::HoldExpired { at, .. } => BookingCommand::Expire { at: *at },
        ShowEvent::TicketsReleased { at, .. } => BookingCommand::Cancel { cause, at: *at },
        ShowEvent::EventCreated { .. }
        | ShowEvent::EventPublished { .. }
        | ShowEvent::EventChanged { .. }
        | ShowEvent::EventCancelled { .. }
        | ShowEvent::EventDeleted { .. }
        | ShowEvent::SalesStarted { .. } => return None,
    };
    Some((booking_of(event)?, command))
}

/// Why the money of a booking that ends now goes back.
const fn cause_of_end(show: &CreatedShow) -> RefundCause {
    match show.status {
        ShowStatus::Cancelled => RefundCause::EventCancelled,
        ShowStatus::Draft | ShowStatus::Published => RefundCause::BookingCancelled,
    }
}
