//! Callers by role. They stand before the body in a handler's arguments, so that who may is checked before what.

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{UserId, user::Role};
use platform::{Problem, tokens::Caller};

use crate::CommandApi;

/// Somebody with an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) id: UserId,
    pub(crate) role: Role,
}

/// Somebody who books tickets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attendee(pub(crate) UserId);

/// Somebody who offers events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Host(pub(crate) UserId);

impl FromRequestParts<CommandApi> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &CommandApi) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<CommandApi>>::from_request_parts(parts, api).await?;
        let role = caller.role.parse().map_err(|_| Problem::forbidden("This account has no role here."))?;
        Ok(Self { id: UserId::new(caller.id), role })
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
