//! Sessions: what signing in opens. The client gets an access token and a refresh token; the database keeps a hash of
//! the latter.

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL};
use chrono::{TimeDelta, Utc};
use domain::{UserId, user::Profile};
use platform::{Problem, tokens::AccessClaims};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{CommandApi, answers};

/// How long an access token is good for.
const ACCESS_TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// How long a session lasts without being used.
const SESSION_DAYS: i32 = 30;
const REFRESH_TOKEN_BYTES: usize = 32;

/// A session that is not stored yet.
#[derive(Debug)]
pub(crate) struct NewSession {
    session_id: Uuid,
    user_id: UserId,
    refresh_token: String,
    refresh_token_hash: [u8; 32],
}

impl NewSession {
    pub(crate) fn of(api: &CommandApi, user_id: UserId) -> Self {
        let mut bytes = [0; REFRESH_TOKEN_BYTES];
        rand::fill(&mut bytes).expect("the operating system's random source works");
        let refresh_token = BASE64_URL.encode(bytes);
        let refresh_token_hash = api.store.master_key().hash("refresh token", refresh_token.as_bytes());
        Self { session_id: Uuid::now_v7(), user_id, refresh_token, refresh_token_hash }
    }

    pub(crate) async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into sessions (session_id, user_id, refresh_token_hash, expires_at)
             values ($1, $2, $3, clock_timestamp() + make_interval(days => $4))",
        )
        .bind(self.session_id)
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
    /// The access token cannot be signed; that is a defect of the key.
    pub(crate) fn answer(
        self,
        api: &CommandApi,
        profile: &Profile,
        version: i64,
    ) -> Result<contract::Session, Problem> {
        let claims = AccessClaims::new(
            profile.id.uuid(),
            profile.role.name(),
            self.session_id,
            Utc::now(),
            ACCESS_TOKEN_LIFETIME,
        );
        let access_token = api.signing_key.sign(&claims).map_err(|error| {
            tracing::error!(%error, "an access token could not be signed");
            Problem::internal()
        })?;
        Ok(contract::Session {
            user: answers::user(profile, version),
            access_token,
            expires_in: ACCESS_TOKEN_LIFETIME.num_seconds().unsigned_abs(),
            refresh_token: self.refresh_token,
        })
    }
}
