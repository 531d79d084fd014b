//! Whatever happens while a booking is being paid, and wherever whoever drives the payment dies: money and tickets agree.
//!
//! `docs/payments.md` is the table of these. `box_office` is a show with one ticket and a booking of it, `gate` a gateway
//! that stops at a moment for something to happen.

mod box_office;
mod gate;
mod interleavings;
mod refunds;
