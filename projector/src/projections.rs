//! The read models, one file each.

mod bookings;
mod events;
mod notifications;
mod payments;
mod users;

pub use bookings::Bookings;
pub use events::Events;
pub use notifications::Notifications;
pub use payments::Payments;
pub use users::Users;

use crate::Projection;

/// All of them.
#[must_use]
pub fn all() -> Vec<&'static dyn Projection> {
    vec![&Users, &Events, &Bookings, &Payments, &Notifications]
}

/// The one with this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static dyn Projection> {
    all().into_iter().find(|projection| projection.name() == name)
}
