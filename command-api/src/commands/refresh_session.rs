//! `POST /api/v1/auth/refresh`: the next pair of tokens of a session.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use contract::Session;
use domain::{UserId, user::User};
use event_store::{Append, NewReceipt};
use platform::{
    Problem,
    http::{Body, IdempotencyKey},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    CommandApi,
    idempotency::{NotDone, Scope},
    refresh_tokens::RefreshToken,
    refusals, sessions,
};

/// What a session goes on with.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    /// The `refreshToken` of the last answer.
    #[schema(value_type = String, min_length = 96, max_length = 96)]
    refresh_token: SecretString,
}

/// Gets a new pair of tokens
///
/// Each refresh token is good once. One that comes a second time ends the session, also for whoever has the newer one:
/// either of them was stolen. Of two requests at the same time one succeeds, and the other ends the session. Only with an
/// `Idempotency-Key` can a request be repeated, as long as the tokens that it led to were not used: it gets others in
/// their place.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh", tag = "Accounts",
    request_body = RefreshRequest,
    params((
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Makes a repetition safe, for 24 hours",
    )),
    responses(
        (status = 200, description = "A new pair", body = Session),
        (status = "4XX", description = "`refresh-token-reused`: the session has ended; `invalid-refresh-token`: it is \
         unknown, has expired, or its session has ended; `invalid-fields`, …", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn refresh_session(
    State(api): State<CommandApi>,
    key: Option<IdempotencyKey>,
    Body { value: request, bytes }: Body<RefreshRequest>,
) -> Result<Response, Problem> {
    let spent = RefreshToken::parse(api.store.master_key(), request.refresh_token.expose_secret());
    let spent = spent.ok_or_else(invalid)?;
    let scope = Scope { caller: &spent.session_id.to_string(), route: "POST /auth/refresh" };
    let first = |receipt| refresh(&api, &spent, receipt);
    api.once(scope, key.as_ref(), &bytes, first, |_| refreshed_before(&api, &spent)).await
}

async fn refresh(
    api: &CommandApi,
    spent: &RefreshToken,
    receipt: Option<NewReceipt>,
) -> Result<Response, NotDone> {
    let failed = |error: sqlx::Error| NotDone::Problem(refusals::database(&error));
    let master_key = api.store.master_key();
    let next = RefreshToken::new(master_key, spent.session_id, spent.place.saturating_add(1));
    let mut tx = api.store.pool().begin().await.map_err(failed)?;
    if receipt.is_some() {
        let append = Append { streams: vec![], receipt };
        api.store.append_in_tx(&mut tx, &[append]).await.map_err(|error| refusals::append(&error))?;
    }
    let (spent_hash, next_hash) = (spent.hash(master_key), next.hash(master_key));
    match sessions::rotate_in_tx(&mut tx, spent_hash, &next, next_hash).await.map_err(failed)? {
        Some(user_id) => {
            tx.commit().await.map_err(|error| NotDone::Problem(refusals::answer_lost(&error)))?;
            Ok(answer(api, user_id, &next).await?)
        }
        None => {
            tx.rollback().await.map_err(failed)?;
            Err(refuse(api, spent).await.into())
        }
    }
}

/// The first success again, with tokens of its own: the first ones are nowhere in clear, and are worthless now.
async fn refreshed_before(api: &CommandApi, spent: &RefreshToken) -> Result<Response, Problem> {
    let master_key = api.store.master_key();
    let next = RefreshToken::new(master_key, spent.session_id, spent.place.saturating_add(1));
    let replaced = sessions::replace_youngest(api.store.pool(), &next, next.hash(master_key)).await;
    match replaced.map_err(|error| refusals::database(&error))? {
        Some(user_id) => answer(api, user_id, &next).await,
        None => Err(refuse(api, spent).await),
    }
}

/// The token was one of ours and is not the youngest of its session: if the session is open, it ends.
async fn refuse(api: &CommandApi, spent: &RefreshToken) -> Problem {
    match sessions::end_stolen(api.store.pool(), spent.session_id).await {
        Ok(true) => {
            tracing::warn!(session = %spent.session_id, "a refresh token was used twice; its session is ended");
            Problem::new(StatusCode::UNAUTHORIZED, "refresh-token-reused")
                .detail("This refresh token was used before, so its session has ended. Sign in again.")
        }
        Ok(false) => invalid(),
        Err(error) => refusals::database(&error),
    }
}

fn invalid() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "invalid-refresh-token")
        .detail("This refresh token is not valid, or its session has ended. Sign in again.")
}

/// The tokens are in force already: without the key of the first request, one that is repeated would end the session.
async fn answer(api: &CommandApi, user_id: UserId, next: &RefreshToken) -> Result<Response, Problem> {
    let loaded = api.store.load::<User>(&user_id.to_string()).await;
    let (user, _) = loaded.map_err(|error| refusals::answer_lost(&error))?;
    let profile = user.profile().ok_or_else(invalid)?;
    Ok((StatusCode::OK, Json(sessions::answer(api, profile, next)?)).into_response())
}
