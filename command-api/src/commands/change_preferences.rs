//! `PUT /api/v1/users/{id}/preferences`: how a user wants to be told what.

use axum::{extract::State, response::Response};
use contract::Channel as ChannelAnswer;
use domain::{
    UserId,
    notification::{Channel, NotificationKind, Preferences},
    user::{ChangePreferences, UserCommand},
};
use platform::{
    Problem,
    http::{IfMatch, PathId, RawBody, RequestId},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{CommandApi, answers, callers::Member, commands::order_of_member};

/// Kinds of notifications, each `inbox`, `email`, `both` or `none`; a kind that is left out keeps its value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ChangePreferencesRequest {
    /// A host whom the user follows offers an event.
    new_event: Option<ChannelAnswer>,
    /// The sale of an event that the user is interested in has started.
    sale_started: Option<ChannelAnswer>,
    /// An event that the user has an open booking of was changed.
    event_updated: Option<ChannelAnswer>,
    /// An event that the user has an open booking of was cancelled.
    event_cancelled: Option<ChannelAnswer>,
    /// The last ticket of an event that the user hosts is sold.
    event_sold_out: Option<ChannelAnswer>,
    /// The user's booking is confirmed.
    booking_confirmed: Option<ChannelAnswer>,
    /// The user's hold has expired.
    booking_expired: Option<ChannelAnswer>,
    /// The user's booking was cancelled, by whomever.
    booking_cancelled: Option<ChannelAnswer>,
    /// Money went back to the user.
    refund_made: Option<ChannelAnswer>,
}

/// Changes how a user is told what
///
/// One's own preferences. What was told before stays as it was told. Repeating it changes nothing. No mail is sent yet:
/// until it is, `both` is as good as `inbox`, and `email` as `none`.
#[utoipa::path(
    put, path = "/api/v1/users/{id}/preferences", tag = "Notifications", security(("bearer" = [])),
    request_body = ChangePreferencesRequest,
    params(
        ("id" = uuid::Uuid, Path, description = "The user's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is based on"),
    ),
    responses(
        (status = 200, description = "The preferences as they are now", body = contract::Preferences),
        (status = "4XX", description = "`version-conflict`, `forbidden`, `invalid-fields`, `unauthorized`, …",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_preferences(
    State(api): State<CommandApi>,
    member: Member,
    PathId(user_id): PathId<UserId>,
    request_id: RequestId,
    if_match: Option<IfMatch>,
    body: RawBody,
) -> Result<Response, Problem> {
    if user_id != member.id {
        return Err(Problem::forbidden("These preferences are somebody else's."));
    }
    let preferences = body.parse::<ChangePreferencesRequest>()?.value.into_preferences();
    let expected_version = if_match.and_then(IfMatch::version);
    let change = |at| UserCommand::ChangePreferences(ChangePreferences { preferences, expected_version, at });
    let changed = order_of_member(&api, member, &[], &request_id, change).await?;
    let profile = changed.aggregate.profile().ok_or_else(Problem::not_found)?;
    let version = i64::try_from(profile.preferences_version).unwrap_or(i64::MAX);
    Ok(answers::changed(version, &answers::preferences(&profile.preferences), &[changed.position]))
}

impl ChangePreferencesRequest {
    fn into_preferences(self) -> Preferences {
        let said = [
            (NotificationKind::NewEvent, self.new_event),
            (NotificationKind::SaleStarted, self.sale_started),
            (NotificationKind::EventUpdated, self.event_updated),
            (NotificationKind::EventCancelled, self.event_cancelled),
            (NotificationKind::EventSoldOut, self.event_sold_out),
            (NotificationKind::BookingConfirmed, self.booking_confirmed),
            (NotificationKind::BookingExpired, self.booking_expired),
            (NotificationKind::BookingCancelled, self.booking_cancelled),
            (NotificationKind::RefundMade, self.refund_made),
        ];
        said.into_iter().filter_map(|(kind, said)| Some((kind, channel(said?)))).collect()
    }
}

const fn channel(said: ChannelAnswer) -> Channel {
    match said {
        ChannelAnswer::Inbox => Channel::Inbox,
        ChannelAnswer::Email => Channel::Email,
        ChannelAnswer::Both => Channel::Both,
        ChannelAnswer::None => Channel::None,
    }
}
