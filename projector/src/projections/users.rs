//! `users`: people with an account, for lists and lookups, and whom they follow.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::user::UserEvent;
use domain::{Personal, UserId};
use event_store::StoredEvent;
use sqlx::PgConnection;

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql},
    rebuild,
};

/// One row a user, one for each host they follow. Name and address are clear here; they go when the user is erased.
#[derive(Debug, Clone, Copy)]
pub struct Users;

#[async_trait]
impl Projection for Users {
    fn name(&self) -> &'static str {
        "users"
    }

    fn stream_types(&self) -> &'static [&'static str] {
        &["user"]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["users", "follows", "users_applied"]
    }

    fn rebuild_schema(&self) -> &'static str {
        "rebuild_users"
    }

    fn applied(&self) -> &'static AppliedSql {
        &applied_sql!("users_applied")
    }

    async fn apply_in_tx(&self, tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
        match event.decode()? {
            UserEvent::UserRegistered { user_id, name, email, role, at } => {
                sqlx::query(
                    "insert into users (id, name, email, role, registered_at, version)
                     values ($1, $2, $3, $4, $5, 1)",
                )
                .bind(user_id.uuid())
                .bind(name.clear())
                .bind(email.clear())
                .bind(role.name())
                .bind(at)
                .execute(tx)
                .await?;
            }
            UserEvent::UserChanged { user_id, name, email, .. } => {
                change(tx, user_id, name.as_ref(), email.as_ref()).await?;
            }
            UserEvent::UserErased { user_id, .. } => erase(tx, user_id).await?,
            UserEvent::HostFollowed { user_id, host_id, at } => follow(tx, user_id, host_id, at).await?,
            UserEvent::HostUnfollowed { user_id, host_id, .. } => {
                sqlx::query("delete from follows where user_id = $1 and host_id = $2")
                    .bind(user_id.uuid())
                    .bind(host_id.uuid())
                    .execute(tx)
                    .await?;
            }
            UserEvent::InterestShown { .. }
            | UserEvent::InterestWithdrawn { .. }
            | UserEvent::PreferencesChanged { .. }
            | UserEvent::NotificationRead { .. } => {}
        }
        Ok(())
    }
}

/// What the event does not mention stays; what it mentions and was erased since is nobody's any more.
async fn change(
    tx: &mut PgConnection,
    user_id: UserId,
    name: Option<&Personal>,
    email: Option<&Personal>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update users
         set name = case when $2 then $3 else name end,
             email = case when $4 then $5 else email end,
             version = version + 1
         where id = $1",
    )
    .bind(user_id.uuid())
    .bind(name.is_some())
    .bind(name.and_then(Personal::clear))
    .bind(email.is_some())
    .bind(email.and_then(Personal::clear))
    .execute(tx)
    .await?;
    Ok(())
}

async fn erase(tx: &mut PgConnection, user_id: UserId) -> Result<(), sqlx::Error> {
    rebuild::forget_user_in_tx(tx, user_id).await?;
    sqlx::query("delete from follows where user_id = $1 or host_id = $1")
        .bind(user_id.uuid())
        .execute(&mut *tx)
        .await?;
    sqlx::query("delete from users where id = $1").bind(user_id.uuid()).execute(tx).await?;
    Ok(())
}

async fn follow(
    tx: &mut PgConnection,
    user_id: UserId,
    host_id: UserId,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into follows (user_id, host_id, followed_at) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(user_id.uuid())
    .bind(host_id.uuid())
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}
