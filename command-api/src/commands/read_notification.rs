//! `POST /api/v1/notifications/{id}/read`: the caller has read a notification.

use axum::{extract::State, response::Response};
use domain::{
    NotificationId,
    user::{ReadNotification, UserCommand},
};
use platform::{
    Problem,
    http::{PathId, RequestId},
};

use crate::{CommandApi, answers, callers::Member, commands::order_of_member};

/// Has read a notification
///
/// It keeps the time of the first time. Repeating it is safe, with or without an `Idempotency-Key`.
#[utoipa::path(
    post, path = "/api/v1/notifications/{id}/read", tag = "Notifications", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The notification's id")),
    responses(
        (status = 204, description = "Read"),
        (status = "4XX", description = "`not-found`, for other people's too; `unauthorized`, `invalid-token`, \
         `token-expired`", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read_notification(
    State(api): State<CommandApi>,
    member: Member,
    PathId(notification_id): PathId<NotificationId>,
    request_id: RequestId,
) -> Result<Response, Problem> {
    let read = |at| UserCommand::ReadNotification(ReadNotification { notification_id, at });
    let read = order_of_member(&api, member, &[], &request_id, read).await?;
    Ok(answers::no_content(&[read.position]))
}
