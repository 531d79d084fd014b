//! Where a person's stream meets others: who follows a host is told what the host offers, who is interested in an event is
//! told when its sale starts.
//!
//! A subscription lasts from its own time to that of its end; a cause within it is told. Each of the three may come
//! first. Times of a subscription never run backwards, whatever two clocks of one person's requests say.

use chrono::{DateTime, Utc};
use domain::{ShowId, UserId, notification::NotificationKind};
use sqlx::PgConnection;
use uuid::Uuid;

use super::telling::{Cause, MAX_TOLD, News, tell_in_tx};

/// Who wants to be told what about whom, and the place in their stream that says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subscription {
    user_id: UserId,
    kind: NotificationKind,
    subject_id: Uuid,
}

impl Subscription {
    pub(super) const fn to_host(user_id: UserId, host_id: UserId) -> Self {
        Self { user_id, kind: NotificationKind::NewEvent, subject_id: host_id.uuid() }
    }

    pub(super) const fn to_sale(user_id: UserId, show: ShowId) -> Self {
        Self { user_id, kind: NotificationKind::SaleStarted, subject_id: show.uuid() }
    }

    /// From then on; what has come in before it, but happened after it, is told now.
    pub(super) async fn begin_in_tx(
        self,
        tx: &mut PgConnection,
        sequence: i64,
        at: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let since: DateTime<Utc> = sqlx::query_scalar(
            "insert into notification_subscriptions (user_id, kind, subject_id, sequence, since)
             select $1, $2, $3, $4, greatest($5, max(coalesce(until, since))) from notification_subscriptions
             where user_id = $1 and kind = $2 and subject_id = $3
             returning since",
        )
        .bind(self.user_id.uuid())
        .bind(self.kind.name())
        .bind(self.subject_id)
        .bind(sequence)
        .bind(at)
        .fetch_one(&mut *tx)
        .await?;
        let causes: Vec<(Uuid, Uuid, DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(
            "select id, event_id, at, recorded_at from notification_causes
             where subject_id = $1 and kind = $2 and at >= $3 order by at, id",
        )
        .bind(self.subject_id)
        .bind(self.kind.name())
        .bind(since)
        .fetch_all(&mut *tx)
        .await?;
        for (id, event_id, at, recorded_at) in causes {
            let because = Cause { id, at, recorded_at };
            let once_of = id.to_string();
            let news = News { kind: self.kind, because, once_of, event_id, booking_id: None };
            tell_in_tx(tx, &news, &[self.user_id]).await?;
        }
        Ok(())
    }

    /// Until then; what was told, but happened after it, is taken back.
    pub(super) async fn end_in_tx(self, tx: &mut PgConnection, at: DateTime<Utc>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "with ended as (
                 update notification_subscriptions set until = greatest($4, since)
                 where user_id = $1 and kind = $2 and subject_id = $3 and until is null
                 returning until
             )
             delete from notifications n using notification_causes c, ended
             where c.subject_id = $3 and c.kind = $2 and c.at >= ended.until
                   and n.user_id = $1 and n.kind = $2 and n.cause = c.id::text",
        )
        .bind(self.user_id.uuid())
        .bind(self.kind.name())
        .bind(self.subject_id)
        .bind(at)
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// A host offers an event: followers are told.
pub(super) async fn publish_in_tx(
    tx: &mut PgConnection,
    show: ShowId,
    host_id: UserId,
    because: Cause,
) -> Result<(), sqlx::Error> {
    happen_in_tx(tx, NotificationKind::NewEvent, host_id.uuid(), show, because).await
}

/// The sale of an event starts: those who are interested are told.
pub(super) async fn start_sale_in_tx(
    tx: &mut PgConnection,
    show: ShowId,
    because: Cause,
) -> Result<(), sqlx::Error> {
    happen_in_tx(tx, NotificationKind::SaleStarted, show.uuid(), show, because).await
}

/// Tells who subscribes at that time, as far as is known, and keeps the cause for who is not known yet.
async fn happen_in_tx(
    tx: &mut PgConnection,
    kind: NotificationKind,
    subject_id: Uuid,
    show: ShowId,
    because: Cause,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into notification_causes (id, kind, subject_id, event_id, at, recorded_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(because.id)
    .bind(kind.name())
    .bind(subject_id)
    .bind(show.uuid())
    .bind(because.at)
    .bind(because.recorded_at)
    .execute(&mut *tx)
    .await?;
    let once_of = because.id.to_string();
    let news = News { kind, because, once_of, event_id: show.uuid(), booking_id: None };
    let mut told_last = Uuid::nil();
    loop {
        let people: Vec<Uuid> = sqlx::query_scalar(
            "select user_id from notification_subscriptions
             where subject_id = $1 and kind = $2 and since <= $3 and (until is null or until > $3)
                   and user_id > $4
             order by user_id limit $5",
        )
        .bind(subject_id)
        .bind(kind.name())
        .bind(because.at)
        .bind(told_last)
        .bind(MAX_TOLD as i64)
        .fetch_all(&mut *tx)
        .await?;
        let Some(last) = people.last() else { return Ok(()) };
        told_last = *last;
        let people: Vec<UserId> = people.into_iter().map(UserId::new).collect();
        tell_in_tx(tx, &news, &people).await?;
    }
}
