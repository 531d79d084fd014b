//! `GET /api/v1/users/{id}/following`: the hosts that a user follows.

use axum::{Json, extract::State};
use contract::{List, User};
use platform::{Problem, http::Params};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    QueryApi,
    access::{self, OwnUser},
    failures,
    list::{self, Filters, Order, PageParams},
    read_your_writes::{Projection, ReadAfter},
    rows::{self, user::UserSort},
};

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListFollowedHostsParams {
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

#[derive(Debug, Serialize)]
struct FollowedBy {
    user_id: Uuid,
}

impl Filters for FollowedBy {
    fn push_to(&self, query: &mut QueryBuilder<'_, Postgres>) {
        query.push("u.name is not null and u.id in (select f.host_id from follows f where f.user_id = ");
        query.push_bind(self.user_id).push(")");
    }
}

/// The hosts that a user follows
///
/// For the user and administrators.
#[utoipa::path(
    get, path = "/api/v1/users/{id}/following", tag = "Accounts", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The user's id"),
        ListFollowedHostsParams,
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "Hosts, by name", body = List<User>),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `forbidden`, `not-found`, \
         `invalid-fields`", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_followed_hosts(
    State(api): State<QueryApi>,
    OwnUser { id, caller }: OwnUser,
    after: ReadAfter,
    Params(params): Params<ListFollowedHostsParams>,
) -> Result<Json<List<User>>, Problem> {
    let ListFollowedHostsParams { limit, offset, sort, order, cursor } = params;
    let filters = FollowedBy { user_id: id };
    let page = PageParams { limit, offset, sort, order, cursor }.page_of::<User>(&filters)?;
    after.included_in(Projection::Users, &api.read).await?;
    // Of oneself it is known that one has registered, whatever the read model says so far.
    if id != caller.id {
        let user = rows::user::find(&api.read, id).await.map_err(|error| failures::database(&error))?;
        user.ok_or_else(Problem::not_found)?;
    }
    let list = list::read::<User>(&api.read, &filters, &page).await;
    let mut list = list.map_err(|error| failures::database(&error))?;
    list.items = list.items.into_iter().map(|user| access::as_seen_by(&caller, user)).collect();
    Ok(Json(list))
}
