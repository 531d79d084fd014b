//! `POST /api/v1/auth/logout`: ends the caller's session.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use platform::Problem;

use crate::{CommandApi, callers::Member, refusals, sessions};

/// Signs out
///
/// The session of the access token ends, with all its refresh tokens. The access token itself is good until it expires.
/// Signing out again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/auth/logout", tag = "Accounts", security(("bearer" = [])),
    responses(
        (status = 204, description = "Signed out"),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn log_out(State(api): State<CommandApi>, member: Member) -> Result<Response, Problem> {
    let ended = sessions::end(api.store.pool(), member.id, member.session_id).await;
    ended.map_err(|error| refusals::database(&error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
