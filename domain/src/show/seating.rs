//! Numbered seats: sections, rows and numbers, and which booking has which.
//!
//! Seats are counted through, from 0: their *index*. A seat keeps its index, and with it its id, as long as it exists;
//! an index is never given to another seat.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{OfferedTicketType, TicketType};
use crate::{BookingId, Money, RowName, SeatId, SectionName, ShowId, TicketTypeId, TicketTypeName};

/// Seats beside each other in a row, numbered through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatBlock {
    /// In which section.
    pub section: SectionName,
    /// In which row.
    pub row: RowName,
    /// Of which ticket type.
    pub ticket_type_id: TicketTypeId,
    /// The number of the first seat, as it stands on the seat.
    pub first_number: u32,
    /// How many seats.
    pub seats: u32,
    /// The index of the first seat.
    pub first_index: u32,
}

/// The seats that a host asks for.
#[derive(Debug, Clone)]
pub struct SeatingPlan(pub Vec<PlannedSection>);

/// A part of the hall.
#[derive(Debug, Clone)]
pub struct PlannedSection {
    /// What it is called.
    pub name: SectionName,
    /// What its tickets are called; sections that call them the same share a ticket type, and its price.
    pub ticket_type: TicketTypeName,
    /// What a seat costs.
    pub price: Money,
    /// A fresh id, in case the ticket type is new.
    pub ticket_type_id: TicketTypeId,
    /// Its rows, with how many seats each.
    pub rows: Vec<(RowName, u32)>,
}

/// Most seats of a show.
pub const MAX_SEATS: u32 = 100_000;
/// Most bytes of all ticket types and blocks of seats as they are stored in one event: Kafka takes a megabyte, and an event
/// has details, too.
pub const MAX_HALL_BYTES: usize = 900_000;
/// Most seats that a show ever has, those that are gone included: their indexes are not given again, and which seats are sold
/// is a bit an index.
pub const MAX_SEATS_EVER: u32 = 2_000_000;

/// How many bytes these are in an event.
#[must_use]
pub fn hall_bytes(offered: &[OfferedTicketType], blocks: &[SeatBlock]) -> usize {
    serde_json::to_vec(&(offered, blocks)).expect("names and numbers are JSON").len()
}

/// The seats of a show and who has them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Seating {
    blocks: Vec<SeatBlock>,
    /// Above every index that was ever given.
    next_index: u32,
    held: HashMap<u32, BookingId>,
    /// A bit a seat, the lowest first; no zeros at the end.
    sold: Vec<u64>,
}

/// Who has a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeatOwner {
    /// A hold, perhaps one that has lapsed.
    Hold(BookingId),
    /// Somebody who has it for good.
    Buyer,
}

impl Seating {
    pub(super) fn new(blocks: Vec<SeatBlock>) -> Self {
        let mut seating = Self::default();
        seating.rearrange(blocks);
        seating
    }

