//! `users`: people with an account, for lists and lookups.

use async_trait::async_trait;
use domain::user::UserEvent;
use event_store::StoredEvent;
use sqlx::PgConnection;

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql},
};

/// One row a user. Name and address are clear here; they go when the user is erased.
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
        &["users", "users_applied"]
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
                     values ($1, $2, $3, $4, $5, $6)",
                )
                .bind(user_id.uuid())
                .bind(name.clear())
                .bind(email.clear())
                .bind(role.name())
                .bind(at)
                .bind(event.sequence)
                .execute(tx)
                .await?;
            }
        }
        Ok(())
    }
}
