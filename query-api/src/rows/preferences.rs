//! Rows of preferences: the newest of each kind counts.

use contract::{Channel, Preferences};
use sqlx::PgPool;
use uuid::Uuid;

/// How a user wants to be told what, and which version that is.
///
/// # Errors
/// The database does not answer, or a row is none that the projector writes.
pub(crate) async fn of_user(pool: &PgPool, user_id: Uuid) -> Result<(Preferences, i64), sqlx::Error> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "select distinct on (kind) kind, channel,
                (select count(distinct sequence) from notification_preferences where user_id = $1) as changes
         from notification_preferences where user_id = $1 order by kind, sequence desc",
    )
    .bind(user_id)
    .fetch_all(pool)
    .await?;
    let mut preferences = Preferences::default();
    let mut version = 1;
    for (kind, channel, changes) in rows {
        let unknown = || sqlx::Error::Decode(format!("no such preference: {kind} by {channel}").into());
        *of_kind(&mut preferences, &kind).ok_or_else(unknown)? = by_name(&channel).ok_or_else(unknown)?;
        version = changes + 1;
    }
    Ok((preferences, version))
}

fn of_kind<'a>(preferences: &'a mut Preferences, kind: &str) -> Option<&'a mut Channel> {
    Some(match kind {
        "new-event" => &mut preferences.new_event,
        "sale-started" => &mut preferences.sale_started,
        "event-updated" => &mut preferences.event_updated,
        "event-cancelled" => &mut preferences.event_cancelled,
        "event-sold-out" => &mut preferences.event_sold_out,
        "booking-confirmed" => &mut preferences.booking_confirmed,
        "booking-expired" => &mut preferences.booking_expired,
        "booking-cancelled" => &mut preferences.booking_cancelled,
        "refund-made" => &mut preferences.refund_made,
        _ => return None,
    })
}

fn by_name(channel: &str) -> Option<Channel> {
    Some(match channel {
        "inbox" => Channel::Inbox,
        "email" => Channel::Email,
        "both" => Channel::Both,
        "none" => Channel::None,
        _ => return None,
    })
}
