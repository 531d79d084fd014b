//! Every route of the write edge.

use axum::extract::DefaultBodyLimit;
use utoipa::openapi::OpenApi;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt},
    routes,
};

use crate::{
    CommandApi,
    commands::{
        cancel_booking, cancel_event, change_event, change_password, change_preferences, change_user,
        create_event, delete_event, end_session, erase_user, extend_booking, follow_host, log_in, log_out,
        pay_booking, place_booking, publish_event, read_notification, receive_stripe_webhook,
        refresh_session, register_user, retry_refund, show_interest, unfollow_host, withdraw_interest,
    },
};

/// The largest body that sets up a hall: 100,000 seats in rows of twenty are 150 KB. The gateway allows as much.
const MAX_HALL_BODY_BYTES: usize = 1024 * 1024;

/// The largest body of a webhook: Stripe's events are a few kilobytes, some lists in them more.
const MAX_WEBHOOK_BODY_BYTES: usize = 256 * 1024;

/// The routes and their part of the OpenAPI document.
pub fn router(api: CommandApi) -> OpenApiRouter {
    routes().with_state(api)
}

/// The part of the OpenAPI document alone, for who serves the document without the routes.
#[must_use]
pub fn description() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<CommandApi> {
    OpenApiRouter::new()
        .routes(routes!(register_user::register_user))
        .routes(routes!(log_in::log_in))
        .routes(routes!(refresh_session::refresh_session))
        .routes(routes!(log_out::log_out))
        .routes(routes!(end_session::end_session))
        .routes(routes!(change_password::change_password))
        .routes(routes!(change_user::change_user))
        .routes(routes!(erase_user::erase_user))
        .routes(routes!(follow_host::follow_host))
        .routes(routes!(unfollow_host::unfollow_host))
        .routes(routes!(change_preferences::change_preferences))
        .routes(routes!(create_event::create_event).layer(DefaultBodyLimit::max(MAX_HALL_BODY_BYTES)))
        .routes(routes!(change_event::change_event).layer(DefaultBodyLimit::max(MAX_HALL_BODY_BYTES)))
        .routes(routes!(publish_event::publish_event))
        .routes(routes!(cancel_event::cancel_event))
        .routes(routes!(delete_event::delete_event))
        .routes(routes!(show_interest::show_interest))
        .routes(routes!(withdraw_interest::withdraw_interest))
        .routes(routes!(place_booking::place_booking))
        .routes(routes!(extend_booking::extend_booking))
        .routes(routes!(cancel_booking::cancel_booking))
        .routes(routes!(pay_booking::pay_booking))
        .routes(routes!(retry_refund::retry_refund))
        .routes(
            routes!(receive_stripe_webhook::receive_stripe_webhook)
                .layer(DefaultBodyLimit::max(MAX_WEBHOOK_BODY_BYTES)),
        )
        .routes(routes!(read_notification::read_notification))
}
