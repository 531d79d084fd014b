//! What people want to be told and how, and what of it they have read.

use chrono::{DateTime, Utc};
use domain::{
    NotificationId, UserId,
    notification::{Channel, NotificationKind},
    user::UserEvent,
};
use event_store::StoredEvent;
use sqlx::PgConnection;

use super::subscriptions::Subscription;
use crate::ApplyError;

pub(super) async fn apply_in_tx(tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
    let sequence = event.sequence;
    match event.decode()? {
        UserEvent::HostFollowed { user_id, host_id, at } => {
            Subscription::to_host(user_id, host_id).begin_in_tx(tx, sequence, at).await?;
        }
        UserEvent::HostUnfollowed { user_id, host_id, at } => {
            Subscription::to_host(user_id, host_id).end_in_tx(tx, at).await?;
        }
        UserEvent::InterestShown { user_id, event_id, at } => {
            Subscription::to_sale(user_id, event_id).begin_in_tx(tx, sequence, at).await?;
        }
        UserEvent::InterestWithdrawn { user_id, event_id, at } => {
            Subscription::to_sale(user_id, event_id).end_in_tx(tx, at).await?;
        }
        UserEvent::PreferencesChanged { user_id, preferences, at } => {
            for (kind, channel) in preferences.said() {
                prefer_in_tx(tx, user_id, kind, channel, sequence, at).await?;
            }
        }
        UserEvent::NotificationRead { user_id, notification_id, at } => {
            read_in_tx(tx, user_id, notification_id, at).await?;
        }
        UserEvent::UserErased { user_id, .. } => erase_in_tx(tx, user_id).await?,
        UserEvent::UserRegistered { .. } | UserEvent::UserChanged { .. } => {}
    }
    Ok(())
}

/// From then on; what has come in before it, but happened after it, goes by the new channel, too.
async fn prefer_in_tx(
    tx: &mut PgConnection,
    user_id: UserId,
    kind: NotificationKind,
    channel: Channel,
    sequence: i64,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with preferred as (
             insert into notification_preferences (user_id, kind, sequence, since, channel)
             select $1, $2, $3, greatest($4, max(since)), $5 from notification_preferences
             where user_id = $1 and kind = $2
             returning since
         )
         update notifications n set channel = $5 from preferred
         where n.user_id = $1 and n.kind = $2 and n.caused_at >= preferred.since",
    )
    .bind(user_id.uuid())
    .bind(kind.name())
    .bind(sequence)
    .bind(at)
    .bind(channel.name())
    .execute(tx)
    .await?;
    Ok(())
}

async fn read_in_tx(
    tx: &mut PgConnection,
    user_id: UserId,
    notification_id: NotificationId,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with read as (
             insert into notification_reads (user_id, notification_id, read_at) values ($1, $2, $3)
         )
         update notifications set read_at = $3 where id = $2 and user_id = $1",
    )
    .bind(user_id.uuid())
    .bind(notification_id.uuid())
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}

async fn erase_in_tx(tx: &mut PgConnection, user_id: UserId) -> Result<(), sqlx::Error> {
    for statement in [
        "insert into notification_erased (user_id) values ($1)",
        "delete from notifications where user_id = $1",
        "delete from notification_subscriptions where user_id = $1",
        "delete from notification_preferences where user_id = $1",
        "delete from notification_reads where user_id = $1",
    ] {
        sqlx::query(statement).bind(user_id.uuid()).execute(&mut *tx).await?;
    }
    Ok(())
}
