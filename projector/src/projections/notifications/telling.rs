//! The row of a notification.

use chrono::{DateTime, Utc};
use domain::{
    NotificationId, UserId,
    notification::{Channel, NotificationKind},
};
use event_store::StoredEvent;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::projection::column;

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
pub(super) struct News {
    pub(super) kind: NotificationKind,
    pub(super) because: Cause,
    /// What it is told once of.
    pub(super) once_of: String,
    pub(super) event_id: Uuid,
    pub(super) booking_id: Option<Uuid>,
}

/// Tells one thing to people, unless they are gone.
pub(super) async fn tell_in_tx(
    tx: &mut PgConnection,
    news: &News,
    people: &[UserId],
) -> Result<(), sqlx::Error> {
    let told: Vec<(&News, UserId)> = people.iter().map(|person| (news, *person)).collect();
    tell_each_in_tx(tx, &told).await
}

/// Tells people, unless they are gone; each by the channel that they wanted at that time.
pub(super) async fn tell_each_in_tx(
    tx: &mut PgConnection,
    told: &[(&News, UserId)],
) -> Result<(), sqlx::Error> {
    for told in told.chunks(MAX_TOLD) {
        sqlx::query(
            "insert into notifications (id, user_id, kind, event_id, booking_id, created_at, cause, caused_at,
                                        read_at, channel)
             select told.*,
                    (select r.read_at from notification_reads r
                     where r.user_id = told.user_id and r.notification_id = told.id),
                    coalesce((select p.channel from notification_preferences p
                              where p.user_id = told.user_id and p.kind = told.kind and p.since <= told.caused_at
                              order by p.sequence desc limit 1), $9)
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::timestamptz[],
                         $7::text[], $8::timestamptz[])
                  as told (id, user_id, kind, event_id, booking_id, created_at, cause, caused_at)
             where not exists (select from notification_erased e where e.user_id = told.user_id)
             on conflict (user_id, kind, cause) do nothing",
        )
        .bind(column(told, |(news, person)| id(news.because, *person)))
        .bind(column(told, |(_, person)| person.uuid()))
        .bind(column(told, |(news, _)| news.kind.name()))
        .bind(column(told, |(news, _)| news.event_id))
        .bind(column(told, |(news, _)| news.booking_id))
        .bind(column(told, |(news, _)| news.because.recorded_at))
        .bind(column(told, |(news, _)| news.once_of.as_str()))
        .bind(column(told, |(news, _)| news.because.at))
        .bind(Channel::default().name())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

fn id(because: Cause, person: UserId) -> Uuid {
    let millis = because.recorded_at.timestamp_millis().unsigned_abs();
    NotificationId::of(because.id, millis, person).uuid()
}
