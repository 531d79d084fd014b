//! `DELETE /api/v1/events/{id}/interest`: wants to be told of the sale no longer.

use axum::{extract::State, response::Response};
use domain::{
    ShowId,
    user::{UserCommand, WithdrawInterest},
};
use platform::{
    Problem,
    http::{PathId, RequestId},
};

use crate::{
    CommandApi, answers,
    callers::Member,
    commands::{may_know_of, order_of_member},
};

/// Is interested in an event no longer
///
/// Whoever was not interested stays so.
#[utoipa::path(
    delete, path = "/api/v1/events/{id}/interest", tag = "Events", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The event's id")),
    responses(
        (status = 204, description = "Not interested"),
        (status = "4XX", description = "`not-found`, for strangers' drafts too; `unauthorized`, `invalid-token`, \
         `token-expired`", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn withdraw_interest(
    State(api): State<CommandApi>,
    member: Member,
    PathId(event_id): PathId<ShowId>,
    request_id: RequestId,
) -> Result<Response, Problem> {
    // Whoever is interested has known of it, and what was once known of stays so.
    if !may_know_of(&api, event_id, member.id).await? {
        return Err(Problem::not_found());
    }
    let withdraw = |at| UserCommand::WithdrawInterest(WithdrawInterest { event_id, at });
    let withdrawn = order_of_member(&api, member, &[], &request_id, withdraw).await?;
    Ok(answers::no_content(&[withdrawn.position]))
}
