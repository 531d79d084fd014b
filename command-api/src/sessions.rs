//! Sessions: what signing in opens. The client gets an access token and a refresh token; the database keeps a hash of
//! the latter.
//!
//! A refresh token is good once and leads to the next one. One that comes a second time was stolen, or its thief came
//! first: the session ends for both, at once and without any grace. Of two requests with the same token at the same time
//! one gets the next pair, and the other ends the session.
//!
//! Access tokens are not looked up: those of a session that has ended are good until they expire, 15 minutes at the
//! most.

use chrono::{TimeDelta, Utc};
use domain::{UserId, user::Profile};
use platform::{
    Problem,
    tokens::{ACCESS_TOKEN_SECONDS, AccessClaims},
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{CommandApi, answers, refresh_tokens::RefreshToken};

/// How long a session lasts without being used.
const SESSION_DAYS: i32 = 30;
/// Most sessions that one sweep deletes.
const SWEEP_LIMIT: i64 = 1_000;

/// A session that is not stored yet.
#[derive(Debug)]
pub(crate) struct NewSession {
    user_id: UserId,
    refresh_token: RefreshToken,
    refresh_token_hash: [u8; 32],
}

impl NewSession {
    pub(crate) fn of(api: &CommandApi, user_id: UserId) -> Self {
        let master_key = api.store.master_key();
        let refresh_token = RefreshToken::new(master_key, Uuid::now_v7(), 1);
        let refresh_token_hash = refresh_token.hash(master_key);
        Self { user_id, refresh_token, refresh_token_hash }
    }

    pub(crate) async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into sessions (session_id, user_id, refresh_token_hash, expires_at)
             values ($1, $2, $3, clock_timestamp() + make_interval(days => $4))",
        )
        .bind(self.refresh_token.session_id)
        .bind(self.user_id.uuid())
        .bind(self.refresh_token_hash)
        .bind(SESSION_DAYS)
        .execute(tx)
        .await?;
        Ok(())
    }

    pub(crate) async fn write(&self, api: &CommandApi) -> Result<(), sqlx::Error> {
        let mut connection = api.store.pool().acquire().await?;
        self.write_in_tx(&mut connection).await
    }

    /// What the client gets.
    ///
    /// # Errors
    /// See [`answer`].
    pub(crate) fn answer(self, api: &CommandApi, profile: &Profile) -> Result<contract::Session, Problem> {
        answer(api, profile, &self.refresh_token)
    }
}

/// What the client gets: an access token of the refresh token's session, and the refresh token.
///
/// # Errors
/// The access token cannot be signed; that is a defect of the key.
pub(crate) fn answer(
    api: &CommandApi,
    profile: &Profile,
    refresh_token: &RefreshToken,
) -> Result<contract::Session, Problem> {
    let lifetime = TimeDelta::seconds(ACCESS_TOKEN_SECONDS.into());
    let (user_id, role) = (profile.id.uuid(), profile.role.name());
    let claims = AccessClaims::new(user_id, role, refresh_token.session_id, Utc::now(), lifetime);
    let access_token = api.signing_key.sign(&claims).map_err(|error| {
        tracing::error!(%error, "an access token could not be signed");
        Problem::internal()
    })?;
    Ok(contract::Session {
        user: answers::user(profile),
        access_token,
        expires_in: ACCESS_TOKEN_SECONDS.into(),
        refresh_token: refresh_token.text(),
    })
}

/// Puts `next` into the place of the session's youngest token, if that is `spent`; answers with whose session it is.
/// Nothing is changed if `spent` is not the youngest, or the session has ended or expired.
pub(crate) async fn rotate_in_tx(
    tx: &mut PgConnection,
    spent_hash: [u8; 32],
    next: &RefreshToken,
    next_hash: [u8; 32],
) -> Result<Option<UserId>, sqlx::Error> {
    let user_id: Option<Uuid> = sqlx::query_scalar(
        "update sessions
         set refresh_token_hash = $3, refresh_token_place = $4, last_used_at = clock_timestamp(),
             expires_at = clock_timestamp() + make_interval(days => $5)
         where session_id = $1 and refresh_token_hash = $2
               and ended_at is null and expires_at > clock_timestamp()
         returning user_id",
    )
    .bind(next.session_id)
    .bind(spent_hash)
    .bind(next_hash)
    .bind(next.place)
    .bind(SESSION_DAYS)
    .fetch_optional(tx)
    .await?;
    Ok(user_id.map(UserId::new))
}

/// Puts another token into the place of the youngest, which its owner never received; answers with whose session it is.
/// Nothing is changed if the session has gone on, ended or expired.
pub(crate) async fn replace_youngest(
    pool: &PgPool,
    other: &RefreshToken,
    other_hash: [u8; 32],
) -> Result<Option<UserId>, sqlx::Error> {
    let user_id: Option<Uuid> = sqlx::query_scalar(
        "update sessions set refresh_token_hash = $3
         where session_id = $1 and refresh_token_place = $2
               and ended_at is null and expires_at > clock_timestamp()
         returning user_id",
    )
    .bind(other.session_id)
    .bind(other.place)
    .bind(other_hash)
    .fetch_optional(pool)
    .await?;
    Ok(user_id.map(UserId::new))
}

/// Ends a session, whoever's; answers whether it was open.
pub(crate) async fn end_stolen(pool: &PgPool, session_id: Uuid) -> Result<bool, sqlx::Error> {
    let ended = sqlx::query(
        "update sessions set ended_at = clock_timestamp()
         where session_id = $1 and ended_at is null and expires_at > clock_timestamp()",
    )
    .bind(session_id)
    .execute(pool)
    .await?;
    Ok(ended.rows_affected() > 0)
}

/// Ends a session of a user; answers whether they have, or had, one with this id. Ending it again changes nothing.
pub(crate) async fn end(pool: &PgPool, user_id: UserId, session_id: Uuid) -> Result<bool, sqlx::Error> {
    let found = sqlx::query(
        "update sessions set ended_at = coalesce(ended_at, clock_timestamp())
         where session_id = $1 and user_id = $2",
    )
    .bind(session_id)
    .bind(user_id.uuid())
    .execute(pool)
    .await?;
    Ok(found.rows_affected() > 0)
}

/// Ends all sessions of a user but one.
pub(crate) async fn end_others_in_tx(
    tx: &mut PgConnection,
    user_id: UserId,
    kept: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update sessions set ended_at = clock_timestamp()
         where user_id = $1 and session_id <> $2 and ended_at is null",
    )
    .bind(user_id.uuid())
    .bind(kept)
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets sessions that have expired; some of them, if there are many. Answers whether there may be more.
pub(crate) async fn sweep(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "delete from sessions where session_id in (
             select session_id from sessions where expires_at <= clock_timestamp()
             order by expires_at limit $1 for update skip locked
         )",
    )
    .bind(SWEEP_LIMIT)
    .execute(pool)
    .await
    .map(|swept| swept.rows_affected() >= SWEEP_LIMIT as u64)
}
