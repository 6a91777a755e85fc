//! Telling changes to those who wait for them.

use crate::tree::{ChangeId, last_change_of, revision_of};
use crate::types::{Event, Revision, StoreError};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Events kept in memory for watchers that keep up.
const RECENT: usize = 1024;
/// Events read from the log at a time for watchers that do not.
const CHUNK: usize = 256;

/// The changes of a store after a revision, in order and without a gap.
///
/// A watch holds a position, not a queue: the newest events are in memory, older ones are read from the store's log. So
/// a slow watch neither holds up commits nor grows, and a dropped one costs nothing. The events of one commit share a
/// revision; one who wants to resume later notes a revision only once the next one begins.
pub struct Watch {
    log: Arc<dyn Log>,
    position: ChangeId,
    ready: VecDeque<Event>,
}

/// Where a watch gets its events.
pub(crate) trait Log: Send + Sync + 'static {
    /// The newest events, and news of more.
    fn feed(&self) -> &Feed;

    /// The oldest at most `limit` events after `after`, not beyond `until`.
    fn read(
        &self,
        after: ChangeId,
        until: ChangeId,
        limit: usize,
    ) -> Result<Vec<(ChangeId, Event)>, StoreError>;
}

impl Watch {
    pub(crate) fn new(log: Arc<dyn Log>, from: Revision) -> Self {
        Self { log, position: last_change_of(from), ready: VecDeque::new() }
    }

    /// The next event; waits until there is one.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] when this watch is so late that its next events have been thinned out: list the tree
    /// and watch from there. [`StoreError::Closed`] when the store is closed and all events are told.
    pub fn recv(&mut self) -> Result<Event, StoreError> {
        loop {
            if let Some(event) = self.next_before(None)? {
                return Ok(event);
            }
        }
    }

    /// The next event; `None` when none comes within `timeout`.
    ///
    /// # Errors
    /// As for [`Watch::recv`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Event>, StoreError> {
        // A time too far away to express is no deadline.
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.next_before(Some(deadline)),
            None => self.recv().map(Some),
        }
    }

    /// The next event if there is one already.
    ///
    /// # Errors
    /// As for [`Watch::recv`].
    pub fn try_recv(&mut self) -> Result<Option<Event>, StoreError> {
        self.recv_timeout(Duration::ZERO)
    }

    fn next_before(&mut self, deadline: Option<Instant>) -> Result<Option<Event>, StoreError> {
        if self.ready.is_empty() {
            let events = match self.log.feed().after(self.position, deadline)? {
                Newest::None => return Ok(None),
                Newest::Events(events) => events,
                Newest::InLog { until } => {
                    let events = self.log.read(self.position, until, CHUNK)?;
                    if events.is_empty() {
                        self.position = until;
                    }
                    events
                }
            };
            if let Some((id, _)) = events.last() {
                self.position = *id;
            }
            self.ready = events.into_iter().map(|(_, event)| event).collect();
        }
        Ok(self.ready.pop_front())
    }
}

/// Waits for each event; ends when the store is closed.
impl Iterator for Watch {
    type Item = Result<Event, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.recv() {
            Err(StoreError::Closed) => None,
            result => Some(result),
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("position", &revision_of(self.position))
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}

/// The newest events of a store.
pub(crate) struct Feed {
    state: Mutex<FeedState>,
    changed: Condvar,
}

struct FeedState {
    /// All events after this one, up to `newest`, are in `recent`.
    before: ChangeId,
    newest: ChangeId,
    recent: VecDeque<(ChangeId, Event)>,
    closed: bool,
}

/// What a [`Feed`] knows after a position.
enum Newest {
    None,
    Events(Vec<(ChangeId, Event)>),
    InLog { until: ChangeId },
}

impl Feed {
    pub fn new(revision: Revision) -> Self {
        let newest = last_change_of(revision);
        let state = FeedState { before: newest, newest, recent: VecDeque::new(), closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds the events of commits up to `revision`.
    pub fn publish(&self, revision: Revision, events: impl Iterator<Item = (ChangeId, Event)>) {
        let mut state = self.state.lock();
        for (id, event) in events {
            if state.recent.len() == RECENT
                && let Some((oldest, _)) = state.recent.pop_front()
            {
                state.before = oldest;
            }
            state.recent.push_back((id, event));
        }
        state.newest = last_change_of(revision);
        self.changed.notify_all();
    }

    /// Nothing more will come.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    fn after(&self, position: ChangeId, deadline: Option<Instant>) -> Result<Newest, StoreError> {
        let mut state = self.state.lock();
        let mut timed_out = false;
        loop {
            if position < state.before {
                return Ok(Newest::InLog { until: state.newest });
            }
            let start = state.recent.partition_point(|(id, _)| *id <= position);
            if start < state.recent.len() {
                let events = state.recent.range(start..).take(CHUNK).cloned().collect();
                return Ok(Newest::Events(events));
            }
            if state.closed {
                return Err(StoreError::Closed);
            }
            if timed_out {
                return Ok(Newest::None);
            }
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    timed_out = self.changed.wait_until(&mut state, deadline).timed_out();
                }
            }
        }
    }
}
