//! The thread that writes.

use super::Shared;
use super::error::sql_error;
use super::schema::{content, insert};
use super::thin::{Retention, Thinning};
use crate::plan::{Draft, Overlay, Row};
use crate::tree::ChangeId;
use crate::types::{Commit, Revision, StoreError};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use rusqlite::Connection;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Commits that share one sync, at most.
const MAX_BATCH: usize = 256;
/// The log is put into the database when about this much has been written to it.
const CHECKPOINT_BYTES: usize = 4 << 20;
/// How often old revisions are looked for.
const TICK: Duration = Duration::from_secs(30);

/// What the writer is asked to do.
pub(super) enum Request {
    Commit(Waiting),
    Thin(Sender<Result<u64, StoreError>>),
    #[cfg(test)]
    Panic,
}

/// A commit and who waits for it.
pub(super) struct Waiting {
    pub commit: Commit,
    pub reply: Sender<Result<Revision, StoreError>>,
}

pub(super) struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
    requests: Receiver<Request>,
    thinning: Thinning,
    /// About how many bytes the log has got since it was last put into the database.
    logged: usize,
}

/// What became of a transaction that is on disk.
struct Done {
    results: Vec<Result<Revision, StoreError>>,
    revision: Revision,
    rows: Vec<Row>,
    overlay: Overlay,
}

/// Wakes those who watch when the writer ends, be it by a panic.
struct CloseFeed(Arc<Shared>);

impl Drop for CloseFeed {
    fn drop(&mut self) {
        self.0.feed.close();
    }
}

impl Writer {
    pub fn new(
        connection: Connection,
        shared: Arc<Shared>,
        requests: Receiver<Request>,
        retention: Retention,
    ) -> Self {
        Self { connection, shared, requests, thinning: Thinning::new(retention), logged: 0 }
    }

