//! The writer of one show's stream: decides a batch of orders and appends what they lead to, in one transaction.
//!
//! Every answer rests on committed state. The tail of the stream is read after the orders arrived and before any of
//! them is refused, so that a refusal never rests on what this process believed before. Answers, refusals too, go out
//! after the append: a refusal may rest on a neighbour's ticket. When the append loses against another process, the
//! state is dropped and all is read and decided again.

use std::{collections::HashMap, error::Error, time::Duration};

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    BookingId, ShowId,
    booking::{Booking, BookingCommand, BookingEvent, CancelBooking, PlaceBooking},
    show::{BookTickets, ReleaseTickets, Show, ShowCommand, ShowEvent},
};
use event_store::{
    Append, AppendError, EventStore, Metadata, NewEvent, StoredEvent, StreamAppend, StreamId, StreamPosition,
};

use crate::show_writers::{Booked, Reply, TicketOrder, TicketsError, Waiting};

/// How often a batch that lost against another process is decided again.
const MAX_ATTEMPTS: u32 = 20;
/// Longest pause before it is.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// A stream's fold and the sequence it stands at.
#[derive(Debug, Default)]
struct Folded<A> {
    state: A,
    sequence: i64,
}

pub(crate) struct ShowWriter {
    store: EventStore,
    show_id: ShowId,
    show: Folded<Show>,
}

/// A batch on its way through one attempt.
struct Attempt<'a> {
    show: &'a mut Folded<Show>,
    show_id: ShowId,
    bookings: HashMap<BookingId, Folded<Booking>>,
    now: DateTime<Utc>,
    appends: Vec<Append>,
}

impl ShowWriter {
    pub(crate) fn new(store: EventStore, show_id: ShowId) -> Self {
        Self { store, show_id, show: Folded::default() }
    }

    /// Whether there is no such show; then there is nothing worth keeping in memory.
    pub(crate) fn knows_no_show(&self) -> bool {
        self.show.state.created().is_none()
    }

    /// Decides all of them and answers each.
    pub(crate) async fn deal_with(&mut self, mut batch: Vec<Waiting>) {
        let mut attempt = 0;
        loop {
            // Who has hung up wants nothing any more.
            batch.retain(|waiting| !waiting.reply.is_closed());
            let (replies, result) = self.attempt(&batch).await;
            match result {
                Ok(()) => return answer(batch, replies),
                Err(AppendError::Repeated(repeated)) => {
                    self.show = Folded::default();
                    let is_repeated = |w: &mut Waiting| {
                        w.context.receipt.as_ref().is_some_and(|r| repeated.contains(&r.command_id))
                    };
                    for waiting in batch.extract_if(.., is_repeated) {
                        let _ = waiting.reply.send(Err(TicketsError::Repeated));
                    }
                }
                Err(AppendError::Conflict) if attempt < MAX_ATTEMPTS => {
                    self.show = Folded::default();
                    attempt += 1;
                    tokio::time::sleep(pause(attempt)).await;
                }
                Err(error) => {
                    self.show = Folded::default();
                    tracing::error!(
                        error = &error as &dyn Error, show = %self.show_id, orders = batch.len(),
                        "a batch of orders failed"
                    );
                    return batch.into_iter().for_each(|waiting| {
                        let _ = waiting.reply.send(Err(TicketsError::Unavailable));
                    });
                }
            }
        }
    }

    /// Reads on, decides, appends. The replies count only if the result is good.
    async fn attempt(&mut self, batch: &[Waiting]) -> (Vec<Reply>, Result<(), AppendError>) {
        let mut attempt = match self.read_on(batch).await {
            Ok(attempt) => attempt,
            Err(error) => return (vec![], Err(error)),
        };
        let replies = batch.iter().map(|waiting| attempt.decide(waiting)).collect();
        let appends = attempt.appends;
        if appends.is_empty() {
            return (replies, Ok(()));
        }
        let result = self.store.append(&appends).await;
        (replies, result)
    }

    /// The tail of the show's stream, the streams of the bookings that the orders name, and the time: one round trip.
    async fn read_on(&mut self, batch: &[Waiting]) -> Result<Attempt<'_>, AppendError> {
        let show_stream = StreamId::new(Show::TYPE, self.show_id);
        let mut wanted = vec![StreamPosition { stream: show_stream, sequence: self.show.sequence }];
        let mut bookings: HashMap<BookingId, Folded<Booking>> = HashMap::new();
        for waiting in batch {
            if let TicketOrder::Cancel { booking_id } = waiting.order
                && bookings.insert(booking_id, Folded::default()).is_none()
            {
                let stream = StreamId::new(Booking::TYPE, booking_id);
                wanted.push(StreamPosition { stream, sequence: 0 });
            }
        }
        let read = self.store.read_streams(&wanted).await?;
        for event in &read.events {
            if event.stream.kind == Show::TYPE {
                self.show.fold(event)?;
            } else if let Some(booking) =
                event.stream.id.parse().ok().and_then(|id: BookingId| bookings.get_mut(&id))
            {
                booking.fold(event)?;
            }
        }
        // Time never runs backwards in a stream, whatever the clocks say.
        let now = self.show.state.created().map_or(read.now, |show| read.now.max(show.last_at));
        Ok(Attempt { show: &mut self.show, show_id: self.show_id, bookings, now, appends: vec![] })
    }
}

