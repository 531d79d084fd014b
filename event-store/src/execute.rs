//! One command to one stream, through cqrs-es's framework.
//!
//! The framework loads, decides and commits; the store it is given here commits with a receipt and with whatever else
//! belongs into the same transaction.

use std::{
    collections::HashMap,
    marker::PhantomData,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use cqrs_es::{Aggregate, AggregateContext, AggregateError, CqrsFramework, EventEnvelope};
use sqlx::PgConnection;

use crate::{
    Append, AppendError, EventStore, Metadata, NewEvent, NewReceipt, ReadError, StreamAppend, StreamId,
    StreamPosition,
};

/// How often a command is decided anew because its stream went on meanwhile.
const MAX_ATTEMPTS: u32 = 8;

/// Events that are in memory at a time while an aggregate is loaded.
const PAGE: u32 = 5_000;

/// What accompanies a command.
#[derive(Debug, Clone, Default)]
pub struct CommandContext {
    /// Who gave it, and in which conversation.
    pub metadata: Metadata,
    /// The receipt, if the command has an id.
    pub receipt: Option<NewReceipt>,
}

/// Rows that must be written in the transaction of an append, such as credentials with a registration.
#[async_trait]
pub trait Companion: Send + Sync {
    /// Writes them.
    ///
    /// # Errors
    /// [`AppendError::Claimed`] if somebody else has what they claim, or the database failed.
    async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), AppendError>;
}

/// Nothing accompanies the append.
#[derive(Debug, Clone, Copy)]
pub struct NoCompanion;

#[async_trait]
impl Companion for NoCompanion {
    async fn write_in_tx(&self, _: &mut PgConnection) -> Result<(), AppendError> {
        Ok(())
    }
}

/// What a command did.
#[derive(Debug, Clone)]
pub struct Executed<A> {
    /// The aggregate after it.
    pub aggregate: A,
    /// Where its stream stands.
    pub position: StreamPosition,
}

/// Why a command did nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<E: std::error::Error + 'static> {
    /// A rule of the aggregate refused it.
    #[error("refused")]
    Refused(#[source] E),
    /// The append failed.
    #[error("the append failed")]
    Append(#[source] AppendError),
    /// The stream could not be read.
    #[error("the stream cannot be read")]
    Read(#[source] ReadError),
}

impl EventStore {
    /// Loads the stream, lets the aggregate decide, appends. Decides again when the stream went on meanwhile.
    ///
    /// # Errors
    /// See [`ExecuteError`]; nothing was appended then, save where [`AppendError::Database`] says so.
    pub async fn execute<A: Aggregate + Clone>(
        &self,
        id: &str,
        command: A::Command,
        context: &CommandContext,
        companion: &dyn Companion,
    ) -> Result<Executed<A>, ExecuteError<A::Error>>
    where
        A::Command: Clone,
        A::Services: Default,
        A::Error: 'static,
    {
        let mut attempt = 1;
        loop {
            let outcome = Mutex::new(Outcome::default());
            let store =
                CommandStore::<A> { store: self, context, companion, outcome: &outcome, a: PhantomData };
            let framework = CqrsFramework::new(store, vec![], A::Services::default());
            let result = framework.execute(id, command.clone()).await;
            let outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
            match (result, outcome) {
                (Ok(()), Outcome::Done(executed)) => return Ok(executed),
                (Err(AggregateError::UserError(refusal)), _) => return Err(ExecuteError::Refused(refusal)),
                (_, Outcome::AppendFailed(AppendError::Conflict { .. })) if attempt < MAX_ATTEMPTS => {
                    attempt += 1
                }
                (_, Outcome::AppendFailed(error)) => return Err(ExecuteError::Append(error)),
                (_, Outcome::ReadFailed(error)) => return Err(ExecuteError::Read(error)),
                (_, Outcome::Pending) | (Err(_), Outcome::Done(_)) => {
                    unreachable!("the framework refuses, or hands on what the store noted")
                }
            }
        }
    }

    /// Loads an aggregate and the place its stream stands at; sequence 0 for one that is not there.
    ///
    /// # Errors
    /// The database does not answer, or an event is malformed.
    pub async fn load<A: Aggregate>(&self, id: &str) -> Result<(A, i64), ReadError> {
        self.load_at(id, i64::MAX).await
    }

    /// Loads an aggregate as it was at a place in its stream.
    ///
    /// # Errors
    /// The database does not answer, or an event is malformed.
    pub async fn load_at<A: Aggregate>(&self, id: &str, sequence: i64) -> Result<(A, i64), ReadError> {
        let mut aggregate = A::default();
        let mut at = StreamPosition { stream: StreamId::new(A::TYPE, id), sequence: 0 };
        loop {
            let page = self.read_page(&at, sequence, PAGE).await?;
            for event in &page.events {
                let malformed = |source| ReadError::Malformed {
                    stream: event.stream.clone(),
                    sequence: event.sequence,
                    source,
                };
                aggregate.apply(event.decode().map_err(malformed)?);
                at.sequence = event.sequence;
            }
            if page.events.len() < PAGE as usize {
                return Ok((aggregate, at.sequence));
            }
        }
    }
}

/// What the framework's error type cannot carry.
#[derive(Default)]
enum Outcome<A> {
    #[default]
    Pending,
    Done(Executed<A>),
    AppendFailed(AppendError),
    ReadFailed(ReadError),
}

/// The event store as cqrs-es sees it, for one command.
struct CommandStore<'a, A: Aggregate> {
    store: &'a EventStore,
    context: &'a CommandContext,
    companion: &'a dyn Companion,
    outcome: &'a Mutex<Outcome<A>>,
    a: PhantomData<fn() -> A>,
}

struct Loaded<A> {
    id: String,
    aggregate: A,
    sequence: i64,
}

impl<A: Aggregate> AggregateContext<A> for Loaded<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}

