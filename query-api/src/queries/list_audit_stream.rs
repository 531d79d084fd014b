//! `GET /api/v1/audit/streams/{type}/{id}`: what happened to one thing, in order.

use axum::{
    Json,
    extract::{Path, State},
};
use event_store::StreamId;
use platform::{Problem, http::Params};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    QueryApi,
    access::Admin,
    audit_log::{self, AuditPage, Range},
};

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAuditStreamParams {
    /// The sequence of the first event, from 1.
    #[param(minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    from: Option<i64>,
    /// Most events, 1 to 100; 100 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// What happened to one user, event or booking, in order
#[utoipa::path(
    get, path = "/api/v1/audit/streams/{type}/{id}", tag = "Audit", security(("bearer" = [])),
    params(
        ("type" = String, Path, description = "`user`, `event` or `booking`"),
        ("id" = String, Path, description = "The id of the stream"),
        ListAuditStreamParams,
    ),
    responses(
        (status = 200, description = "The stream's events by sequence", body = AuditPage),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `forbidden`, \
         `invalid-fields`, `not-found`", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_audit_stream(
    State(api): State<QueryApi>,
    _: Admin,
    Params(params): Params<ListAuditStreamParams>,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
) -> Result<Json<AuditPage>, Problem> {
    let range = Range::new(params.from, params.limit)?;
    let Path((kind, id)) = path.map_err(|_| Problem::not_found())?;
    // PostgreSQL has no such character, so no stream has.
    if kind.contains('\0') || id.contains('\0') {
        return Err(Problem::not_found());
    }
    let page = audit_log::read_stream(&api.audits, &StreamId { kind, id }, range).await?;
    page.map(Json).ok_or_else(Problem::not_found)
}
