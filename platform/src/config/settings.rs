//! The one list of all settings, for the loader, `boxoffice settings` and the documentation.
//!
//! Must not parse anything: the shape of a value is checked in `values`.

use std::collections::BTreeMap;

/// One environment variable that a process understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What holds when it is unset or empty; `None` where that means "without".
    pub default: Option<&'static str>,
    /// What it may hold, for error messages.
    pub allowed: &'static str,
    /// What it is for, in one sentence.
    pub meaning: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

/// Every setting, in the order in which a reader wants them.
pub fn settings() -> &'static [Setting] {
    &SETTINGS
}

const SETTINGS: [Setting; 16] = [
    Setting {
        name: "BOXOFFICE_LISTEN",
        default: Some("127.0.0.1:8080"),
        allowed: "an address and a port, such as 127.0.0.1:8080 or [::]:8080",
        meaning: "Where HTTP is served.",
        secret: false,
    },
    Setting {
        name: "BOXOFFICE_DATA_DIR",
        default: Some(".boxoffice"),
        allowed: "the path of a directory",
        meaning: "Where the embedded PostgreSQL and generated keys are kept.",
        secret: false,
    },
    Setting {
        name: "DATABASE_URL",
        default: None,
        allowed: "a URL such as postgres://user:password@host:5432/database",
        meaning: "The write database; without it `boxoffice up` starts a PostgreSQL of its own.",
        secret: true,
    },
    Setting {
        name: "READ_DATABASE_URL",
        default: None,
        allowed: "a URL such as postgres://user:password@host:5432/database",
        meaning: "The read database; without it the write database serves both.",
        secret: true,
    },
    Setting {
        name: "KAFKA_BROKERS",
        default: None,
        allowed: "host:port, several separated by commas",
        meaning: "Kafka's bootstrap servers; without them consumers follow the event log itself.",
        secret: false,
    },
    Setting {
        name: "BOXOFFICE_JWT_KEY",
        default: None,
        allowed: "an Ed25519 private key as a PKCS#8 PEM (line breaks may be written as \\n)",
        meaning: "Signs access tokens; without it a key is made at the first start and kept.",
        secret: true,
    },
    Setting {
        name: "BOXOFFICE_MASTER_KEY",
        default: None,
        allowed: "the base64 of exactly 32 bytes, as `openssl rand -base64 32` prints it",
        meaning: "Wraps the keys of personal data; without it a key is made at the first start and kept.",
        secret: true,
    },
    Setting {
        name: "BOXOFFICE_HOLD_SECONDS",
        default: Some("900"),
        allowed: "a whole number from 1 to 7200",
        meaning: "How long tickets are held for a buyer, in seconds.",
        secret: false,
    },
    Setting {
        name: "BOXOFFICE_STRIPE_KEY",
        default: None,
        allowed: "a secret or restricted key of Stripe's, such as sk_live_…",
        meaning: "Bookings are paid through Stripe; without it through an embedded test gateway, which moves no money.",
        secret: true,
    },
    Setting {
        name: "BOXOFFICE_STRIPE_WEBHOOK_SECRET",
        default: None,
        allowed: "the signing secret of a webhook endpoint of Stripe's, such as whsec_…",
        meaning: "Webhooks that are signed with it are believed; without it none is.",
        secret: true,
    },
    Setting {
        name: "BOXOFFICE_STRIPE_URL",
        default: None,
        allowed: "an http or https URL without a query",
        meaning: "Where Stripe, or what plays it in tests, answers; https://api.stripe.com without it.",
        secret: false,
    },
    Setting {
        name: "BOXOFFICE_PUBLIC_URL",
        default: None,
        allowed: "an http or https URL without a query, such as https://tickets.example.org",
        meaning: "The address under which people reach this installation, for links in messages.",
        secret: false,
    },
    Setting {
        name: "BOXOFFICE_TRUSTED_PROXIES",
        default: Some("none"),
        allowed: "none, or addresses and networks separated by commas, such as 10.0.0.0/8,::1",
        meaning: "Whose X-Forwarded-For is believed; behind a gateway its addresses, or all clients look like one.",
        secret: false,
    },
    Setting {
        name: "BOXOFFICE_LOG",
        default: Some("info"),
        allowed: "a filter such as info or info,platform=debug",
        meaning: "What is logged.",
        secret: false,
    },
    Setting {
        name: "BOXOFFICE_LOG_FORMAT",
        default: Some("text"),
        allowed: "text or json",
        meaning: "How log lines look.",
        secret: false,
    },
    Setting {
        name: "BOXOFFICE_DATABASE_CONNECTIONS",
        default: Some("16"),
        allowed: "a whole number from 8 to 200",
        meaning: "The most connections of one database pool; each projection, and `processes`, has one more.",
        secret: false,
    },
];

/// Variables that later versions will read: no warning for them.
pub(super) const RESERVED: [&str; 1] = ["BOXOFFICE_SMTP_URL"];

/// The defaults by name, the layer under the environment.
pub(super) fn defaults() -> BTreeMap<&'static str, &'static str> {
    SETTINGS.iter().filter_map(|setting| Some((setting.name, setting.default?))).collect()
}
