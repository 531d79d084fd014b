//! `GET /api/v1/auth/me`: who the caller is.

use axum::{extract::State, response::Response};
use contract::User;
use platform::{Problem, tokens::Caller};

use crate::{
    QueryApi, answers, failures,
    read_your_writes::{Projection, ReadAfter},
    rows,
};

/// The current user
///
/// Somebody who has only just registered is waited for, with or without a `Consistency-Token`.
#[utoipa::path(
    get, path = "/api/v1/auth/me", tag = "Accounts", security(("bearer" = [])),
    params(("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included")),
    responses(
        (status = 200, description = "The caller", body = User),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`; `not-found` once erased",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_me(
    State(api): State<QueryApi>,
    caller: Caller,
    after: ReadAfter,
) -> Result<Response, Problem> {
    after.and_registration_of(caller.id).included_in(Projection::Users, &api.read).await?;
    let user = rows::user::find(&api.read, caller.id).await.map_err(|error| failures::database(&error))?;
    let user = user.ok_or_else(Problem::not_found)?;
    Ok(answers::versioned(user.version, &user))
}
