//! `GET /api/v1/events/{id}/sales` and `.csv`: what an event has earned, for its host.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use contract::{Money, Sales, SalesItem, SalesTotal};
use platform::Problem;

use crate::{
    QueryApi, failures,
    queries::list_event_bookings::OwnEvent,
    read_your_writes::Projection,
    rows::{self, payment::SalesRow},
};

/// An event's sales
///
/// Gross, refunded and net by ticket type and day (in UTC), and in all. For its host.
#[utoipa::path(
    get, path = "/api/v1/events/{id}/sales", tag = "Events", security(("bearer" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The event's id"),
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "What it has earned", body = Sales),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `forbidden` to others, \
         `not-found`", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_event_sales(
    State(api): State<QueryApi>,
    event: OwnEvent,
) -> Result<Json<Sales>, Problem> {
    let rows = sales(&api, &event).await?;
    let mut totals: BTreeMap<&str, (i64, i64, i64)> = BTreeMap::new();
    for row in &rows {
        let total = totals.entry(&row.currency).or_default();
        *total = (total.0 + row.sold, total.1 + row.gross, total.2 + row.refunded);
    }
    let totals = totals.into_iter().map(|(currency, (sold, gross, refunded))| {
        let money = |amount| Money { amount, currency: currency.to_owned() };
        SalesTotal { sold, gross: money(gross), refunded: money(refunded), net: money(gross - refunded) }
    });
    let totals = totals.collect();
    Ok(Json(Sales { event_id: event.id, items: rows.iter().map(item).collect(), totals }))
}

/// An event's sales as a table
///
/// The same as `…/sales`, as CSV: amounts in minor units, a line a day, ticket type and currency. For its host.
#[utoipa::path(
    get, path = "/api/v1/events/{id}/sales.csv", tag = "Events", security(("bearer" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The event's id"),
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "`day,ticketTypeId,ticketType,currency,sold,gross,refunded,net`", body = String,
         content_type = "text/csv"),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `forbidden` to others, \
         `not-found`", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_event_sales_csv(
    State(api): State<QueryApi>,
    event: OwnEvent,
) -> Result<Response, Problem> {
    let mut csv = String::from("day,ticketTypeId,ticketType,currency,sold,gross,refunded,net\r\n");
    for row in sales(&api, &event).await? {
        let fields = [
            day(&row),
            row.ticket_type_id.to_string(),
            quoted(row.ticket_type.as_deref().unwrap_or_default()),
            row.currency.clone(),
            row.sold.to_string(),
            row.gross.to_string(),
            row.refunded.to_string(),
            (row.gross - row.refunded).to_string(),
        ];
        csv.push_str(&fields.join(","));
        csv.push_str("\r\n");
    }
    let disposition = "attachment; filename=\"sales.csv\"";
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, disposition)], csv).into_response())
}

async fn sales(api: &QueryApi, event: &OwnEvent) -> Result<Vec<SalesRow>, Problem> {
    event.after.included_in(Projection::Payments, &api.read).await?;
    rows::payment::sales_of_event(&api.read, event.id).await.map_err(|error| failures::database(&error))
}

fn item(row: &SalesRow) -> SalesItem {
    let money = |amount| Money { amount, currency: row.currency.clone() };
    SalesItem {
        day: day(row),
        ticket_type_id: row.ticket_type_id,
        ticket_type: row.ticket_type.clone(),
        sold: row.sold,
        gross: money(row.gross),
        refunded: money(row.refunded),
        net: money(row.gross - row.refunded),
    }
}

fn day(row: &SalesRow) -> String {
    row.day.format("%Y-%m-%d").to_string()
}

/// As RFC 4180 wants it. A spreadsheet takes what begins like a formula for one, so that gets an apostrophe before it.
fn quoted(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if is_formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_field_and_no_formula() {
        assert_eq!(quoted("Floor"), "\"Floor\"");
        assert_eq!(quoted("Floor, \"left\""), "\"Floor, \"\"left\"\"\"");
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
    }
}
