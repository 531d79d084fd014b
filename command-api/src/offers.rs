//! What an event sells, as a request says it: a capacity, ticket types, or seats.

use std::collections::HashSet;

use domain::{
    Invalid, Money, Price, RowName, SectionName, TicketTypeId, TicketTypeName,
    show::{
        Capacity, MAX_HALL_BYTES, MAX_SEATS, OfferedTicketType, PlannedSection, SeatBlock, SeatingPlan,
        TicketTypeChange, hall_bytes,
    },
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::fields::Fields;

/// Most tickets of one booking, where the host says nothing.
pub(crate) const DEFAULT_MAX_TICKETS: u32 = 10;
/// Most tickets that a host may allow one booking.
const MOST_MAX_TICKETS: u32 = 1_000;
/// Longest hold that a host may ask for.
const MAX_HOLD_SECONDS: u32 = 7_200;
/// Most ticket types of an event.
const MAX_TICKET_TYPES: usize = 100;
/// Most sections of an event.
const MAX_SECTIONS: usize = 1_000;
/// Most rows of a section.
const MAX_ROWS: usize = 1_000;

/// A ticket type. With an `id` it is one that the event has already.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketTypeRequest {
    /// Of a type that is kept, when an event is changed.
    id: Option<Uuid>,
    /// What it is called; no two the same.
    #[schema(min_length = 1, max_length = 100, example = "Balcony")]
    name: String,
    /// What one ticket costs.
    price: PriceRequest,
    /// Tickets in all.
    #[schema(minimum = 1, maximum = 1_000_000, example = 120)]
    capacity: i64,
}

/// An amount of money.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceRequest {
    /// Minor units.
    #[schema(minimum = 0, maximum = 100_000_000, example = 2500)]
    amount: i64,
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    currency: String,
}

/// A part of the hall.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SectionRequest {
    /// What it is called; no two the same.
    #[schema(min_length = 1, max_length = 100, example = "Stalls")]
    section: String,
    /// What its seats are sold as; sections with the same name share a type, and must agree on its price.
    ticket_type: SeatTypeRequest,
    /// Its rows.
    #[schema(min_items = 1, max_items = 1000)]
    rows: Vec<RowRequest>,
}

/// What seats are sold as.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SeatTypeRequest {
    /// What it is called.
    #[schema(min_length = 1, max_length = 100, example = "Stalls")]
    name: String,
    /// What one seat costs.
    price: PriceRequest,
}

/// Seats beside each other, numbered from 1.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RowRequest {
    /// What the row is called; no two of a section the same.
    #[schema(min_length = 1, max_length = 20, example = "A")]
    row: String,
    /// How many seats.
    #[schema(minimum = 1, maximum = 100_000, example = 20)]
    seats: i64,
}

/// What a new event sells.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) ticket_types: Vec<OfferedTicketType>,
    pub(crate) seating: Vec<SeatBlock>,
}

pub(crate) fn max_tickets(tickets: i64) -> Result<u32, Invalid> {
    within(tickets, MOST_MAX_TICKETS)
}

pub(crate) fn hold_seconds(seconds: i64) -> Result<u32, Invalid> {
    within(seconds, MAX_HOLD_SECONDS)
}

fn within(number: i64, max: u32) -> Result<u32, Invalid> {
    let number = u32::try_from(number).ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| Invalid(format!("must be from 1 to {max}")))
}

/// Exactly one of the three; what is wrong is noted.
pub(crate) fn parse(
    fields: &mut Fields,
    capacity: Option<i64>,
    ticket_types: Option<Vec<TicketTypeRequest>>,
    seating: Option<Vec<SectionRequest>>,
) -> Option<Offer> {
    match (capacity, ticket_types, seating) {
        (Some(capacity), None, None) => {
            let capacity = fields.take("capacity", Capacity::parse(capacity))?;
            let name = TicketTypeName::parse("General admission").expect("a good name");
            let id = TicketTypeId::new(Uuid::now_v7());
            let only = OfferedTicketType { id, name, price: Money::FREE, capacity: capacity.tickets() };
            Some(Offer { ticket_types: vec![only], seating: vec![] })
        }
        (None, Some(types), None) => {
            if types.iter().any(|t| t.id.is_some()) {
                fields.note("ticketTypes", "id is for types that the event has already");
                return None;
            }
            let offered = ticket_type_changes(fields, types)?.into_iter().map(|t| OfferedTicketType {
                id: t.id,
                name: t.name,
                price: t.price,
                capacity: t.capacity,
            });
            Some(Offer { ticket_types: offered.collect(), seating: vec![] })
        }
        (None, None, Some(sections)) => {
            let (ticket_types, seating) = seating_plan(fields, sections)?.first_offer();
            Some(Offer { ticket_types, seating })
        }
        (None, None, None) => {
            fields.note("capacity", "one of capacity, ticketTypes and seating must be given");
            None
        }
        _ => {
            fields.note("capacity", "only one of capacity, ticketTypes and seating may be given");
            None
        }
    }
}

