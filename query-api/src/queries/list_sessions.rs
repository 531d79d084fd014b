//! `GET /api/v1/auth/sessions`: where the caller is signed in.
//!
//! Sessions are no events, so no read model has them: this reads the write database, and always what is true now.

use axum::{Json, extract::State};
use contract::{List, OpenSession};
use platform::{Problem, http::Params, tokens::Caller};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    QueryApi, failures,
    list::{self, Filters, Order, PageParams},
    rows::session::SessionSort,
};

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListSessionsParams {
    /// Most items, 1 to 100; 10 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// Items to skip, 0 to 10,000.
    #[param(minimum = 0, maximum = 10_000)]
    offset: Option<i64>,
    /// By what they are sorted.
    #[param(inline)]
    sort: Option<SessionSort>,
    /// In which direction; `desc` by default.
    #[param(inline)]
    order: Option<Order>,
    /// The `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct OpenSessionsOf {
    user_id: Uuid,
}

impl Filters for OpenSessionsOf {
    fn push_to(&self, query: &mut QueryBuilder<'_, Postgres>) {
        query.push("s.user_id = ").push_bind(self.user_id);
        query.push(" and s.ended_at is null and s.expires_at > clock_timestamp()");
    }
}

/// Where the caller is signed in
#[utoipa::path(
    get, path = "/api/v1/auth/sessions", tag = "Accounts", security(("bearer" = [])),
    params(ListSessionsParams),
    responses(
        (status = 200, description = "Own sessions that are open, newest first", body = List<OpenSession>),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `invalid-fields`",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_sessions(
    State(api): State<QueryApi>,
    caller: Caller,
    Params(params): Params<ListSessionsParams>,
) -> Result<Json<List<OpenSession>>, Problem> {
    let ListSessionsParams { limit, offset, sort, order, cursor } = params;
    let filters = OpenSessionsOf { user_id: caller.id };
    let page = PageParams { limit, offset, sort, order, cursor }.page_of::<OpenSession>(&filters)?;
    let list = list::read::<OpenSession>(&api.accounts, &filters, &page).await;
    let mut list = list.map_err(|error| failures::database(&error))?;
    for session in &mut list.items {
        session.current = session.id == caller.session;
    }
    Ok(Json(list))
}
