//! Opening a store.

use super::error::{io_error, sql_error, unusable};
use super::lock::{StoreLock, beside};
use super::readers::Readers;
use super::schema::{Access, check_header, connect, create, node_from_sql, path_from_sql};
use super::writer::Writer;
use super::{Shared, SqliteOptions, SqliteStore, State};
use crate::tree::{Tree, revision_of, to_nanos};
use crate::types::StoreError;
use crate::watch::Feed;
use crossbeam_channel::unbounded;
use parking_lot::RwLock;
use rusqlite::{Connection, OptionalExtension};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::SystemTime;

impl SqliteStore {
    /// Opens the store at `path`, and makes it if nothing is there. Its directory must exist.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when another process has it open; [`StoreError::Unusable`] when the file is something else,
    /// is damaged or was made by a newer version: it is not touched then.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if exists(path)? {
            check_header(path)?;
        }
        let lock = StoreLock::take(path)?;
        // Asked again, since another process may have made it meanwhile.
        if exists(path)? {
            check_header(path)?;
        } else {
            make(path)?;
        }
        let connection = connect(path, Access::Write, options.busy_timeout)?;
        let (state, compacted) = load(&connection, path, options.check)?;
        configure(&connection).map_err(|error| sql_error("open", path, &error))?;
        let readers = Readers::open(path, Access::Read, options.readers, options.busy_timeout)?;
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            busy_timeout: options.busy_timeout,
            feed: Feed::new(state.revision),
            state: RwLock::new(state),
            readers,
            compacted,
        });
        let (requests, waiting) = unbounded();
        let writer = Writer::new(connection, Arc::clone(&shared), waiting, options.retention);
        let writer = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run())
            .map_err(|error| io_error("start the writer of", path, &error))?;
        Ok(Self { shared, requests: Some(requests), writer: Some(writer), _lock: Some(lock) })
    }

    /// Opens the store at `path` as it is now, for reading, also while another process has it open. What is committed
    /// later does not show; commits fail with [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// [`StoreError::Unusable`] as for [`SqliteStore::open`]; [`StoreError::Io`] when there is no such file.
    pub fn open_read_only(
        path: impl AsRef<Path>,
        options: &SqliteOptions,
    ) -> Result<Self, StoreError> {
        let path = path.as_ref();
        check_header(path)?;
        let readers = Readers::open(path, Access::Read, 1, options.busy_timeout)?;
        let connection = connect(path, Access::Read, options.busy_timeout)?;
        let (state, compacted) = load(&connection, path, options.check)?;
        let feed = Feed::new(state.revision);
        feed.close();
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            busy_timeout: options.busy_timeout,
            feed,
            state: RwLock::new(state),
            readers,
            compacted,
        });
        Ok(Self { shared, requests: None, writer: None, _lock: None })
    }
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(|error| io_error("open", path, &error))
}

/// Makes an empty store, whole or not at all.
fn make(path: &Path) -> Result<(), StoreError> {
    // SQLite would take the log of a database that is gone for that of the new one.
    let log = beside(path, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let reason = format!(
            "is missing, but {} holds commits of it: bring the database back, or move that file away",
            log.display()
        );
        return Err(unusable(path, &reason));
    }
    let new = beside(path, ".new");
    remove_if_there(&new)?;
    create_private(&new)?;
    let made = create(&new, to_nanos(SystemTime::now())).and_then(|()| put_in_place(&new, path));
    if made.is_err() {
        let _ = fs::remove_file(&new);
    }
    made
}

/// Makes an empty file that only its owner may read: the tree has secrets in it.
pub(super) fn create_private(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map_err(|error| io_error("create", path, &error))
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("remove", path, &error))
        }
        _ => Ok(()),
    }
}

/// Renames `new` to `path`, durably.
pub(super) fn put_in_place(new: &Path, path: &Path) -> Result<(), StoreError> {
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    sync(new)
        .and_then(|()| fs::rename(new, path))
        .and_then(|()| sync(directory))
        .map_err(|error| io_error("write", path, &error))
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -1024)?;
    // A full /tmp is no reason for a commit to fail.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // The writer does that itself, when nobody waits for it.
    connection.pragma_update(None, "wal_autocheckpoint", 0)
}

/// Reads the whole tree.
pub(super) fn load(
    connection: &Connection,
    path: &Path,
    check: bool,
) -> Result<(State, AtomicU64), StoreError> {
    let failed = |error: rusqlite::Error| match sql_error("load", path, &error) {
        // Anything but the disk or a lock means that the rows are not ours.
        StoreError::Io { reason, .. } if error.sqlite_error().is_none() => {
            unusable(path, &format!("is damaged ({reason}): restore a backup"))
        }
        error => error,
    };
    if check {
        let verdict: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
        if verdict != "ok" {
            return Err(unusable(path, &format!("is damaged ({verdict}): restore a backup")));
        }
    }
    // One transaction, so that what another process commits meanwhile shows wholly or not.
    let snapshot = connection.unchecked_transaction().map_err(failed)?;
    let state = load_tree(&snapshot).map_err(failed)?;
    let compacted = meta(&snapshot, "compacted").map_err(failed)?.unwrap_or(0);
    snapshot.finish().map_err(failed)?;
    if let Some(orphan) = state.tree.orphan() {
        let reason =
            format!("is damaged ({orphan} has entries, but is no directory): restore a backup");
        return Err(unusable(path, &reason));
    }
    Ok((state, AtomicU64::new(compacted.unsigned_abs())))
}

fn load_tree(connection: &Connection) -> rusqlite::Result<State> {
    let newest: Option<u64> =
        connection.query_row("SELECT max(id) FROM change", [], |row| row.get(0))?;
    let mut tree = Tree::new(meta(connection, "created")?.unwrap_or(0));
    let mut nodes = connection.prepare(
        "SELECT path, last, kind, created, content, mtime, size FROM node WHERE kind IS NOT NULL",
    )?;
    let mut rows = nodes.query([])?;
    while let Some(row) = rows.next()? {
        let node = node_from_sql(row, 2, row.get(1)?, 0)?;
        tree.set(&path_from_sql(row, 0)?, node);
    }
    Ok(State { revision: newest.map_or(0, revision_of), tree })
}

fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
        .optional()
}
