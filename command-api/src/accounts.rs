//! Credentials: what a person signs in with. Never events.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::{EmailAddress, UserId};
use event_store::{AppendError, Companion, MasterKey};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

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
            .map_err(claimed_or_failure)?;
        if let Some(session) = &self.session {
            session.write_in_tx(tx).await?;
        }
        Ok(())
    }
}

/// The claim on an address moves to another one, with the append that says so.
#[derive(Debug)]
pub(crate) struct MovedClaim {
    pub(crate) user_id: UserId,
    /// The claim on the new address; nothing if the address stays.
    pub(crate) email_hash: Option<[u8; 32]>,
    pub(crate) still_there: StillThere,
}

#[async_trait]
impl Companion for MovedClaim {
    async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), AppendError> {
        self.still_there.write_in_tx(tx).await?;
        if let Some(email_hash) = self.email_hash {
            sqlx::query("update accounts set email_hash = $2 where user_id = $1")
                .bind(self.user_id.uuid())
                .bind(email_hash)
                .execute(tx)
                .await
                .map_err(claimed_or_failure)?;
        }
        Ok(())
    }
}

fn claimed_or_failure(error: sqlx::Error) -> AppendError {
    match error.as_database_error().and_then(|e| e.constraint()) {
        Some(ONE_ACCOUNT_AN_ADDRESS) => AppendError::Claimed("e-mail address"),
        _ => AppendError::Database(error),
    }
}

/// The claim of an account, and the hash of its password.
pub(crate) async fn of_user(
    pool: &PgPool,
    user_id: UserId,
) -> Result<Option<(Vec<u8>, String)>, sqlx::Error> {
    sqlx::query_as("select email_hash, password_hash from accounts where user_id = $1")
        .bind(user_id.uuid())
        .fetch_optional(pool)
        .await
}

/// Whether that is the account's password still. Until the transaction ends, nobody gives it another one.
pub(crate) async fn has_password_in_tx(
    tx: &mut PgConnection,
    user_id: UserId,
    password_hash: &str,
) -> Result<bool, sqlx::Error> {
    let found = sqlx::query("select from accounts where user_id = $1 and password_hash = $2 for share")
        .bind(user_id.uuid())
        .bind(password_hash)
        .fetch_optional(tx)
        .await?;
    Ok(found.is_some())
}

/// Gives the account another password, if it still has the old one; answers whether it had.
pub(crate) async fn change_password_in_tx(
    tx: &mut PgConnection,
    user_id: UserId,
    old_hash: &str,
    new_hash: &str,
) -> Result<bool, sqlx::Error> {
    let changed =
        sqlx::query("update accounts set password_hash = $3 where user_id = $1 and password_hash = $2")
            .bind(user_id.uuid())
            .bind(old_hash)
            .bind(new_hash)
            .execute(tx)
            .await?;
    Ok(changed.rows_affected() > 0)
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

/// The end of an account, in the append of `UserErased`: credentials, sessions with them, the claim on the address, and the
/// data key, without which nothing personal in the log can be read. What follows from it is left to `processes`.
#[derive(Debug)]
pub(crate) struct Erasure {
    pub(crate) user_id: UserId,
    /// Who erases; nothing on the command line.
    pub(crate) by: Option<UserId>,
}

#[async_trait]
impl Companion for Erasure {
    async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), AppendError> {
        StillThere::new(self.by).write_in_tx(&mut *tx).await?;
        Ok(self.destroy_in_tx(tx).await?)
    }
}

impl Erasure {
    /// Account and key; and the notes of what must follow.
    pub(crate) async fn destroy_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        for statement in [
            "delete from accounts where user_id = $1",
            "delete from subject_keys where subject_id = $1",
            "insert into cascades (cause_id, kind, subject_id) values ($1, 'user-erased', $1)
             on conflict do nothing",
        ] {
            sqlx::query(statement).bind(self.user_id.uuid()).execute(&mut *tx).await?;
        }
        Ok(())
    }
}

/// Accounts that must exist when an append commits: a token that is still valid does not let an erased person act.
#[derive(Debug)]
pub(crate) struct StillThere(Vec<Uuid>);

impl StillThere {
    pub(crate) fn new(accounts: impl IntoIterator<Item = UserId>) -> Self {
        let mut ids: Vec<Uuid> = accounts.into_iter().map(UserId::uuid).collect();
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }
}

#[async_trait]
impl Companion for StillThere {
    async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), AppendError> {
        if self.0.is_empty() {
            return Ok(());
        }
        // The lock makes an erasure wait for this append, or this append see the erasure.
        let found: Vec<Uuid> = sqlx::query_scalar(
            "select user_id from accounts where user_id = any($1) order by user_id for key share",
        )
        .bind(&self.0)
        .fetch_all(tx)
        .await?;
        let gone: BTreeSet<Uuid> = self.0.iter().copied().filter(|id| !found.contains(id)).collect();
        if gone.is_empty() { Ok(()) } else { Err(AppendError::Gone(gone)) }
    }
}
