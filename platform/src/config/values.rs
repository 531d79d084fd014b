//! Turns the text of a variable into its value, for serde's `deserialize_with`.
//!
//! Must not put a value into an error: what was given may be a secret. The message people see comes from the
//! table of settings.

use std::fmt::Display;
use std::str::FromStr;

use axum::http::Uri;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::EncodingKey;
use secrecy::SecretString;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use sqlx::postgres::PgConnectOptions;
use tracing_subscriber::EnvFilter;

const MASTER_KEY_BYTES: usize = 32;

pub(super) fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.trim().parse().map_err(|_| not_allowed())
}

pub(super) fn between<'de, D: Deserializer<'de>, const MIN: u32, const MAX: u32>(
    from: D,
) -> Result<u32, D::Error> {
    let number: u32 = parsed(from)?;
    if (MIN..=MAX).contains(&number) { Ok(number) } else { Err(not_allowed()) }
}

pub(super) fn log_filter<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let filter = String::deserialize(from)?;
    EnvFilter::try_new(&filter).map_err(|_| not_allowed())?;
    Ok(filter)
}

pub(super) fn http_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let url = String::deserialize(from)?.trim().trim_end_matches('/').to_owned();
    let uri: Uri = url.parse().map_err(|_| not_allowed())?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    if is_web && uri.query().is_none() { Ok(Some(url)) } else { Err(not_allowed()) }
}

pub(super) fn database_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    let url = String::deserialize(from)?.trim().to_owned();
    let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
    if !is_postgres || PgConnectOptions::from_str(&url).is_err() {
        return Err(not_allowed());
    }
    Ok(Some(url.into()))
}

/// Files of variables (Docker's, for one) cannot hold line breaks, so `\n` may stand for them.
pub(super) fn ed25519_pem<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    let pem = String::deserialize(from)?.trim().replace("\\n", "\n");
    EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| not_allowed())?;
    Ok(Some(pem.into()))
}

pub(super) fn base64_32<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    let text = String::deserialize(from)?.trim().to_owned();
    let bytes = BASE64_STANDARD.decode(&text).map_err(|_| not_allowed())?;
    if bytes.len() == MASTER_KEY_BYTES { Ok(Some(text.into())) } else { Err(not_allowed()) }
}

/// A secret that goes into a header: visible ASCII.
pub(super) fn visible_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    let text = String::deserialize(from)?.trim().to_owned();
    if text.chars().all(|c| c.is_ascii_graphic()) { Ok(Some(text.into())) } else { Err(not_allowed()) }
}

fn not_allowed<E: Error>() -> E {
    E::custom("not allowed")
}
