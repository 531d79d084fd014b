//! The rules of the box office: users, shows and bookings.
//!
//! Everything here is pure. A command carries the time, the ids and the prices that it needs; `decide` answers
//! with events or with an error, `evolve` folds events into state.
//!
//! Architecture invariant: this crate knows no database, no HTTP, no Kafka, no clock, no randomness and no
//! environment.
//!
//! Read on: [`show::Show`] decides about tickets, [`booking::Booking`] follows it, [`user::User`] is a person.

pub mod booking;
mod ids;
mod money;
pub mod notification;
mod personal;
#[cfg(feature = "planted-bugs")]
mod planted_bugs;
pub mod show;
mod text;
pub mod user;

pub use ids::{
    BookingId, MalformedId, NotificationId, PaymentId, RefundId, SeatId, ShowId, TicketTypeId, UserId,
};
pub use money::{Currency, Money, Price};
pub use personal::Personal;
pub use text::{
    Description, EmailAddress, Invalid, PersonName, RowName, SectionName, TicketTypeName, TimeZone, Title,
    Venue,
};
