//! `POST /api/v1/auth/password`: gives the caller's account another password.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use event_store::{Append, NewReceipt};
use platform::{
    Problem,
    http::{IdempotencyKey, RawBody},
};
use secrecy::SecretString;
use serde::Deserialize;
use std::net::IpAddr;
use utoipa::ToSchema;

use crate::{
    CommandApi, accounts,
    callers::Member,
    client_address::ClientAddress,
    idempotency::{NotDone, Scope},
    login_attempts::LoginAttempt,
    passwords, refusals, sessions,
};

/// The old password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangePasswordRequest {
    /// The password until now.
    #[schema(value_type = String, format = "password", max_length = 128, example = "correct horse")]
    current_password: SecretString,
    /// The password from now on.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128, example = "battery staple")]
    new_password: SecretString,
}

/// Changes the password
///
/// All other sessions of the account end. Wrong passwords count like failures to sign in.
#[utoipa::path(
    post, path = "/api/v1/auth/password", tag = "Accounts", security(("bearer" = [])),
    request_body = ChangePasswordRequest,
    params((
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Makes a repetition safe, for 24 hours",
    )),
    responses(
        (status = 204, description = "Changed"),
        (status = "4XX", description = "`invalid-credentials` where the current password is wrong, \
         `too-many-attempts`, `invalid-fields`, …", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_password(
    State(api): State<CommandApi>,
    member: Member,
    ClientAddress(address): ClientAddress,
    key: Option<IdempotencyKey>,
    body: RawBody,
) -> Result<Response, Problem> {
    let body = body.parse::<ChangePasswordRequest>()?;
    let ChangePasswordRequest { current_password, new_password } = body.value;
    let new_password = passwords::parse(new_password)
        .map_err(|error| Problem::invalid_field("newPassword", error.to_string()))?;
    let scope = Scope { caller: &member.id.to_string(), route: "POST /auth/password" };
    let first = |receipt| async {
        let old_hash = verify(&api, member, current_password, address).await?;
        let new_hash = api.passwords.hash(new_password).await?;
        change(&api, member, &old_hash, &new_hash, receipt).await
    };
    let again = |_| async { Ok(StatusCode::NO_CONTENT.into_response()) };
    api.once(scope, key.as_ref(), &body.bytes, first, again).await
}

/// The hash of the current password, if it is right.
async fn verify(
    api: &CommandApi,
    member: Member,
    password: SecretString,
    address: IpAddr,
) -> Result<String, Problem> {
    let account = accounts::of_user(api.store.pool(), member.id).await;
    let account = account.map_err(|error| refusals::database(&error))?;
    let (email_hash, password_hash) = account.ok_or_else(refusals::gone)?;
    let place = api.passwords.place()?;
    let attempt = LoginAttempt::begin(api, &email_hash, address).await?;
    if !api.passwords.verify(place, password, Some(password_hash.clone())).await {
        return Err(wrong_password());
    }
    attempt.succeeded(api).await?;
    Ok(password_hash)
}

fn wrong_password() -> Problem {
    refusals::invalid_credentials("The current password is not right.")
}

/// Password, sessions and receipt in one transaction.
async fn change(
    api: &CommandApi,
    member: Member,
    old_hash: &str,
    new_hash: &str,
    receipt: Option<NewReceipt>,
) -> Result<Response, NotDone> {
    let failed = |error: sqlx::Error| NotDone::Problem(refusals::database(&error));
    let mut tx = api.store.pool().begin().await.map_err(failed)?;
    if receipt.is_some() {
        let append = Append { streams: vec![], receipt };
        api.store.append_in_tx(&mut tx, &[append]).await.map_err(|error| refusals::append(&error))?;
    }
    if !accounts::change_password_in_tx(&mut tx, member.id, old_hash, new_hash).await.map_err(failed)? {
        return Err(wrong_password().into());
    }
    sessions::end_others_in_tx(&mut tx, member.id, member.session_id).await.map_err(failed)?;
    tx.commit().await.map_err(|error| NotDone::Problem(refusals::answer_lost(&error)))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
