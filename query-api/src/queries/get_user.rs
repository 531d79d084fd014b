//! `GET /api/v1/users/{id}`: somebody with an account.

use axum::{extract::State, response::Response};
use contract::User;
use platform::{Problem, http::PathId, tokens::Caller};
use uuid::Uuid;

use crate::{
    QueryApi, access, answers, failures,
    read_your_writes::{Projection, ReadAfter},
    rows,
};

/// A user
///
/// The e-mail address is shown to the user and to administrators only.
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = "Accounts", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The user's id"),
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "The user", body = User),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `not-found`",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_user(
    State(api): State<QueryApi>,
    caller: Caller,
    after: ReadAfter,
    PathId(id): PathId<Uuid>,
) -> Result<Response, Problem> {
    after.included_in(Projection::Users, &api.read).await?;
    let user = rows::user::find(&api.read, id).await.map_err(|error| failures::database(&error))?;
    let user = access::as_seen_by(&caller, user.ok_or_else(Problem::not_found)?);
    Ok(answers::versioned(user.version, &user))
}
