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
pub(crate) mod pay_booking;
pub(crate) mod place_booking;
pub(crate) mod publish_event;
pub(crate) mod read_notification;
pub(crate) mod receive_stripe_webhook;
pub(crate) mod refresh_session;
pub(crate) mod register_user;
pub(crate) mod retry_refund;
pub(crate) mod show_interest;
pub(crate) mod unfollow_host;
pub(crate) mod withdraw_interest;

use axum::response::Response;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    BookingId, ShowId, UserId,
    booking::{Booking, PlacedBooking},
    show::Show,
    user::{User, UserCommand, UserError},
};
use event_store::{AppendError, CommandContext, ExecuteError, Executed, NewReceipt, Receipt};
use platform::{Problem, http::RequestId};

use crate::{
    CommandApi,
    accounts::StillThere,
    answers,
    callers::{Member, metadata},
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

/// The booking, where it is the caller's.
async fn own_booking(
    api: &CommandApi,
    booking_id: BookingId,
    member: &Member,
) -> Result<PlacedBooking, Problem> {
    let placed = placed_booking(api, booking_id).await?;
    if placed.user_id == member.id {
        Ok(placed)
    } else {
        Err(Problem::forbidden("This booking is somebody else's."))
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

/// Whose event it is comes before what is asked for it. A draft of somebody else is not there at all.
async fn check_is_theirs(api: &CommandApi, show_id: ShowId, host_id: UserId) -> Result<(), Problem> {
    let is_theirs: Option<bool> = sqlx::query_scalar(
        "select payload ->> 'hostId' = $2 from events
         where aggregate_type = 'event' and aggregate_id = $1 and sequence = 1",
    )
    .bind(show_id.to_string())
    .bind(host_id.to_string())
    .fetch_optional(api.store.pool())
    .await
    .map_err(|error| refusals::database(&error))?;
    if is_theirs == Some(true) {
        Ok(())
    } else if may_know_of(api, show_id, host_id).await? {
        Err(refusals::somebody_elses_event())
    } else {
        Err(Problem::not_found())
    }
}

/// What a host wants of their event. Where it does nothing when repeated, it needs no receipt.
async fn order_of_host(
    api: &CommandApi,
    show_id: ShowId,
    host_id: UserId,
    order: HostOrder,
    request_id: &RequestId,
    receipt: Option<NewReceipt>,
) -> Result<Done, NotDone> {
    let order = ShowOrder::OfHost { host_id: Some(host_id), order };
    let context = CommandContext { metadata: metadata(host_id, request_id), receipt };
    let done = api.show_writers.submit(show_id, order, Some(host_id), context).await;
    done.map_err(refusals::order_of_host)
}

/// The first answer to a host again, whatever became of the event since.
async fn ordered_before(api: &CommandApi, receipt: Receipt) -> Result<Response, Problem> {
    let (show, _) = state_after::<Show>(api, &receipt).await?;
    let show = show.created().ok_or_else(Problem::not_found)?;
    let event = answers::event(show, show.last_at);
    Ok(answers::changed(event.version, &event, &receipt.outcome))
}

/// What a member wants of their own account. Repeating it does nothing, so it needs no receipt. Everybody else whom it is
/// about is to have an account too.
async fn order_of_member(
    api: &CommandApi,
    member: Member,
    others: &[UserId],
    request_id: &RequestId,
    command: impl FnOnce(DateTime<Utc>) -> UserCommand,
) -> Result<Executed<User>, Problem> {
    let command = command(api.store.now().await.map_err(|error| refusals::database(&error))?);
    let context = CommandContext { metadata: metadata(member.id, request_id), receipt: None };
    let all = StillThere::new(others.iter().copied().chain([member.id]));
    let executed = api.store.execute::<User>(&member.id.to_string(), command, &context, &all).await;
    executed.map_err(|error| match error {
        ExecuteError::Append(AppendError::Gone(gone)) if !gone.contains(&member.id.uuid()) => {
            Problem::not_found()
        }
        ExecuteError::Refused(UserError::NotRegistered) => refusals::gone(),
        error @ (ExecuteError::Refused(_) | ExecuteError::Append(_) | ExecuteError::Read(_)) => {
            refusals::execute(error, refusals::user).without_receipt()
        }
    })
}

/// The aggregate that an earlier answer showed, as it was then, with its sequence.
async fn state_after<A: Aggregate>(api: &CommandApi, receipt: &Receipt) -> Result<(A, i64), Problem> {
    let position = receipt.outcome.first().ok_or_else(Problem::internal)?;
    let loaded = api.store.load_at::<A>(&position.stream.id, position.sequence).await;
    loaded.map_err(|error| refusals::read(&error))
}
