//! Noticing that the sale has started.
//!
//! Nobody needs it to buy: whether tickets are on sale, the time alone decides, see `tickets`. It is a fact for those who
//! wait for it.

use chrono::{DateTime, Utc};

use super::{CreatedShow, ShowDetails, ShowEvent, ShowStatus};

impl CreatedShow {
    pub(super) fn start_sales(&self, at: DateTime<Utc>) -> Vec<ShowEvent> {
        match self.status {
            // The sale of a draft starts with its publication, which is a fact of its own.
            ShowStatus::Draft | ShowStatus::Cancelled => return vec![],
            ShowStatus::Published => {}
        }
        let schedule = &self.details.schedule;
        let is_over = schedule.has_ended(at) || schedule.sales_end.is_some_and(|sales_end| at >= sales_end);
        if self.sale_has_started || is_over || !has_come(&self.details, at) {
            vec![]
        } else {
            vec![ShowEvent::SalesStarted { at }]
        }
    }

    /// Public from now on: what is on sale at once needs no fact of its own.
    pub(super) fn opened(&mut self, at: DateTime<Utc>) {
        self.sale_has_started = has_come(&self.details, at);
    }

    /// Other details: a sale that is put off starts anew, and is told anew; one that has started and goes on is not.
    pub(super) fn rescheduled(&mut self, at: DateTime<Utc>) {
        self.sale_has_started &= has_come(&self.details, at);
    }
}

fn has_come(details: &ShowDetails, at: DateTime<Utc>) -> bool {
    details.schedule.sales_start.is_none_or(|start| start <= at)
}
