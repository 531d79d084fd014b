//! Stored events as the checker reads them: from their JSON alone, by no type of the product.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

#[derive(Debug, Clone)]
pub(crate) enum ShowFact {
    /// Created or changed: what is offered from now on.
    Offered(Vec<Offer>),
    Cancelled,
    Deleted,
    Held {
        taken: Taken,
        until: DateTime<Utc>,
    },
    Extended {
        booking: Uuid,
        until: DateTime<Utc>,
    },
    Expired {
        taken: Taken,
        at: DateTime<Utc>,
    },
    Sold(Taken),
    Released(Taken),
    /// What changes nothing about tickets.
    Other,
}

#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) ticket_type: Uuid,
    pub(crate) capacity: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) booking: Uuid,
    pub(crate) attendee: Uuid,
    pub(crate) tickets: Vec<(Uuid, u64)>,
    pub(crate) seats: Vec<Uuid>,
    /// Minor units.
    pub(crate) total: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BookingFact {
    Held {
        show: Uuid,
        taken: Taken,
        until: DateTime<Utc>,
    },
    Confirmed {
        show: Uuid,
        taken: Taken,
    },
    Extended {
        show: Uuid,
        until: DateTime<Utc>,
    },
    Expired {
        show: Uuid,
    },
    Cancelled {
        show: Uuid,
    },
    /// The money is set aside, and so the tickets are sold.
    Authorised {
        show: Uuid,
    },
    /// What else becomes of the money.
    Money {
        show: Uuid,
        what: Money,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Money {
    /// The event's type.
    pub(crate) name: &'static str,
    pub(crate) payment: Uuid,
    /// Minor units, where the fact says how much.
    pub(crate) amount: i64,
}

#[derive(Debug, Clone)]
pub(crate) enum UserFact {
    Registered { role: String },
    Followed { host: Uuid },
    Unfollowed { host: Uuid },
    Other,
}

impl ShowFact {
    pub(crate) fn parse(event_type: &str, payload: &Value) -> Result<Self> {
        Ok(match event_type {
            "EventCreated" | "EventChanged" => Self::Offered(offers(payload)?),
            "EventCancelled" => Self::Cancelled,
            "EventDeleted" => Self::Deleted,
            "TicketsHeld" => {
                Self::Held { taken: taken_of_show(payload)?, until: time(payload, "heldUntil")? }
            }
            "HoldExtended" => {
                Self::Extended { booking: id(payload, "bookingId")?, until: time(payload, "heldUntil")? }
            }
            "HoldExpired" => Self::Expired { taken: taken_of_show(payload)?, at: time(payload, "at")? },
            "TicketsSold" => Self::Sold(taken_of_show(payload)?),
            "TicketsReleased" => Self::Released(taken_of_show(payload)?),
            "EventPublished" | "SalesStarted" => Self::Other,
            other => bail!("no fact of a show is called {other}"),
        })
    }
}

/// Facts about money that change nothing about tickets.
const OF_MONEY: [&str; 10] = [
    "PaymentStarted",
    "PaymentActionRequired",
    "PaymentDeclined",
    "PaymentCaptured",
    "PaymentCaptureFailed",
    "PaymentVoided",
    "RefundRequested",
    "RefundMade",
    "RefundFailed",
    "RefundResumed",
];

impl BookingFact {
    pub(crate) fn parse(event_type: &str, payload: &Value) -> Result<Self> {
        let show = id(payload, "eventId")?;
        Ok(match event_type {
            "BookingHeld" => {
                Self::Held { show, taken: taken_of_booking(payload)?, until: time(payload, "heldUntil")? }
            }
            "BookingConfirmed" => Self::Confirmed { show, taken: taken_of_booking(payload)? },
            "BookingExtended" => Self::Extended { show, until: time(payload, "heldUntil")? },
            "BookingExpired" => Self::Expired { show },
            "BookingCancelled" => Self::Cancelled { show },
            "PaymentAuthorised" => Self::Authorised { show },
            other => match OF_MONEY.iter().find(|name| **name == other) {
                Some(name) => {
                    let amount = payload["amount"]["amount"].as_i64().unwrap_or_default();
                    let payment = id(payload, "paymentId")?;
                    Self::Money { show, what: Money { name, payment, amount } }
                }
                None => bail!("no fact of a booking is called {other}"),
            },
        })
    }

    /// For people.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Held { .. } => "BookingHeld",
            Self::Confirmed { .. } => "BookingConfirmed",
            Self::Extended { .. } => "BookingExtended",
            Self::Expired { .. } => "BookingExpired",
            Self::Cancelled { .. } => "BookingCancelled",
            Self::Authorised { .. } => "PaymentAuthorised",
            Self::Money { what, .. } => what.name,
        }
    }

    /// Whether its show says it, too. What costs something is confirmed by its money alone.
    pub(crate) const fn is_of_show(&self) -> bool {
        match self {
            Self::Held { .. }
            | Self::Extended { .. }
            | Self::Expired { .. }
            | Self::Cancelled { .. }
            | Self::Authorised { .. } => true,
            Self::Confirmed { taken, .. } => taken.total == 0,
            Self::Money { .. } => false,
        }
    }
}

