//! I3: sequences have no gaps, no prefix of a show sells more than there is or a seat twice, and bookings say what their
//! show says.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    check::Findings,
    evidence::Evidence,
    facts::{BookingFact, ShowFact, Taken},
};

/// A show at some prefix of its stream.
#[derive(Debug, Default)]
pub(crate) struct ShowState {
    capacities: HashMap<Uuid, u64>,
    /// Sold and held, lapsed holds that were not ended included.
    taken: HashMap<Uuid, u64>,
    owners: HashMap<Uuid, Uuid>,
    pub(crate) open: HashMap<Uuid, Open>,
    pub(crate) is_cancelled: bool,
    pub(crate) is_deleted: bool,
}

/// A booking that has tickets; without an end they are sold.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) taken: Taken,
    pub(crate) until: Option<DateTime<Utc>>,
}

pub(super) fn check(evidence: &Evidence, findings: &mut Findings) {
    let gaps = evidence.streams.iter().flat_map(|((kind, id), events)| {
        let wrong = (1..).zip(events).filter(|(place, event)| *place != event.sequence);
        wrong.take(1).map(move |(place, event)| {
            format!("{kind}:{id} has {} where {place} was to come", event.sequence)
        })
    });
    findings.violations("I3", gaps.collect());

    let mut wrong = vec![];
    let mut following: HashMap<Uuid, Vec<BookingFact>> = HashMap::new();
    let mut prefixes = 0;
    for (show, facts) in &evidence.shows {
        let mut state = ShowState::default();
        for (sequence, fact) in (1..).zip(facts) {
            prefixes += 1;
            let problems = state.apply(fact);
            wrong.extend(problems.into_iter().map(|what| format!("event {show} at {sequence}: {what}")));
            if let Some((booking, fact)) = follows(*show, fact) {
                following.entry(booking).or_default().push(fact);
            }
        }
    }
    wrong.sort();
    findings.compared("prefixes of shows", prefixes);
    findings.violations("I3", wrong);
    findings.compared("bookings, with what their shows say", evidence.bookings.len() as u64);
    findings.violations("I3", disagreements(&following, &evidence.bookings));
}

impl ShowState {
    /// Goes on, and says what was wrong with it.
    pub(crate) fn apply(&mut self, fact: &ShowFact) -> Vec<String> {
        let mut wrong = vec![];
        match fact {
            ShowFact::Offered(offers) => {
                self.capacities = offers.iter().map(|offer| (offer.ticket_type, offer.capacity)).collect();
            }
            ShowFact::Cancelled => self.is_cancelled = true,
            ShowFact::Deleted => self.is_deleted = true,
            ShowFact::Held { taken, until } => self.take(taken, Some(*until), &mut wrong),
            ShowFact::Sold(taken) if self.holds(taken) => self.sell(taken, &mut wrong),
            ShowFact::Sold(taken) => self.take(taken, None, &mut wrong),
            ShowFact::Extended { booking, until } => match self.open.get_mut(booking) {
                Some(open) if open.until.is_some() => open.until = Some(*until),
                Some(_) | None => {
                    wrong.push(format!("the hold of {booking} is extended, which there is not"))
                }
            },
            ShowFact::Expired { taken, at } => {
                let until = self.open.get(&taken.booking).and_then(|open| open.until);
                if until.is_none_or(|until| until > *at) {
                    wrong.push(format!(
                        "the hold of {} expires at {at}, though it lasts until {until:?}",
                        taken.booking
                    ));
                }
                self.give_back(taken, &mut wrong);
            }
            ShowFact::Released(taken) => self.give_back(taken, &mut wrong),
            ShowFact::Other => {}
        }
        for (ticket_type, taken) in &self.taken {
            let capacity = self.capacities.get(ticket_type).copied().unwrap_or(0);
            if *taken > capacity {
                wrong.push(format!("{taken} of {ticket_type} are sold and held, and there are {capacity}"));
            }
        }
        wrong
    }

    fn take(&mut self, taken: &Taken, until: Option<DateTime<Utc>>, wrong: &mut Vec<String>) {
        if self.is_cancelled {
            wrong.push(format!("{} gets tickets after the event was cancelled", taken.booking));
        }
        if self.open.insert(taken.booking, Open { taken: taken.clone(), until }).is_some() {
            wrong.push(format!("{} gets tickets twice", taken.booking));
        }
        for (ticket_type, quantity) in &taken.tickets {
            *self.taken.entry(*ticket_type).or_default() += quantity;
        }
        for seat in &taken.seats {
            if let Some(owner) = self.owners.insert(*seat, taken.booking) {
                wrong.push(format!("seat {seat} is {owner}'s and goes to {}", taken.booking));
            }
        }
    }

    /// Whether the tickets are held for this booking, lapsed or not.
    fn holds(&self, taken: &Taken) -> bool {
        self.open.get(&taken.booking).is_some_and(|open| open.until.is_some())
    }

