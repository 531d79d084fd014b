//! `GET /api/v1/events/{id}/bookings`: who has booked, for the event's host.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use contract::{Booking, List};
use platform::{
    Problem,
    http::{Params, PathId},
    tokens::Caller,
};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    QueryApi, failures,
    list::{self, Filters, Order, PageParams},
    read_your_writes::{Projection, ReadAfter},
    rows::{
        self,
        booking::{BookingSort, BookingStatus},
    },
};

/// Which bookings, and which part of their list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListEventBookingsParams {
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
struct EventBookingFilters {
    event_id: Uuid,
    status: Option<BookingStatus>,
}

impl Filters for EventBookingFilters {
    fn push_to(&self, query: &mut QueryBuilder<'_, Postgres>) {
        query.push("b.event_id = ").push_bind(self.event_id);
        if let Some(status) = self.status {
            query.push(" and ").push(status.condition());
        }
    }
}

/// The event that the path names, read by its host; 401 for nobody, 404 for what the caller may not know of, 403 for
/// everybody else. It stands before the parameters in the handler's arguments, so that who may is checked before what.
#[derive(Debug)]
pub(crate) struct OwnEvent {
    pub(crate) id: Uuid,
    pub(crate) after: ReadAfter,
}

impl FromRequestParts<QueryApi> for OwnEvent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &QueryApi) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<QueryApi>>::from_request_parts(parts, api).await?;
        let after = ReadAfter::from_request_parts(parts, api).await?;
        let PathId(id) = PathId::<Uuid>::from_request_parts(parts, api).await?;
        after.included_in(Projection::Events, &api.read).await?;
        let host = rows::event::host(&api.read, id, Some(caller.id)).await;
        match host.map_err(|error| failures::database(&error))? {
            None => Err(Problem::not_found()),
            Some(host) if host == caller.id => Ok(Self { id, after }),
            Some(_) => Err(Problem::forbidden("Only the event's host may read this.")),
        }
    }
}

/// An event's bookings
///
/// For its host.
#[utoipa::path(
    get, path = "/api/v1/events/{id}/bookings", tag = "Events", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The event's id"),
        ListEventBookingsParams,
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "The event's bookings, newest first", body = List<Booking>),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `forbidden` to others, \
         `not-found`, `invalid-fields`", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_event_bookings(
    State(api): State<QueryApi>,
    OwnEvent { id, after }: OwnEvent,
    Params(params): Params<ListEventBookingsParams>,
) -> Result<Json<List<Booking>>, Problem> {
    let ListEventBookingsParams { status, limit, offset, sort, order, cursor } = params;
    let filters = EventBookingFilters { event_id: id, status };
    let page = PageParams { limit, offset, sort, order, cursor }.page_of::<Booking>(&filters)?;
    after.included_in(Projection::Bookings, &api.read).await?;
    list::read(&api.read, &filters, &page).await.map(Json).map_err(|error| failures::database(&error))
}
