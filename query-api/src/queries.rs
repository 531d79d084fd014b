//! One file a query.

pub(crate) mod get_audit_head;
pub(crate) mod get_availability;
pub(crate) mod get_booking;
pub(crate) mod get_booking_payment;
pub(crate) mod get_event;
pub(crate) mod get_event_sales;
pub(crate) mod get_me;
pub(crate) mod get_preferences;
pub(crate) mod get_public_keys;
pub(crate) mod get_user;
pub(crate) mod list_audit_events;
pub(crate) mod list_audit_stream;
pub(crate) mod list_bookings;
pub(crate) mod list_event_bookings;
pub(crate) mod list_events;
pub(crate) mod list_followed_hosts;
pub(crate) mod list_notifications;
pub(crate) mod list_refunds;
pub(crate) mod list_seats;
pub(crate) mod list_sessions;
pub(crate) mod list_users;
pub(crate) mod watch_event;
pub(crate) mod watch_notifications;
