//! The row of a notification.

use chrono::{DateTime, Utc};
use domain::{
    NotificationId, UserId,
    notification::{Channel, NotificationKind},
};
use event_store::StoredEvent;
use sqlx::PgConnection;
use uuid::Uuid;

/// Most people who are told by one statement.
pub(super) const MAX_TOLD: usize = 1_000;

/// The domain event because of which somebody is told something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cause {
    pub(super) id: Uuid,
    /// The time of the fact.
    pub(super) at: DateTime<Utc>,
    /// The time at which it was stored.
    pub(super) recorded_at: DateTime<Utc>,
}

impl Cause {
    pub(super) const fn new(event: &StoredEvent, at: DateTime<Utc>) -> Self {
        Self { id: event.event_id, at, recorded_at: event.recorded_at }
    }
}

/// What a notification is about.
#[derive(Debug)]
pub(super) struct News<'a> {
    pub(super) kind: NotificationKind,
    pub(super) because: Cause,
    /// What it is told once of.
    pub(super) once_of: &'a str,
    pub(super) event_id: Uuid,
    pub(super) booking_id: Option<Uuid>,
}

/// Tells people, [`MAX_TOLD`] at the most, unless they are gone; each by the channel that they wanted at that time.
pub(super) async fn tell_in_tx(
    tx: &mut PgConnection,
    news: &News<'_>,
    people: &[UserId],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = people.iter().map(|person| id(news.because, *person)).collect();
    let people: Vec<Uuid> = people.iter().map(|person| person.uuid()).collect();
    sqlx::query(
        "insert into notifications (id, user_id, kind, event_id, booking_id, created_at, cause, caused_at, read_at,
                                    channel)
         select told.id, told.user_id, $3, $4, $5, $6, $7, $8,
                (select r.read_at from notification_reads r
                 where r.user_id = told.user_id and r.notification_id = told.id),
                coalesce((select p.channel from notification_preferences p
                          where p.user_id = told.user_id and p.kind = $3 and p.since <= $8
                          order by p.sequence desc limit 1), $9)
         from unnest($1::uuid[], $2::uuid[]) as told (id, user_id)
         where not exists (select from notification_erased e where e.user_id = told.user_id)
         on conflict (user_id, kind, cause) do nothing",
    )
    .bind(ids)
    .bind(people)
    .bind(news.kind.name())
    .bind(news.event_id)
    .bind(news.booking_id)
    .bind(news.because.recorded_at)
    .bind(news.once_of)
    .bind(news.because.at)
    .bind(Channel::default().name())
    .execute(tx)
    .await?;
    Ok(())
}

fn id(because: Cause, person: UserId) -> Uuid {
    let millis = because.recorded_at.timestamp_millis().unsigned_abs();
    NotificationId::of(because.id, millis, person).uuid()
}
