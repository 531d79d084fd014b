//! The stage: a prepared database with attendees and events, of which every phase gets a copy of its own.
//!
//! A sale needs as many attendees as bookings, and opening accounts over HTTP costs an Argon2 hash each: hours. So the
//! rows of `accounts` are written directly, with a password that nobody has; users' streams are left out, because no
//! booking reads them. Access tokens are signed with the product's own key, which is read as the product reads it. They
//! live longer than the product's 15 minutes, so that a run need not sign them again; checking them costs the same.
//! Events are made over HTTP, by a host whose account comes the same way.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chrono::{TimeDelta, Utc};
use command_api::signing_keys::SigningKey;
use event_store::{EventStore, MasterKey};
use platform::tokens::AccessClaims;
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

use crate::{
    http::{self, Connection},
    progress::say,
    servers::Servers,
};

/// Most attendees: about 600 bytes each here, and a row each in the database.
pub(crate) const MAX_ATTENDEES: usize = 1_000_000;
/// Events that bookings are spread over, and one more.
pub(crate) const EVENTS: usize = 1_000;
/// Tickets of each: more than anybody can sell in a phase.
const CAPACITY: u32 = 1_000_000;
/// How long the tokens are good.
const TOKEN_HOURS: i64 = 12;
/// Accounts that one statement writes.
const ACCOUNTS_A_STATEMENT: usize = 10_000;
const PREPARED: &str = "prepared";

/// What every copy of the prepared database has.
pub(crate) struct Stage {
    /// Tokens of attendees, who have booked nothing yet.
    pub(crate) attendees: Arc<Vec<Box<str>>>,
    /// The token of the events' host.
    pub(crate) host: Box<str>,
    /// Events on sale, free of charge.
    pub(crate) events: Arc<Vec<Uuid>>,
}

impl Stage {
    /// Prepares the database.
    pub(crate) async fn set(servers: &Servers, attendees: usize) -> Result<Self> {
        if attendees > MAX_ATTENDEES {
            bail!("{attendees} attendees: {MAX_ATTENDEES} are possible");
        }
        say(format!("preparing: {attendees} attendees with tokens, {EVENTS} events"));
        servers.create(PREPARED, "template0").await?;
        servers.run_once("migrate", PREPARED)?;
        let (host, attendees) = people(servers, attendees).await?;
        let office = servers.role("command-api", PREPARED).await?;
        let mut connection = Connection::open(office.address).await?;
        let mut events = Vec::with_capacity(EVENTS);
        let offer = json!({ "capacity": CAPACITY });
        for _ in 0..EVENTS {
            events.push(create_event(&mut connection, &host, offer.clone()).await?);
        }
        office.stop().await;
        Ok(Self { attendees: Arc::new(attendees), host, events: Arc::new(events) })
    }

    /// The first so many attendees.
    pub(crate) fn some_attendees(&self, count: usize) -> Arc<Vec<Box<str>>> {
        if count >= self.attendees.len() {
            return self.attendees.clone();
        }
        Arc::new(self.attendees[..count].to_vec())
    }

    /// A copy of the prepared database.
    pub(crate) async fn copy(&self, servers: &Servers, name: &str) -> Result<()> {
        servers.create(name, PREPARED).await
    }
}

/// An event that starts in a month, on sale now.
pub(crate) async fn create_event(connection: &mut Connection, host: &str, offer: Value) -> Result<Uuid> {
    let start = Utc::now() + TimeDelta::days(30);
    let mut event = json!({
        "title": "An evening of engines",
        "startDateTime": start,
        "endDateTime": start + TimeDelta::hours(3),
        "timeZone": "Europe/London",
    });
    let offered = offer.as_object().context("an offer is an object")?.clone();
    event.as_object_mut().context("an event is an object")?.extend(offered);
    let mut request = Vec::new();
    http::write_post(&mut request, "/api/v1/events", host, &event.to_string());
    let answer = connection.exchange(&request).await?;
    if answer.status != 201 {
        bail!("no event, but {}: {}", answer.status, String::from_utf8_lossy(answer.body));
    }
    let created: Value = serde_json::from_slice(answer.body)?;
    Ok(created["id"].as_str().context("an event has an id")?.parse()?)
}

/// A host and attendees, with rows in `accounts` and with tokens.
async fn people(servers: &Servers, attendees: usize) -> Result<(Box<str>, Vec<Box<str>>)> {
    let pool = PgPoolOptions::new().max_connections(4).connect(&servers.url(PREPARED)).await?;
    let master_key = Arc::new(MasterKey::parse(servers.master_key())?);
    master_key.check(&pool).await?;
    let store = EventStore::new(pool.clone(), master_key);
    let key = SigningKey::load_or_make(&store, None).await?;
    let ids: Vec<Uuid> = (0..=attendees).map(|_| Uuid::now_v7()).collect();
    for ids in ids.chunks(ACCOUNTS_A_STATEMENT) {
        open_accounts(&pool, &store, ids).await?;
    }
    sqlx::query("vacuum analyze accounts").execute(&pool).await?;
    pool.close().await;
    let host = sign(&key, &ids[..1], "host")?.remove(0);
    Ok((host, sign_all(&key, &ids[1..])?))
}

async fn open_accounts(pool: &PgPool, store: &EventStore, ids: &[Uuid]) -> Result<()> {
    // No addresses: the claims of accounts that have none must differ, that is all.
    let claims: Vec<Vec<u8>> =
        ids.iter().map(|id| store.master_key().hash("bench", id.as_bytes()).to_vec()).collect();
    sqlx::query(
        "insert into accounts (user_id, email_hash, password_hash)
         select user_id, email_hash, 'nobody has this password'
         from unnest($1::uuid[], $2::bytea[]) as account (user_id, email_hash)",
    )
    .bind(ids)
    .bind(&claims)
    .execute(pool)
    .await?;
    Ok(())
}

/// Signs on every core.
fn sign_all(key: &SigningKey, ids: &[Uuid]) -> Result<Vec<Box<str>>> {
    let cores = std::thread::available_parallelism()?.get();
    let share = ids.len().div_ceil(cores).max(1);
    let signed: Result<Vec<Vec<Box<str>>>> = std::thread::scope(|scope| {
        let signers: Vec<_> =
            ids.chunks(share).map(|ids| scope.spawn(move || sign(key, ids, "attendee"))).collect();
        signers.into_iter().map(|signer| signer.join().expect("signing does not panic")).collect()
    });
    Ok(signed?.concat())
}

fn sign(key: &SigningKey, ids: &[Uuid], role: &str) -> Result<Vec<Box<str>>> {
    let lifetime = TimeDelta::hours(TOKEN_HOURS);
    let token = |id: &Uuid| {
        let claims = AccessClaims::new(*id, role, Uuid::now_v7(), Utc::now(), lifetime);
        Ok(key.sign(&claims)?.into_boxed_str())
    };
    ids.iter().map(token).collect()
}
