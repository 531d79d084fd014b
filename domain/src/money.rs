//! Amounts of money in integer minor units.

use iso_currency::Currency as IsoCurrency;
use serde::{Deserialize, Serialize};

use crate::Invalid;

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

/// What one ticket costs: never negative, and low enough that no total overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price(Money);

impl Price {
    /// Most minor units of a price.
    pub const MAX_AMOUNT: i64 = 100_000_000;

    /// Checks the bounds and the currency.
    ///
    /// # Errors
    /// Negative, more than [`Self::MAX_AMOUNT`], or a currency that ISO 4217 does not know.
    pub fn parse(amount: i64, currency: &str) -> Result<Self, Invalid> {
        if !(0..=Self::MAX_AMOUNT).contains(&amount) {
            return Err(Invalid(format!("amount must be from 0 to {} minor units", Self::MAX_AMOUNT)));
        }
        let currency = Currency::from_code(currency)
            .ok_or_else(|| Invalid("currency must be an ISO 4217 code, such as EUR".to_owned()))?;
        Ok(Self(Money { amount, currency }))
    }

    /// The amount.
    #[must_use]
    pub const fn money(self) -> Money {
        self.0
    }
}
