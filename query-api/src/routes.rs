//! Every route of the read edge.

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    QueryApi,
    queries::{
        get_audit_head, get_availability, get_booking, get_booking_payment, get_event, get_event_sales,
        get_me, get_preferences, get_public_keys, get_user, list_audit_events, list_audit_stream,
        list_bookings, list_event_bookings, list_events, list_followed_hosts, list_notifications,
        list_refunds, list_seats, list_sessions, list_users, watch_event, watch_notifications,
    },
};

/// The routes and their part of the OpenAPI document.
pub fn router(api: QueryApi) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(get_me::get_me))
        .routes(routes!(list_sessions::list_sessions))
        .routes(routes!(list_users::list_users))
        .routes(routes!(get_user::get_user))
        .routes(routes!(list_followed_hosts::list_followed_hosts))
        .routes(routes!(list_events::list_events))
        .routes(routes!(get_event::get_event))
        .routes(routes!(get_availability::get_availability))
        .routes(routes!(list_seats::list_seats))
        .routes(routes!(watch_event::watch_event))
        .routes(routes!(list_event_bookings::list_event_bookings))
        .routes(routes!(list_bookings::list_bookings))
        .routes(routes!(get_booking::get_booking))
        .routes(routes!(get_booking_payment::get_booking_payment))
        .routes(routes!(list_refunds::list_refunds))
        .routes(routes!(get_event_sales::get_event_sales))
        .routes(routes!(get_event_sales::get_event_sales_csv))
        .routes(routes!(list_notifications::list_notifications))
        .routes(routes!(watch_notifications::watch_notifications))
        .routes(routes!(get_preferences::get_preferences))
        .routes(routes!(list_audit_events::list_audit_events))
        .routes(routes!(list_audit_stream::list_audit_stream))
        .routes(routes!(get_audit_head::get_audit_head))
        .routes(routes!(get_public_keys::get_public_keys))
        .with_state(api)
}
