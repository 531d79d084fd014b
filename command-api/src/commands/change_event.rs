//! `PUT /api/v1/events/{id}`: other details, ticket types or seats.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use domain::{
    Description, ShowId, TimeZone, Title, Venue,
    show::{Capacity, ChangeShow, DetailsChange},
};
use platform::{
    Problem,
    http::{IfMatch, PathId, RawBody, RequestId},
};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::{
    CommandApi, answers,
    callers::Host,
    commands::{check_is_theirs, order_of_host},
    fields::Fields,
    idempotency::NotDone,
    offers::{self, SectionRequest, TicketTypeRequest},
    show_orders::HostOrder,
};

/// What is to be changed; a field left out keeps its value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangeEventRequest {
    /// What it is called.
    #[schema(min_length = 1, max_length = 200)]
    title: Option<String>,
    /// What it is about; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    description: Option<Option<String>>,
    /// Where it takes place; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    venue: Option<Option<String>>,
    /// When it starts; not in the past.
    start_date_time: Option<DateTime<Utc>>,
    /// When it ends: 5 minutes to 14 days later.
    end_date_time: Option<DateTime<Utc>>,
    /// IANA time zone of the venue.
    time_zone: Option<String>,
    /// No ticket before this time; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    sales_start: Option<Option<DateTime<Utc>>>,
    /// No ticket from this time on; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    sales_end: Option<Option<DateTime<Utc>>>,
    /// Most tickets of one booking.
    #[schema(minimum = 1, maximum = 1000)]
    max_tickets_per_booking: Option<i64>,
    /// How long a new hold lasts, in seconds.
    #[schema(minimum = 1, maximum = 7200)]
    hold_seconds: Option<i64>,
    /// Tickets in all, for an event with one ticket type; not below what is sold and held.
    #[schema(minimum = 1, maximum = 1_000_000)]
    capacity: Option<i64>,
    /// All ticket types: those with `id` are kept, those without are new, those left out go.
    #[schema(min_items = 1, max_items = 100)]
    ticket_types: Option<Vec<TicketTypeRequest>>,
    /// All seats, for an event that has seats: those left out go.
    #[schema(min_items = 1, max_items = 1000)]
    seating: Option<Vec<SectionRequest>>,
}

/// A field that is there, be it null.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Changes an event
#[utoipa::path(
    put, path = "/api/v1/events/{id}", tag = "Events", security(("bearer" = [])),
    request_body = ChangeEventRequest,
    params(
        ("id" = uuid::Uuid, Path, description = "The event"),
        ("If-Match" = Option<String>, Header, description = "Change it only at this version, such as \"7\""),
    ),
    responses(
        (status = 200, description = "The event, as it is now", body = contract::Event),
        (status = "4XX", description = "`version-conflict` (412), `capacity-below-sold`, `ticket-type-in-use`, \
         `seats-in-use`, `event-cancelled`, `event-ended`, `invalid-fields`, `forbidden`, `not-found`, …",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_event(
    State(api): State<CommandApi>,
    Host(host_id): Host,
    request_id: RequestId,
    if_match: Option<IfMatch>,
    PathId(show_id): PathId<ShowId>,
    body: RawBody,
) -> Result<Response, Problem> {
    check_is_theirs(&api, show_id, host_id).await?;
    let expected_version = if_match.and_then(IfMatch::version);
    let change = body.parse::<ChangeEventRequest>()?.value.parse(expected_version)?;
    let order = HostOrder::Change(Box::new(change));
    let done = order_of_host(&api, show_id, host_id, order, &request_id, None).await;
    answers::event_changed(done.map_err(NotDone::without_receipt)?)
}

impl ChangeEventRequest {
    fn parse(self, expected_version: Option<u64>) -> Result<ChangeShow, Problem> {
        let mut fields = Fields::default();
        let time_zone = self.time_zone.as_deref().map(TimeZone::parse).transpose();
        let max = self.max_tickets_per_booking.map(offers::max_tickets).transpose();
        let hold_seconds = self.hold_seconds.map(offers::hold_seconds).transpose();
        let details = DetailsChange {
            title: fields.take("title", self.title.as_deref().map(Title::parse).transpose()).flatten(),
            description: nullable(&mut fields, "description", self.description.as_ref(), Description::parse),
            venue: nullable(&mut fields, "venue", self.venue.as_ref(), Venue::parse),
            start_date_time: self.start_date_time,
            end_date_time: self.end_date_time,
            sales_start: self.sales_start,
            sales_end: self.sales_end,
            time_zone: fields.take("timeZone", time_zone).flatten(),
            max_tickets_per_booking: fields.take("maxTicketsPerBooking", max).flatten(),
            hold_seconds: fields.take("holdSeconds", hold_seconds).flatten(),
        };
        let capacity = fields.take("capacity", self.capacity.map(Capacity::parse).transpose()).flatten();
        let ticket_types = self.ticket_types.and_then(|t| offers::ticket_type_changes(&mut fields, t));
        let seating = self.seating.and_then(|sections| offers::seating_plan(&mut fields, sections));
        fields.finish(ChangeShow {
            expected_version,
            details,
            capacity: capacity.map(Capacity::tickets),
            ticket_types,
            seating,
            // The writer puts the database's time here.
            at: DateTime::UNIX_EPOCH,
        })
    }
}

/// A text that can be taken away.
fn nullable<T, E: std::fmt::Display>(
    fields: &mut Fields,
    field: &str,
    given: Option<&Option<String>>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<Option<T>> {
    let parsed = given.map(|text| text.as_deref().map(parse).transpose()).transpose();
    fields.take(field, parsed).flatten()
}
