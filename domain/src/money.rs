//! Amounts of money in integer minor units.

use iso_currency::Currency as IsoCurrency;
use serde::{Deserialize, Serialize};

/// An ISO 4217 currency.
pub type Currency = IsoCurrency;

/// An amount in minor units (cents of a euro, whole yen) of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Minor units.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: Currency,
}

impl Money {
    /// Nothing to pay. A currency is kept because a total always has one.
    pub const FREE: Self = Self { amount: 0, currency: Currency::EUR };

    /// Whether nothing is to be paid.
    #[must_use]
    pub const fn is_free(self) -> bool {
        self.amount == 0
    }
}
