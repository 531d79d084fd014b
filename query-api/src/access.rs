//! Who may read what, as far as the role alone decides.

use axum::{extract::FromRequestParts, http::request::Parts};
use contract::User;
use platform::{Problem, http::PathId, tokens::Caller};
use uuid::Uuid;

use crate::QueryApi;

const ADMIN: &str = "admin";

pub(crate) fn is_admin(caller: &Caller) -> bool {
    caller.role == ADMIN
}

/// The user without what this caller may not see: addresses are for the user and administrators.
pub(crate) fn as_seen_by(caller: &Caller, user: User) -> User {
    let sees_all = caller.id == user.id || is_admin(caller);
    User { email: user.email.filter(|_| sees_all), ..user }
}

/// An administrator; 401 for nobody, 403 for everybody else. It stands before the parameters in a handler's
/// arguments, so that who may is checked before what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admin;

impl FromRequestParts<QueryApi> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &QueryApi) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<QueryApi>>::from_request_parts(parts, api).await?;
        if is_admin(&caller) {
            Ok(Self)
        } else {
            Err(Problem::forbidden("Only administrators may read this."))
        }
    }
}

/// The user whom the path names, read by nobody else; 401 for nobody, 403 for everybody else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Oneself(pub(crate) Uuid);

impl FromRequestParts<QueryApi> for Oneself {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &QueryApi) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<QueryApi>>::from_request_parts(parts, api).await?;
        let PathId(id) = PathId::<Uuid>::from_request_parts(parts, api).await?;
        if caller.id == id { Ok(Self(id)) } else { Err(Problem::forbidden("Only the user may read this.")) }
    }
}

/// The user whom the path names, read by themselves or by an administrator; 401 for nobody, 403 for everybody else.
#[derive(Debug, Clone)]
pub(crate) struct OwnUser {
    /// The user.
    pub(crate) id: Uuid,
    /// Who reads.
    pub(crate) caller: Caller,
}

impl FromRequestParts<QueryApi> for OwnUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &QueryApi) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<QueryApi>>::from_request_parts(parts, api).await?;
        let PathId(id) = PathId::<Uuid>::from_request_parts(parts, api).await?;
        if caller.id == id || is_admin(&caller) {
            Ok(Self { id, caller })
        } else {
            Err(Problem::forbidden("Only the user and administrators may read this."))
        }
    }
}
