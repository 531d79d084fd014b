//! `POST /api/v1/auth/login`: opens a session.

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
    idempotency::{NotDone, Scope},
    refusals,
    sessions::NewSession,
};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogInRequest {
    /// The account's address.
    #[schema(format = "email", example = "ada@example.org")]
    email: String,
    /// Its password.
    #[schema(value_type = String, format = "password", example = "correct horse")]
    password: SecretString,
}

/// Signs in
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "Accounts",
    request_body = LogInRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe, for 24 hours")),
    responses(
        (status = 200, description = "Signed in", body = Session),
        (status = "4XX", description = "`invalid-credentials`, `invalid-fields`, …", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn log_in(
    State(api): State<CommandApi>,
    key: Option<IdempotencyKey>,
    Body { value: request, bytes }: Body<LogInRequest>,
) -> Result<Response, Problem> {
    let user_id = verify(&api, request).await?;
    let scope = Scope { caller: "anonymous", route: "POST /auth/login" };
    // A repetition gets tokens of its own: the first ones are nowhere in clear.
    let first = |receipt| async { Ok(open_session(&api, user_id, receipt).await?) };
    let again = |_| async { open_session(&api, user_id, None).await };
    api.once(scope, key.as_ref(), &bytes, first, again).await
}

/// Whose e-mail address and password these are. An unknown address and a wrong password look the same, and take the
/// same time.
async fn verify(api: &CommandApi, request: LogInRequest) -> Result<UserId, Problem> {
    let account = match EmailAddress::parse(&request.email) {
        Ok(email) => {
            let hash = accounts::email_hash(api.store.master_key(), &email);
            accounts::find(api.store.pool(), hash).await.map_err(|error| refusals::database(&error))?
        }
        Err(_) => None,
    };
    let (user_id, password_hash) = account.unzip();
    let verified = api.passwords.verify(request.password, password_hash).await;
    user_id.filter(|_| verified).ok_or_else(|| {
        Problem::new(StatusCode::UNAUTHORIZED, "invalid-credentials")
            .detail("There is no account with this e-mail address and password.")
    })
}

async fn open_session(
    api: &CommandApi,
    user_id: UserId,
    receipt: Option<NewReceipt>,
) -> Result<Response, Problem> {
    let loaded = api.store.load::<User>(&user_id.to_string()).await;
    let (user, version) = loaded.map_err(|error| refusals::read(&error))?;
    let Some(profile) = user.profile() else { return Err(Problem::internal()) };
    let session = NewSession::of(api, user_id);
    write(api, &session, user_id, version, receipt).await.map_err(NotDone::without_receipt)?;
    Ok((StatusCode::OK, Json(session.answer(api, profile, version)?)).into_response())
}

/// The session, and the receipt if there is one: an append without events.
async fn write(
    api: &CommandApi,
    session: &NewSession,
    user_id: UserId,
    version: i64,
    receipt: Option<NewReceipt>,
) -> Result<(), NotDone> {
    let failed = |error: sqlx::Error| NotDone::Problem(refusals::database(&error));
    let stream = StreamId::new("user", user_id);
    let streams = vec![StreamAppend { stream, expected_sequence: version, events: vec![] }];
    let mut tx = api.store.pool().begin().await.map_err(failed)?;
    let append = Append { streams, receipt };
    api.store.append_in_tx(&mut tx, &[append]).await.map_err(|error| refusals::append(&error))?;
    session.write_in_tx(&mut tx).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}
