//! `DELETE /api/v1/auth/sessions/{id}`: ends a session of the caller, such as one on a lost telephone.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use platform::{Problem, http::PathId};
use uuid::Uuid;

use crate::{CommandApi, callers::Member, refusals, sessions};

/// Ends a session
///
/// Its refresh tokens are worthless at once; its access token is good until it expires, 15 minutes at the most. Ending it
/// again changes nothing.
#[utoipa::path(
    delete, path = "/api/v1/auth/sessions/{id}", tag = "Accounts", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The session, of `GET /api/v1/auth/sessions`")),
    responses(
        (status = 204, description = "Ended"),
        (status = "4XX", description = "`not-found` where it is not the caller's; `unauthorized`, …",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end_session(
    State(api): State<CommandApi>,
    member: Member,
    PathId(session_id): PathId<Uuid>,
) -> Result<Response, Problem> {
    let found = sessions::end(api.store.pool(), member.id, session_id).await;
    if found.map_err(|error| refusals::database(&error))? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Problem::not_found())
    }
}