    pub fn run(mut self) {
        let _close = CloseFeed(Arc::clone(&self.shared));
        loop {
            match self.requests.recv_timeout(TICK) {
                Ok(request) => self.handle(request),
                Err(RecvTimeoutError::Timeout) => {
                    // What cannot be thinned out now is tried again later.
                    let _ = self.thinning.some(&mut self.connection, &self.shared);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.logged >= CHECKPOINT_BYTES {
                self.checkpoint("PASSIVE");
            }
        }
        self.checkpoint("TRUNCATE");
    }

    fn handle(&mut self, request: Request) {
        let mut batch = Vec::new();
        let mut next = Some(request);
        while let Some(request) = next {
            match request {
                Request::Commit(waiting) => batch.push(waiting),
                other => {
                    self.commit(std::mem::take(&mut batch));
                    self.other(other);
                }
            }
            if batch.len() >= MAX_BATCH {
                break;
            }
            next = self.requests.try_recv().ok();
        }
        self.commit(batch);
        let _ = self.thinning.changed_often(&mut self.connection, &self.shared);
    }

    fn other(&mut self, request: Request) {
        match request {
            Request::Thin(reply) => {
                let _ = reply.send(self.thinning.all(&mut self.connection, &self.shared));
            }
            #[cfg(test)]
            Request::Panic => panic!("a test asked for it"),
            Request::Commit(waiting) => self.commit(vec![waiting]),
        }
    }

    /// Makes the commits and answers them.
    fn commit(&mut self, batch: Vec<Waiting>) {
        if batch.is_empty() {
            return;
        }
        match self.transact(&batch) {
            Ok(done) => {
                self.publish(&done);
                for (waiting, result) in batch.into_iter().zip(done.results) {
                    // Who does not wait any more does not mind.
                    let _ = waiting.reply.send(result);
                }
            }
            // One of them may be too large; the others shall not suffer.
            Err(StoreError::NoSpace(_)) if batch.len() > 1 => {
                for waiting in batch {
                    self.commit(vec![waiting]);
                }
            }
            Err(error) => {
                for waiting in batch {
                    let _ = waiting.reply.send(Err(again(&error)));
                }
            }
        }
    }

    fn transact(&mut self, batch: &[Waiting]) -> Result<Done, StoreError> {
        let path = &self.shared.path;
        let failed = |error: rusqlite::Error| sql_error("write", path, &error);
        let state = self.shared.state.read();
        let mut draft = Draft::new(&state.tree, state.revision);
        let mut results = Vec::with_capacity(batch.len());
        let mut written = Vec::new();
        // Rolls back unless committed.
        let mut transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed)?;
        for Waiting { commit, .. } in batch {
            let stored = |id: ChangeId| {
                content(&transaction, id).map_err(failed).map(Option::unwrap_or_default)
            };
            let planned = match draft.plan(commit, SystemTime::now(), stored) {
                Ok(planned) => planned,
                Err(error) => {
                    results.push(Err(error));
                    continue;
                }
            };
            let savepoint = transaction.savepoint().map_err(failed)?;
            let inserted = planned
                .rows
                .iter()
                .try_for_each(|row| insert(&savepoint, row, planned.time, &commit.author))
                .and_then(|()| savepoint.commit());
            match inserted {
                Ok(()) => {
                    results.push(Ok(planned.revision));
                    written.extend(planned.rows);
                }
                // After some errors SQLite has rolled back everything.
                Err(error) if transaction.is_autocommit() => return Err(failed(error)),
                Err(error) => {
                    draft.revert(planned);
                    results.push(Err(failed(error)));
                }
            }
        }
        transaction.commit().map_err(failed)?;
        let revision = draft.revision();
        Ok(Done { results, revision, rows: written, overlay: draft.into_overlay() })
    }

    /// Makes what is on disk visible, all of it at once.
    fn publish(&mut self, done: &Done) {
        if done.rows.is_empty() {
            return;
        }
        let mut state = self.shared.state.write();
        state.tree.apply(&done.overlay);
        state.revision = done.revision;
        drop(state);
        let events = done.rows.iter().map(|row| (row.id, row.event()));
        self.shared.feed.publish(done.revision, events);
        for row in &done.rows {
            // A change costs about two pages, and those that its content fills.
            self.logged += 2048 + row.data.as_ref().map_or(0, |data| data.len());
            self.thinning.note(&row.path);
        }
    }

    /// Puts the log into the database. If that fails it is tried again after the next commit; nothing is lost meanwhile.
    fn checkpoint(&mut self, mode: &str) {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        if self.connection.query_row(&sql, [], |_| Ok(())).is_ok() {
            self.logged = 0;
        }
    }
}

/// The same error for one more who waits.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::NoSpace(operation) => StoreError::NoSpace(operation.clone()),
        StoreError::Unusable { path, reason } => {
            StoreError::Unusable { path: path.clone(), reason: reason.clone() }
        }
        StoreError::Io { operation, reason } => {
            StoreError::Io { operation: operation.clone(), reason: reason.clone() }
        }
        error => StoreError::Io { operation: "commit".into(), reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Change, SqliteOptions, SqliteStore, Store};

    fn put(data: &[u8]) -> Commit {
        let path = "a".parse().unwrap();
        Commit { changes: vec![Change::Put { path, data: data.into() }], ..Commit::default() }
    }

    #[test]
    fn a_panic_of_the_writer_fails_commits_and_ends_watches() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("store.db");
        let store = SqliteStore::open(&database, SqliteOptions::default()).unwrap();
        store.commit(put(b"1")).unwrap();
        let mut watch = store.watch(1).unwrap();
        let requests = store.requests.as_ref().unwrap();
        requests.send(Request::Panic).unwrap();
        // Some wait when it happens, some come later.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let commit = || assert!(matches!(store.commit(put(b"2")), Err(StoreError::Closed)));
                scope.spawn(commit);
            }
        });
        assert!(matches!(store.commit(put(b"2")), Err(StoreError::Closed)));
        assert!(matches!(watch.recv(), Err(StoreError::Closed)));
        assert_eq!(&*store.read(&"a".parse().unwrap()).unwrap().unwrap().1, b"1");
        drop(store);
        let store = SqliteStore::open(&database, SqliteOptions::default()).unwrap();
        assert_eq!(store.commit(put(b"2")).unwrap(), 2);
    }
}
