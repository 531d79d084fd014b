//! A show as a writer knows it: what is committed, and on top of it what was decided and may yet come to nothing.
//!
//! It begins with a snapshot, where there is one, and follows the stream from there. What the snapshot keeps in parts
//! is brought when a command needs it. A snapshot is kept from time to time, and when the writer goes to rest.

use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    ShowId,
    show::{CreatedShow, FOLD_VERSION, Part, Show, ShowCommand, ShowError, ShowEvent, SoldTickets, Undo},
};
use event_store::{AppendError, EventStore, Snapshot, SnapshotPart, StreamId, StreamPosition};
use tokio::task::JoinHandle;

/// Most events that are read at once.
const MAX_READ: u32 = 5_000;
/// A show that others write, too, is read before anything is decided, unless it was so recently.
const RECENT: Duration = Duration::from_secs(1);
/// A busy show's snapshot is kept anew after so many events, or after a share of its bookings: keeping it costs as much.
const SNAPSHOT_EVERY: usize = 1_000;
const SNAPSHOT_SHARE: usize = 2;
/// A writer that goes to rest keeps one after so many; fewer are read quickly.
const SNAPSHOT_AT_REST: usize = 100;

/// The fold of a show's stream.
pub(crate) struct ShowState {
    store: EventStore,
    stream: StreamId,
    show: Show,
    sequence: i64,
    /// When the stream was last read; nothing if it has gone on since.
    read_at: Option<Instant>,
    /// Whether others had written it when it was.
    is_shared: bool,
    /// How to take back what is not committed, the newest last.
    undos: Vec<Undo>,
    kept: Kept,
    /// Not after one turned out to be damaged.
    reads_snapshots: bool,
}

/// What is known of the snapshot in the database.
#[derive(Default)]
struct Kept {
    /// Where the parts that are not here come from, and what the next one is based on.
    sequence: Option<i64>,
    /// Parts that are others now.
    changed: BTreeSet<Part>,
    /// Where the stream stood when it was last tried to keep one.
    tried: i64,
    keeping: Option<Keeping>,
}

/// A snapshot on its way to the database.
struct Keeping {
    sequence: i64,
    changed: BTreeSet<Part>,
    done: JoinHandle<Result<bool, sqlx::Error>>,
}

impl ShowState {
    pub(crate) fn new(store: EventStore, show_id: ShowId) -> Self {
        Self::unread(store, StreamId::new(Show::TYPE, show_id))
    }

    fn unread(store: EventStore, stream: StreamId) -> Self {
        Self {
            store,
            stream,
            show: Show::default(),
            sequence: 0,
            read_at: None,
            is_shared: false,
            undos: vec![],
            kept: Kept::default(),
            reads_snapshots: true,
        }
    }

    pub(crate) fn created(&self) -> Option<&CreatedShow> {
        self.show.created()
    }

    pub(crate) fn sequence(&self) -> i64 {
        self.sequence
    }

    pub(crate) fn position(&self) -> StreamPosition {
        StreamPosition { stream: self.stream.clone(), sequence: self.sequence }
    }

    /// Reads what was committed since; answers with the database's time.
    pub(crate) async fn read_on(&mut self) -> Result<DateTime<Utc>, AppendError> {
        let is_new = self.sequence == 0;
        if is_new && self.reads_snapshots {
            self.load_snapshot().await?;
        }
        let known = self.sequence;
        loop {
            let read = self.store.read_on(&self.position(), MAX_READ).await?;
            for event in &read.events {
                let decoded = event.decode().map_err(malformed)?;
                self.fold(decoded);
                self.undos.clear();
            }
            if read.events.len() < MAX_READ as usize {
                self.is_shared = !is_new && self.sequence > known;
                self.read_at = Some(Instant::now());
                return Ok(self.not_before_the_last(read.now));
            }
        }
    }

    /// The database's time, if it is known and the show may be decided on without being read. If others have written it
    /// all the same, the append finds out.
    pub(crate) fn recent_time(&self) -> Option<DateTime<Utc>> {
        let read_at = self.read_at.filter(|_| self.sequence > 0)?;
        let is_known = !self.is_shared || read_at.elapsed() < RECENT;
        let now = is_known.then(|| self.store.recent_time()).flatten()?;
        Some(self.not_before_the_last(now))
    }

    /// Time never runs backwards in a stream.
    fn not_before_the_last(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.created().map_or(now, |show| now.max(show.last_at))
    }

    /// The stream has gone on; it is read before anything is decided.
    pub(crate) fn is_behind(&mut self) {
        self.read_at = None;
    }

    /// Brings what is needed and is not here.
    pub(crate) async fn bring(&mut self, missing: BTreeSet<Part>) -> Result<(), AppendError> {
        if missing.is_empty() {
            return Ok(());
        }
        self.settle().await;
        // Settling may have found that somebody else keeps newer ones; then all begins anew.
        let Some(sequence) = self.kept.sequence else { return Err(self.begun_anew()) };
        let numbers = missing.iter().map(|part| part.number());
        let parts = self.store.snapshot_parts(&self.stream, FOLD_VERSION, sequence, numbers).await?;
        let Some(parts) = parts else {
            // Somebody has kept a newer one: all begins anew.
            self.forget();
            return Err(self.begun_anew());
        };
        let mut bodies: HashMap<u8, Vec<u8>> =
            parts.into_iter().map(|part| (part.number, part.body)).collect();
        for part in missing {
            let sold: Option<Vec<SoldTickets>> = match bodies.remove(&part.number()) {
                Some(body) => postcard::from_bytes(&body).ok(),
                None => Some(vec![]),
            };
            if !sold.is_some_and(|sold| self.show.bring(part, sold)) {
                tracing::error!(stream = %self.stream, "a snapshot is damaged; the whole stream is read");
                self.forget();
                self.reads_snapshots = false;
                return Err(self.begun_anew());
            }
        }
        Ok(())
    }

