//! `POST /api/v1/events`: sets an event up, on sale at once or as a draft.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use domain::{
    Description, ShowId, TimeZone, Title, UserId, Venue,
    show::{CreateShow, Schedule, Show, ShowCommand, ShowDetails},
};
use event_store::{CommandContext, NewReceipt, Receipt, StreamPosition};
use platform::{
    Problem,
    http::{IdempotencyKey, RawBody, RequestId},
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    CommandApi,
    accounts::StillThere,
    answers,
    callers::{Host, metadata},
    commands::state_after,
    fields::Fields,
    idempotency::{NotDone, Scope},
    offers::{self, Offer, SectionRequest, TicketTypeRequest},
    refusals,
};

/// What is offered, and exactly one of `capacity`, `ticketTypes` and `seating`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateEventRequest {
    /// What it is called.
    #[schema(min_length = 1, max_length = 200, example = "An evening of engines")]
    title: String,
    /// What it is about.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// Where it takes place.
    #[schema(min_length = 1, max_length = 200)]
    venue: Option<String>,
    /// When it starts; not in the past.
    #[schema(example = "2027-06-01T18:00:00Z")]
    start_date_time: DateTime<Utc>,
    /// When it ends: 5 minutes to 14 days later.
    #[schema(example = "2027-06-01T21:00:00Z")]
    end_date_time: DateTime<Utc>,
    /// IANA time zone of the venue; UTC if nothing is said.
    #[schema(example = "Europe/London")]
    time_zone: Option<String>,
    /// No ticket before this time.
    sales_start: Option<DateTime<Utc>>,
    /// No ticket from this time on.
    sales_end: Option<DateTime<Utc>>,
    /// Most tickets of one booking; 10 if nothing is said.
    #[schema(minimum = 1, maximum = 1000)]
    max_tickets_per_booking: Option<i64>,
    /// How long a hold lasts, in seconds; what the box office is set to if nothing is said.
    #[schema(minimum = 1, maximum = 7200)]
    hold_seconds: Option<i64>,
    /// Whether its host alone sees it until it is published.
    #[serde(default)]
    draft: bool,
    /// Tickets in all: general admission, free of charge.
    #[schema(minimum = 1, maximum = 1_000_000, example = 100)]
    capacity: Option<i64>,
    /// Ticket types with prices, all in one currency.
    #[schema(min_items = 1, max_items = 100)]
    ticket_types: Option<Vec<TicketTypeRequest>>,
    /// Numbered seats, 100,000 at the most.
    #[schema(min_items = 1, max_items = 1000)]
    seating: Option<Vec<SectionRequest>>,
}

/// Creates an event
#[utoipa::path(
    post, path = "/api/v1/events", tag = "Events", security(("bearer" = [])),
    request_body = CreateEventRequest,
    params((
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Makes a repetition safe, for 24 hours",
    )),
    responses(
        (status = 201, description = "Set up", body = contract::Event),
        (status = "4XX", description = "`invalid-fields`, `forbidden` to who is not a host, …",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_event(
    State(api): State<CommandApi>,
    Host(host_id): Host,
    request_id: RequestId,
    key: Option<IdempotencyKey>,
    body: RawBody,
) -> Result<Response, Problem> {
    let body = body.parse::<CreateEventRequest>()?;
    let draft = body.value.draft;
    let (details, offer) = body.value.parse(api.hold_seconds)?;
    let scope = Scope { caller: &host_id.to_string(), route: "POST /events" };
    let first = |receipt| create(&api, host_id, details, offer, draft, &request_id, receipt);
    api.once(scope, key.as_ref(), &body.bytes, first, |receipt| created_before(&api, receipt)).await
}

impl CreateEventRequest {
    fn parse(self, default_hold_seconds: u32) -> Result<(ShowDetails, Offer), Problem> {
        let mut fields = Fields::default();
        let title = fields.take("title", Title::parse(&self.title));
        let description =
            fields.take("description", self.description.as_deref().map(Description::parse).transpose());
        let venue = fields.take("venue", self.venue.as_deref().map(Venue::parse).transpose());
        let time_zone = self.time_zone.as_deref().map_or(Ok(TimeZone::UTC), TimeZone::parse);
        let time_zone = fields.take("timeZone", time_zone);
        let max = self.max_tickets_per_booking.map_or(Ok(offers::DEFAULT_MAX_TICKETS), offers::max_tickets);
        let max_tickets_per_booking = fields.take("maxTicketsPerBooking", max);
        let hold_seconds = self.hold_seconds.map_or(Ok(default_hold_seconds), offers::hold_seconds);
        let hold_seconds = fields.take("holdSeconds", hold_seconds);
        let schedule =
            Schedule::parse(self.start_date_time, self.end_date_time, self.sales_start, self.sales_end);
        let field = schedule.as_ref().err().map_or("", |error| refusals::schedule_field(*error));
        let schedule = fields.take(field, schedule);
        let offer = offers::parse(&mut fields, self.capacity, self.ticket_types, self.seating);
        let details = || {
            Some(ShowDetails {
                title: title?,
                description: description?,
                venue: venue?,
                schedule: schedule?,
                time_zone: time_zone?,
                max_tickets_per_booking: max_tickets_per_booking?,
                hold_seconds: hold_seconds?,
            })
        };
        details().zip(offer).ok_or_else(|| fields.refuse())
    }
}

async fn create(
    api: &CommandApi,
    host_id: UserId,
    details: ShowDetails,
    Offer { ticket_types, seating }: Offer,
    draft: bool,
    request_id: &RequestId,
    receipt: Option<NewReceipt>,
) -> Result<Response, NotDone> {
    let show_id = ShowId::new(Uuid::now_v7());
    let at = api.store.now().await.map_err(|error| refusals::database(&error))?;
    let create = CreateShow { show_id, host_id, details, ticket_types, seating, draft, at };
    let command = ShowCommand::Create(Box::new(create));
    let context = CommandContext { metadata: metadata(host_id, request_id), receipt };
    let host = StillThere::new([host_id]);
    let created = api.store.execute::<Show>(&show_id.to_string(), command, &context, &host).await;
    let created = created.map_err(|error| refusals::execute(error, refusals::show))?;
    Ok(answer(&created.aggregate, &[created.position])?)
}

async fn created_before(api: &CommandApi, receipt: Receipt) -> Result<Response, Problem> {
    let (show, _) = state_after::<Show>(api, &receipt).await?;
    answer(&show, &receipt.outcome)
}

fn answer(show: &Show, written: &[StreamPosition]) -> Result<Response, Problem> {
    let show = show.created().ok_or_else(Problem::not_found)?;
    let event = answers::event(show, show.last_at);
    Ok(answers::created(&format!("/api/v1/events/{}", show.id), event.version, &event, written))
}
