//! `PUT /api/v1/users/{id}`: another name or address.

use axum::{extract::State, response::Response};
use contract::User as UserAnswer;
use domain::{
    EmailAddress, PersonName, UserId,
    user::{ChangeUser, Role, User, UserCommand},
};
use event_store::{AppendError, CommandContext, ExecuteError};
use platform::{
    Problem,
    http::{IfMatch, PathId, RawBody, RequestId},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    CommandApi,
    accounts::{self, MovedClaim, StillThere},
    answers,
    callers::{Member, metadata},
    fields::Fields,
    refusals,
};

/// What changes; a field left out keeps its value. At least one must be there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeUserRequest {
    /// What they are called.
    #[schema(min_length = 1, max_length = 200, example = "Ada King")]
    name: Option<String>,
    /// Where mail reaches them, and what they sign in with; one account an address.
    #[schema(format = "email", max_length = 254, example = "ada.king@example.org")]
    email: Option<String>,
}

/// Changes a user
///
/// One's own account; administrators anybody's. Sessions stay as they are. Repeating it changes nothing.
#[utoipa::path(
    put, path = "/api/v1/users/{id}", tag = "Accounts", security(("bearer" = [])),
    request_body = ChangeUserRequest,
    params(
        ("id" = uuid::Uuid, Path, description = "The user's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is based on"),
    ),
    responses(
        (status = 200, description = "The user as they are now", body = UserAnswer),
        (status = "4XX", description = "`email-taken`, `version-conflict`, `forbidden`, `not-found`, \
         `invalid-fields`, …", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_user(
    State(api): State<CommandApi>,
    member: Member,
    PathId(user_id): PathId<UserId>,
    request_id: RequestId,
    if_match: Option<IfMatch>,
    body: RawBody,
) -> Result<Response, Problem> {
    if user_id != member.id && member.role != Role::Admin {
        return Err(Problem::forbidden("This account is somebody else's."));
    }
    let (name, email) = body.parse::<ChangeUserRequest>()?.value.parse()?;
    let claim = MovedClaim {
        user_id,
        email_hash: email.as_ref().map(|email| accounts::email_hash(api.store.master_key(), email)),
        still_there: StillThere::new([member.id, user_id]),
    };
    let expected_version = if_match.and_then(IfMatch::version);
    let at = api.store.now().await.map_err(|error| refusals::database(&error))?;
    let command = UserCommand::Change(ChangeUser { name, email, expected_version, at });
    let context = CommandContext { metadata: metadata(member.id, &request_id), receipt: None };
    let changed = api.store.execute::<User>(&user_id.to_string(), command, &context, &claim).await;
    let changed = changed.map_err(refused)?;
    let profile = changed.aggregate.profile().ok_or_else(Problem::not_found)?;
    let user = answers::user(profile);
    Ok(answers::changed(user.version, &user, &[changed.position]))
}

impl ChangeUserRequest {
    fn parse(self) -> Result<(Option<PersonName>, Option<EmailAddress>), Problem> {
        if self.name.is_none() && self.email.is_none() {
            return Err(Problem::invalid_field("body", "must have a name or an email"));
        }
        let mut fields = Fields::default();
        let name = fields.take("name", self.name.as_deref().map(PersonName::parse).transpose());
        let email = fields.take("email", self.email.as_deref().map(EmailAddress::parse).transpose());
        name.zip(email).ok_or_else(|| fields.refuse())
    }
}

fn refused(error: ExecuteError<domain::user::UserError>) -> Problem {
    match error {
        ExecuteError::Append(AppendError::Claimed(_)) => refusals::email_taken(),
        error @ (ExecuteError::Refused(_) | ExecuteError::Append(_) | ExecuteError::Read(_)) => {
            refusals::execute(error, refusals::user).without_receipt()
        }
    }
}
