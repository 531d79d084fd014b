//! Every route of the write edge.

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    CommandApi,
    commands::{
        cancel_booking, cancel_event, change_event, change_password, change_user, create_event, delete_event,
        end_session, erase_user, extend_booking, follow_host, log_in, log_out, place_booking, publish_event,
        refresh_session, register_user, unfollow_host,
    },
};

/// The routes and their part of the OpenAPI document.
pub fn router(api: CommandApi) -> OpenApiRouter {
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
        .routes(routes!(create_event::create_event))
        .routes(routes!(change_event::change_event))
        .routes(routes!(publish_event::publish_event))
        .routes(routes!(cancel_event::cancel_event))
        .routes(routes!(delete_event::delete_event))
        .routes(routes!(place_booking::place_booking))
        .routes(routes!(extend_booking::extend_booking))
        .routes(routes!(cancel_booking::cancel_booking))
        .with_state(api)
}
