//! `GET /api/v1/audit/events`: everything that happened, in order.

use axum::{Json, extract::State};
use platform::{Problem, http::Params};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    QueryApi,
    access::Admin,
    audit_log::{self, AuditPage, Range, StreamType},
};

/// From where on, and of which streams.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAuditEventsParams {
    /// The global position of the first event; they start at 1.
    #[param(minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    from: Option<i64>,
    /// Most events, 1 to 100; 100 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// Only streams of this type.
    #[serde(rename = "type")]
    #[param(inline)]
    stream_type: Option<StreamType>,
    /// Only the stream with this id.
    stream: Option<String>,
}

/// Everything that happened, in order
#[utoipa::path(
    get, path = "/api/v1/audit/events", tag = "Audit", security(("bearer" = [])),
    params(ListAuditEventsParams),
    responses(
        (status = 200, description = "Events by global position", body = AuditPage),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `forbidden`, \
         `invalid-fields`", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_audit_events(
    State(api): State<QueryApi>,
    _: Admin,
    Params(params): Params<ListAuditEventsParams>,
) -> Result<Json<AuditPage>, Problem> {
    let range = Range::new(params.from, params.limit)?;
    audit_log::read_log(&api.audits, range, params.stream_type, params.stream).await.map(Json)
}
