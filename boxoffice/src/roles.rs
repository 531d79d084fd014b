//! What each role is made of: its routes, its health checks, its work.

use std::sync::{Arc, Once};

use axum::Router;
use command_api::{CommandApi, signing_keys::SigningKey};
use feed::Relay;
use futures::future::BoxFuture;
use payments::{Gateway, Guarded, Stripe};
use platform::{
    Config, Shutdown,
    health::Check,
    metrics::Metrics,
    postgres::{self, PoolOptions, Statements},
    tokens::TokenChecker,
};
use processes::Processes;
use projector::{Projector, READ_SCHEMA};
use query_api::QueryApi;
use sqlx::PgPool;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::databases::Databases;

/// A role, ready to run.
pub(crate) struct Role {
    pub(crate) name: &'static str,
    /// Its part of the API, if it has one.
    pub(crate) api: Option<OpenApiRouter>,
    pub(crate) checks: Vec<Check>,
    /// What it does besides answering requests.
    pub(crate) work: Option<BoxFuture<'static, ()>>,
}

pub(crate) async fn command_api(
    config: &Config,
    databases: &Databases,
    shutdown: &Shutdown,
) -> anyhow::Result<Role> {
    let pool = databases.write_pool("boxoffice command-api", Statements::ByKeys).await?;
    let store = databases.store(pool.clone()).await?;
    let signing_key = SigningKey::load_or_make(&store, config.jwt_key.as_ref()).await?;
    let api = CommandApi::new(store, TokenChecker::new(pool.clone()), signing_key, config.hold_seconds);
    let mut api = api.behind(config.trusted_proxies.clone());
    if let Some(stripe) = stripe(config)? {
        if config.stripe_webhook_secret.is_none() {
            tracing::warn!(
                "BOXOFFICE_STRIPE_WEBHOOK_SECRET is not set: no webhook is believed, and what Stripe says by itself is seen \
                 only when it is looked at again"
            );
        }
        api = api.paid_through(stripe, config.stripe_webhook_secret.clone());
    }
    let (writers, stop) = (api.show_writers().clone(), shutdown.token().clone());
    let rest = async move {
        stop.cancelled().await;
        writers.rest().await;
    };
    Ok(Role {
        name: "command-api",
        api: Some(command_api::router(api)),
        checks: vec![postgres::ready("write database", &pool)],
        work: Some(Box::pin(rest)),
    })
}

/// Nothing without a key: then bookings are paid through the embedded test gateway. Tickets go for nothing there, and what
/// another role began at Stripe is not found: whoever runs this is told, once a process.
fn stripe(config: &Config) -> anyhow::Result<Option<Arc<dyn Gateway>>> {
    static TOLD: Once = Once::new();
    let Some(key) = config.stripe_key.clone() else {
        TOLD.call_once(|| {
            tracing::warn!(
                "BOXOFFICE_STRIPE_KEY is not set: bookings are paid through the embedded test gateway, and no money moves"
            );
        });
        return Ok(None);
    };
    let stripe = Stripe::new(key, config.stripe_url.as_deref())?;
    Ok(Some(Arc::new(Guarded::new(stripe))))
}

pub(crate) async fn query_api(
    _: &Config,
    databases: &Databases,
    shutdown: &Shutdown,
) -> anyhow::Result<Role> {
    let read = databases.read_pool("boxoffice query-api", READ_SCHEMA, Statements::Reads).await?;
    let write = |application_name, max_connections| {
        let (search_path, statements) = (None, Statements::Reads);
        let options = PoolOptions { max_connections, application_name, search_path, statements };
        postgres::connect_lazily(&databases.write_url, options)
    };
    let audits = databases.store_unchecked(write("boxoffice query-api audit", AUDIT_CONNECTIONS)?);
    let accounts = write("boxoffice query-api accounts", ACCOUNT_CONNECTIONS)?;
    let exist = accounts.clone();
    let tokens = TokenChecker::of_existing(accounts.clone(), move |user_id| {
        let accounts = exist.clone();
        async move { account_exists(&accounts, user_id).await }
    });
    let api = QueryApi::new(read.clone(), accounts, audits, tokens, shutdown.clone());
    Ok(Role {
        name: "query-api",
        api: Some(query_api::router(api)),
        // What is public needs no more. Audits, and requests that bring a token, say 503 while the write database is away.
        checks: vec![postgres::ready("read database", &read)],
        work: None,
    })
}

