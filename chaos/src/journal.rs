//! What was asked of the system and what it answered.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A stream: its type and its id.
pub(crate) type StreamKey = (String, String);

/// What a command was about.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    Register,
    LogIn,
    CreateEvent,
    Publish { event: Uuid },
    CancelEvent { event: Uuid },
    ChangeEvent { event: Uuid },
    Book(Wanted),
    Extend { booking: Uuid },
    CancelBooking { booking: Uuid },
    Pay { booking: Uuid },
    Follow { host: Uuid },
    Unfollow { host: Uuid },
    ShowInterest { event: Uuid },
}

/// What a booking asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) event: Uuid,
    pub(crate) attendee: Uuid,
    pub(crate) tickets: Vec<(Uuid, u64)>,
    pub(crate) seats: Vec<Uuid>,
}

/// One command; with a key it may be asked several times.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) order: Order,
    /// Whether it has an Idempotency-Key.
    pub(crate) has_key: bool,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// Its command's place in the journal.
    pub(crate) command: usize,
    /// What the events that it leads to say about where they come from.
    pub(crate) correlation: Uuid,
    pub(crate) started: DateTime<Utc>,
    pub(crate) ended: DateTime<Utc>,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Ok(Success),
    /// A definite no: nothing was changed.
    Refused {
        status: u16,
        code: String,
    },
    /// No answer, or one that says that nothing is known.
    Unknown {
        why: String,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Success {
    pub(crate) status: u16,
    /// What was made or changed, if the answer says so.
    pub(crate) id: Option<Uuid>,
    /// Of the whole body.
    pub(crate) digest: [u8; 32],
    /// What the Consistency-Token says was written: streams and sequences.
    pub(crate) written: Vec<(StreamKey, i64)>,
}

/// Events that the checker itself wrote into the database, round the product.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    pub(crate) stream: StreamKey,
    pub(crate) events: i64,
    /// Whether the commit was acknowledged.
    pub(crate) acknowledged: bool,
    /// Whether no projection can apply it.
    pub(crate) poison: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Entries>);

#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) commands: Vec<Command>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) planted: Vec<Planted>,
    /// Streams of which Kafka was made to lose records.
    pub(crate) lost_in_kafka: Vec<StreamKey>,
    /// Found while it ran.
    pub(crate) findings: Vec<(&'static str, String)>,
}

impl Journal {
    pub(crate) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it, when nothing more is written.
    pub(crate) fn take(&self) -> Entries {
        std::mem::take(&mut self.entries())
    }

    /// A new command; its place.
    pub(crate) fn command(&self, order: Order, has_key: bool) -> usize {
        let mut entries = self.entries();
        entries.commands.push(Command { order, has_key });
        entries.commands.len() - 1
    }
}

impl Order {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::LogIn => "log in",
            Self::CreateEvent => "create event",
            Self::Publish { .. } => "publish event",
            Self::CancelEvent { .. } => "cancel event",
            Self::ChangeEvent { .. } => "change event",
            Self::Book(_) => "book",
            Self::Extend { .. } => "extend hold",
            Self::CancelBooking { .. } => "cancel booking",
            Self::Pay { .. } => "pay booking",
            Self::Follow { .. } => "follow host",
            Self::Unfollow { .. } => "unfollow host",
            Self::ShowInterest { .. } => "show interest",
        }
    }
}

impl Order {
    /// The type of the stream that it begins, if it does; a success says its id.
    pub(crate) const fn makes(&self) -> Option<&'static str> {
        match self {
            Self::CreateEvent => Some("event"),
            Self::Book(_) => Some("booking"),
            Self::Register
            | Self::LogIn
            | Self::Publish { .. }
            | Self::CancelEvent { .. }
            | Self::ChangeEvent { .. }
            | Self::Extend { .. }
            | Self::CancelBooking { .. }
            | Self::Pay { .. }
            | Self::Follow { .. }
            | Self::Unfollow { .. }
            | Self::ShowInterest { .. } => None,
        }
    }

    /// Whether a success says what was written.
    pub(crate) const fn writes(&self) -> bool {
        !matches!(self, Self::LogIn)
    }

    /// The stream that it is about, if that is there already.
    pub(crate) fn subject(&self) -> Option<StreamKey> {
        let (kind, id) = match self {
            Self::Register | Self::LogIn | Self::CreateEvent => return None,
            Self::Publish { event }
            | Self::CancelEvent { event }
            | Self::ChangeEvent { event }
            | Self::ShowInterest { event }
            | Self::Book(Wanted { event, .. }) => ("event", event),
            Self::Extend { booking } | Self::CancelBooking { booking } | Self::Pay { booking } => {
                ("booking", booking)
            }
            Self::Follow { host } | Self::Unfollow { host } => ("user", host),
        };
        Some((kind.to_owned(), id.to_string()))
    }
}

impl Outcome {
    pub(crate) const fn success(&self) -> Option<&Success> {
        match self {
            Self::Ok(success) => Some(success),
            Self::Refused { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// Seconds with a tenth, for people.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
