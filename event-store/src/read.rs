//! Reading streams, whole or from a known place, with the database's time.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::{
    EventStore, StoredEvent, StreamId, StreamPosition, personal,
    silence::{ANSWER_DEADLINE, answered},
};

/// What streams said at one moment.
#[derive(Debug, Clone)]
pub struct StreamsRead {
    /// Stream by stream in the order asked for, each in sequence.
    pub events: Vec<StoredEvent>,
    /// The database's clock at that moment.
    pub now: DateTime<Utc>,
}

/// Why a stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database did not answer.
    #[error("the write database failed")]
    Database(#[from] sqlx::Error),
    /// An event does not have the shape its type promises.
    #[error("event {sequence} of {stream} cannot be understood")]
    Malformed {
        /// Which stream.
        stream: StreamId,
        /// Which event.
        sequence: i64,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Columns of an event, as [`event_from_row`] reads them.
macro_rules! event_columns {
    () => {
        "aggregate_type, aggregate_id, sequence, event_type, event_version, payload::text as payload, \
         metadata::text as metadata, event_id, recorded_at"
    };
}
pub(crate) use event_columns;

pub(crate) fn event_from_row(row: &PgRow) -> Result<StoredEvent, sqlx::Error> {
    Ok(StoredEvent {
        stream: StreamId { kind: row.try_get("aggregate_type")?, id: row.try_get("aggregate_id")? },
        sequence: row.try_get("sequence")?,
        event_id: row.try_get("event_id")?,
        event_type: row.try_get("event_type")?,
        event_version: row.try_get("event_version")?,
        payload: row.try_get("payload")?,
        metadata: row.try_get("metadata")?,
        recorded_at: row.try_get("recorded_at")?,
    })
}

impl EventStore {
    /// Everything that these streams say after the given places, and the time. One round trip; personal data clear
    /// where the person's key exists.
    ///
    /// # Errors
    /// The database does not answer, or `after` is empty.
    pub async fn read_streams(&self, after: &[StreamPosition]) -> Result<StreamsRead, sqlx::Error> {
        self.read(after, i64::MAX, i64::MAX).await
    }

    /// The next events of one stream; none if it does not go on.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn read_on(&self, after: &StreamPosition, limit: u32) -> Result<StreamsRead, sqlx::Error> {
        self.read_page(after, i64::MAX, limit).await
    }

    async fn read(
        &self,
        after: &[StreamPosition],
        up_to: i64,
        limit: i64,
    ) -> Result<StreamsRead, sqlx::Error> {
        answered!(self.pool, ANSWER_DEADLINE, |connection| self
            .read_on_connection(connection, after, up_to, limit))
    }

    async fn read_on_connection(
        &self,
        connection: &mut PgConnection,
        after: &[StreamPosition],
        up_to: i64,
        limit: i64,
    ) -> Result<StreamsRead, sqlx::Error> {
        let mut read = read_streams(connection, after, up_to, limit).await?;
        self.clock.says(read.now);
        personal::open(connection, &self.master_key, &mut read.events).await?;
        Ok(read)
    }

    /// The database's time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn now(&self) -> Result<DateTime<Utc>, sqlx::Error> {
        sqlx::query_scalar("select clock_timestamp()").fetch_one(self.pool()).await
    }

    /// One whole stream.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn read_stream(&self, stream: &StreamId) -> Result<StreamsRead, sqlx::Error> {
        self.read_streams(&[StreamPosition { stream: stream.clone(), sequence: 0 }]).await
    }

    /// The next events of one stream up to a sequence.
    pub(crate) async fn read_page(
        &self,
        after: &StreamPosition,
        up_to: i64,
        limit: u32,
    ) -> Result<StreamsRead, sqlx::Error> {
        self.read(std::slice::from_ref(after), up_to, limit.into()).await
    }
}

async fn read_streams(
    connection: &mut PgConnection,
    after: &[StreamPosition],
    up_to: i64,
    limit: i64,
) -> Result<StreamsRead, sqlx::Error> {
    let types: Vec<&str> = after.iter().map(|p| p.stream.kind.as_str()).collect();
    let ids: Vec<&str> = after.iter().map(|p| p.stream.id.as_str()).collect();
    let sequences: Vec<i64> = after.iter().map(|p| p.sequence).collect();
    // The left join answers with the time even where no event is new. The range on the primary key keeps the plan
    // right, whatever the table's size was when it was made.
    let rows = sqlx::query(concat!(
        "select clock_timestamp() as now, e.*
         from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as wanted (type, id, after, place)
         left join lateral (
             select ",
        event_columns!(),
        "
             from events
             where aggregate_type = wanted.type and aggregate_id = wanted.id and sequence > wanted.after
               and sequence <= $4
             order by sequence
             limit $5
         ) e on true
         order by place, e.sequence"
    ))
    .bind(&types)
    .bind(&ids)
    .bind(&sequences)
    .bind(up_to)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let now = rows.first().ok_or(sqlx::Error::RowNotFound)?.try_get("now")?;
    let events = rows
        .iter()
        .filter(|row| !matches!(row.try_get::<Option<i64>, _>("sequence"), Ok(None)))
        .map(event_from_row)
        .collect::<Result<_, _>>()?;
    Ok(StreamsRead { events, now })
}
