//! How often somebody may get a password wrong: by account, and by where the attempts come from.
//!
//! The counters are in the write database, so that they hold across processes. An attempt counts as a failure before
//! the password is looked at, and is taken back when it was right: however many come at once, no more than the limit
//! are ever hashed. Accounts that do not exist are counted like those that do, so a refusal tells nothing.
//!
//! A limit by account lets strangers lock its owner out for a while. That is accepted: the alternative is to let
//! them guess.

use std::net::IpAddr;

use axum::http::StatusCode;
use event_store::MasterKey;
use platform::Problem;
use sqlx::PgPool;

use crate::{CommandApi, refusals};

/// So long failures are remembered, from the first of them.
const WINDOW_MINUTES: i32 = 15;
/// Most failures of an account in that time.
const MAX_FAILURES_OF_ACCOUNT: i32 = 10;
/// Most failures from one address in that time; many people may share one.
const MAX_FAILURES_OF_ADDRESS: i32 = 100;
/// Of an IPv6 address, the network is what a person has: 64 bits (RFC 6177 gives sites at least that).
const IPV6_NETWORK_BITS: u32 = 64;
/// Most counters that one sweep deletes.
const SWEEP_LIMIT: i64 = 10_000;

/// An attempt that counts as failed so far.
#[derive(Debug)]
pub(crate) struct LoginAttempt {
    account: [u8; 32],
    address: [u8; 32],
}

impl LoginAttempt {
    /// Counts the attempt. `account` is what the account is recognised by, whether or not it exists.
    ///
    /// # Errors
    /// 429 `too-many-attempts`: the password must not be looked at; or the database failed.
    pub(crate) async fn begin(api: &CommandApi, account: &[u8], address: IpAddr) -> Result<Self, Problem> {
        let master_key = api.store.master_key();
        let attempt = Self {
            account: master_key.hash("login attempts of an account", account),
            address: address_hash(master_key, address),
        };
        // The address first: one that is blocked must not be able to block accounts.
        count(api.store.pool(), attempt.address, MAX_FAILURES_OF_ADDRESS).await?;
        count(api.store.pool(), attempt.account, MAX_FAILURES_OF_ACCOUNT).await?;
        Ok(attempt)
    }

    /// The password was right: the account starts anew, the address gets this attempt back.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn succeeded(self, api: &CommandApi) -> Result<(), Problem> {
        let pool = api.store.pool();
        let forgotten = sqlx::query("delete from login_attempts where subject = $1");
        forgotten.bind(self.account).execute(pool).await.map_err(|error| refusals::database(&error))?;
        let taken_back = sqlx::query(
            "update login_attempts set failures = failures - 1 where subject = $1 and failures > 0",
        );
        taken_back.bind(self.address).execute(pool).await.map_err(|error| refusals::database(&error))?;
        Ok(())
    }
}

fn address_hash(master_key: &MasterKey, address: IpAddr) -> [u8; 32] {
    const PURPOSE: &str = "login attempts from an address";
    match address.to_canonical() {
        IpAddr::V4(address) => master_key.hash(PURPOSE, &address.octets()),
        IpAddr::V6(address) => {
            let network = address.to_bits() >> (u128::BITS - IPV6_NETWORK_BITS);
            master_key.hash(PURPOSE, &network.to_be_bytes())
        }
    }
}

async fn count(pool: &PgPool, subject: [u8; 32], max: i32) -> Result<(), Problem> {
    let (failures, seconds_left): (i32, i32) = sqlx::query_as(
        "insert into login_attempts as known (subject, failures) values ($1, 1)
         on conflict (subject) do update set
             failures = case
                 when known.window_started_at <= clock_timestamp() - make_interval(mins => $2) then 1
                 else least(known.failures, $3) + 1
             end,
             window_started_at = case
                 when known.window_started_at <= clock_timestamp() - make_interval(mins => $2)
                 then clock_timestamp() else known.window_started_at
             end
         returning failures,
             ceil(extract(epoch from
                 window_started_at + make_interval(mins => $2) - clock_timestamp()))::int",
    )
    .bind(subject)
    .bind(WINDOW_MINUTES)
    .bind(max)
    .fetch_one(pool)
    .await
    .map_err(|error| refusals::database(&error))?;
    if failures > max { Err(too_many(seconds_left)) } else { Ok(()) }
}

fn too_many(seconds_left: i32) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts")
        .detail("There were too many attempts to sign in. Wait before you try again.")
        .retry_after(seconds_left.max(1).unsigned_abs())
}

/// Forgets counters whose time is over; some of them, if there are many. Answers whether there may be more.
pub(crate) async fn sweep(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "delete from login_attempts where subject in (
             select subject from login_attempts
             where window_started_at <= clock_timestamp() - make_interval(mins => $1)
             order by window_started_at limit $2 for update skip locked
         )",
    )
    .bind(WINDOW_MINUTES)
    .bind(SWEEP_LIMIT)
    .execute(pool)
    .await
    .map(|swept| swept.rows_affected() >= SWEEP_LIMIT as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let key = MasterKey::parse(&MasterKey::generate()).expect("generated keys parse");
        let hash = |address: &str| address_hash(&key, address.parse().expect("an address"));
        assert_eq!(hash("2001:db8:1:2::1"), hash("2001:db8:1:2:ffff::9"));
        assert_ne!(hash("2001:db8:1:2::1"), hash("2001:db8:1:3::1"));
        assert_eq!(hash("::ffff:192.0.2.1"), hash("192.0.2.1"));
        assert_ne!(hash("192.0.2.1"), hash("192.0.2.2"));
    }
}
