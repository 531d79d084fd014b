//! `GET /api/v1/audit/head`: the newest entry of the event log, whose hash covers all before it.

use axum::{Json, extract::State};
use platform::Problem;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{QueryApi, access::Admin, failures};

/// The newest entry of the event log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditHead {
    /// Its place; 0 while the log is empty.
    global_position: i64,
    /// What covers it and every entry before it: BLAKE3, hexadecimal.
    hash: String,
}

/// The newest entry of the event log
#[utoipa::path(
    get, path = "/api/v1/audit/head", tag = "Audit", security(("bearer" = [])),
    responses(
        (status = 200, description = "The newest entry", body = AuditHead),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `forbidden`",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_audit_head(
    State(api): State<QueryApi>,
    _: Admin,
) -> Result<Json<AuditHead>, Problem> {
    let head = api.audits.head().await.map_err(|error| failures::database(&error))?;
    let hash = head.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Json(AuditHead { global_position: head.global_position, hash }))
}
