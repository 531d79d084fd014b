//! The writer of one show's stream: decides a batch of orders and appends what they lead to, in one transaction.
//!
//! Every answer rests on committed state. What the show agrees to is stored at the sequence that it was decided on, or
//! not at all. Before anything is refused, the tail of the stream is read, after the orders arrived, and all of them are
//! decided again, so that a refusal never rests on what this process believed before. Answers, refusals too, go out
//! after the append: a refusal may rest on a neighbour's ticket. When the append loses against another process, what
//! was decided is taken back, the stream is read on, and all is decided again.
//!
//! Read on: `show_decisions` is what the show says to each order.

use std::{error::Error, time::Duration};

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    BookingId, ShowId,
    booking::BookingError,
    show::{CreatedShow, Show, ShowError},
};
use event_store::{Append, AppendError, EventStore, NewEvent, StreamAppend, StreamId, StreamPosition};

use crate::{
    answers,
    appends::Appends,
    following::Bookings,
    show_decisions::Decided,
    show_orders::{Done, OrderError, ShowOrder, Subject},
    show_state::ShowState,
    show_writers::{Reply, Waiting},
};

/// How often a batch that lost against another process is decided again.
const MAX_ATTEMPTS: u32 = 20;
/// Longest pause before it is.
const MAX_PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct ShowWriter {
    pub(crate) store: EventStore,
    appends: Appends,
    show_id: ShowId,
    pub(crate) show: ShowState,
}

impl ShowWriter {
    pub(crate) fn new(store: EventStore, appends: Appends, show_id: ShowId) -> Self {
        let show = ShowState::new(store.clone(), show_id);
        Self { store, appends, show_id, show }
    }

    /// Whether there is no such show; then there is nothing worth keeping in memory.
    pub(crate) fn knows_no_show(&self) -> bool {
        self.show.created().is_none()
    }

    /// How many bookings and blocks of seats it keeps in memory.
    pub(crate) fn in_memory(&self) -> usize {
        self.show.created().map_or(0, CreatedShow::in_memory)
    }

    /// Keeps what the next writer needs to begin quickly.
    pub(crate) async fn rest(&mut self) {
        self.show.keep_at_rest().await;
    }

    /// Decides all of them and answers each. False if the database failed, so that nothing is known.
    pub(crate) async fn deal_with(&mut self, mut batch: Vec<Waiting>) -> bool {
        let mut attempt = 0;
        loop {
            // Who has hung up wants nothing any more.
            batch.retain(|waiting| !waiting.reply.is_closed());
            let (replies, result) = self.attempt(&batch).await;
            if result.is_err() {
                self.show.roll_back();
            }
            match result {
                Ok(()) => {
                    self.show.committed();
                    answer(batch, replies);
                    self.show.keep_if_due().await;
                    return true;
                }
                // One of the batch is at fault: it goes, the others are decided again.
                Err(AppendError::Repeated(repeated)) => {
                    refuse(&mut batch, &OrderError::Repeated, |waiting| {
                        waiting.context.receipt.as_ref().is_some_and(|r| repeated.contains(&r.command_id))
                    });
                }
                Err(AppendError::Gone(gone)) => {
                    refuse(&mut batch, &OrderError::Gone, |waiting| {
                        waiting.actor.is_some_and(|actor| gone.contains(&actor.uuid()))
                    });
                }
                Err(AppendError::Conflict { .. }) if attempt < MAX_ATTEMPTS => {
                    self.show.is_behind();
                    attempt += 1;
                    tokio::time::sleep(pause(attempt)).await;
                }
                // Nothing was appended: there was never a moment without somebody else's append.
                Err(AppendError::Conflict { .. }) => {
                    self.show.is_behind();
                    refuse(&mut batch, &OrderError::Busy, |_| true);
                    return false;
                }
                Err(error) => {
                    self.show.forget();
                    tracing::error!(
                        error = &error as &dyn Error, show = %self.show_id, orders = batch.len(),
                        "a batch of orders failed"
                    );
                    refuse(&mut batch, &OrderError::Unavailable, |_| true);
                    return false;
                }
            }
        }
    }

