//! What a host does with a show: set it up, change, publish, cancel, delete it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::{
    ChangeShow, CreateShow, CreatedShow, OfferedTicketType, SeatBlock, ShowError, ShowEvent, ShowStatus,
    TicketType,
    seating::{MAX_HALL_BYTES, MAX_SEATS_EVER, SeatingPlan, hall_bytes},
};

pub(super) fn create(create: CreateShow) -> Result<Vec<ShowEvent>, ShowError> {
    let CreateShow { show_id, host_id, details, ticket_types, seating, draft, at } = create;
    if details.schedule.start_date_time < at {
        return Err(ShowError::StartsInThePast);
    }
    let details = Box::new(details);
    Ok(vec![ShowEvent::EventCreated {
        event_id: show_id,
        host_id,
        details,
        ticket_types,
        seating,
        draft,
        at,
    }])
}

impl CreatedShow {
    pub(super) fn change(&self, change: &ChangeShow) -> Result<Vec<ShowEvent>, ShowError> {
        let at = change.at;
        if change.expected_version.is_some_and(|expected| expected != self.details_version) {
            return Err(ShowError::VersionConflict { current: self.details_version });
        }
        if self.status == ShowStatus::Cancelled {
            return Err(ShowError::Cancelled);
        }
        if self.details.schedule.has_ended(at) {
            return Err(ShowError::Ended);
        }
        let details = change.details.of(&self.details).map_err(ShowError::Schedule)?;
        // A start that stays where it is may have passed: the host says it again, or changes something else.
        let moves = details.schedule.start_date_time != self.details.schedule.start_date_time;
        if moves && details.schedule.start_date_time < at {
            return Err(ShowError::StartsInThePast);
        }
        let touches_tickets =
            change.capacity.is_some() || change.ticket_types.is_some() || change.seating.is_some();
        // Lapsed holds go first, so that they stand in nobody's way, at no prefix of the stream.
        let mut events = if touches_tickets { self.expire_holds(usize::MAX, at) } else { vec![] };
        let mut without_lapsed = Cow::Borrowed(self);
        for event in &events {
            without_lapsed.to_mut().evolve(event.clone());
        }
        let (ticket_types, seating) = without_lapsed.offer_of(change)?;
        let is_same = details == self.details
            && ticket_types == self.ticket_types.iter().map(TicketType::offered).collect::<Vec<_>>()
            && seating == self.seating.blocks();
        if is_same {
            return Ok(vec![]);
        }
        events.push(ShowEvent::EventChanged { details: Box::new(details), ticket_types, seating, at });
        Ok(events)
    }

    pub(super) fn publish(&self, at: DateTime<Utc>) -> Result<Vec<ShowEvent>, ShowError> {
        match self.status {
            ShowStatus::Published => Ok(vec![]),
            ShowStatus::Cancelled => Err(ShowError::Cancelled),
            ShowStatus::Draft if self.details.schedule.start_date_time < at => {
                Err(ShowError::StartsInThePast)
            }
            ShowStatus::Draft => Ok(vec![ShowEvent::EventPublished { at }]),
        }
    }

    pub(super) fn cancel(&self, at: DateTime<Utc>) -> Vec<ShowEvent> {
        match self.status {
            ShowStatus::Draft | ShowStatus::Published => vec![ShowEvent::EventCancelled { at }],
            ShowStatus::Cancelled => vec![],
        }
    }

    pub(super) fn cancel_coming(&self, at: DateTime<Utc>) -> Vec<ShowEvent> {
        if self.details.schedule.has_ended(at) { vec![] } else { self.cancel(at) }
    }

    pub(super) fn delete(&self, at: DateTime<Utc>) -> Vec<ShowEvent> {
        if self.deleted {
            return vec![];
        }
        let mut events = self.cancel(at);
        events.push(ShowEvent::EventDeleted { at });
        events
    }

    /// Ticket types and seats after a change.
    fn offer_of(&self, change: &ChangeShow) -> Result<(Vec<OfferedTicketType>, Vec<SeatBlock>), ShowError> {
        let (offered, seating) = match &change.seating {
            Some(plan) => self.seated_offer(plan, change)?,
            None => (self.unseated_offer(change)?, self.seating.blocks().to_vec()),
        };
        let in_use = |t: &&TicketType| t.taken() > 0 && !offered.iter().any(|offered| offered.id == t.id);
        if self.ticket_types.iter().any(|t| in_use(&t)) {
            return Err(ShowError::TicketTypeInUse);
        }
        for offered in &offered {
            let before = self.ticket_types.iter().find(|t| t.id == offered.id);
            if let Some(taken) = before.map(TicketType::taken).filter(|taken| *taken > offered.capacity) {
                return Err(ShowError::CapacityBelowSold { taken });
            }
        }
        Ok((offered, seating))
    }

    fn unseated_offer(&self, change: &ChangeShow) -> Result<Vec<OfferedTicketType>, ShowError> {
        let mut offered: Vec<OfferedTicketType> = self.ticket_types.iter().map(TicketType::offered).collect();
        if let Some(types) = &change.ticket_types {
            if types.iter().any(|t| !t.is_new && !self.ticket_types.iter().any(|known| known.id == t.id)) {
                return Err(ShowError::UnknownTicketType);
            }
            let anew: Vec<OfferedTicketType> = types
                .iter()
                .map(|t| OfferedTicketType {
                    id: t.id,
                    name: t.name.clone(),
                    price: t.price,
                    capacity: t.capacity,
                })
                .collect();
            let keeps_seats = anew.len() == offered.len()
                && offered.iter().all(|o| anew.iter().any(|a| a.id == o.id && a.capacity == o.capacity));
            if self.seating.is_numbered() && !keeps_seats {
                return Err(ShowError::DoesNotFit(
                    "this event has numbered seats: their number and types change with seating",
                ));
            }
            offered = anew;
        }
        if let Some(capacity) = change.capacity {
            match offered.as_mut_slice() {
                [only] if !self.seating.is_numbered() => only.capacity = capacity,
                _ => {
                    return Err(ShowError::DoesNotFit(
                        "capacity is for events with one ticket type and no numbered seats",
                    ));
                }
            }
        }
        Ok(offered)
    }

    fn seated_offer(
        &self,
        plan: &SeatingPlan,
        change: &ChangeShow,
    ) -> Result<(Vec<OfferedTicketType>, Vec<SeatBlock>), ShowError> {
        if !self.seating.is_numbered() || change.ticket_types.is_some() || change.capacity.is_some() {
            return Err(ShowError::DoesNotFit(
                "seating is for events that have numbered seats, and says all about their ticket types",
            ));
        }
        let (offered, blocks) =
            plan.offer(&self.ticket_types, self.seating.blocks(), self.seating.next_index());
        if blocks.iter().any(|block| block.first_index + block.seats > MAX_SEATS_EVER) {
            return Err(ShowError::DoesNotFit(
                "this event has had too many other seats before: bring some of those back, or offer another event",
            ));
        }
        if hall_bytes(&offered, &blocks) > MAX_HALL_BYTES {
            return Err(ShowError::DoesNotFit(
                "must have fewer rows, shorter names, or fewer rows with other numbers of seats than before",
            ));
        }
        let lost = self.seating.taken_and_lost_in(self.id, &blocks);
        if lost.is_empty() { Ok((offered, blocks)) } else { Err(ShowError::SeatsInUse { seats: lost }) }
    }
}

impl TicketType {
    fn offered(&self) -> OfferedTicketType {
        OfferedTicketType { id: self.id, name: self.name.clone(), price: self.price, capacity: self.capacity }
    }
}
