//! Load: closed loops and open loops, on one thread.
//!
//! A *closed loop* has so many clients, each with one request at a time: it finds out how much the server can do. An
//! *open loop* sends at a rate, whatever the server does: it finds out how long requests take at that rate. Latencies of
//! an open loop count from the moment at which the schedule wanted the request to be sent, so that a server that stalls
//! is charged for all who would have come meanwhile (coordinated omission).
//!
//! Everything is bounded: connections, requests that wait, time. A request that is under way when time is up is
//! awaited, so that what is counted here is what the server has done.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::task::JoinSet;

use crate::{
    http::Connection,
    pacing::Schedule,
    progress,
    tally::{Summary, Tally},
};

/// Most connections of a phase.
pub(crate) const MAX_CONNECTIONS: usize = 4_096;
/// How long the requests under way may take when time is up.
const END_DEADLINE: Duration = Duration::from_secs(60);

/// Makes the requests of a phase.
pub(crate) trait Requests: Send + Sync + 'static {
    /// Writes the next request into the buffer; `false` if there are no more.
    fn next(&self, into: &mut Vec<u8>) -> bool;
}

/// How hard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// So many clients, each with one request at a time.
    Closed { clients: usize },
    /// So many requests a second, on at most so many connections.
    Open { per_second: f64, connections: usize },
}

/// One phase of load.
pub(crate) struct Phase<'a> {
    /// What the progress says.
    pub(crate) name: &'a str,
    /// The servers; connections are spread evenly.
    pub(crate) servers: &'a [SocketAddr],
    pub(crate) pace: Pace,
    pub(crate) duration: Duration,
}

impl Phase<'_> {
    /// Runs it: until time is up or there are no more requests.
    pub(crate) async fn run(&self, requests: impl Requests) -> Result<Summary> {
        let tally = Tally::new();
        let connections = self.connect().await?;
        let stop = Arc::new(AtomicBool::new(false));
        let requests = Arc::new(requests);
        let mut clients = JoinSet::new();
        let started = Instant::now();
        let schedule = match self.pace {
            Pace::Closed { .. } => None,
            Pace::Open { per_second, .. } => Some(Schedule::start(per_second, self.duration, &tally)?),
        };
        for connection in connections {
            let client =
                Client { connection, requests: requests.clone(), tally: tally.clone(), stop: stop.clone() };
            match &schedule {
                None => clients.spawn(client.ask_in_a_closed_loop()),
                Some(schedule) => clients.spawn(client.ask_when_due(schedule.clone())),
            };
        }
        let all_ended = async { while clients.join_next().await.is_some() {} };
        tokio::select! {
            () = all_ended => {}
            () = progress::show(self.name, self.duration, &tally) => {}
        }
        stop.store(true, Ordering::Relaxed);
        if let Some(schedule) = &schedule {
            schedule.end();
        }
        let rest = async { while clients.join_next().await.is_some() {} };
        if tokio::time::timeout(END_DEADLINE, rest).await.is_err() {
            bail!("{}: {} requests got no answer within {END_DEADLINE:?}", self.name, clients.len());
        }
        Ok(tally.summary(started.elapsed()))
    }

    async fn connect(&self) -> Result<Vec<Connection>> {
        let count = match self.pace {
            Pace::Closed { clients } => clients,
            Pace::Open { connections, .. } => connections,
        };
        if count == 0 || count > MAX_CONNECTIONS {
            bail!("{count} connections: 1 to {MAX_CONNECTIONS} are possible");
        }
        let mut connections = Vec::with_capacity(count);
        for index in 0..count {
            connections.push(Connection::open(self.servers[index % self.servers.len()]).await?);
        }
        Ok(connections)
    }
}

struct Client<R> {
    connection: Connection,
    requests: Arc<R>,
    tally: Tally,
    stop: Arc<AtomicBool>,
}

impl<R: Requests> Client<R> {
    async fn ask_in_a_closed_loop(mut self) {
        let mut request = Vec::new();
        while !self.stop.load(Ordering::Relaxed) && self.requests.next(&mut request) {
            if !self.ask(&request, Instant::now()).await {
                return;
            }
        }
    }

    async fn ask_when_due(mut self, schedule: Schedule) {
        let mut request = Vec::new();
        while let Some(due) = schedule.next_due().await {
            if !self.requests.next(&mut request) || !self.ask(&request, due).await {
                return;
            }
        }
    }

    /// Whether the connection can be used again.
    async fn ask(&mut self, request: &[u8], since: Instant) -> bool {
        match self.connection.exchange(request).await {
            Ok(answer) => {
                self.tally.answered(answer.status, answer.body, since.elapsed());
                true
            }
            Err(error) => {
                self.tally.broke(&error);
                false
            }
        }
    }
}
