//! `GET /api/v1/users/{id}/preferences`: how a user wants to be told what.

use axum::{extract::State, response::Response};
use contract::Preferences;
use platform::Problem;

use crate::{
    QueryApi,
    access::Oneself,
    answers, failures,
    read_your_writes::{Projection, ReadAfter},
    rows,
};

/// How a user wants to be told what
///
/// One's own preferences; every kind is there, `both` where nothing was said. No mail is sent yet: until it is, `both` is
/// as good as `inbox`, and `email` as `none`.
#[utoipa::path(
    get, path = "/api/v1/users/{id}/preferences", tag = "Notifications", security(("bearer" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The user's id"),
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "The preferences", body = Preferences),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `forbidden`, `not-found`",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_preferences(
    State(api): State<QueryApi>,
    Oneself(id): Oneself,
    after: ReadAfter,
) -> Result<Response, Problem> {
    after.included_in(Projection::Notifications, &api.read).await?;
    let found = rows::preferences::of_user(&api.read, id).await;
    let (preferences, version) = found.map_err(|error| failures::database(&error))?;
    Ok(answers::versioned(version, &preferences))
}
