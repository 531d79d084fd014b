//! One file a command: its request, the checks at the edge, the handler, the answer.

pub(crate) mod cancel_booking;
pub(crate) mod create_event;
pub(crate) mod log_in;
pub(crate) mod place_booking;
pub(crate) mod register_user;
