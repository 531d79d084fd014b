//! Every route of the write edge.

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    CommandApi,
    commands::{cancel_booking, create_event, log_in, place_booking, register_user},
};

/// The routes and their part of the OpenAPI document.
pub fn router(api: CommandApi) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(register_user::register_user))
        .routes(routes!(log_in::log_in))
        .routes(routes!(create_event::create_event))
        .routes(routes!(place_booking::place_booking))
        .routes(routes!(cancel_booking::cancel_booking))
        .with_state(api)
}
