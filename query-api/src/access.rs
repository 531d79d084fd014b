//! Who may read what, as far as the role alone decides.

use axum::{extract::FromRequestParts, http::request::Parts};
use platform::{Problem, tokens::Caller};

use crate::QueryApi;

const ADMIN: &str = "admin";

pub(crate) fn is_admin(caller: &Caller) -> bool {
    caller.role == ADMIN
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
