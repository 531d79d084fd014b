//! `GET /api/v1/bookings`: the caller's bookings.

use axum::{Json, extract::State};
use contract::{Booking, List};
use platform::{Problem, http::Params, tokens::Caller};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    QueryApi, failures,
    list::{self, Filters, Order, PageParams},
    parameters,
    read_your_writes::{Projection, ReadAfter},
    rows::booking::{BookingSort, BookingStatus},
};

/// Which bookings, and which part of their list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListBookingsParams {
    /// Only those for this event.
    #[serde(default, deserialize_with = "parameters::id")]
    event_id: Option<Uuid>,
    /// Only those with this status.
    #[param(inline)]
    status: Option<BookingStatus>,
    /// Most items, 1 to 100; 10 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// Items to skip, 0 to 10,000.
    #[param(minimum = 0, maximum = 10_000)]
    offset: Option<i64>,
    /// By what they are sorted.
    #[param(inline)]
    sort: Option<BookingSort>,
    /// In which direction; `desc` by default.
    #[param(inline)]
    order: Option<Order>,
    /// The `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct BookingFilters {
    user_id: Uuid,
    event_id: Option<Uuid>,
    status: Option<BookingStatus>,
}

impl Filters for BookingFilters {
    fn push_to(&self, query: &mut QueryBuilder<'_, Postgres>) {
        query.push("b.user_id = ").push_bind(self.user_id);
        if let Some(event_id) = self.event_id {
            query.push(" and b.event_id = ").push_bind(event_id);
        }
        if let Some(status) = self.status {
            query.push(" and ").push(status.condition());
        }
    }
}

/// The caller's bookings
#[utoipa::path(
    get, path = "/api/v1/bookings", tag = "Bookings", security(("bearer" = [])),
    params(
        ListBookingsParams,
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "Own bookings, newest first", body = List<Booking>),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `invalid-fields`",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_bookings(
    State(api): State<QueryApi>,
    caller: Caller,
    after: ReadAfter,
    Params(params): Params<ListBookingsParams>,
) -> Result<Json<List<Booking>>, Problem> {
    let ListBookingsParams { event_id, status, limit, offset, sort, order, cursor } = params;
    let filters = BookingFilters { user_id: caller.id, event_id, status };
    let page = PageParams { limit, offset, sort, order, cursor }.page_of::<Booking>(&filters)?;
    after.included_in(Projection::Bookings, &api.read).await?;
    list::read(&api.read, &filters, &page).await.map(Json).map_err(|error| failures::database(&error))
}
