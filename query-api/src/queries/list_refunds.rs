//! `GET /api/v1/refunds`: refunds, for administrators; those that need a hand are `?status=failed`.

use axum::{Json, extract::State};
use contract::{List, Refund};
use platform::{Problem, http::Params};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use utoipa::IntoParams;

use crate::{
    QueryApi,
    access::Admin,
    failures,
    list::{self, Filters, Order, PageParams},
    read_your_writes::{Projection, ReadAfter},
    rows::payment::{RefundSort, RefundStatus},
};

/// Which refunds, and which part of their list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListRefundsParams {
    /// Only those with this status; `failed` needs a hand, `requested` is on its way, for some banks for days.
    #[param(inline)]
    status: Option<RefundStatus>,
    /// Most items, 1 to 100; 10 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// Items to skip, 0 to 10,000.
    #[param(minimum = 0, maximum = 10_000)]
    offset: Option<i64>,
    /// By what they are sorted.
    #[param(inline)]
    sort: Option<RefundSort>,
    /// In which direction; `desc` by default.
    #[param(inline)]
    order: Option<Order>,
    /// The `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct RefundFilters {
    status: Option<RefundStatus>,
}

impl Filters for RefundFilters {
    fn push_to(&self, query: &mut QueryBuilder<'_, Postgres>) {
        match self.status {
            Some(status) => query.push("r.status = ").push_bind(status.name()),
            None => query.push("true"),
        };
    }
}

/// Refunds
///
/// For administrators.
#[utoipa::path(
    get, path = "/api/v1/refunds", tag = "Payments", security(("bearer" = [])),
    params(
        ListRefundsParams,
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "Refunds, newest first", body = List<Refund>),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `forbidden` to others, \
         `invalid-fields`", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_refunds(
    State(api): State<QueryApi>,
    Admin: Admin,
    after: ReadAfter,
    Params(params): Params<ListRefundsParams>,
) -> Result<Json<List<Refund>>, Problem> {
    let ListRefundsParams { status, limit, offset, sort, order, cursor } = params;
    let filters = RefundFilters { status };
    let page = PageParams { limit, offset, sort, order, cursor }.page_of::<Refund>(&filters)?;
    after.included_in(Projection::Payments, &api.read).await?;
    list::read(&api.read, &filters, &page).await.map(Json).map_err(|error| failures::database(&error))
}
