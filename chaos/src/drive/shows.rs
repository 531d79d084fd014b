//! What clients know of events: enough to want something of them.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use uuid::Uuid;

use crate::dice::Dice;

/// Most events that are known at a time; older ones are forgotten.
const KNOWN: usize = 24;

#[derive(Debug, Default)]
pub(super) struct Shows(Mutex<Vec<KnownShow>>);

#[derive(Debug, Clone)]
pub(super) struct KnownShow {
    pub(super) id: Uuid,
    pub(super) host: Uuid,
    pub(super) ticket_types: Vec<Uuid>,
    /// How many numbered seats; none in general admission.
    pub(super) seats: u32,
    /// The first ones stay as long as the run.
    pub(super) stays: bool,
}

impl Shows {
    /// Adds an event that was created.
    pub(super) fn add(&self, created: &Value, seats: u32, stays: bool) {
        let id = |value: &Value| value.as_str().and_then(|id| id.parse::<Uuid>().ok());
        let (Some(event), Some(host)) = (id(&created["id"]), id(&created["hostId"])) else { return };
        let types = created["ticketTypes"].as_array().cloned().unwrap_or_default();
        let ticket_types = types.iter().filter_map(|ticket_type| id(&ticket_type["id"])).collect();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN
            && let Some(oldest) = known.iter().position(|show| !show.stays)
        {
            known.remove(oldest);
        }
        known.push(KnownShow { id: event, host, ticket_types, seats, stays });
    }

    pub(super) fn any(&self, dice: &mut Dice) -> Option<KnownShow> {
        dice.pick(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).cloned()
    }

    pub(super) fn of_host(&self, host: Uuid, dice: &mut Dice) -> Option<KnownShow> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own: Vec<&KnownShow> = known.iter().filter(|show| show.host == host).collect();
        dice.pick(&own).map(|show| (*show).clone())
    }
}

/// The id of a seat, from its event's and its index: as `docs/adr/0010-seat-ids.md` says.
pub(crate) fn seat_id(event: Uuid, index: u32) -> Uuid {
    Uuid::from_u128(event.as_u128() ^ (u128::from(index) + 1))
}
