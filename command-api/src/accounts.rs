//! Credentials: what a person signs in with. Never events.

use async_trait::async_trait;
use domain::{EmailAddress, UserId};
use event_store::{AppendError, Companion, MasterKey};
use sqlx::{PgConnection, PgPool};

use crate::sessions::NewSession;

/// What the append of a registration takes along: the credentials, and the session of the new user.
#[derive(Debug)]
pub(crate) struct NewAccount {
    pub(crate) user_id: UserId,
    pub(crate) email_hash: [u8; 32],
    pub(crate) password_hash: String,
    pub(crate) session: Option<NewSession>,
}

/// The claim on an address. Without the master key nobody can tell which address it is.
pub(crate) fn email_hash(master_key: &MasterKey, email: &EmailAddress) -> [u8; 32] {
    master_key.hash("email address", email.as_str().as_bytes())
}

const ONE_ACCOUNT_AN_ADDRESS: &str = "accounts_email_hash_key";

#[async_trait]
impl Companion for NewAccount {
    async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), AppendError> {
        sqlx::query("insert into accounts (user_id, email_hash, password_hash) values ($1, $2, $3)")
            .bind(self.user_id.uuid())
            .bind(self.email_hash)
            .bind(&self.password_hash)
            .execute(&mut *tx)
            .await
            .map_err(|error| match error.as_database_error().and_then(|e| e.constraint()) {
                Some(ONE_ACCOUNT_AN_ADDRESS) => AppendError::Claimed("e-mail address"),
                _ => AppendError::Database(error),
            })?;
        if let Some(session) = &self.session {
            session.write_in_tx(tx).await?;
        }
        Ok(())
    }
}

/// Whose address it is, and the hash of their password.
pub(crate) async fn find(
    pool: &PgPool,
    email_hash: [u8; 32],
) -> Result<Option<(UserId, String)>, sqlx::Error> {
    let row: Option<(uuid::Uuid, String)> =
        sqlx::query_as("select user_id, password_hash from accounts where email_hash = $1")
            .bind(email_hash)
            .fetch_optional(pool)
            .await?;
    Ok(row.map(|(user_id, password_hash)| (UserId::new(user_id), password_hash)))
}
