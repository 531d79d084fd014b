//! `GET /api/v1/users`: people with an account.

use axum::{Json, extract::State};
use contract::{List, User};
use platform::{Problem, http::Params, tokens::Caller};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use utoipa::{IntoParams, ToSchema};

use crate::{
    QueryApi, access, failures,
    list::{self, Filters, Order, PageParams},
    parameters,
    read_your_writes::{Projection, ReadAfter},
    rows::user::UserSort,
};

/// Which users, and which part of their list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListUsersParams {
    /// Only those with this role.
    #[param(inline)]
    role: Option<Role>,
    /// Only those whose name contains this, whatever the case; for administrators also those whose address does.
    #[serde(default, deserialize_with = "parameters::search")]
    #[param(max_length = 200)]
    q: Option<String>,
    /// Most items, 1 to 100; 10 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// Items to skip, 0 to 10,000.
    #[param(minimum = 0, maximum = 10_000)]
    offset: Option<i64>,
    /// By what they are sorted.
    #[param(inline)]
    sort: Option<UserSort>,
    /// In which direction; `asc` by default.
    #[param(inline)]
    order: Option<Order>,
    /// The `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Books tickets.
    Attendee,
    /// Offers events.
    Host,
    /// Sees everything.
    Admin,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Attendee => "attendee",
            Self::Host => "host",
            Self::Admin => "admin",
        }
    }
}

#[derive(Debug, Serialize)]
struct UserFilters {
    role: Option<Role>,
    /// As it was typed.
    q: Option<String>,
    /// Whether addresses are searched, too.
    addresses: bool,
}

impl Filters for UserFilters {
    fn push_to(&self, query: &mut QueryBuilder<'_, Postgres>) {
        query.push("u.name is not null");
        if let Some(role) = self.role {
            query.push(" and u.role = ").push_bind(role.name());
        }
        if let Some(q) = &self.q {
            let pattern = parameters::containing(q);
            query.push(" and (u.name ilike ").push_bind(pattern.clone());
            if self.addresses {
                query.push(" or u.email ilike ").push_bind(pattern);
            }
            query.push(")");
        }
    }
}

/// People with an account
///
/// For everybody who is signed in. The e-mail address is shown to the user and to administrators only.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "Accounts", security(("bearer" = [])),
    params(
        ListUsersParams,
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "Users, by name", body = List<User>),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `invalid-fields`",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_users(
    State(api): State<QueryApi>,
    caller: Caller,
    after: ReadAfter,
    Params(params): Params<ListUsersParams>,
) -> Result<Json<List<User>>, Problem> {
    let ListUsersParams { role, q, limit, offset, sort, order, cursor } = params;
    let filters = UserFilters { role, q, addresses: access::is_admin(&caller) };
    let page = PageParams { limit, offset, sort, order, cursor }.page_of::<User>(&filters)?;
    after.included_in(Projection::Users, &api.read).await?;
    let list = list::read::<User>(&api.read, &filters, &page).await;
    let mut list = list.map_err(|error| failures::database(&error))?;
    list.items = list.items.into_iter().map(|user| access::as_seen_by(&caller, user)).collect();
    Ok(Json(list))
}
