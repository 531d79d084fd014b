//! `DELETE /api/v1/users/{id}`: closes an account for good and makes what is known of the person unreadable.

use axum::{extract::State, http::StatusCode, response::Response};
use domain::{
    UserId,
    user::{Role, User, UserCommand},
};
use event_store::{CommandContext, EventStore, Executed, Metadata};
use platform::{
    Problem,
    http::{PathId, RequestId},
};
use uuid::Uuid;

use crate::{
    CommandApi,
    accounts::Erasure,
    answers,
    callers::{Member, metadata},
    idempotency::NotDone,
    refusals,
};

/// Erases a user
///
/// One's own account; administrators anybody's. Name, address, credentials and sessions are destroyed at once; a host's
/// coming events and an attendee's bookings are cancelled after it. Erasing again does nothing.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", tag = "Accounts", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The user's id")),
    responses(
        (status = 204, description = "Erased"),
        (status = "4XX", description = "`forbidden`, `not-found`, …", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn erase_user(
    State(api): State<CommandApi>,
    member: Member,
    PathId(user_id): PathId<UserId>,
    request_id: RequestId,
) -> Result<Response, Problem> {
    if user_id != member.id && member.role != Role::Admin {
        return Err(Problem::forbidden("This account is somebody else's."));
    }
    let erasure = Erasure { user_id, by: Some(member.id) };
    let erased = execute(&api.store, &erasure, metadata(member.id, &request_id)).await?;
    Ok(answers::no_content(&[erased.position]))
}

async fn execute(
    store: &EventStore,
    erasure: &Erasure,
    metadata: Metadata,
) -> Result<Executed<User>, Problem> {
    let at = store.now().await.map_err(|error| refusals::database(&error))?;
    let context = CommandContext { metadata, receipt: None };
    let id = erasure.user_id.to_string();
    let erased = store.execute::<User>(&id, UserCommand::Erase { at }, &context, erasure).await;
    erased.map_err(|error| refusals::execute(error, refusals::user)).map_err(NotDone::without_receipt)
}

/// What an erasure found to destroy, and what is left to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureReport {
    /// Whether they had been erased before. What a backup may have brought back since is destroyed again.
    pub was_erased: bool,
    /// Sessions that ended.
    pub sessions: i64,
    /// Events of the user's stream whose personal data can be read no more.
    pub sealed_events: i64,
    /// Events that they host; the coming ones are being cancelled.
    pub hosted_events: i64,
    /// Bookings of theirs; open ones are being cancelled.
    pub bookings: i64,
}

/// Why nobody was erased.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// There is no such user.
    #[error("there is no user {0}")]
    NoSuchUser(Uuid),
    /// The database does not answer.
    #[error("the write database failed")]
    Database(#[from] sqlx::Error),
    /// Something else stood in the way, which is told in full by the log; perhaps it can be done the next time.
    #[error("the user was not erased: {0}")]
    NotDone(&'static str),
}

/// Erases a user on the command line and says what that means.
///
/// # Errors
/// See [`ErasureError`].
pub async fn erase(store: &EventStore, user_id: Uuid) -> Result<ErasureReport, ErasureError> {
    let (sessions, sealed_events, hosted_events, bookings, was_erased) = sqlx::query_as(
        "select (select count(*) from sessions where user_id = $1 and ended_at is null),
                (select count(*) from events where aggregate_type = 'user' and aggregate_id = $1::text
                        and event_type in ('UserRegistered', 'UserChanged')),
                (select count(*) from events where event_type = 'EventCreated' and payload ->> 'hostId' = $1::text),
                (select count(*) from events where aggregate_type = 'booking' and sequence = 1
                        and payload ->> 'userId' = $1::text),
                exists (select from events where aggregate_type = 'user' and aggregate_id = $1::text
                        and event_type = 'UserErased')",
    )
    .bind(user_id)
    .fetch_one(store.pool())
    .await?;
    let erasure = Erasure { user_id: UserId::new(user_id), by: None };
    let metadata = Metadata { actor: Some("command line".to_owned()), ..Metadata::default() };
    let erased = execute(store, &erasure, metadata).await;
    erased.map_err(|problem| match problem.status() {
        StatusCode::NOT_FOUND => ErasureError::NoSuchUser(user_id),
        _ => ErasureError::NotDone(problem.code()),
    })?;
    if was_erased {
        // It led to nothing then, so nothing was destroyed with it.
        let mut tx = store.pool().begin().await?;
        erasure.destroy_in_tx(&mut tx).await?;
        tx.commit().await?;
    }
    Ok(ErasureReport { was_erased, sessions, sealed_events, hosted_events, bookings })
}
