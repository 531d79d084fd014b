//! The settings of a process: read once at the start from environment variables, checked, secrets redacted.
//!
//! Must not know what the settings are used for. The table of all of them is in [`settings`]; the defaults that
//! figment merges under the environment come from that table, so that documentation and behaviour are one.

mod settings;
mod values;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use figment::Figment;
use figment::providers::Serialized;
use figment::value::Dict;
use secrecy::SecretString;
use serde::Deserialize;

pub use settings::{Setting, settings};

use crate::trusted_proxies::TrustedProxies;

/// All settings of a process, valid by construction.
///
/// `Debug` prints no secret.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Where HTTP is served.
    #[serde(rename = "BOXOFFICE_LISTEN", deserialize_with = "values::parsed")]
    pub listen: SocketAddr,
    /// Where the embedded PostgreSQL, its log and generated keys live.
    #[serde(rename = "BOXOFFICE_DATA_DIR")]
    pub data_dir: PathBuf,
    /// The write database; without it `boxoffice up` starts an embedded PostgreSQL.
    #[serde(rename = "DATABASE_URL", default, deserialize_with = "values::database_url")]
    pub database_url: Option<SecretString>,
    /// The read database. When only `DATABASE_URL` is set, [`Config::load`] has put that one here.
    #[serde(rename = "READ_DATABASE_URL", default, deserialize_with = "values::database_url")]
    pub read_database_url: Option<SecretString>,
    /// Kafka's bootstrap servers; without them consumers follow the event log itself.
    #[serde(rename = "KAFKA_BROKERS", default)]
    pub kafka_brokers: Option<String>,
    /// The Ed25519 private key that signs access tokens, as a PKCS#8 PEM.
    #[serde(rename = "BOXOFFICE_JWT_KEY", default, deserialize_with = "values::ed25519_pem")]
    pub jwt_key: Option<SecretString>,
    /// The key that wraps other keys: base64 of exactly 32 bytes.
    #[serde(rename = "BOXOFFICE_MASTER_KEY", default, deserialize_with = "values::base64_32")]
    pub master_key: Option<SecretString>,
    /// How long a hold lasts, in seconds.
    #[serde(rename = "BOXOFFICE_HOLD_SECONDS", deserialize_with = "values::between::<_, 1, 7200>")]
    pub hold_seconds: u32,
    /// Stripe's key; without it bookings are paid through the embedded test gateway.
    #[serde(rename = "BOXOFFICE_STRIPE_KEY", default, deserialize_with = "values::visible_secret")]
    pub stripe_key: Option<SecretString>,
    /// What Stripe signs webhooks with.
    #[serde(
        rename = "BOXOFFICE_STRIPE_WEBHOOK_SECRET",
        default,
        deserialize_with = "values::visible_secret"
    )]
    pub stripe_webhook_secret: Option<SecretString>,
    /// Where Stripe answers, if it is not Stripe.
    #[serde(rename = "BOXOFFICE_STRIPE_URL", default, deserialize_with = "values::http_url")]
    pub stripe_url: Option<String>,
    /// The address under which people reach this installation, for links in messages.
    #[serde(rename = "BOXOFFICE_PUBLIC_URL", default, deserialize_with = "values::http_url")]
    pub public_url: Option<String>,
    /// Whose `X-Forwarded-For` is believed.
    #[serde(rename = "BOXOFFICE_TRUSTED_PROXIES", deserialize_with = "values::parsed")]
    pub trusted_proxies: TrustedProxies,
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter`.
    #[serde(rename = "BOXOFFICE_LOG", deserialize_with = "values::log_filter")]
    pub log: String,
    /// How log lines look.
    #[serde(rename = "BOXOFFICE_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// The most connections of one database pool.
    #[serde(rename = "BOXOFFICE_DATABASE_CONNECTIONS", deserialize_with = "values::between::<_, 8, 200>")]
    pub database_connections: u32,
    /// Names of variables that start with `BOXOFFICE_` and mean nothing: probably typing errors, to be logged.
    #[serde(skip)]
    pub unknown: Vec<String>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// A setting that cannot be used. Says which and what is allowed, never what was given.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{variable} is not valid: allowed is {allowed}")]
pub struct ConfigError {
    /// The environment variable at fault.
    pub variable: String,
    /// What it may hold.
    pub allowed: String,
}

impl Config {
    /// Reads the settings of this process from its environment.
    ///
    /// # Errors
    /// The first variable whose value is not allowed.
    pub fn load() -> Result<Self, ConfigError> {
        let mut pairs = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => pairs.push((name, value)),
                Err(_) if is_ours(&name) => {
                    return Err(ConfigError { variable: name, allowed: "text in UTF-8".to_owned() });
                }
                Err(_) => {}
            }
        }
        Self::from_pairs(pairs)
    }

    /// Builds the settings from variables given as pairs, as [`Config::load`] does from the environment.
    ///
    /// A variable with an empty value counts as unset; variables of other programs are passed over.
    ///
    /// # Errors
    /// The first variable whose value is not allowed.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut given = Dict::new();
        let mut unknown = Vec::new();
        for (name, value) in pairs {
            if value.trim().is_empty() {
                continue;
            }
            if settings().iter().any(|setting| setting.name == name) {
                given.insert(name, value.into());
            } else if name.starts_with(PREFIX) && !settings::RESERVED.contains(&name.as_str()) {
                unknown.push(name);
            }
        }
        unknown.sort();

        let mut config: Self = Figment::from(Serialized::defaults(settings::defaults()))
            .merge(Serialized::globals(given))
            .extract()
            .map_err(|error| ConfigError::from_figment(&error))?;
        config.read_database_url = config.read_database_url.or_else(|| config.database_url.clone());
        config.unknown = unknown;
        Ok(config)
    }
}

const PREFIX: &str = "BOXOFFICE_";

fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) || settings().iter().any(|setting| setting.name == name)
}

impl ConfigError {
    /// Keeps the variable's name and drops figment's text, which quotes the value.
    fn from_figment(error: &figment::Error) -> Self {
        let variable = error.path.first().cloned().unwrap_or_else(|| "the environment".to_owned());
        let allowed = settings()
            .iter()
            .find(|setting| setting.name == variable)
            .map_or("what `boxoffice settings` lists", |setting| setting.allowed);
        Self { variable, allowed: allowed.to_owned() }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

#[cfg(test)]
mod tests;
