//! `PUT /api/v1/users/{id}/follow`: follows a host.

use axum::{extract::State, response::Response};
use domain::{
    UserId,
    user::{FollowHost, Role, User, UserCommand},
};
use platform::{
    Problem,
    http::{PathId, RequestId},
};

use crate::{CommandApi, answers, callers::Member, commands::order_of_member, refusals};

/// Follows a host
///
/// Following again changes nothing.
#[utoipa::path(
    put, path = "/api/v1/users/{id}/follow", tag = "Accounts", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The host's id")),
    responses(
        (status = 204, description = "Followed"),
        (status = "4XX", description = "`not-found`, `not-a-host`, `cannot-follow-oneself`, `follows-too-many` (1,000 at \
         the most), `unauthorized`, …", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn follow_host(
    State(api): State<CommandApi>,
    member: Member,
    PathId(host_id): PathId<UserId>,
    request_id: RequestId,
) -> Result<Response, Problem> {
    if host_id != member.id {
        check_is_host(&api, host_id).await?;
    }
    let follow = |at| UserCommand::Follow(FollowHost { host_id, at });
    let followed = order_of_member(&api, member, &[host_id], &request_id, follow).await?;
    Ok(answers::no_content(&[followed.position]))
}

/// What kind of account it is never changes, so it may be looked at before the append.
async fn check_is_host(api: &CommandApi, host_id: UserId) -> Result<(), Problem> {
    let loaded = api.store.load::<User>(&host_id.to_string()).await;
    let (user, _) = loaded.map_err(|error| refusals::read(&error))?;
    match user.profile().ok_or_else(Problem::not_found)?.role {
        Role::Host => Ok(()),
        Role::Attendee | Role::Admin => {
            Err(Problem::conflict("not-a-host", "Only hosts can be followed, and this is none."))
        }
    }
}
