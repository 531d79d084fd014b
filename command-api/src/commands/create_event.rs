//! `POST /api/v1/events`: puts an event on sale.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use domain::{
    Description, Money, ShowId, TicketTypeId, TicketTypeName, TimeZone, Title, UserId, Venue,
    show::{Capacity, CreateShow, NewTicketType, Schedule, ScheduleError, Show, ShowCommand, ShowDetails},
};
use event_store::{CommandContext, Metadata, NewReceipt, NoCompanion, Receipt, StreamPosition};
use platform::{
    Problem,
    http::{IdempotencyKey, RawBody, RequestId},
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    CommandApi, answers,
    callers::Host,
    fields::Fields,
    idempotency::{NotDone, Scope},
    refusals,
};

/// What is offered: general admission, free of charge.
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
    #[schema(max_length = 200)]
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
    /// Tickets in all.
    #[schema(minimum = 1, maximum = 1_000_000, example = 100)]
    capacity: i64,
}

/// Creates an event
#[utoipa::path(
    post, path = "/api/v1/events", tag = "Events", security(("bearer" = [])),
    request_body = CreateEventRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe, for 24 hours")),
    responses(
        (status = 201, description = "On sale", body = contract::Event),
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
    let (details, capacity) = body.value.parse()?;
    let scope = Scope { caller: &host_id.to_string(), route: "POST /events" };
    let first = |receipt| create(&api, host_id, details, capacity, &request_id, receipt);
    api.once(scope, key.as_ref(), &body.bytes, first, |receipt| created_before(&api, receipt)).await
}

impl CreateEventRequest {
    fn parse(self) -> Result<(ShowDetails, Capacity), Problem> {
        let mut fields = Fields::default();
        let title = fields.take("title", Title::parse(&self.title));
        let description =
            fields.take("description", self.description.as_deref().map(Description::parse).transpose());
        let venue = fields.take("venue", self.venue.as_deref().map(Venue::parse).transpose());
        let time_zone = self.time_zone.as_deref().map_or(Ok(TimeZone::UTC), TimeZone::parse);
        let time_zone = fields.take("timeZone", time_zone);
        let capacity = fields.take("capacity", Capacity::parse(self.capacity));
        let schedule =
            Schedule::parse(self.start_date_time, self.end_date_time, self.sales_start, self.sales_end);
        let field = schedule.as_ref().err().map_or("", |error| schedule_field(*error));
        let schedule = fields.take(field, schedule);
        match (title, description, venue, time_zone, capacity, schedule) {
            (
                Some(title),
                Some(description),
                Some(venue),
                Some(time_zone),
                Some(capacity),
                Some(schedule),
            ) => Ok((ShowDetails { title, description, venue, schedule, time_zone }, capacity)),
            _ => Err(fields.refuse()),
        }
    }
}

const fn schedule_field(error: ScheduleError) -> &'static str {
    match error {
        ScheduleError::EndsBeforeItStarts | ScheduleError::TooShort | ScheduleError::TooLong => "endDateTime",
        ScheduleError::SalesEndBeforeTheyStart => "salesEnd",
        ScheduleError::SalesStartAfterTheEnd => "salesStart",
    }
}

async fn create(
    api: &CommandApi,
    host_id: UserId,
    details: ShowDetails,
    capacity: Capacity,
    request_id: &RequestId,
    receipt: Option<NewReceipt>,
) -> Result<Response, NotDone> {
    let show_id = ShowId::new(Uuid::now_v7());
    let ticket_type = NewTicketType {
        id: TicketTypeId::new(Uuid::now_v7()),
        name: TicketTypeName::parse("General admission").expect("a good name"),
        price: Money::FREE,
        capacity: capacity.tickets(),
    };
    let at = api.store.now().await.map_err(|error| refusals::database(&error))?;
    let command =
        ShowCommand::Create(CreateShow { show_id, host_id, details, ticket_types: vec![ticket_type], at });
    let metadata = Metadata {
        actor: Some(host_id.to_string()),
        correlation_id: Some(request_id.to_string()),
        ..Metadata::default()
    };
    let context = CommandContext { metadata, receipt };
    let created = api.store.execute::<Show>(&show_id.to_string(), command, &context, &NoCompanion).await;
    let created = created.map_err(|error| refusals::execute(error, refusals::show))?;
    Ok(answer(&created.aggregate, created.position)?)
}

async fn created_before(api: &CommandApi, receipt: Receipt) -> Result<Response, Problem> {
    let position = receipt.outcome.into_iter().next().ok_or_else(Problem::internal)?;
    let loaded = api.store.load_at::<Show>(&position.stream.id, position.sequence).await;
    let (show, _) = loaded.map_err(|error| refusals::read(&error))?;
    answer(&show, position)
}

fn answer(show: &Show, position: StreamPosition) -> Result<Response, Problem> {
    let show = show.created().ok_or_else(Problem::not_found)?;
    let event = answers::event(show, show.last_at);
    Ok(answers::created(&format!("/api/v1/events/{}", show.id), event.version, &event, &[position]))
}
