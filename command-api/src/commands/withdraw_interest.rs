//! `DELETE /api/v1/events/{id}/interest`: wants to be told of the sale no longer.

use axum::{extract::State, response::Response};
use domain::{
    ShowId,
    user::{User, UserCommand, WithdrawInterest},
};
use event_store::CommandContext;
use platform::{
    Problem,
    http::{PathId, RequestId},
};

use crate::{
    CommandApi,
    accounts::StillThere,
    answers,
    callers::{Member, metadata},
    commands::may_know_of,
    refusals,
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
    let at = api.store.now().await.map_err(|error| refusals::database(&error))?;
    let command = UserCommand::WithdrawInterest(WithdrawInterest { event_id, at });
    let context = CommandContext { metadata: metadata(member.id, &request_id), receipt: None };
    let own = StillThere::new([member.id]);
    let withdrawn = api.store.execute::<User>(&member.id.to_string(), command, &context, &own).await;
    let withdrawn = withdrawn.map_err(|error| refusals::execute(error, refusals::user).without_receipt())?;
    Ok(answers::no_content(&[withdrawn.position]))
}