impl<A: Aggregate> CommandStore<'_, A> {
    fn note(&self, outcome: Outcome<A>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }

    async fn append(&self, append: Append) -> Result<(), AppendError> {
        if append.streams.iter().all(|stream| stream.events.is_empty()) {
            return Ok(());
        }
        self.store.append_with(&[append], self.companion).await
    }
}

impl<A: Aggregate> cqrs_es::EventStore<A> for CommandStore<'_, A> {
    type AC = Loaded<A>;

    async fn load_events(&self, id: &str) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let read = self.store.read_stream(&StreamId::new(A::TYPE, id)).await.map_err(database)?;
        let envelope = |event: &crate::StoredEvent| {
            Ok(EventEnvelope {
                aggregate_id: event.stream.id.clone(),
                sequence: usize::try_from(event.sequence).map_err(database)?,
                payload: event.decode().map_err(database)?,
                metadata: serde_json::from_str(&event.metadata).map_err(database)?,
            })
        };
        read.events.iter().map(envelope).collect()
    }

    async fn load_aggregate(&self, id: &str) -> Result<Loaded<A>, AggregateError<A::Error>> {
        match self.store.load::<A>(id).await {
            Ok((aggregate, sequence)) => Ok(Loaded { id: id.to_owned(), aggregate, sequence }),
            Err(error) => {
                self.note(Outcome::ReadFailed(error));
                Err(AggregateError::UnexpectedError("noted".into()))
            }
        }
    }

    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Loaded<A>,
        _: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let stream = StreamId::new(A::TYPE, &context.id);
        let sequence = context.sequence + events.len() as i64;
        let new = |event| NewEvent::from_domain(event, &self.context.metadata);
        let append = Append {
            streams: vec![StreamAppend {
                stream: stream.clone(),
                expected_sequence: context.sequence,
                events: events.iter().map(new).collect(),
            }],
            receipt: self.context.receipt.clone(),
        };
        match self.append(append).await {
            Ok(()) => {
                // The sink has applied the new events to the aggregate already.
                let position = StreamPosition { stream, sequence };
                self.note(Outcome::Done(Executed { aggregate: context.aggregate, position }));
                Ok(vec![])
            }
            Err(error) => {
                self.note(Outcome::AppendFailed(error));
                Err(AggregateError::AggregateConflict)
            }
        }
    }
}

fn database<E: std::error::Error>(
    error: impl std::error::Error + Send + Sync + 'static,
) -> AggregateError<E> {
    AggregateError::DatabaseConnectionError(Box::new(error))
}
