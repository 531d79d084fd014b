//! Runs one role, or several, until the process is told to stop.

use std::error::Error;

use anyhow::Context;
use axum::Router;
use platform::{Config, Shutdown, metrics::Metrics, serve::Server};
use tokio::task::JoinSet;

use crate::{
    databases::Databases,
    roles::{self, Role},
};

/// One role in this process.
pub(crate) async fn role(
    make: impl AsyncFnOnce(&Config, &Databases, &Shutdown) -> anyhow::Result<Role>,
    config: Config,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    shutdown.listen_for_signals()?;
    let metrics = Metrics::install()?;
    let databases = Databases::configured(&config)?;
    let mut roles = [make(&config, &databases, &shutdown).await?];
    let router = roles::router(&mut roles, metrics, &shutdown);
    let server = listen(&config).await?;
    tracing::info!(role = roles[0].name, address = %server.address()?, "ready");
    serve(server, router, roles, &shutdown).await;
    Ok(())
}

/// A socket at BOXOFFICE_LISTEN.
pub(crate) async fn listen(config: &Config) -> anyhow::Result<Server> {
    let bound = Server::bind(config.listen).await;
    bound.with_context(|| {
        format!("cannot listen on {} (set BOXOFFICE_LISTEN to another address)", config.listen)
    })
}

/// Serves and works until a stop is asked for; then requests end first, and work after them.
pub(crate) async fn serve(
    server: Server,
    router: Router,
    roles: impl IntoIterator<Item = Role>,
    shutdown: &Shutdown,
) {
    let mut work = JoinSet::new();
    for role in roles {
        if let Some(of_role) = role.work {
            work.spawn(of_role);
        }
    }
    server.run(router, shutdown.clone()).await;
    while let Some(done) = work.join_next().await {
        if let Err(error) = done {
            tracing::error!(error = &error as &dyn Error, "a role ended in a panic");
        }
    }
}
