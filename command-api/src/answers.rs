//! From the domain's types to the shapes of the contract, and the headers of a success.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use contract::{CONSISTENCY_TOKEN_HEADER, ConsistencyToken, StreamPoint};
use domain::{
    Money,
    booking::{PlacedBooking, Refund},
    notification::{Channel, NotificationKind, Preferences},
    show::{CreatedShow, ShowStatus},
    user::Profile,
};
use event_store::StreamPosition;
use platform::Problem;
use serde::Serialize;

use crate::show_orders::{Done, Subject};

/// A resource that a command made.
pub(crate) fn created<T: Serialize>(
    path: &str,
    version: i64,
    body: &T,
    written: &[StreamPosition],
) -> Response {
    let mut headers = consistency(written);
    headers.extend([
        (header::LOCATION, header_value(path)),
        (header::ETAG, header_value(&format!("\"{version}\""))),
    ]);
    (StatusCode::CREATED, headers, Json(body)).into_response()
}

/// A resource that a command changed, or would have changed if it were not so already.
pub(crate) fn changed<T: Serialize>(version: i64, body: &T, written: &[StreamPosition]) -> Response {
    let mut headers = consistency(written);
    headers.insert(header::ETAG, header_value(&format!("\"{version}\"")));
    (StatusCode::OK, headers, Json(body)).into_response()
}

/// A new booking.
///
/// # Errors
/// The order was not about a booking; that is a defect.
pub(crate) fn booking_created(done: Done) -> Result<Response, Problem> {
    let Subject::Booking(placed, version) = done.subject else { return Err(Problem::internal()) };
    let path = format!("/api/v1/bookings/{}", placed.id);
    Ok(created(&path, version, &booking(&placed, version), &done.written))
}

/// A booking that was there before.
///
/// # Errors
/// The order was not about a booking; that is a defect.
pub(crate) fn booking_changed(done: Done) -> Result<Response, Problem> {
    let Subject::Booking(placed, version) = done.subject else { return Err(Problem::internal()) };
    Ok(changed(version, &booking(&placed, version), &done.written))
}

/// An event that was there before.
///
/// # Errors
/// The order was not about the event; that is a defect.
pub(crate) fn event_changed(done: Done) -> Result<Response, Problem> {
    let Subject::Show(event) = done.subject else { return Err(Problem::internal()) };
    Ok(changed(event.version, &event, &done.written))
}

/// It goes on elsewhere.
pub(crate) fn accepted<T: Serialize>(body: &T, written: &[StreamPosition]) -> Response {
    (StatusCode::ACCEPTED, consistency(written), Json(body)).into_response()
}

/// Done, and there is nothing to show.
pub(crate) fn no_content(written: &[StreamPosition]) -> Response {
    (StatusCode::NO_CONTENT, consistency(written)).into_response()
}

/// The `Consistency-Token` for what a command wrote.
pub(crate) fn consistency(written: &[StreamPosition]) -> HeaderMap {
    let point = |position: &StreamPosition| StreamPoint {
        stream_type: position.stream.kind.clone(),
        stream_id: position.stream.id.clone(),
        sequence: position.sequence,
    };
    let token = ConsistencyToken(written.iter().map(point).collect()).to_string();
    HeaderMap::from_iter([(HeaderName::from_static(CONSISTENCY_TOKEN_HEADER), header_value(&token))])
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("paths, versions and stream ids are visible ASCII")
}

pub(crate) fn money(money: Money) -> contract::Money {
    contract::Money { amount: money.amount, currency: money.currency.code().to_owned() }
}

/// A user as they see themselves.
pub(crate) fn user(profile: &Profile) -> contract::User {
    contract::User {
        id: profile.id.uuid(),
        name: profile.name.clear().unwrap_or_default().to_owned(),
        email: profile.email.clear().map(str::to_owned),
        role: profile.role.name().to_owned(),
        created_at: profile.registered_at,
        version: i64::try_from(profile.version).unwrap_or(i64::MAX),
    }
}

