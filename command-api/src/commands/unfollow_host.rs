//! `DELETE /api/v1/users/{id}/follow`: follows a host no longer.

use axum::{extract::State, response::Response};
use domain::{
    UserId,
    user::{Profile, UnfollowHost, User, UserCommand},
};
use platform::{
    Problem,
    http::{PathId, RequestId},
};

use crate::{CommandApi, answers, callers::Member, commands::order_of_member, refusals};

/// Follows a host no longer
///
/// Whoever was not followed stays so.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}/follow", tag = "Accounts", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The host's id")),
    responses(
        (status = 204, description = "Not followed"),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`; `not-found` where there is \
         nobody, and was nobody that the caller followed", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn unfollow_host(
    State(api): State<CommandApi>,
    member: Member,
    PathId(host_id): PathId<UserId>,
    request_id: RequestId,
) -> Result<Response, Problem> {
    check_is_somebody(&api, member.id, host_id).await?;
    let unfollow = |at| UserCommand::Unfollow(UnfollowHost { host_id, at });
    let unfollowed = order_of_member(&api, member, &[], &request_id, unfollow).await?;
    Ok(answers::no_content(&[unfollowed.position]))
}

/// There is nobody to be followed no longer, unless they were followed while they had an account.
async fn check_is_somebody(api: &CommandApi, follower: UserId, host_id: UserId) -> Result<(), Problem> {
    if profile(api, host_id).await?.is_some() {
        return Ok(());
    }
    let follows = profile(api, follower).await?.is_some_and(|profile| profile.following.contains(&host_id));
    if follows { Ok(()) } else { Err(Problem::not_found()) }
}

async fn profile(api: &CommandApi, user_id: UserId) -> Result<Option<Profile>, Problem> {
    let loaded = api.store.load::<User>(&user_id.to_string()).await;
    let (user, _) = loaded.map_err(|error| refusals::read(&error))?;
    Ok(user.profile().cloned())
}
