//! From the domain's types to the shapes of the contract, and the headers of a success.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use contract::{CONSISTENCY_TOKEN_HEADER, ConsistencyToken, StreamPoint};
use domain::{Money, booking::PlacedBooking, show::CreatedShow, user::Profile};
use event_store::StreamPosition;
use serde::Serialize;

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
pub(crate) fn user(profile: &Profile, version: i64) -> contract::User {
    contract::User {
        id: profile.id.uuid(),
        name: profile.name.clear().unwrap_or_default().to_owned(),
        email: profile.email.clear().map(str::to_owned),
        role: profile.role.name().to_owned(),
        created_at: profile.registered_at,
        version,
    }
}

pub(crate) fn event(show: &CreatedShow, now: DateTime<Utc>) -> contract::Event {
    let details = &show.details;
    let ended = now >= details.schedule.end_date_time;
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
        status: if ended { "ended" } else { "published" }.to_owned(),
        capacity: i64::from(show.capacity()),
        number_of_attendees: i64::from(show.sold()),
        ticket_types: show.ticket_types.iter().map(ticket_type).collect(),
        created_at: show.created_at,
        version: i64::try_from(show.details_version).unwrap_or(i64::MAX),
    }
}

fn ticket_type(ticket_type: &domain::show::TicketType) -> contract::TicketType {
    contract::TicketType {
        id: ticket_type.id.uuid(),
        name: ticket_type.name.as_str().to_owned(),
        price: money(ticket_type.price),
        capacity: i64::from(ticket_type.capacity),
        sold: i64::from(ticket_type.sold),
        held: 0,
        available: i64::from(ticket_type.available()),
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
        total: money(booking.total),
        held_until: None,
        created_at: booking.placed_at,
        version,
    }
}
