//! Callers by role. They stand before the body in a handler's arguments, so that who may is checked before what.

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{UserId, user::Role};
use event_store::Metadata;
use platform::{Problem, http::RequestId, tokens::Caller};
use uuid::Uuid;

use crate::CommandApi;

/// Somebody with an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) id: UserId,
    pub(crate) role: Role,
    /// The session of their token.
    pub(crate) session_id: Uuid,
}

/// Somebody who books tickets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attendee(pub(crate) UserId);

/// Somebody who offers events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Host(pub(crate) UserId);

/// Who looks after the box office.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admin(pub(crate) UserId);

impl FromRequestParts<CommandApi> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &CommandApi) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<CommandApi>>::from_request_parts(parts, api).await?;
        let role = caller.role.parse().map_err(|_| Problem::forbidden("This account has no role here."))?;
        Ok(Self { id: UserId::new(caller.id), role, session_id: caller.session })
    }
}

impl FromRequestParts<CommandApi> for Attendee {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &CommandApi) -> Result<Self, Problem> {
        let member = Member::from_request_parts(parts, api).await?;
        match member.role {
            Role::Attendee => Ok(Self(member.id)),
            Role::Host | Role::Admin => Err(Problem::forbidden("Only attendees book tickets.")),
        }
    }
}

impl FromRequestParts<CommandApi> for Host {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &CommandApi) -> Result<Self, Problem> {
        let member = Member::from_request_parts(parts, api).await?;
        match member.role {
            Role::Host => Ok(Self(member.id)),
            Role::Attendee | Role::Admin => Err(Problem::forbidden("Only hosts offer events.")),
        }
    }
}

impl FromRequestParts<CommandApi> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &CommandApi) -> Result<Self, Problem> {
        let member = Member::from_request_parts(parts, api).await?;
        match member.role {
            Role::Admin => Ok(Self(member.id)),
            Role::Attendee | Role::Host => Err(Problem::forbidden("Only administrators may do this.")),
        }
    }
}

/// What the events of a person's request say about where they come from. Metadata is for ever and not sealed: a client's
/// request id gets in only if it is a UUID, so that nobody's name can.
pub(crate) fn metadata(actor: UserId, request_id: &RequestId) -> Metadata {
    let correlation_id = Uuid::try_parse(request_id.as_str()).unwrap_or_else(|_| Uuid::now_v7());
    Metadata {
        actor: Some(actor.to_string()),
        correlation_id: Some(correlation_id.to_string()),
        ..Metadata::default()
    }
}
