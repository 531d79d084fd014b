//! `PUT /api/v1/events/{id}/interest`: wants to be told when the sale starts.

use axum::{extract::State, response::Response};
use domain::{
    ShowId,
    user::{ShowInterest, UserCommand},
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

/// Is interested in an event
///
/// Whoever is will get the notification `sale-started` each time that the sale of the event starts from now on. Nothing
/// comes of it where the sale has started already, or never will: a cancelled event can be named like any other. Being
/// interested again changes nothing.
#[utoipa::path(
    put, path = "/api/v1/events/{id}/interest", tag = "Events", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The event's id")),
    responses(
        (status = 204, description = "Interested"),
        (status = "4XX", description = "`not-found`, for strangers' drafts too, `interests-too-many` (1,000 at the \
         most), `unauthorized`, …", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_interest(
    State(api): State<CommandApi>,
    member: Member,
    PathId(event_id): PathId<ShowId>,
    request_id: RequestId,
) -> Result<Response, Problem> {
    if !may_know_of(&api, event_id, member.id).await? {
        return Err(Problem::not_found());
    }
    let show = |at| UserCommand::ShowInterest(ShowInterest { event_id, at });
    let shown = order_of_member(&api, member, &[], &request_id, show).await?;
    Ok(answers::no_content(&[shown.position]))
}
