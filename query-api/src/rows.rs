//! From the tables of the read models to the shapes of the contract: the one place for each.

pub(crate) mod booking;
pub(crate) mod event;
pub(crate) mod notification;
pub(crate) mod payment;
pub(crate) mod preferences;
pub(crate) mod seat;
pub(crate) mod session;
pub(crate) mod user;

/// Begins a transaction whose statements see one state of the database, and one time.
pub(crate) const ONE_STATE: &str = "begin isolation level repeatable read, read only";
