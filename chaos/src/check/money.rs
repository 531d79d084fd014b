//! I8: money and tickets agree, by the streams of bookings and by what the test gateway remembers.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{check::Findings, evidence::Evidence, facts::BookingFact};

/// What the gateway knows of a payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct AtGateway {
    /// Taken and not given back, in minor units.
    kept: i64,
    /// Set aside, and neither taken nor given back.
    is_set_aside: bool,
}

/// What the stream of a booking says of its money.
#[derive(Debug, Default)]
struct Books {
    price: i64,
    is_confirmed: bool,
    /// Whether something is to be decided or to be given back.
    is_open: bool,
    /// Whether that is up to nobody but the product.
    is_due: bool,
    payments: Vec<Uuid>,
    captures: u32,
    kept: i64,
}

pub(super) async fn check(write: &PgPool, evidence: &Evidence, findings: &mut Findings) -> Result<()> {
    let gateway = gateway(write).await?;
    let (mut wrong, mut settled) = (vec![], 0);
    for (booking, facts) in &evidence.bookings {
        let books = Books::of(facts);
        if books.is_due && !evidence.payments_due.contains(booking) {
            wrong.push(format!(
                "booking {booking}: money is to be taken or given back, and nobody has noted it"
            ));
        }
        settled += u64::from(!books.payments.is_empty() && !books.is_open);
        wrong.extend(books.disagreement(&gateway).map(|what| format!("booking {booking}: {what}")));
    }
    wrong.extend(nobodys(&gateway, evidence));
    wrong.sort();
    findings.compared("bookings whose money is settled, with what the gateway has of them", settled);
    findings.violations("I8", wrong);
    Ok(())
}

/// Money at the gateway that no event names.
fn nobodys(gateway: &HashMap<Uuid, AtGateway>, evidence: &Evidence) -> Vec<String> {
    let named: HashSet<Uuid> =
        evidence.bookings.values().flat_map(|facts| Books::of(facts).payments).collect();
    let nobodys = gateway
        .iter()
        .filter(|(id, payment)| !named.contains(*id) && (payment.is_set_aside || payment.kept != 0));
    nobodys.map(|(id, payment)| format!("payment {id} is of no booking, and there is {payment:?}")).collect()
}

impl Books {
    fn of(facts: &[BookingFact]) -> Self {
        let mut books = Self::default();
        for fact in facts {
            match fact {
                BookingFact::Confirmed { taken, .. } => {
                    (books.price, books.is_confirmed) = (taken.total, true);
                }
                BookingFact::Expired { .. } | BookingFact::Cancelled { .. } => books.is_confirmed = false,
                BookingFact::Held { .. } | BookingFact::Extended { .. } | BookingFact::Authorised { .. } => {}
                BookingFact::Money { what, .. } => books.note(what.name, what.payment, what.amount),
            }
        }
        books
    }

    fn note(&mut self, name: &str, payment: Uuid, amount: i64) {
        self.is_due =
            matches!(name, "PaymentStarted" | "PaymentActionRequired" | "RefundRequested" | "RefundResumed");
        // A refund that has failed waits for a person.
        self.is_open = self.is_due || name == "RefundFailed";
        match name {
            "PaymentStarted" => self.payments.push(payment),
            "PaymentCaptured" => (self.kept, self.captures) = (self.kept + amount, self.captures + 1),
            "RefundMade" => self.kept -= amount,
            _ => {}
        }
    }

    /// What is not settled yet may be either way; but nobody pays twice.
    fn disagreement(&self, gateway: &HashMap<Uuid, AtGateway>) -> Option<String> {
        if self.captures > 1 {
            return Some(format!("it was paid {} times", self.captures));
        }
        if self.is_open {
            return None;
        }
        let there = || self.payments.iter().filter_map(|id| gateway.get(id));
        if there().any(|payment| payment.is_set_aside) {
            return Some("nothing is left to do, and money stays set aside".to_owned());
        }
        let kept_there: i64 = there().map(|payment| payment.kept).sum();
        let due = if self.is_confirmed { self.price } else { 0 };
        let kept = self.kept;
        (kept != due || kept_there != due)
            .then(|| format!("{due} is due, its events keep {kept} and the gateway {kept_there}"))
    }
}

async fn gateway(write: &PgPool) -> Result<HashMap<Uuid, AtGateway>> {
    let pages: Vec<(String, String)> =
        sqlx::query_as("select name, page from test_gateway_pages").fetch_all(write).await?;
    pages.iter().map(|(name, page)| read(name, page)).collect()
}

fn read(name: &str, page: &str) -> Result<(Uuid, AtGateway)> {
    let payment = name.strip_prefix("pi_test_").context("a page of no payment")?.parse()?;
    let page: Value = serde_json::from_str(page)?;
    let amount = page["amount"].as_i64().context("no amount")?;
    let back = page["refunded"].as_array().context("no refunds")?.iter().filter(|r| r["standing"] == "Made");
    let back: i64 = back.filter_map(|refund| refund["amount"].as_i64()).sum();
    let kept = if page["standing"] == "Captured" { amount - back } else { 0 };
    Ok((payment, AtGateway { kept, is_set_aside: page["standing"] == "Authorised" }))
}

#[cfg(test)]
mod tests;
