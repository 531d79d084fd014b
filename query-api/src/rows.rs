//! From the tables of the read models to the shapes of the contract: the one place for each.

pub(crate) mod booking;
pub(crate) mod event;
pub(crate) mod notification;
pub(crate) mod user;
