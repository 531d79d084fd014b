//! The gateways that payments go through, and who is believed to be Stripe.

#![expect(clippy::expect_used, reason = "a test that cannot go on may panic, in its helpers too")]

mod doubles;
mod fake;
mod test_gateway;
mod webhook;

use payments::{About, NewPayment, NewRefund, PaymentMethod};
use uuid::Uuid;

fn new_payment(amount: i64) -> NewPayment {
    let about = About { booking_id: Uuid::now_v7(), event_id: Uuid::now_v7() };
    NewPayment { payment_id: Uuid::now_v7(), about, amount, currency: "EUR".to_owned() }
}

fn method(name: &str) -> PaymentMethod {
    PaymentMethod::parse(name).expect("a payment method")
}

/// So much of it, asked for the first time.
fn refund_of(payment: &NewPayment, reference: &str, amount: i64) -> NewRefund {
    NewRefund {
        refund_id: Uuid::now_v7(),
        resumed: 0,
        reference: reference.to_owned(),
        about: payment.about,
        amount,
        currency: payment.currency.clone(),
    }
}