/// A whole list of ticket types; types without id get a fresh one.
pub(crate) fn ticket_type_changes(
    fields: &mut Fields,
    types: Vec<TicketTypeRequest>,
) -> Option<Vec<TicketTypeChange>> {
    if !fields.count("ticketTypes", types.len(), MAX_TICKET_TYPES) {
        return None;
    }
    let parsed: Vec<Option<TicketTypeChange>> = types
        .into_iter()
        .enumerate()
        .map(|(place, request)| {
            let at = |field: &str| format!("ticketTypes[{place}].{field}");
            let name = fields.take(&at("name"), TicketTypeName::parse(&request.name));
            let price = fields.take(&at("price"), request.price.parse());
            let capacity = fields.take(&at("capacity"), Capacity::parse(request.capacity));
            Some(TicketTypeChange {
                id: TicketTypeId::new(request.id.unwrap_or_else(Uuid::now_v7)),
                is_new: request.id.is_none(),
                name: name?,
                price: price?,
                capacity: capacity?.tickets(),
            })
        })
        .collect();
    let types: Vec<TicketTypeChange> = parsed.into_iter().collect::<Option<_>>()?;
    let capacity: u64 = types.iter().map(|t| u64::from(t.capacity)).sum();
    let wrong = if capacity > u64::from(Capacity::MAX) {
        Some(format!("must have at most {} tickets in all", Capacity::MAX))
    } else if !distinct(types.iter().map(|t| t.name.as_str())) {
        Some("must not have the same name twice".to_owned())
    } else if !distinct(types.iter().map(|t| t.id)) {
        Some("must not have the same id twice".to_owned())
    } else if !one_currency(types.iter().map(|t| t.price)) {
        Some("must have all prices in one currency".to_owned())
    } else {
        None
    };
    match wrong {
        Some(message) => {
            fields.note("ticketTypes", message);
            None
        }
        None => Some(types),
    }
}

/// All seats of an event.
pub(crate) fn seating_plan(fields: &mut Fields, sections: Vec<SectionRequest>) -> Option<SeatingPlan> {
    if !fields.count("seating", sections.len(), MAX_SECTIONS) {
        return None;
    }
    let parsed: Vec<Option<PlannedSection>> =
        sections.into_iter().enumerate().map(|(place, section)| section.parse(fields, place)).collect();
    let plan = SeatingPlan(parsed.into_iter().collect::<Option<_>>()?);
    let sections = &plan.0;
    let prices_agree = sections.iter().all(|section| {
        let mut same_type = sections.iter().filter(|other| other.ticket_type == section.ticket_type);
        same_type.all(|other| other.price == section.price)
    });
    let wrong = if plan.seats() > u64::from(MAX_SEATS) {
        Some(format!("must have at most {MAX_SEATS} seats"))
    } else if !distinct(sections.iter().map(|section| section.name.as_str())) {
        Some("must not have the same section twice".to_owned())
    } else if !prices_agree {
        Some("must have one price for each ticket type".to_owned())
    } else if !one_currency(sections.iter().map(|section| section.price)) {
        Some("must have all prices in one currency".to_owned())
    } else if stored_bytes(&plan) > MAX_HALL_BYTES {
        Some("must have fewer rows, or shorter names".to_owned())
    } else {
        None
    };
    match wrong {
        Some(message) => {
            fields.note("seating", message);
            None
        }
        None => Some(plan),
    }
}

impl SectionRequest {
    fn parse(self, fields: &mut Fields, place: usize) -> Option<PlannedSection> {
        let at = |field: &str| format!("seating[{place}].{field}");
        let name = fields.take(&at("section"), SectionName::parse(&self.section));
        let ticket_type = fields.take(&at("ticketType.name"), TicketTypeName::parse(&self.ticket_type.name));
        let price = fields.take(&at("ticketType.price"), self.ticket_type.price.parse());
        if !fields.count(&at("rows"), self.rows.len(), MAX_ROWS) {
            return None;
        }
        if !distinct(self.rows.iter().map(|row| row.row.trim())) {
            fields.note(&at("rows"), "must not have the same row twice");
            return None;
        }
        let rows: Vec<Option<(RowName, u32)>> = self
            .rows
            .iter()
            .enumerate()
            .map(|(row, request)| {
                let name = fields.take(&at(&format!("rows[{row}].row")), RowName::parse(&request.row));
                let seats = fields.take(&at(&format!("rows[{row}].seats")), within(request.seats, MAX_SEATS));
                name.zip(seats)
            })
            .collect();
        Some(PlannedSection {
            name: name?,
            ticket_type: ticket_type?,
            price: price?,
            ticket_type_id: TicketTypeId::new(Uuid::now_v7()),
            rows: rows.into_iter().collect::<Option<_>>()?,
        })
    }
}

impl PriceRequest {
    fn parse(&self) -> Result<Money, Invalid> {
        Price::parse(self.amount, &self.currency).map(Price::money)
    }
}

fn stored_bytes(plan: &SeatingPlan) -> usize {
    let (offered, blocks) = plan.first_offer();
    hall_bytes(&offered, &blocks)
}

fn distinct<T: std::hash::Hash + Eq>(values: impl Iterator<Item = T>) -> bool {
    let mut seen = HashSet::new();
    values.into_iter().all(|value| seen.insert(value))
}

fn one_currency(mut prices: impl Iterator<Item = Money>) -> bool {
    let Some(first) = prices.next() else { return true };
    prices.all(|price| price.currency == first.currency)
}