impl<A: Aggregate> Folded<A> {
    fn fold(&mut self, event: &StoredEvent) -> Result<(), AppendError> {
        let decoded = event.decode().map_err(|error| sqlx::Error::Decode(error.into()))?;
        self.state.apply(decoded);
        self.sequence = event.sequence;
        Ok(())
    }

    /// Folds new events in; answers with what is to be appended for them.
    fn append(&mut self, id: impl ToString, events: Vec<A::Event>, metadata: &Metadata) -> StreamAppend {
        let append = StreamAppend {
            stream: StreamId::new(A::TYPE, id),
            expected_sequence: self.sequence,
            events: events.iter().map(|event| NewEvent::from_domain(event, metadata)).collect(),
        };
        self.sequence += events.len() as i64;
        events.into_iter().for_each(|event| self.state.apply(event));
        append
    }

    fn position(&self, id: impl ToString) -> StreamPosition {
        StreamPosition { stream: StreamId::new(A::TYPE, id), sequence: self.sequence }
    }
}

impl Attempt<'_> {
    fn decide(&mut self, waiting: &Waiting) -> Reply {
        match waiting.order {
            TicketOrder::Book { booking_id, attendee_id } => {
                let book = BookTickets { booking_id, attendee_id, at: self.now };
                let taken = self.show.state.decide(ShowCommand::BookTickets(book))?;
                let mut booking = Folded::<Booking>::default();
                let tickets = taken.iter().find_map(tickets_sold).cloned().unwrap_or_default();
                let place = PlaceBooking {
                    booking_id,
                    event_id: self.show_id,
                    user_id: attendee_id,
                    total: domain::Money::FREE,
                    tickets,
                    at: self.now,
                };
                let placed = booking.state.decide(BookingCommand::Place(place))?;
                self.append(waiting, booking_id, &mut booking, placed, taken)
            }
            TicketOrder::Cancel { booking_id } => {
                let mut booking = self.bookings.remove(&booking_id).unwrap_or_default();
                let cancel = CancelBooking { at: self.now };
                let decided =
                    booking.state.decide(BookingCommand::Cancel(cancel)).map_err(Into::into).and_then(
                        |cancelled| {
                            let release = ReleaseTickets { booking_id, at: self.now };
                            let released = if cancelled.is_empty() {
                                vec![]
                            } else {
                                self.show.state.decide(ShowCommand::ReleaseTickets(release))?
                            };
                            self.append(waiting, booking_id, &mut booking, cancelled, released)
                        },
                    );
                self.bookings.insert(booking_id, booking);
                decided
            }
        }
    }

    /// Notes what is to be appended, and the answer for when it is. The booking comes first: answers show it.
    fn append(
        &mut self,
        waiting: &Waiting,
        booking_id: BookingId,
        booking: &mut Folded<Booking>,
        of_booking: Vec<BookingEvent>,
        of_show: Vec<ShowEvent>,
    ) -> Reply {
        let metadata = &waiting.context.metadata;
        if !(of_booking.is_empty() && of_show.is_empty()) {
            let streams = vec![
                booking.append(booking_id, of_booking, metadata),
                self.show.append(self.show_id, of_show, metadata),
            ];
            self.appends.push(Append { streams, receipt: waiting.context.receipt.clone() });
        }
        let placed = booking.state.placed().ok_or(domain::booking::BookingError::NotPlaced)?;
        Ok(Booked {
            booking: placed.clone(),
            version: booking.sequence,
            written: vec![booking.position(booking_id), self.show.position(self.show_id)],
        })
    }
}

fn tickets_sold(event: &ShowEvent) -> Option<&Vec<domain::show::TicketLine>> {
    match event {
        ShowEvent::TicketsSold { tickets, .. } => Some(tickets),
        ShowEvent::EventCreated { .. } | ShowEvent::TicketsReleased { .. } => None,
    }
}

fn answer(batch: Vec<Waiting>, replies: Vec<Reply>) {
    for (waiting, reply) in batch.into_iter().zip(replies) {
        // Who has hung up meanwhile does not get the answer; what was appended holds all the same.
        let _ = waiting.reply.send(reply);
    }
}

/// Grows with the attempts; random, so that two processes do not keep meeting.
fn pause(attempt: u32) -> Duration {
    let longest = Duration::from_millis(1 << attempt.min(6)).min(MAX_PAUSE);
    let random = uuid::Uuid::new_v4().as_u128() % 1_000;
    longest.mul_f64(random as f64 / 1_000.0)
}
