//! Runs one role, or several, until the process is told to stop.

use std::{error::Error, panic::AssertUnwindSafe};

use anyhow::{Context, anyhow};
use axum::Router;
use futures::FutureExt;
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
    serve(server, router, roles, &shutdown).await
}

/// A socket at BOXOFFICE_LISTEN.
pub(crate) async fn listen(config: &Config) -> anyhow::Result<Server> {
    let bound = Server::bind(config.listen).await;
    bound.with_context(|| {
        format!("cannot listen on {} (set BOXOFFICE_LISTEN to another address)", config.listen)
    })
}

/// Serves and works until a stop is asked for; then requests end first, and work after them.
///
/// # Errors
/// A role ended without being asked to. The others are stopped then: a process that does half of its work would look well.
pub(crate) async fn serve(
    server: Server,
    router: Router,
    roles: impl IntoIterator<Item = Role>,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let mut work = JoinSet::new();
    for role in roles {
        if let Some(of_role) = role.work {
            let (name, stop) = (role.name, shutdown.clone());
            work.spawn(async move {
                let ended = AssertUnwindSafe(of_role).catch_unwind().await;
                let is_asked_to = ended.is_ok() && stop.is_requested();
                stop.request();
                if is_asked_to { Ok(()) } else { Err(anyhow!("{name} ended without being asked to")) }
            });
        }
    }
    server.run(router, shutdown.clone()).await;
    let mut result = Ok(());
    while let Some(done) = work.join_next().await {
        if let Err(error) = done.map_err(anyhow::Error::from).flatten() {
            tracing::error!(error = &*error as &dyn Error, "a role has failed");
            result = Err(error);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use futures::future::BoxFuture;

    use super::*;

    async fn served(work: BoxFuture<'static, ()>, shutdown: &Shutdown) -> anyhow::Result<()> {
        let server = Server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.expect("a free port");
        let role = Role { name: "projector", api: None, checks: vec![], work: Some(work) };
        serve(server, Router::new(), [role], shutdown).await
    }

    async fn panics() {
        panic!("on purpose");
    }

    #[tokio::test]
    async fn a_role_that_ends_by_itself_ends_the_process_with_an_error() {
        for work in [Box::pin(panics()) as BoxFuture<'static, ()>, Box::pin(async {})] {
            let shutdown = Shutdown::new();
            let error = served(work, &shutdown).await.expect_err("nobody asked it to end");
            assert_eq!(error.to_string(), "projector ended without being asked to");
            assert!(shutdown.is_requested(), "the others stop, too");
        }
    }

    #[tokio::test]
    async fn a_role_that_ends_when_it_is_asked_to_is_well() {
        let shutdown = Shutdown::new();
        let stop = shutdown.clone();
        let work = async move { stop.requested().await };
        shutdown.request();
        served(Box::pin(work), &shutdown).await.expect("it was asked to");
    }
}
