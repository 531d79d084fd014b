//! How far each stream of a batch has been applied, and which are parked.
//!
//! The rows of streams that were applied before are locked, in one order, so that two instances never apply the same
//! stream at the same time. A stream that is new has no row to lock: its row is made with the place that the batch leads
//! to, and whoever comes second with the same one finds out and begins again. A stream whose first event is in the batch
//! is taken for new, until that turns out to be wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use event_store::{StreamId, event_log::LoggedEvent};
use sqlx::PgConnection;

use crate::{ProjectError, Projection};

/// What a first event of a stream says of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstEvents {
    /// It has not been applied before: there is no row to look for.
    OfNewStreams,
    /// Nothing: it may have come before.
    Unknown,
}

/// A sequence of a stream: its type, its id.
type Place = (String, String, i64);

pub(crate) struct Streams {
    /// As the rows say that were there.
    before: BTreeMap<StreamId, i64>,
    /// What the batch leads to, parked events among it.
    after: BTreeMap<StreamId, i64>,
    /// The last parked sequence of streams that were parked before.
    parked: HashMap<StreamId, i64>,
    /// The first sequence that this batch parks of others.
    newly_parked: BTreeMap<StreamId, i64>,
}

impl Streams {
    pub(crate) async fn lock_in_tx(
        projection: &dyn Projection,
        tx: &mut PgConnection,
        events: &[LoggedEvent],
        first_events: FirstEvents,
    ) -> Result<Self, sqlx::Error> {
        let streams: BTreeSet<&StreamId> = events.iter().map(|logged| &logged.event.stream).collect();
        let new: HashSet<&StreamId> = match first_events {
            FirstEvents::OfNewStreams => {
                let first = events.iter().filter(|logged| logged.event.sequence == 1);
                first.map(|logged| &logged.event.stream).collect()
            }
            FirstEvents::Unknown => HashSet::new(),
        };
        let (types, ids) = columns(streams.into_iter().filter(|stream| !new.contains(stream)));
        let (mut before, mut parked): (Vec<Place>, Vec<Place>) = Default::default();
        if !types.is_empty() {
            let lock = sqlx::query_as(projection.applied().lock);
            before = lock.bind(&types).bind(&ids).fetch_all(&mut *tx).await?;
            // After the lock, which may have waited for who parks one of them. A stream that is parked has a row there.
            let of_these = sqlx::query_as(
                "select aggregate_type, aggregate_id, max(sequence)
                 from parked join unnest($2::text[], $3::text[]) as stream (type, id)
                             on aggregate_type = stream.type and aggregate_id = stream.id
                 where projection = $1
                 group by aggregate_type, aggregate_id",
            );
            parked = of_these.bind(projection.name()).bind(&types).bind(&ids).fetch_all(tx).await?;
        }
        let of = |(kind, id, sequence)| (StreamId { kind, id }, sequence);
        Ok(Self {
            before: before.into_iter().map(of).collect(),
            after: BTreeMap::new(),
            parked: parked.into_iter().map(of).collect(),
            newly_parked: BTreeMap::new(),
        })
    }

    /// The sequence that is to come. What is parked counts as seen: it waits to be resumed.
    pub(crate) fn next(&self, stream: &StreamId) -> i64 {
        let applied = self.after.get(stream).or_else(|| self.before.get(stream));
        applied.max(self.parked.get(stream)).copied().unwrap_or(0) + 1
    }

    pub(crate) fn is_parked(&self, stream: &StreamId) -> bool {
        self.parked.contains_key(stream) || self.newly_parked.contains_key(stream)
    }

    pub(crate) fn seen(&mut self, stream: &StreamId, sequence: i64) {
        match self.parked.get_mut(stream) {
            Some(parked) => *parked = sequence,
            None => {
                self.after.insert(stream.clone(), sequence);
            }
        }
    }

    /// From this one on the stream is parked, though [`move_on_in_tx`](Self::move_on_in_tx) has counted on it.
    pub(crate) fn park(&mut self, stream: &StreamId, sequence: i64) {
        self.newly_parked.insert(stream.clone(), sequence);
    }

    /// Writes what the batch leads to, before its rows: from here on nobody else applies these streams.
    pub(crate) async fn move_on_in_tx(
        &self,
        projection: &dyn Projection,
        tx: &mut PgConnection,
    ) -> Result<(), ProjectError> {
        let places = || self.after.iter().map(|(stream, sequence)| (stream, *sequence));
        let (known, new): (Vec<_>, Vec<_>) =
            places().partition(|(stream, _)| self.before.contains_key(stream));
        match write_in_tx(projection.applied().begin, tx, &new).await {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Err(ProjectError::Overtaken);
            }
            begun => begun.map_err(ProjectError::Read)?,
        }
        write_in_tx(projection.applied().put, tx, &known).await.map_err(ProjectError::Read)
    }

    /// Writes how far the streams that this batch parks have come.
    pub(crate) async fn set_back_in_tx(
        &self,
        projection: &dyn Projection,
        tx: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let applied: Vec<_> =
            self.newly_parked.iter().map(|(stream, sequence)| (stream, sequence - 1)).collect();
        write_in_tx(projection.applied().put, tx, &applied).await
    }
}

/// Types and ids.
fn columns<'a>(streams: impl Iterator<Item = &'a StreamId>) -> (Vec<&'a str>, Vec<&'a str>) {
    streams.map(|stream| (stream.kind.as_str(), stream.id.as_str())).unzip()
}

async fn write_in_tx(
    sql: &'static str,
    tx: &mut PgConnection,
    places: &[(&StreamId, i64)],
) -> Result<(), sqlx::Error> {
    if places.is_empty() {
        return Ok(());
    }
    let (types, ids) = columns(places.iter().map(|(stream, _)| *stream));
    let sequences: Vec<i64> = places.iter().map(|(_, sequence)| *sequence).collect();
    sqlx::query(sql).bind(&types).bind(&ids).bind(&sequences).execute(tx).await?;
    Ok(())
}
