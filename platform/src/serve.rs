//! Serves a router over HTTP/1.1 and stops without cutting answers short.
//!
//! Must not know the routes. Written on hyper and not on `axum::serve`, which has no limit for slow headers, none for
//! the number of connections, and waits without end for connections that do not close.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::Service;

use crate::shutdown::Shutdown;

/// How long open requests may go on after a stop was asked for; then their connections are cut.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(20);

/// How long a client may take to send the head of a request; idle connections are closed after it too. Longer than
/// the 60 s after which common gateways give up an idle connection, so that they do and not we.
pub const HEADER_READ_DEADLINE: Duration = Duration::from_secs(75);

/// The most connections at once; more wait in the listener's backlog.
pub const MAX_CONNECTIONS: usize = 10_000;

/// How long a client's system may have no room for more, because the client does not read, or acknowledge nothing; then the
/// connection is cut. Otherwise whoever stops reading a live stream would keep its place for good.
pub const UNREAD_DEADLINE: Duration = Duration::from_secs(60);

/// How long to wait after the system refused a connection, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A socket that listens, not yet served.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    drain_deadline: Duration,
    unread_deadline: Duration,
}

impl Server {
    /// Listens on this address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be used, for example because another process listens there.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener, drain_deadline: DRAIN_DEADLINE, unread_deadline: UNREAD_DEADLINE })
    }

    /// Cuts connections after another time than [`DRAIN_DEADLINE`].
    #[must_use]
    pub fn drain_deadline(mut self, deadline: Duration) -> Self {
        self.drain_deadline = deadline;
        self
    }

    /// Cuts connections of clients that do not read after another time than [`UNREAD_DEADLINE`].
    #[must_use]
    pub fn unread_deadline(mut self, deadline: Duration) -> Self {
        self.unread_deadline = deadline;
        self
    }

    /// The address that clients can connect to.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves the router until a stop is asked for, then lets open requests end within the drain deadline.
    ///
    /// Handlers find the peer as `ConnectInfo<SocketAddr>`. Streams without an end should watch the same
    /// [`Shutdown`], or they hold the stop up until they are cut.
    pub async fn run(self, router: Router, shutdown: Shutdown) {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.requested() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.accept(&permits) => accepted,
            };
            match accepted {
                Ok((stream, peer, permit)) => {
                    let connection = serve(stream, peer, router.clone(), shutdown.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        drain(connections, self.drain_deadline).await;
    }

    async fn accept(&self, permits: &Arc<Semaphore>) -> io::Result<Accepted> {
        let permit = Arc::clone(permits).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, peer) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        // Counts what the client's system has not acknowledged as well as what it has no room for.
        SockRef::from(&stream).set_tcp_user_timeout(Some(self.unread_deadline))?;
        Ok((stream, peer, permit))
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn serve(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: Shutdown) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_DEADLINE)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients go away all the time; nothing is wrong here.
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
    }
}

async fn drain(mut connections: JoinSet<()>, deadline: Duration) {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(deadline, all_ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "cutting connections that did not end");
        connections.shutdown().await;
    }
}

#[cfg(test)]
mod tests;