    fn begun_anew(&self) -> AppendError {
        AppendError::Conflict { stream: Some(self.stream.clone()) }
    }

    /// What the command leads to; it is folded in.
    ///
    /// # Errors
    /// A rule refuses it.
    pub(crate) fn decide(&mut self, command: ShowCommand) -> Result<Vec<ShowEvent>, ShowError> {
        let events = self.show.decide(command)?;
        events.iter().for_each(|event| self.fold(event.clone()));
        Ok(events)
    }

    fn fold(&mut self, event: ShowEvent) {
        if let ShowEvent::TicketsSold { taken, .. } | ShowEvent::TicketsReleased { taken, .. } = &event {
            self.kept.changed.insert(Part::of(taken.attendee_id));
        }
        self.undos.push(self.show.evolve_undoably(event));
        self.sequence += 1;
    }

    /// What was decided is stored.
    pub(crate) fn committed(&mut self) {
        self.undos.clear();
    }

    /// What was decided is not stored.
    pub(crate) fn roll_back(&mut self) {
        for undo in std::mem::take(&mut self.undos).into_iter().rev() {
            self.show.undo(undo);
            self.sequence -= 1;
        }
    }

    /// Begins anew.
    pub(crate) fn forget(&mut self) {
        *self = Self::unread(self.store.clone(), self.stream.clone());
    }

    // Snapshots.

    async fn load_snapshot(&mut self) -> Result<(), AppendError> {
        let Some(snapshot) = self.store.snapshot(&self.stream, FOLD_VERSION).await? else { return Ok(()) };
        match serde_json::from_slice(&snapshot.head) {
            Ok(show) => self.show = show,
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::error!(error, stream = %self.stream, "a snapshot cannot be read; the whole stream is");
                return Ok(());
            }
        }
        self.sequence = snapshot.sequence;
        self.kept = Kept { sequence: Some(snapshot.sequence), tried: snapshot.sequence, ..Kept::default() };
        Ok(())
    }

    /// Keeps a snapshot if it is time; the writer goes on meanwhile.
    pub(crate) async fn keep_if_due(&mut self) {
        let bookings = self.created().map_or(0, CreatedShow::open_bookings);
        let is_under_way = self.kept.keeping.as_ref().is_some_and(|keeping| !keeping.done.is_finished());
        if !is_under_way && self.since_tried() >= SNAPSHOT_EVERY.max(bookings / SNAPSHOT_SHARE) {
            self.begin_to_keep().await;
        }
    }

    /// Keeps a snapshot, if there is something to keep, before all of it leaves memory.
    pub(crate) async fn keep_at_rest(&mut self) {
        self.settle().await;
        if self.since_tried() >= SNAPSHOT_AT_REST {
            self.begin_to_keep().await;
            self.settle().await;
        }
    }

    fn since_tried(&self) -> usize {
        usize::try_from(self.sequence - self.kept.tried).unwrap_or_default()
    }

    async fn begin_to_keep(&mut self) {
        self.settle().await;
        if self.sequence == 0 {
            return;
        }
        self.kept.tried = self.sequence;
        let missing = self.show.missing_of(self.kept.changed.iter().copied());
        if let Err(error) = self.bring(missing).await {
            let error = &error as &dyn Error;
            return tracing::warn!(error, stream = %self.stream, "a snapshot could not be kept");
        }
        let changed = std::mem::take(&mut self.kept.changed);
        let based_on = self.kept.sequence;
        let encoded = match based_on {
            Some(_) => self.encoded(changed.iter().copied()),
            None => self.encoded(Part::all().filter(|part| !self.show.part(*part).is_empty())),
        };
        let (head, parts) = encoded;
        let (store, stream, sequence) = (self.store.clone(), self.stream.clone(), self.sequence);
        let done = tokio::spawn(async move {
            let snapshot = Snapshot { sequence, head };
            store.keep_snapshot(&stream, FOLD_VERSION, based_on, &snapshot, &parts).await
        });
        self.kept.keeping = Some(Keeping { sequence, changed, done });
    }

    fn encoded(&self, parts: impl Iterator<Item = Part>) -> (Vec<u8>, Vec<SnapshotPart>) {
        let head = serde_json::to_vec(&self.show).expect("a show is plain data with string keys");
        let part = |part: Part| SnapshotPart {
            number: part.number(),
            body: postcard::to_stdvec(&self.show.part(part)).expect("tickets are plain data"),
        };
        (head, parts.map(part).collect())
    }

    /// Waits for the one on its way, if there is one, and notes what became of it.
    async fn settle(&mut self) {
        let Some(keeping) = self.kept.keeping.take() else { return };
        match keeping.done.await {
            Ok(Ok(true)) => self.kept.sequence = Some(keeping.sequence),
            // Somebody else has kept a newer one, or that on which this was based is gone.
            Ok(Ok(false)) if self.show.is_whole() => self.kept.sequence = None,
            Ok(Ok(false)) => self.forget(),
            Ok(Err(error)) => {
                let error = &error as &dyn Error;
                tracing::warn!(error, stream = %self.stream, "a snapshot could not be kept");
                self.kept.changed.extend(keeping.changed);
            }
            Err(_) => self.kept.changed.extend(keeping.changed),
        }
    }
}

fn malformed(error: impl Error + Send + Sync + 'static) -> AppendError {
    sqlx::Error::Decode(error.into()).into()
}
