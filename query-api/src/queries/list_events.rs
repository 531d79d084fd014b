//! `GET /api/v1/events`: what is on.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use contract::{Event, List};
use platform::{Problem, http::Params, tokens::MaybeCaller};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    QueryApi, failures,
    list::{self, Filters, Order, PageParams},
    parameters,
    read_your_writes::{Projection, ReadAfter},
    rows::event::EventSort,
};

/// Which events, and which part of their list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListEventsParams {
    /// Only those of this host.
    #[serde(default, deserialize_with = "parameters::id")]
    host: Option<Uuid>,
    /// Only those that start at this time or later.
    #[serde(default, deserialize_with = "parameters::time")]
    from: Option<DateTime<Utc>>,
    /// Only those that start before this time.
    #[serde(default, deserialize_with = "parameters::time")]
    to: Option<DateTime<Utc>>,
    /// Words in the title, the description or the venue; `"a phrase"`, `or` and `-not` work as in search engines. At
    /// most 200 characters.
    #[serde(default, deserialize_with = "parameters::search")]
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only those with this status.
    #[param(inline)]
    status: Option<EventStatus>,
    /// Most items, 1 to 100; 10 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// Items to skip, 0 to 10,000.
    #[param(minimum = 0, maximum = 10_000)]
    offset: Option<i64>,
    /// By what they are sorted; `date` by default.
    #[param(inline)]
    sort: Option<EventSort>,
    /// In which direction; `asc` by default.
    #[param(inline)]
    order: Option<Order>,
    /// The `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

/// What has become of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventStatus {
    /// Its host alone sees it, in the list of that host.
    Draft,
    /// It is still to come, or under way.
    Published,
    /// It is over.
    Ended,
    /// It does not take place.
    Cancelled,
}

#[derive(Debug, Serialize)]
struct EventFilters {
    host: Option<Uuid>,
    /// Whether those are listed that never were public: for their host, in the list of own events.
    with_own_drafts: bool,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    q: Option<String>,
    status: Option<EventStatus>,
}

impl Filters for EventFilters {
    fn push_to(&self, query: &mut QueryBuilder<'_, Postgres>) {
        query.push(if self.with_own_drafts { "not deleted" } else { "published and not deleted" });
        match self.status {
            None => {}
            Some(EventStatus::Draft) => _ = query.push(" and status = 'draft'"),
            Some(EventStatus::Published) => {
                query.push(" and status = 'published' and end_date_time > now()");
            }
            Some(EventStatus::Ended) => {
                query.push(" and status = 'published' and end_date_time <= now()");
            }
            Some(EventStatus::Cancelled) => _ = query.push(" and status = 'cancelled'"),
        }
        if let Some(host) = self.host {
            query.push(" and host_id = ").push_bind(host);
        }
        if let Some(from) = self.from {
            query.push(" and start_date_time >= ").push_bind(from);
        }
        if let Some(to) = self.to {
            query.push(" and start_date_time < ").push_bind(to);
        }
        if let Some(q) = &self.q {
            query.push(" and search @@ websearch_to_tsquery('simple', ").push_bind(q.clone()).push(")");
        }
    }
}

/// What is on
///
/// Drafts are in the list that their host asks for with `?host=<own id>`, and in no other.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "Events", security((), ("bearer" = [])),
    params(
        ListEventsParams,
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "Events, by date where nothing else is asked for", body = List<Event>),
        (status = "4XX", description = "`invalid-fields`; `invalid-token` for a bad one", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_events(
    State(api): State<QueryApi>,
    caller: MaybeCaller,
    after: ReadAfter,
    Params(params): Params<ListEventsParams>,
) -> Result<Json<List<Event>>, Problem> {
    let ListEventsParams { host, from, to, q, status, limit, offset, sort, order, cursor } = params;
    let with_own_drafts = caller.is_some_and(|caller| host == Some(caller.id));
    let filters = EventFilters { host, with_own_drafts, from, to, q, status };
    let page = PageParams { limit, offset, sort, order, cursor }.page_of::<Event>(&filters)?;
    after.included_in(Projection::Events, &api.read).await?;
    list::read(&api.read, &filters, &page).await.map(Json).map_err(|error| failures::database(&error))
}
