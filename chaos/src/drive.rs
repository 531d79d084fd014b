//! Clients: people with accounts who send commands, each with its own chance.

mod attendee;
mod host;
mod http;
mod person;
mod shows;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Result;
use futures::{StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use crate::{cluster::Cluster, dice::Dice, journal::Journal};

use self::{http::Api, person::Person, shows::Shows};

/// How many there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) hosts: usize,
    /// Clients that book; each has some accounts.
    pub(crate) clients: usize,
    pub(crate) accounts_a_client: usize,
}

/// All clients, with accounts and something to book.
pub(crate) struct Clients {
    api: Arc<Api>,
    shows: Arc<Shows>,
    hosts: Vec<Person>,
    attendees: Vec<Vec<Person>>,
}

/// Tells the clients to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_said(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Clients {
    /// Opens the accounts, and the first events; nothing is broken yet.
    pub(crate) async fn prepare(
        cluster: &Cluster,
        journal: Arc<Journal>,
        crowd: Crowd,
        dice: &Dice,
    ) -> Result<Self> {
        let commands = cluster.roles_of("command-api").iter().map(|role| role.url.clone()).collect();
        let api = Arc::new(Api::new(commands, journal)?);
        let mut hosts = register(&api, "host", crowd.hosts, &dice.fork(1_000)).await?;
        let accounts = crowd.clients * crowd.accounts_a_client;
        let mut accounts = register(&api, "attendee", accounts, &dice.fork(1_001)).await?;
        let mut attendees = Vec::new();
        while !accounts.is_empty() {
            attendees.push(accounts.split_off(accounts.len() - crowd.accounts_a_client));
        }
        let shows = Arc::new(Shows::default());
        host::first_events(&api, &mut hosts[0], &shows, &mut dice.fork(1_002)).await?;
        Ok(Self { api, shows, hosts, attendees })
    }

    /// Starts them; they run until they are told to stop, and then finish what is under way.
    pub(crate) fn start(self, dice: &Dice, stop: &Stop) -> JoinSet<()> {
        let mut running = JoinSet::new();
        let host_ids: Arc<Vec<_>> = Arc::new(self.hosts.iter().map(|host| host.id).collect());
        for (place, host) in (0..).zip(self.hosts) {
            let (api, shows) = (self.api.clone(), self.shows.clone());
            running.spawn(host::run(api, host, shows, dice.fork(2_000 + place), stop.clone()));
        }
        for (place, accounts) in (0..).zip(self.attendees) {
            let (api, shows, hosts) = (self.api.clone(), self.shows.clone(), host_ids.clone());
            running.spawn(attendee::run(api, accounts, shows, hosts, dice.fork(3_000 + place), stop.clone()));
        }
        running
    }
}

/// Some at a time: passwords are expensive.
async fn register(api: &Api, role: &str, count: usize, dice: &Dice) -> Result<Vec<Person>> {
    const AT_ONCE: usize = 4;
    let person = |number: usize| {
        let mut dice = dice.fork(number as u64);
        async move { Person::register(api, role, number, &mut dice).await }
    };
    futures::stream::iter(0..count).map(person).buffered(AT_ONCE).try_collect().await
}
