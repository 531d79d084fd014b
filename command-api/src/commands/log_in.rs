//! `POST /api/v1/auth/login`: opens a session.

use std::net::IpAddr;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use contract::Session;
use domain::{EmailAddress, UserId, user::User};
use event_store::{Append, NewReceipt, StreamAppend, StreamId};
use platform::{
    Problem,
    http::{Body, IdempotencyKey},
};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    CommandApi, accounts,
    client_address::ClientAddress,
    idempotency::{NotDone, Scope},
    login_attempts::LoginAttempt,
    refusals,
    sessions::NewSession,
};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogInRequest {
    /// The account's address.
    #[schema(format = "email", max_length = 254, example = "ada@example.org")]
    email: String,
    /// Its password.
    #[schema(value_type = String, format = "password", max_length = 128, example = "correct horse")]
    password: SecretString,
}

/// Signs in
///
/// After 10 failures for an address of e-mail, or 100 from one place on the network, within 15 minutes, nobody is let in
/// there until these are over: `too-many-attempts`, with `Retry-After`. Accounts that do not exist are treated alike.
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "Accounts",
    request_body = LogInRequest,
    params((
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Makes a repetition safe, for 24 hours",
    )),
    responses(
        (status = 200, description = "Signed in", body = Session),
        (status = "4XX", description = "`invalid-credentials`, `too-many-attempts`, \
         `invalid-fields`, …", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn log_in(
    State(api): State<CommandApi>,
    ClientAddress(address): ClientAddress,
    key: Option<IdempotencyKey>,
    Body { value: request, bytes }: Body<LogInRequest>,
) -> Result<Response, Problem> {
    let account = verify(&api, request, address).await?;
    let scope = Scope { caller: "anonymous", route: "POST /auth/login" };
    // A repetition gets tokens of its own: the first ones are nowhere in clear.
    let first = |receipt| async { Ok(open_session(&api, &account, receipt).await?) };
    let again = |_| async { open_session(&api, &account, None).await };
    api.once(scope, key.as_ref(), &bytes, first, again).await
}

/// Somebody whose password was right.
struct Verified {
    user_id: UserId,
    password_hash: String,
}

/// Whose e-mail address and password these are. An unknown address and a wrong password look the same, and take the
/// same time.
async fn verify(api: &CommandApi, request: LogInRequest, address: IpAddr) -> Result<Verified, Problem> {
    let email_hash =
        EmailAddress::parse(&request.email).ok().map(|e| accounts::email_hash(api.store.master_key(), &e));
    let recognised_by = email_hash.as_ref().map_or(request.email.as_bytes(), <[u8; 32]>::as_slice);
    let place = api.passwords.place()?;
    let account = match email_hash {
        Some(hash) => {
            accounts::find(api.store.pool(), hash).await.map_err(|error| refusals::database(&error))?
        }
        None => None,
    };
    // From here on it counts as failed: whatever else may be in its way comes before.
    let attempt = LoginAttempt::begin(api, recognised_by, address).await?;
    let (user_id, password_hash) = account.unzip();
    let is_right = api.passwords.verify(place, request.password, password_hash.clone()).await;
    match (user_id, password_hash) {
        (Some(user_id), Some(password_hash)) if is_right => {
            attempt.succeeded(api).await?;
            Ok(Verified { user_id, password_hash })
        }
        _ => Err(refused()),
    }
}

fn refused() -> Problem {
    refusals::invalid_credentials("There is no account with this e-mail address and password.")
}

async fn open_session(
    api: &CommandApi,
    account: &Verified,
    receipt: Option<NewReceipt>,
) -> Result<Response, Problem> {
    let loaded = api.store.load::<User>(&account.user_id.to_string()).await;
    let (user, version) = loaded.map_err(|error| refusals::read(&error))?;
    let Some(profile) = user.profile() else { return Err(refused()) };
    let session = NewSession::of(api, account.user_id);
    write(api, &session, account, version, receipt).await.map_err(NotDone::without_receipt)?;
    Ok((StatusCode::OK, Json(session.answer(api, profile)?)).into_response())
}

/// The session, and the receipt if there is one: an append without events. Not if the password was changed since it was
/// looked at: that ended all sessions, and would miss this one.
async fn write(
    api: &CommandApi,
    session: &NewSession,
    account: &Verified,
    version: i64,
    receipt: Option<NewReceipt>,
) -> Result<(), NotDone> {
    let failed = |error: sqlx::Error| NotDone::Problem(refusals::database(&error));
    let stream = StreamId::new("user", account.user_id);
    let streams = vec![StreamAppend { stream, expected_sequence: version, events: vec![] }];
    let mut tx = api.store.pool().begin().await.map_err(failed)?;
    let append = Append { streams, receipt };
    api.store.append_in_tx(&mut tx, &[append]).await.map_err(|error| refusals::append(&error))?;
    let (user_id, password_hash) = (account.user_id, &account.password_hash);
    if !accounts::has_password_in_tx(&mut tx, user_id, password_hash).await.map_err(failed)? {
        return Err(refused().into());
    }
    session.write_in_tx(&mut tx).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}