impl UserFact {
    pub(crate) fn parse(event_type: &str, payload: &Value) -> Result<Self> {
        Ok(match event_type {
            "UserRegistered" => Self::Registered { role: text(payload, "role")?.to_owned() },
            "HostFollowed" => Self::Followed { host: id(payload, "hostId")? },
            "HostUnfollowed" => Self::Unfollowed { host: id(payload, "hostId")? },
            _ => Self::Other,
        })
    }
}

fn offers(payload: &Value) -> Result<Vec<Offer>> {
    let types = payload["ticketTypes"].as_array().context("no ticketTypes")?;
    let offer =
        |value: &Value| Ok(Offer { ticket_type: id(value, "id")?, capacity: number(value, "capacity")? });
    types.iter().map(offer).collect()
}

fn taken_of_show(payload: &Value) -> Result<Taken> {
    let mut taken = taken(payload, "attendeeId")?;
    let lines = payload["tickets"].as_array().context("no tickets")?;
    let amount = |line: &Value| Some(line["price"]["amount"].as_i64()? * line["quantity"].as_i64()?);
    taken.total = lines.iter().map(amount).sum::<Option<i64>>().context("no price")?;
    Ok(taken)
}

fn taken_of_booking(payload: &Value) -> Result<Taken> {
    let mut taken = taken(payload, "userId")?;
    taken.total = payload["total"]["amount"].as_i64().context("no total")?;
    Ok(taken)
}

fn taken(payload: &Value, attendee: &str) -> Result<Taken> {
    let lines = payload["tickets"].as_array().context("no tickets")?;
    let line = |line: &Value| Ok((id(line, "ticketTypeId")?, number(line, "quantity")?));
    let seats = payload["seats"].as_array().cloned().unwrap_or_default();
    let seat = |seat: &Value| Ok(seat.as_str().context("a seat that is no text")?.parse()?);
    Ok(Taken {
        booking: id(payload, "bookingId")?,
        attendee: id(payload, attendee)?,
        tickets: lines.iter().map(line).collect::<Result<_>>()?,
        seats: seats.iter().map(seat).collect::<Result<_>>()?,
        total: 0,
    })
}

fn text<'a>(payload: &'a Value, name: &str) -> Result<&'a str> {
    payload[name].as_str().with_context(|| format!("no {name}"))
}

fn id(payload: &Value, name: &str) -> Result<Uuid> {
    Ok(text(payload, name)?.parse()?)
}

fn time(payload: &Value, name: &str) -> Result<DateTime<Utc>> {
    Ok(text(payload, name)?.parse()?)
}

fn number(payload: &Value, name: &str) -> Result<u64> {
    payload[name].as_u64().with_context(|| format!("no {name}"))
}