    /// What was held is paid.
    fn sell(&mut self, taken: &Taken, wrong: &mut Vec<String>) {
        let before = self.open.insert(taken.booking, Open { taken: taken.clone(), until: None });
        if let Some(held) = before.filter(|held| held.taken != *taken) {
            wrong.push(format!("{} is sold {taken:?} and held {:?}", taken.booking, held.taken));
        }
        if self.is_cancelled {
            wrong.push(format!("{} is sold tickets after the event was cancelled", taken.booking));
        }
    }

    fn give_back(&mut self, taken: &Taken, wrong: &mut Vec<String>) {
        let Some(open) = self.open.remove(&taken.booking) else {
            wrong.push(format!("{} gives back tickets that it does not have", taken.booking));
            return;
        };
        if open.taken != *taken {
            wrong.push(format!("{} gives back {taken:?} and had {:?}", taken.booking, open.taken));
        }
        for (ticket_type, quantity) in &open.taken.tickets {
            let left = self.taken.entry(*ticket_type).or_default();
            *left = left.saturating_sub(*quantity);
        }
        for seat in &open.taken.seats {
            self.owners.remove(seat);
        }
    }

    /// Tickets of a type that nobody has at a time.
    pub(crate) fn available(&self, ticket_type: Uuid, at: DateTime<Utc>) -> u64 {
        let of_type = |open: &Open| {
            let lines = open.taken.tickets.iter().filter(|(id, _)| *id == ticket_type);
            lines.map(|(_, quantity)| quantity).sum::<u64>()
        };
        let taken: u64 = self.open.values().filter(|open| open.is_good_at(at)).map(of_type).sum();
        self.capacities.get(&ticket_type).copied().unwrap_or(0).saturating_sub(taken)
    }

    /// Who has a seat at a time.
    pub(crate) fn owner(&self, seat: Uuid, at: DateTime<Utc>) -> Option<Uuid> {
        let owner = *self.owners.get(&seat)?;
        self.open.get(&owner).is_some_and(|open| open.is_good_at(at)).then_some(owner)
    }

    /// Sold tickets of each type.
    pub(crate) fn sold(&self) -> HashMap<Uuid, u64> {
        let mut sold: HashMap<Uuid, u64> = self.capacities.keys().map(|id| (*id, 0)).collect();
        for open in self.open.values().filter(|open| open.until.is_none()) {
            for (ticket_type, quantity) in &open.taken.tickets {
                *sold.entry(*ticket_type).or_default() += quantity;
            }
        }
        sold
    }

    pub(crate) fn capacity(&self, ticket_type: Uuid) -> u64 {
        self.capacities.get(&ticket_type).copied().unwrap_or(0)
    }
}

impl Open {
    pub(crate) fn is_good_at(&self, at: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| until > at)
    }
}

/// What a fact of the show means to a booking.
fn follows(show: Uuid, fact: &ShowFact) -> Option<(Uuid, BookingFact)> {
    Some(match fact {
        ShowFact::Held { taken, until } => {
            (taken.booking, BookingFact::Held { show, taken: taken.clone(), until: *until })
        }
        ShowFact::Sold(taken) if taken.total > 0 => (taken.booking, BookingFact::Authorised { show }),
        ShowFact::Sold(taken) => (taken.booking, BookingFact::Confirmed { show, taken: taken.clone() }),
        ShowFact::Extended { booking, until } => (*booking, BookingFact::Extended { show, until: *until }),
        ShowFact::Expired { taken, .. } => (taken.booking, BookingFact::Expired { show }),
        ShowFact::Released(taken) => (taken.booking, BookingFact::Cancelled { show }),
        ShowFact::Offered(_) | ShowFact::Cancelled | ShowFact::Deleted | ShowFact::Other => return None,
    })
}

fn disagreements(
    following: &HashMap<Uuid, Vec<BookingFact>>,
    bookings: &HashMap<Uuid, Vec<BookingFact>>,
) -> Vec<String> {
    let names = |facts: &[BookingFact]| facts.iter().map(BookingFact::name).collect::<Vec<_>>().join(", ");
    let mut wrong = vec![];
    let nothing = vec![];
    for (booking, said) in following {
        let own = bookings.get(booking).unwrap_or(&nothing);
        if !of_show(own).into_iter().eq(said) {
            wrong.push(format!(
                "booking {booking}: its show says [{}], its own stream [{}]",
                names(said),
                names(own)
            ));
        }
    }
    let of_no_show = bookings.iter().filter(|(booking, _)| !following.contains_key(booking));
    wrong
        .extend(of_no_show.map(|(booking, own)| format!("booking {booking} [{}] is in no show", names(own))));
    wrong.sort();
    wrong
}

/// What its show says, too. A booking that has expired is cancelled by itself, so that nothing comes of a payment that is
/// not decided yet: its show has nothing to release.
fn of_show(own: &[BookingFact]) -> Vec<&BookingFact> {
    let mut of_show: Vec<&BookingFact> = vec![];
    for fact in own.iter().filter(|fact| fact.is_of_show()) {
        let has_expired = matches!(of_show.last(), Some(BookingFact::Expired { .. }));
        if !(has_expired && matches!(fact, BookingFact::Cancelled { .. })) {
            of_show.push(fact);
        }
    }
    of_show
}

#[cfg(test)]
mod tests;