    /// Blocks of seats, for the memory that they take.
    pub(super) const fn block_count(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn blocks(&self) -> &[SeatBlock] {
        &self.blocks
    }

    pub(super) const fn next_index(&self) -> u32 {
        self.next_index
    }

    /// What [`Self::rearrange`] changes.
    pub(super) fn arrangement(&self) -> (Vec<SeatBlock>, u32) {
        (self.blocks.clone(), self.next_index)
    }

    pub(super) fn restore(&mut self, blocks: Vec<SeatBlock>, next_index: u32) {
        self.blocks = blocks;
        self.next_index = next_index;
    }

    pub(super) fn is_numbered(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// The ticket type of a seat, if there is such a seat.
    pub(super) fn ticket_type_of(&self, index: u32) -> Option<TicketTypeId> {
        // Blocks are few compared with seats, but not few: rows of a large hall.
        let block = match self.blocks.binary_search_by_key(&index, |block| block.first_index) {
            Ok(exact) => exact,
            Err(after) => after.checked_sub(1)?,
        };
        let block = &self.blocks[block];
        (index < block.first_index + block.seats).then_some(block.ticket_type_id)
    }

    /// Who has a seat, if anybody does.
    pub(super) fn owner_of(&self, index: u32) -> Option<SeatOwner> {
        let is_sold = self.sold.get(word(index)).is_some_and(|word| word & bit(index) != 0);
        if is_sold { Some(SeatOwner::Buyer) } else { self.held.get(&index).copied().map(SeatOwner::Hold) }
    }

    pub(super) fn hold(&mut self, show_id: ShowId, seats: &[SeatId], booking_id: BookingId) {
        self.held.extend(indexes(show_id, seats).map(|index| (index, booking_id)));
    }

    pub(super) fn end_hold(&mut self, show_id: ShowId, seats: &[SeatId]) {
        for index in indexes(show_id, seats) {
            self.held.remove(&index);
        }
    }

    pub(super) fn sell(&mut self, show_id: ShowId, seats: &[SeatId]) {
        for index in indexes(show_id, seats) {
            self.sold.resize(self.sold.len().max(word(index) + 1), 0);
            self.sold[word(index)] |= bit(index);
        }
    }

    pub(super) fn unsell(&mut self, show_id: ShowId, seats: &[SeatId]) {
        for index in indexes(show_id, seats) {
            if let Some(word) = self.sold.get_mut(word(index)) {
                *word &= !bit(index);
            }
        }
        let words = self.sold.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
        self.sold.truncate(words);
    }

    pub(super) fn rearrange(&mut self, blocks: Vec<SeatBlock>) {
        let end = blocks.iter().map(|block| block.first_index + block.seats).max().unwrap_or_default();
        self.next_index = self.next_index.max(end);
        self.blocks = blocks;
    }

    /// Seats that somebody has and that would be gone, or of another ticket type, in other blocks.
    pub(super) fn taken_and_lost_in(&self, show_id: ShowId, blocks: &[SeatBlock]) -> Vec<SeatId> {
        let other = Self::new(blocks.to_vec());
        let is_lost = |index: &u32| other.ticket_type_of(*index) != self.ticket_type_of(*index);
        let words = self.sold.iter().zip(0_u32..);
        let sold = words
            .flat_map(|(word, at)| (0..64).filter(move |n| word >> n & 1 != 0).map(move |n| at * 64 + n));
        let mut lost: Vec<u32> = self.held.keys().copied().chain(sold).filter(is_lost).collect();
        lost.sort_unstable();
        lost.into_iter().map(|index| SeatId::of(show_id, index)).collect()
    }
}

fn indexes(show_id: ShowId, seats: &[SeatId]) -> impl Iterator<Item = u32> {
    seats.iter().filter_map(move |seat| seat.index_in(show_id))
}

const fn word(index: u32) -> usize {
    (index / u64::BITS) as usize
}

const fn bit(index: u32) -> u64 {
    1 << (index % u64::BITS)
}

impl SeatingPlan {
    /// Ticket types and blocks of a new show.
    #[must_use]
    pub fn first_offer(&self) -> (Vec<OfferedTicketType>, Vec<SeatBlock>) {
        self.offer(&[], &[], 0)
    }

    /// Seats in all.
    #[must_use]
    pub fn seats(&self) -> u64 {
        self.0.iter().flat_map(|section| &section.rows).map(|(_, seats)| u64::from(*seats)).sum()
    }

    /// Ticket types and blocks, in the order of their indexes. A type that is there already, by its name, keeps its id; seats that
    /// are there already keep their index; others get indexes from `next_index` on.
    pub(super) fn offer(
        &self,
        types_before: &[TicketType],
        blocks_before: &[SeatBlock],
        mut next_index: u32,
    ) -> (Vec<OfferedTicketType>, Vec<SeatBlock>) {
        let mut before: HashMap<(&SectionName, &RowName), Vec<&SeatBlock>> = HashMap::new();
        for block in blocks_before {
            before.entry((&block.section, &block.row)).or_default().push(block);
        }
        let mut offered: Vec<OfferedTicketType> = Vec::new();
        let mut blocks = Vec::new();
        for section in &self.0 {
            let place = offered.iter().position(|o| o.name == section.ticket_type).unwrap_or_else(|| {
                let before = types_before.iter().find(|t| t.name == section.ticket_type);
                let id = before.map_or(section.ticket_type_id, |t| t.id);
                let name = section.ticket_type.clone();
                offered.push(OfferedTicketType { id, name, price: section.price, capacity: 0 });
                offered.len() - 1
            });
            for (row, seats) in &section.rows {
                offered[place].capacity += seats;
                let kept = kept_blocks(before.remove(&(&section.name, row)).unwrap_or_default(), *seats);
                let number = kept.last().map_or(1, |block: &SeatBlock| block.first_number + block.seats);
                let ticket_type_id = offered[place].id;
                blocks.extend(kept.into_iter().map(|block| SeatBlock { ticket_type_id, ..block }));
                if number <= *seats {
                    blocks.push(SeatBlock {
                        section: section.name.clone(),
                        row: row.clone(),
                        ticket_type_id,
                        first_number: number,
                        seats: seats - number + 1,
                        first_index: next_index,
                    });
                    next_index += seats - number + 1;
                }
            }
        }
        blocks.sort_by_key(|block| block.first_index);
        (offered, blocks)
    }
}

/// The part of a row's blocks that is left when it has so many seats.
fn kept_blocks(mut of_row: Vec<&SeatBlock>, seats: u32) -> Vec<SeatBlock> {
    of_row.sort_by_key(|block| block.first_number);
    let cut = |block: &SeatBlock| {
        let left = (seats + 1).saturating_sub(block.first_number).min(block.seats);
        (left > 0).then(|| SeatBlock { seats: left, ..block.clone() })
    };
    of_row.into_iter().filter_map(cut).collect()
}
