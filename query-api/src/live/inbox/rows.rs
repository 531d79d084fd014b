//! What is in an inbox since a place.

use chrono::{DateTime, TimeDelta, Utc};
use contract::Notification;
use sqlx::{PgPool, Postgres, QueryBuilder, postgres::PgRow};
use uuid::Uuid;

use super::Place;
use crate::{list::Listed, rows::notification::IN_THE_INBOX};

/// How much later than a younger one a notification may come in and still be told.
pub(super) const LATENESS: TimeDelta = TimeDelta::minutes(1);
/// Most notifications of a person that are told at once: the newest.
pub(super) const MAX_AT_ONCE: i64 = 100;

/// What somebody was told after a place, the newest [`MAX_AT_ONCE`] of it, in order.
pub(super) async fn after(
    pool: &PgPool,
    person: Uuid,
    place: Place,
) -> Result<Vec<Notification>, sqlx::Error> {
    let mut query = select();
    query.push("n.user_id = ").push_bind(person).push(" and ").push(IN_THE_INBOX);
    query.push(" and (n.created_at, n.id) > (").push_bind(place.created_at);
    query.push(", ").push_bind(place.id);
    query.push(") order by n.created_at desc, n.id desc limit ").push_bind(MAX_AT_ONCE);
    let rows = query.build().fetch_all(pool).await?;
    rows.iter().rev().map(from_row).collect()
}

/// These notifications, in order.
pub(super) async fn named(pool: &PgPool, ids: Vec<Uuid>) -> Result<Vec<(Uuid, Notification)>, sqlx::Error> {
    let mut query = select();
    query.push("n.id = any(").push_bind(ids).push(") order by n.created_at, n.id");
    let rows = query.build().fetch_all(pool).await?;
    rows.iter().map(|row| Ok((sqlx::Row::try_get(row, "user_id")?, from_row(row)?))).collect()
}

fn select<'q>() -> QueryBuilder<'q, Postgres> {
    let mut query = QueryBuilder::new("select n.user_id, ");
    query.push(Notification::COLUMNS).push(" from ").push(Notification::TABLES).push(" where ");
    query
}

fn from_row(row: &PgRow) -> Result<Notification, sqlx::Error> {
    <Notification as Listed>::from_row(row)
}

/// The newest places in an inbox.
pub(super) async fn newest(pool: &PgPool, person: Uuid) -> Result<Vec<Place>, sqlx::Error> {
    let places = newest_since(pool, &[(person, DateTime::UNIX_EPOCH)]).await?;
    Ok(places.into_iter().map(|(_, place)| place).collect())
}

/// For each of these people the newest places in their inbox that are younger than that, [`MAX_AT_ONCE`] at the most. One
/// query for all of them.
pub(super) async fn newest_since(
    pool: &PgPool,
    people: &[(Uuid, DateTime<Utc>)],
) -> Result<Vec<(Uuid, Place)>, sqlx::Error> {
    let (people, times): (Vec<Uuid>, Vec<DateTime<Utc>>) = people.iter().copied().unzip();
    let rows: Vec<(Uuid, DateTime<Utc>, Uuid)> = sqlx::query_as(
        "select watched.person, newest.created_at, newest.id
         from unnest($1::uuid[], $2::timestamptz[]) as watched (person, since)
         cross join lateral (
             select n.created_at, n.id from notifications n
             where n.user_id = watched.person and n.channel in ('inbox', 'both') and n.created_at > watched.since
             order by n.created_at desc, n.id desc limit $3
         ) newest",
    )
    .bind(people)
    .bind(times)
    .bind(MAX_AT_ONCE)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|(person, created_at, id)| (person, Place { created_at, id })).collect())
}