/// How a user wants to be told what.
pub(crate) fn preferences(preferences: &Preferences) -> contract::Preferences {
    let channel_of = |kind| match preferences.channel_of(kind) {
        Channel::Inbox => contract::Channel::Inbox,
        Channel::Email => contract::Channel::Email,
        Channel::Both => contract::Channel::Both,
        Channel::None => contract::Channel::None,
    };
    contract::Preferences {
        new_event: channel_of(NotificationKind::NewEvent),
        sale_started: channel_of(NotificationKind::SaleStarted),
        event_updated: channel_of(NotificationKind::EventUpdated),
        event_cancelled: channel_of(NotificationKind::EventCancelled),
        event_sold_out: channel_of(NotificationKind::EventSoldOut),
        booking_confirmed: channel_of(NotificationKind::BookingConfirmed),
        booking_expired: channel_of(NotificationKind::BookingExpired),
        booking_cancelled: channel_of(NotificationKind::BookingCancelled),
        refund_made: channel_of(NotificationKind::RefundMade),
    }
}

pub(crate) fn event(show: &CreatedShow, now: DateTime<Utc>) -> contract::Event {
    let details = &show.details;
    let status = match show.status {
        ShowStatus::Draft => "draft",
        ShowStatus::Cancelled => "cancelled",
        ShowStatus::Published if details.schedule.has_ended(now) => "ended",
        ShowStatus::Published => "published",
    };
    contract::Event {
        id: show.id.uuid(),
        host_id: show.host_id.uuid(),
        title: details.title.as_str().to_owned(),
        description: details.description.as_ref().map(|d| d.as_str().to_owned()),
        venue: details.venue.as_ref().map(|v| v.as_str().to_owned()),
        start_date_time: details.schedule.start_date_time,
        end_date_time: details.schedule.end_date_time,
        time_zone: details.time_zone.name().to_owned(),
        sales_start: details.schedule.sales_start,
        sales_end: details.schedule.sales_end,
        max_tickets_per_booking: i64::from(details.max_tickets_per_booking),
        hold_seconds: i64::from(details.hold_seconds),
        status: status.to_owned(),
        capacity: i64::from(show.capacity()),
        number_of_attendees: i64::from(show.sold()),
        ticket_types: show.ticket_types.iter().map(|t| ticket_type(t, show.held_at(t, now))).collect(),
        created_at: show.created_at,
        version: i64::try_from(show.details_version).unwrap_or(i64::MAX),
    }
}

fn ticket_type(ticket_type: &domain::show::TicketType, held: u32) -> contract::TicketType {
    contract::TicketType {
        id: ticket_type.id.uuid(),
        name: ticket_type.name.as_str().to_owned(),
        price: money(ticket_type.price),
        capacity: i64::from(ticket_type.capacity),
        sold: i64::from(ticket_type.sold),
        held: i64::from(held),
        available: i64::from(ticket_type.capacity.saturating_sub(ticket_type.sold).saturating_sub(held)),
    }
}

pub(crate) fn refund(booking: &PlacedBooking, refund: &Refund) -> contract::Refund {
    contract::Refund {
        id: refund.id.uuid(),
        payment_id: refund.payment_id.uuid(),
        booking_id: booking.id.uuid(),
        event_id: booking.event_id.uuid(),
        amount: money(refund.amount),
        status: refund.state.name().to_owned(),
        cause: refund.cause.name().to_owned(),
        reason: refund.reason.as_ref().map(|reason| reason.as_str().to_owned()),
        requested_at: refund.requested_at,
        changed_at: refund.since,
    }
}

pub(crate) fn booking(booking: &PlacedBooking, version: i64) -> contract::Booking {
    let ticket = |line: &domain::show::TicketLine| contract::BookingTicket {
        ticket_type_id: line.ticket_type_id.uuid(),
        quantity: i64::from(line.quantity),
        price: money(line.price),
    };
    contract::Booking {
        id: booking.id.uuid(),
        event_id: booking.event_id.uuid(),
        user_id: booking.user_id.uuid(),
        status: booking.status.name().to_owned(),
        tickets: booking.tickets.iter().map(ticket).collect(),
        seats: booking.seats.iter().map(|seat| seat.uuid()).collect(),
        total: money(booking.total),
        held_until: booking.held_until,
        created_at: booking.placed_at,
        version,
    }
}
