//! The schedule of an open loop: when which request is due.
//!
//! Tokio's timers are good to a millisecond, which is more than the answers take that are measured here. A timer of the
//! kernel (timerfd) is good to some microseconds and wakes the same thread.

use std::{
    collections::VecDeque,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Notify,
};

use crate::tally::Tally;

/// Most requests that are due and wait for a free connection; more are dropped, and counted.
const MAX_WAITING: usize = 100_000;
/// Fastest schedule that one thread can keep.
const MAX_PER_SECOND: f64 = 200_000.0;

/// A schedule that runs; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Schedule(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    due: Mutex<Due>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Due {
    waiting: VecDeque<Instant>,
    ended: bool,
}

impl Schedule {
    /// Starts now and ends by itself after the duration.
    pub(crate) fn start(per_second: f64, duration: Duration, tally: &Tally) -> Result<Self> {
        if !(per_second > 0.0 && per_second <= MAX_PER_SECOND) {
            bail!("{per_second} requests a second: more than 0 and up to {MAX_PER_SECOND} are possible");
        }
        let schedule = Self(Arc::new(Inner { due: Mutex::default(), changed: Notify::new() }));
        let timer = Timer::new()?;
        tokio::spawn(schedule.clone().run(timer, per_second, duration, tally.clone()));
        Ok(schedule)
    }

    /// When the next request was or is due; nothing once the schedule is over.
    pub(crate) async fn next_due(&self) -> Option<Instant> {
        loop {
            let changed = self.0.changed.notified();
            {
                let mut due = self.due();
                if let Some(at) = due.waiting.pop_front() {
                    return Some(at);
                }
                if due.ended {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Nothing more is due; what waits is still sent.
    pub(crate) fn end(&self) {
        self.due().ended = true;
        self.0.changed.notify_waiters();
    }

    async fn run(self, timer: Timer, per_second: f64, duration: Duration, tally: Tally) {
        let started = Instant::now();
        let count = (per_second * duration.as_secs_f64()) as u64;
        for index in 0..count {
            let at = started + Duration::from_secs_f64(index as f64 / per_second);
            timer.sleep_until(at).await;
            let mut due = self.due();
            if due.ended {
                return;
            }
            if due.waiting.len() >= MAX_WAITING {
                drop(due);
                tally.dropped();
                continue;
            }
            due.waiting.push_back(at);
            drop(due);
            self.0.changed.notify_one();
        }
        self.end();
    }

    fn due(&self) -> std::sync::MutexGuard<'_, Due> {
        self.0.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A timer of the kernel.
struct Timer {
    timer: TimerFd,
    ready: AsyncFd<OwnedFd>,
}

impl Timer {
    #[expect(
        deprecated,
        reason = "sound with an OwnedFd; the other constructor is unsafe, which is forbidden here"
    )]
    fn new() -> Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let descriptor = std::os::fd::AsFd::as_fd(&timer).try_clone_to_owned()?;
        Ok(Self { timer, ready: AsyncFd::with_interest(descriptor, Interest::READABLE)? })
    }

    /// Does not sleep at all when the time has come already.
    async fn sleep_until(&self, at: Instant) {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let once = Expiration::OneShot(TimeSpec::from_duration(left));
        self.timer.set(once, TimerSetTimeFlags::empty()).expect("a positive time can be set");
        let mut ready = self.ready.readable().await.expect("the timer lives as long as the runtime");
        // Reads the expiration, so that the next sleep waits for its own.
        let _ = self.timer.wait();
        ready.clear_ready();
    }
}
