//! Whatever happens while a booking is being paid, and wherever whoever drives the payment dies: money and tickets agree.
//!
//! `docs/payment-interleavings.md` is the table of these. `box_office` is a show with one ticket and a booking of it, `gate` a gateway
//! that stops at a moment for something to happen.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic, in its helpers too")]

mod authentication;
mod box_office;
mod captures;
mod days_later;
mod ends;
mod gate;
mod holds;
mod interleavings;
mod pending;
mod refunds;
mod remembered;
mod second_attempts;
mod stray_answers;