    /// Reads on, decides, appends. The replies count only if the result is good.
    async fn attempt(&mut self, batch: &[Waiting]) -> (Vec<Reply>, Result<(), AppendError>) {
        let decided = match self.decide(batch).await {
            Ok(decided) => decided,
            Err(error) => return (vec![], Err(error)),
        };
        let (now, decisions, mut bookings) = decided;
        let (mut appends, mut replies) = (Vec::new(), Vec::new());
        for (waiting, decision) in batch.iter().zip(decisions) {
            let followed = match decision {
                Ok(decided) => self.follow(waiting, decided, &mut bookings, now),
                Err(error) => Ok((None, Err(error))),
            };
            match followed {
                Ok((append, reply)) => {
                    appends.extend(append);
                    replies.push(reply);
                }
                Err(error) => return (vec![], Err(error)),
            }
        }
        if appends.is_empty() {
            return (replies, Ok(()));
        }
        let actors = batch.iter().filter_map(|waiting| waiting.actor).collect();
        (replies, self.appends.append(appends, actors).await)
    }

    /// The bookings follow the show; what is to be appended, and the answer for when it is. A booking that cannot
    /// follow fails the whole batch: the show's events are folded in already.
    fn follow(
        &self,
        waiting: &Waiting,
        decided: Decided,
        bookings: &mut Bookings,
        now: DateTime<Utc>,
    ) -> Result<(Option<Append>, Reply), AppendError> {
        let metadata = &waiting.context.metadata;
        let named = waiting.order.booking();
        let mut streams = Vec::new();
        if let Some((booking_id, command)) = decided.of_money {
            let paid = bookings.pay(booking_id, command, metadata)?;
            streams.extend(paid.map(|(_, append)| append));
        }
        let show = self.show.created().filter(|_| !decided.of_show.is_empty());
        for event in &decided.of_show {
            let followed = show.map(|show| bookings.follow(show, event, metadata)).transpose()?.flatten();
            if let Some((booking_id, append)) = followed {
                put(&mut streams, append, named == Some(booking_id));
            }
        }
        if let ShowOrder::CancelBooking { booking_id, .. } | ShowOrder::CancelUnused { booking_id, .. } =
            waiting.order
            && decided.of_show.is_empty()
            && let Some(show) = self.show.created()
        {
            let cancelled = bookings.cancel(show, booking_id, now, metadata)?;
            streams.extend(cancelled.map(|(_, append)| append));
        }
        let of_money: usize = streams.first().map_or(0, |append| append.events.len());
        let events = if decided.of_show.is_empty() { of_money } else { decided.of_show.len() };
        if !decided.of_show.is_empty() {
            streams.push(StreamAppend {
                stream: StreamId::new(Show::TYPE, self.show_id),
                expected_sequence: decided.expected_sequence,
                events: decided.of_show.iter().map(|event| NewEvent::from_domain(event, metadata)).collect(),
            });
        }
        let reply = self.subject(named, bookings, now).map(|(subject, of_booking)| {
            let written: Vec<_> = of_booking.into_iter().chain([self.show.position()]).collect();
            Done { subject, events, written }
        });
        let receipt = waiting.context.receipt.clone();
        if streams.is_empty() && receipt.is_some() {
            // Nothing is left to do, and that is an answer, too: it comes again whatever happens since.
            let shown = reply.as_ref().ok().and_then(|done| done.written.first());
            streams.extend(shown.map(StreamAppend::nothing_at));
        }
        let append = (!streams.is_empty()).then_some(Append { streams, receipt });
        Ok((append, reply))
    }

    /// What an order is about, as it is now, and the place of the booking's stream.
    fn subject(
        &self,
        named: Option<BookingId>,
        bookings: &Bookings,
        now: DateTime<Utc>,
    ) -> Result<(Subject, Option<StreamPosition>), OrderError> {
        let Some(booking_id) = named else {
            let show = self.show.created().ok_or(ShowError::NotCreated)?;
            return Ok((Subject::Show(Box::new(answers::event(show, now))), None));
        };
        let (placed, position) = bookings.placed(booking_id).ok_or(BookingError::NotPlaced)?;
        let subject = Subject::Booking(Box::new(placed.clone()), position.sequence);
        Ok((subject, Some(position)))
    }
}

/// The booking that the order is about comes first: the answer shows it. What follows of it comes right after what is there.
fn put(streams: &mut Vec<StreamAppend>, append: StreamAppend, is_named: bool) {
    match streams.first_mut().filter(|first| first.stream == append.stream) {
        Some(first) => first.events.extend(append.events),
        None if is_named => streams.insert(0, append),
        None => streams.push(append),
    }
}

/// Answers those that are at fault and takes them out of the batch.
fn refuse(batch: &mut Vec<Waiting>, error: &OrderError, is_at_fault: impl Fn(&Waiting) -> bool) {
    for waiting in batch.extract_if(.., |waiting| is_at_fault(waiting)) {
        let _ = waiting.reply.send(Err(error.clone()));
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