/// A token outlives the account that it was made for by minutes; an erased person reads nothing with it. (Commands check
/// this in the append itself.)
async fn account_exists(write: &PgPool, user_id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from accounts where user_id = $1)")
        .bind(user_id)
        .fetch_one(write)
        .await
}

/// Audits read for long, and only so many at a time.
const AUDIT_CONNECTIONS: u32 = 4;
/// Every request with a token asks whether there is such an account, for a moment.
const ACCOUNT_CONNECTIONS: u32 = 8;

pub(crate) async fn relay(
    config: &Config,
    databases: &Databases,
    shutdown: &Shutdown,
) -> anyhow::Result<Role> {
    let pool = databases.write_pool("boxoffice relay", Statements::Writes).await?;
    let store = databases.store(pool).await?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let holder = format!("process {} on {}", std::process::id(), host.trim());
    let relay = Relay::new(store, config.kafka_brokers.clone(), holder);
    let state = relay.state();
    let check = Check::new("relay", move || {
        let state = state.borrow().clone();
        async move {
            if !state.started {
                return Err("has not asked for the lead yet".to_owned());
            }
            match state.numbering.or(state.publishing) {
                None => Ok(()),
                Some(_) => Err("is failing; its log says why".to_owned()),
            }
        }
    });
    let work = Box::pin(relay.run(shutdown.token().clone()));
    Ok(Role { name: "relay", api: None, checks: vec![check], work: Some(work) })
}

pub(crate) async fn projector(
    config: &Config,
    databases: &Databases,
    shutdown: &Shutdown,
) -> anyhow::Result<Role> {
    let read = databases.projector_pool(Statements::Writes).await?;
    let write = databases.write_pool("boxoffice projector", Statements::Writes).await?;
    let store = databases.store(write).await?;
    let projector = Projector::new(read, store, config.kafka_brokers.clone());
    let state = projector.state();
    let check = Check::new("projector", move || {
        let failing: Vec<&str> = state.borrow().keys().copied().collect();
        async move {
            if failing.is_empty() {
                Ok(())
            } else {
                Err(format!("cannot go on with: {}; its log says why", failing.join(", ")))
            }
        }
    });
    let work = Box::pin(projector.run(shutdown.token().clone()));
    Ok(Role { name: "projector", api: None, checks: vec![check], work: Some(work) })
}

pub(crate) async fn processes(
    config: &Config,
    databases: &Databases,
    shutdown: &Shutdown,
) -> anyhow::Result<Role> {
    let pool = databases.write_pool("boxoffice processes", Statements::Writes).await?;
    let store = databases.store(pool).await?;
    let mut processes = Processes::new(store, config.kafka_brokers.clone());
    if let Some(stripe) = stripe(config)? {
        processes = processes.paid_through(stripe);
    }
    let failing = processes.failing();
    let check = Check::new("processes", move || {
        let failing: Vec<&str> = failing.borrow().iter().copied().collect();
        async move {
            if failing.is_empty() {
                Ok(())
            } else {
                Err(format!("fails: {}; its log says why", failing.join(", ")))
            }
        }
    });
    let work = Box::pin(processes.run(shutdown.token().clone()));
    Ok(Role { name: "processes", api: None, checks: vec![check], work: Some(work) })
}

/// Everything that HTTP answers for these roles: their routes, the document of all routes, health, metrics.
pub(crate) fn router(roles: &mut [Role], metrics: Metrics, shutdown: &Shutdown) -> Router {
    let mut api = OpenApiRouter::with_openapi(query_api::document_base());
    let mut checks = vec![Check::not_stopping(shutdown)];
    let (mut answers_queries, mut takes_commands) = (false, false);
    for role in roles {
        answers_queries |= role.name == "query-api";
        takes_commands |= role.name == "command-api";
        checks.append(&mut role.checks);
        if let Some(routes) = role.api.take() {
            api = api.merge(routes);
        }
    }
    let (mut router, mut document) = api.split_for_parts();
    if answers_queries {
        // Whoever asks for it wants to know the whole API, and the gateway sends them here.
        if !takes_commands {
            document.merge(command_api::description());
        }
        router = router.merge(query_api::docs(document));
    }
    let router = router.merge(platform::health::router(checks)).merge(platform::metrics::router(metrics));
    platform::http::edge(router)
}
