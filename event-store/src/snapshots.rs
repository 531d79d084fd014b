//! What a long stream folds to, so that it need not be read whole.
//!
//! A snapshot is a head, and parts that are read when they are needed. Several processes may keep snapshots of the same
//! stream: a newer one replaces an older one, and a reader of parts notices when they are no longer those of its head.
//! Nothing depends on them: without a snapshot, the stream is read from its beginning. What is in them is the folder's
//! business, which must put no personal data there.

use sqlx::Row;

use crate::{EventStore, StreamId};

/// The head of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last event that is folded in.
    pub sequence: i64,
    /// What it folds to, apart from the parts.
    pub head: Vec<u8>,
}

/// A part of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPart {
    /// Its number.
    pub number: u8,
    /// What is in it.
    pub body: Vec<u8>,
}

impl EventStore {
    /// The newest snapshot of a stream that this version of the folding made.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn snapshot(
        &self,
        stream: &StreamId,
        fold_version: i32,
    ) -> Result<Option<Snapshot>, sqlx::Error> {
        let row = sqlx::query(
            "select sequence, head from snapshots
             where aggregate_type = $1 and aggregate_id = $2 and fold_version = $3",
        )
        .bind(&stream.kind)
        .bind(&stream.id)
        .bind(fold_version)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| Ok(Snapshot { sequence: row.try_get("sequence")?, head: row.try_get("head")? }))
            .transpose()
    }

    /// Some parts of the snapshot with that sequence, empty ones left out; nothing if there is another one meanwhile, or
    /// none.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn snapshot_parts(
        &self,
        stream: &StreamId,
        fold_version: i32,
        sequence: i64,
        parts: impl IntoIterator<Item = u8>,
    ) -> Result<Option<Vec<SnapshotPart>>, sqlx::Error> {
        let parts: Vec<i16> = parts.into_iter().map(i16::from).collect();
        let rows = sqlx::query(
            "select part, body from snapshots s
             left join snapshot_parts p
                 on p.aggregate_type = s.aggregate_type and p.aggregate_id = s.aggregate_id
                 and part = any($5)
             where s.aggregate_type = $1 and s.aggregate_id = $2 and fold_version = $3 and sequence = $4",
        )
        .bind(&stream.kind)
        .bind(&stream.id)
        .bind(fold_version)
        .bind(sequence)
        .bind(&parts)
        .fetch_all(&self.pool)
        .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut found = Vec::new();
        for row in rows {
            if let Some(number) = row.try_get::<Option<i16>, _>("part")? {
                let number = u8::try_from(number).map_err(|error| sqlx::Error::Decode(error.into()))?;
                found.push(SnapshotPart { number, body: row.try_get("body")? });
            }
        }
        Ok(Some(found))
    }

    /// Keeps a snapshot. Based on an older one, by its sequence, `parts` are those that are others now; based on none,
    /// all of them. Answers whether it was kept: not if there is a newer one, or the older one is gone.
    ///
    /// # Errors
    /// The database does not answer; nothing was kept then.
    pub async fn keep_snapshot(
        &self,
        stream: &StreamId,
        fold_version: i32,
        based_on: Option<i64>,
        snapshot: &Snapshot,
        parts: &[SnapshotPart],
    ) -> Result<bool, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let kept = match based_on {
            // An older one of the same folding, or the same that was replaced by somebody else meanwhile: what changed
            // since ours changed since theirs.
            Some(base) => {
                sqlx::query(
                    "update snapshots set sequence = $4, head = $5
                     where aggregate_type = $1 and aggregate_id = $2 and fold_version = $3
                       and sequence >= $6 and sequence < $4",
                )
                .bind(&stream.kind)
                .bind(&stream.id)
                .bind(fold_version)
                .bind(snapshot.sequence)
                .bind(&snapshot.head)
                .bind(base)
                .execute(&mut *tx)
                .await?
            }
            None => {
                sqlx::query(
                    "insert into snapshots (aggregate_type, aggregate_id, fold_version, sequence, head)
                     values ($1, $2, $3, $4, $5)
                     on conflict (aggregate_type, aggregate_id) do update
                         set fold_version = excluded.fold_version, sequence = excluded.sequence,
                             head = excluded.head
                         where (snapshots.fold_version, snapshots.sequence)
                             < (excluded.fold_version, excluded.sequence)",
                )
                .bind(&stream.kind)
                .bind(&stream.id)
                .bind(fold_version)
                .bind(snapshot.sequence)
                .bind(&snapshot.head)
                .execute(&mut *tx)
                .await?
            }
        };
        if kept.rows_affected() == 0 {
            return Ok(false);
        }
        if based_on.is_none() {
            sqlx::query("delete from snapshot_parts where aggregate_type = $1 and aggregate_id = $2")
                .bind(&stream.kind)
                .bind(&stream.id)
                .execute(&mut *tx)
                .await?;
        }
        let numbers: Vec<i16> = parts.iter().map(|part| part.number.into()).collect();
        let bodies: Vec<&[u8]> = parts.iter().map(|part| part.body.as_slice()).collect();
        sqlx::query(
            "insert into snapshot_parts (aggregate_type, aggregate_id, part, body)
             select $1, $2, part, body from unnest($3::smallint[], $4::bytea[]) as part (part, body)
             on conflict (aggregate_type, aggregate_id, part) do update set body = excluded.body",
        )
        .bind(&stream.kind)
        .bind(&stream.id)
        .bind(&numbers)
        .bind(&bodies)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }
}
