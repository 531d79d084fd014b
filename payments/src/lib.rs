//! Payment gateways behind one trait: money is set aside, taken, given back.
//!
//! - [`Gateway`]: what a gateway does, and what it answers.
//! - [`Stripe`]: the real one, over HTTP.
//! - [`TestGateway`]: the embedded default, which knows Stripe's test payment methods and moves no money.
//! - [`Guarded`]: any gateway with timeouts, retries and a circuit breaker.
//! - [`webhook`]: what Stripe says by itself, and whether it was Stripe.
//!
//! Architecture invariant: there is no rule about tickets or bookings here, no SQL and no event. Nothing here logs, or
//! puts into an error, a key, a client secret, or anything about a card but a code.

mod gateway;
mod guarded;
mod stripe;
mod test_gateway;
pub mod webhook;

pub use gateway::{
    About, Gateway, GatewayError, GatewayPayment, GatewayRefund, IdempotencyKey, NewPayment, NewRefund,
    PaymentMethod, PaymentStanding, RefundStanding, Step,
};
pub use guarded::Guarded;
pub use stripe::{Stripe, StripeError};
pub use test_gateway::{Ledger, LedgerError, LedgerPage, MemoryLedger, TestGateway};
