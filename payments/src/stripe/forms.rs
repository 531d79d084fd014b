//! What Stripe is sent: forms with brackets.

use crate::{GatewayError, NewPayment, NewRefund};

type Form = Vec<(&'static str, String)>;

/// A PaymentIntent for a card that is authorised now and captured later.
pub(super) fn intent(payment: &NewPayment) -> Result<Form, GatewayError> {
    Ok(vec![
        ("amount", amount(payment.amount, &payment.currency)?.to_string()),
        ("currency", payment.currency.to_ascii_lowercase()),
        ("capture_method", "manual".to_owned()),
        ("payment_method_types[]", "card".to_owned()),
        ("metadata[payment_id]", payment.payment_id.to_string()),
        ("metadata[booking_id]", payment.about.booking_id.to_string()),
        ("metadata[event_id]", payment.about.event_id.to_string()),
    ])
}

pub(super) fn refund(refund: &NewRefund) -> Result<Form, GatewayError> {
    Ok(vec![
        ("payment_intent", refund.reference.clone()),
        ("amount", amount(refund.amount, &refund.currency)?.to_string()),
        ("metadata[refund_id]", refund.refund_id.to_string()),
        ("metadata[resumed]", refund.resumed.to_string()),
        ("metadata[booking_id]", refund.about.booking_id.to_string()),
        ("metadata[event_id]", refund.about.event_id.to_string()),
    ])
}

/// Stripe counts minor units as ISO 4217 does, save where <https://docs.stripe.com/currencies> says otherwise: it takes
/// two decimals of two currencies that have none any more, none of one that has two, and no third decimal that is not 0.
pub(super) fn amount(minor: i64, currency: &str) -> Result<i64, GatewayError> {
    match currency {
        "ISK" | "UGX" => Ok(minor * 100),
        "MGA" if minor % 100 != 0 => {
            Err(GatewayError::Refused { reason: "amount_second_decimal".to_owned() })
        }
        "MGA" => Ok(minor / 100),
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" if minor % 10 != 0 => {
            Err(GatewayError::Refused { reason: "amount_third_decimal".to_owned() })
        }
        _ => Ok(minor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_in_the_units_that_stripe_wants() {
        assert_eq!(amount(2_500, "EUR").unwrap(), 2_500);
        assert_eq!(amount(2_500, "JPY").unwrap(), 2_500);
        assert_eq!(amount(2_500, "ISK").unwrap(), 250_000);
        assert_eq!(amount(2_500, "KWD").unwrap(), 2_500);
        amount(2_501, "KWD").unwrap_err();
        assert_eq!(amount(2_500, "MGA").unwrap(), 25);
        amount(2_501, "MGA").unwrap_err();
    }

    /// "Zero-decimal currencies" of <https://docs.stripe.com/currencies>. UGX is among them, and is a special case there.
    const ZERO_DECIMAL: [&str; 16] = [
        "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
        "XOF", "XPF",
    ];

    /// Decimals that Stripe takes of a currency, by that page.
    fn decimals(code: &str) -> u32 {
        match code {
            "ISK" | "UGX" => 2,
            "BHD" | "JOD" | "KWD" | "OMR" | "TND" => 3,
            _ if ZERO_DECIMAL.contains(&code) => 0,
            _ => 2,
        }
    }

    #[test]
    fn ten_of_each_currency_are_ten_of_it_at_stripe() {
        for code in ZERO_DECIMAL.iter().chain(&["ISK", "EUR", "USD", "HUF", "TWD", "KWD", "TND"]) {
            let currency = iso_currency::Currency::from_code(code).expect("a currency");
            let minor = 10 * 10_i64.pow(u32::from(currency.exponent().expect("decimals")));
            let expected = 10 * 10_i64.pow(decimals(code));
            assert_eq!(amount(minor, code).unwrap(), expected, "{code}");
        }
    }
}
