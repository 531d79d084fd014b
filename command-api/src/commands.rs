//! One file a command: its request, the checks at the edge, the handler, the answer.

pub(crate) mod cancel_booking;
pub(crate) mod cancel_event;
pub(crate) mod change_event;
pub(crate) mod change_password;
pub(crate) mod change_preferences;
pub(crate) mod change_user;
pub(crate) mod create_event;
pub(crate) mod delete_event;
pub(crate) mod end_session;
pub(crate) mod erase_user;
pub(crate) mod extend_booking;
pub(crate) mod follow_host;
pub(crate) mod log_in;
pub(crate) mod log_out;
pub(crate) mod place_booking;
pub(crate) mod publish_event;
pub(crate) mod read_notification;
pub(crate) mod refresh_session;
pub(crate) mod register_user;
pub(crate) mod show_interest;
pub(crate) mod unfollow_host;
pub(crate) mod withdraw_interest;

use domain::{
    BookingId, ShowId, UserId,
    booking::{Booking, PlacedBooking},
};
use event_store::CommandContext;
use platform::{Problem, http::RequestId};

use crate::{
    CommandApi,
    callers::metadata,
    idempotency::NotDone,
    refusals,
    show_orders::{Done, HostOrder, ShowOrder},
};

/// A booking by its id, as its own stream says it.
async fn placed_booking(api: &CommandApi, booking_id: BookingId) -> Result<PlacedBooking, Problem> {
    let loaded = api.store.load::<Booking>(&booking_id.to_string()).await;
    match loaded.map_err(|error| refusals::read(&error))? {
        (Booking::Placed(placed), _) => Ok(placed),
        (Booking::Unplaced, _) => Err(Problem::not_found()),
    }
}

/// Whether there is such an event and this reader may know of it: what never was public is its host's alone. What was
/// once public stays known, cancelled or not.
///
/// It reads no long stream: both events that it looks for come before any ticket.
async fn may_know_of(api: &CommandApi, show_id: ShowId, reader: UserId) -> Result<bool, Problem> {
    let known: Option<bool> = sqlx::query_scalar(
        "select created.payload ->> 'hostId' = $2
                or not (created.payload ->> 'draft')::boolean
                or exists (select from events published
                           where published.aggregate_type = 'event' and published.aggregate_id = $1
                                 and published.event_type = 'EventPublished')
         from events created
         where created.aggregate_type = 'event' and created.aggregate_id = $1 and created.sequence = 1",
    )
    .bind(show_id.to_string())
    .bind(reader.to_string())
    .fetch_optional(api.store.pool())
    .await
    .map_err(|error| refusals::database(&error))?;
    Ok(known.unwrap_or(false))
}

/// What a host wants of their event. Repeating it does nothing, so it needs no receipt.
async fn order_of_host(
    api: &CommandApi,
    show_id: ShowId,
    host_id: UserId,
    order: HostOrder,
    request_id: &RequestId,
) -> Result<Done, Problem> {
    let order = ShowOrder::OfHost { host_id: Some(host_id), order };
    let context = CommandContext { metadata: metadata(host_id, request_id), receipt: None };
    let done = api.show_writers.submit(show_id, order, Some(host_id), context).await;
    done.map_err(refusals::order_of_host).map_err(NotDone::without_receipt)
}
