//! How far each stream of a batch has been applied, and which are parked.
//!
//! The rows of streams that were applied before are locked, in one order, so that two instances never apply the same
//! stream at the same time. A stream that is new has no row to lock: its row is made with the place that the batch leads
//! to, and whoever comes second with the same one finds out and begins again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use event_store::{StreamId, event_log::LoggedEvent};
use sqlx::PgConnection;

use crate::{ProjectError, Projection};

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
    ) -> Result<Self, sqlx::Error> {
        let streams: BTreeSet<&StreamId> = events.iter().map(|logged| &logged.event.stream).collect();
        let types: Vec<&str> = streams.iter().map(|stream| stream.kind.as_str()).collect();
        let ids: Vec<&str> = streams.iter().map(|stream| stream.id.as_str()).collect();
        let before: Vec<(String, String, i64)> =
            sqlx::query_as(projection.applied().lock).bind(&types).bind(&ids).fetch_all(&mut *tx).await?;
        let parked: Vec<(String, String, i64)> = sqlx::query_as(
            "select aggregate_type, aggregate_id, max(sequence)
             from parked join unnest($2::text[], $3::text[]) as stream (type, id)
                         on aggregate_type = stream.type and aggregate_id = stream.id
             where projection = $1
             group by aggregate_type, aggregate_id",
        )
        .bind(projection.name())
        .bind(&types)
        .bind(&ids)
        .fetch_all(tx)
        .await?;
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
        let begun = write_in_tx(projection.applied().begin, tx, &new).await.map_err(ProjectError::Read)?;
        if begun < new.len() as u64 {
            return Err(ProjectError::Overtaken);
        }
        write_in_tx(projection.applied().put, tx, &known).await.map_err(ProjectError::Read)?;
        Ok(())
    }

    /// Writes how far the streams that this batch parks have come.
    pub(crate) async fn set_back_in_tx(
        &self,
        projection: &dyn Projection,
        tx: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let applied: Vec<_> =
            self.newly_parked.iter().map(|(stream, sequence)| (stream, sequence - 1)).collect();
        write_in_tx(projection.applied().put, tx, &applied).await?;
        Ok(())
    }
}

/// The number of rows that were written.
async fn write_in_tx(
    sql: &'static str,
    tx: &mut PgConnection,
    places: &[(&StreamId, i64)],
) -> Result<u64, sqlx::Error> {
    if places.is_empty() {
        return Ok(0);
    }
    let types: Vec<&str> = places.iter().map(|(stream, _)| stream.kind.as_str()).collect();
    let ids: Vec<&str> = places.iter().map(|(stream, _)| stream.id.as_str()).collect();
    let sequences: Vec<i64> = places.iter().map(|(_, sequence)| *sequence).collect();
    let written = sqlx::query(sql).bind(&types).bind(&ids).bind(&sequences).execute(tx).await?;
    Ok(written.rows_affected())
}
