//! Waking those who wait for new rows, without `NOTIFY` inside the transactions that make them.
//!
//! A `NOTIFY` in the append would serialize all commits. So a task of its own sends one for any number of appends;
//! whoever listens polls as well, because a notification can be lost with a connection.

use std::{sync::Arc, time::Duration};

use sqlx::{
    PgPool,
    postgres::{PgListener, PgQueryResult},
};
use tokio::{sync::Notify, time::timeout};

use crate::silence::{ANSWER_DEADLINE, answered};

pub(crate) const OUTBOX: &str = "boxoffice_outbox";
const EVENT_LOG: &str = "boxoffice_event_log";

/// Pause after a notification: how many a second leave a process at most.
const COALESCE: Duration = Duration::from_millis(5);

/// Tells listeners on a channel that there is something new.
#[derive(Debug, Clone)]
pub struct Waker(Arc<Notify>);

impl Waker {
    /// A waker for those who follow the event log.
    #[must_use]
    pub fn of_event_log(pool: PgPool) -> Self {
        Self::spawn(pool, EVENT_LOG)
    }

    /// The task ends when the last handle is gone.
    pub(crate) fn spawn(pool: PgPool, channel: &'static str) -> Self {
        let notify = Arc::new(Notify::new());
        let waker = Self(notify.clone());
        let alive = Arc::downgrade(&notify);
        tokio::spawn(async move {
            drop(notify);
            while let Some(notify) = alive.upgrade() {
                let notified = timeout(Duration::from_secs(1), notify.notified()).await.is_ok();
                drop(notify);
                if notified {
                    if let Err(error) = notify_listeners(&pool, channel).await {
                        tracing::debug!(%error, channel, "could not notify; listeners will poll");
                    }
                    tokio::time::sleep(COALESCE).await;
                }
            }
        });
        waker
    }

    /// Returns at once; any number of calls make one notification.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

async fn notify_listeners(pool: &PgPool, channel: &str) -> Result<(), sqlx::Error> {
    let notify = sqlx::query("select pg_notify($1, '')").bind(channel);
    let sent: Result<PgQueryResult, sqlx::Error> =
        answered!(pool, ANSWER_DEADLINE, |connection| notify.execute(connection));
    sent.map(drop)
}

/// Waits for news on a channel.
#[derive(Debug)]
pub struct Wakeup {
    pool: PgPool,
    channel: &'static str,
    listener: Option<PgListener>,
}

impl Wakeup {
    /// Waits for appends.
    #[must_use]
    pub const fn on_outbox(pool: PgPool) -> Self {
        Self { pool, channel: OUTBOX, listener: None }
    }

    /// Waits for new entries of the event log.
    #[must_use]
    pub const fn on_event_log(pool: PgPool) -> Self {
        Self { pool, channel: EVENT_LOG, listener: None }
    }

    /// Returns after a notification, or after `poll`, whichever is first. Never fails: without a connection it polls.
    pub async fn wait(&mut self, poll: Duration) {
        if self.listener.is_none() {
            // Subscribing takes a moment in which a notification may pass: return at once, so that the caller looks.
            self.listener = self.connect().await;
            if self.listener.is_some() {
                return;
            }
        }
        let Some(listener) = &mut self.listener else {
            tokio::time::sleep(poll).await;
            return;
        };
        match timeout(poll, listener.try_recv()).await {
            Ok(Ok(Some(_))) => while listener.next_buffered().is_some() {},
            Ok(Ok(None) | Err(_)) => {
                self.listener = None;
                tokio::time::sleep(COALESCE).await;
            }
            Err(_elapsed) => {}
        }
    }

    async fn connect(&self) -> Option<PgListener> {
        let mut listener = PgListener::connect_with(&self.pool).await.ok()?;
        listener.listen(self.channel).await.ok()?;
        Some(listener)
    }
}
