//! Copies of a store, and putting one back.

use super::SqliteStore;
use super::error::{io_error, sql_error, unusable};
use super::lock::{StoreLock, beside};
use super::open::{create_private, load, put_in_place, remove_if_there};
use super::schema::{Access, check_header, connect};
use crate::types::{Revision, StoreError, Usage};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

/// What [`SqliteStore::verify`] has found sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its newest revision.
    pub revision: Revision,
    /// How much its tree holds.
    pub usage: Usage,
}

impl SqliteStore {
    /// Writes a copy of the whole store, history included, to `to`, while the store is in use. The copy is one file,
    /// readable by its owner only, and is there wholly or not at all; a file that is there already is replaced.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] or [`StoreError::Io`] when it cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let same = |path: &Path| fs::canonicalize(path).ok();
        if same(to).is_some_and(|to| Some(to) == same(&self.shared.path)) {
            return Err(StoreError::Io {
                operation: format!("back up to {}", to.display()),
                reason: "that is the store itself".into(),
            });
        }
        let new = beside(to, &format!(".{}.new", std::process::id()));
        remove_if_there(&new)?;
        create_private(&new)?;
        // A connection of its own: readers shall not wait, and the writer has other work.
        let copied = connect(&self.shared.path, Access::Read, self.shared.busy_timeout)
            .and_then(|reader| {
                reader
                    .prepare("VACUUM INTO ?1")
                    .and_then(|mut vacuum| {
                        use std::os::unix::ffi::OsStrExt;
                        vacuum.execute([PathText(new.as_os_str().as_bytes())])
                    })
                    .map_err(|error| sql_error("back up to", to, &error))
            })
            .and_then(|_| put_in_place(&new, to));
        if copied.is_err() {
            let _ = fs::remove_file(&new);
        }
        copied
    }

    /// Checks every page and every file of the store at `path`, which may be a backup, without changing it.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] says what is wrong with it.
    pub fn verify(path: &Path) -> Result<Verified, StoreError> {
        check_header(path)?;
        let has_log = fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
        let access = if has_log { Access::Read } else { Access::Immutable };
        let connection = connect(path, access, Duration::from_secs(5))?;
        let failed = |error: rusqlite::Error| sql_error("verify", path, &error);
        let damage =
            |what: &str| unusable(path, &format!("is damaged ({what}): use another backup"));
        let verdict: String = connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(failed)?;
        if verdict != "ok" {
            return Err(damage(&verdict));
        }
        let (state, _) = load(&connection, path, false)?;
        let wrong: Option<String> = connection
            .query_row(
                "SELECT min(node.path) FROM node LEFT JOIN change AS now ON now.id = node.content
                 LEFT JOIN change AS newest ON newest.id = node.last
                 WHERE newest.id IS NULL OR newest.path IS NOT node.path
                    OR node.kind = 1 AND length(now.data) IS NOT node.size",
                [],
                |row| row.get(0),
            )
            .map_err(failed)?;
        match wrong {
            Some(file) => Err(damage(&format!("the content of {file} is missing or not whole"))),
            None => Ok(Verified { revision: state.revision, usage: state.tree.usage() }),
        }
    }

    /// Puts a copy of `backup` in the place of the store at `path`, if any, after [`SqliteStore::verify`]. What was there
    /// is kept beside it, with `.before-restore` added to its name, until the next restore.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when a process has the store open; [`StoreError::Unusable`] when the backup is unsound.
    /// Nothing is changed then.
    pub fn restore(backup: &Path, path: &Path) -> Result<Verified, StoreError> {
        let verified = Self::verify(backup)?;
        let _lock = StoreLock::take(path)?;
        let new = beside(path, ".new");
        remove_if_there(&new)?;
        let copied = copy(backup, &new).and_then(|()| Self::verify(&new)).and_then(|_| {
            keep_old(path)?;
            remove_if_there(&beside(path, "-shm"))?;
            put_in_place(&new, path)
        });
        if copied.is_err() {
            let _ = fs::remove_file(&new);
        }
        copied.map(|()| verified)
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    if fs::metadata(beside(from, "-wal")).is_ok_and(|log| log.len() > 0) {
        // Not one file but two: a store that was in use.
        return SqliteStore::open_read_only(from, &super::SqliteOptions::default())?.backup(to);
    }
    let mut target = create_private(to)?;
    File::open(from)
        .and_then(|mut source| io::copy(&mut source, &mut target))
        .map_err(|error| io_error("copy the backup to", to, &error))?;
    Ok(())
}

/// Gives the store at `path` a second name, and takes its log away: that would be applied to the database that comes in
/// its place.
fn keep_old(path: &Path) -> Result<(), StoreError> {
    // Should the restore end half-way, a sound store is whole without its log.
    if check_header(path).is_ok()
        && let Ok(connection) = connect(path, Access::Write, Duration::ZERO)
    {
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
    let kept = beside(path, ".before-restore");
    let (log, kept_log) = (beside(path, "-wal"), beside(&kept, "-wal"));
    remove_if_there(&kept)?;
    remove_if_there(&kept_log)?;
    let unless_missing = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("keep a copy of", path, &error))
        }
        _ => Ok(()),
    };
    unless_missing(fs::hard_link(path, &kept))?;
    unless_missing(fs::rename(&log, &kept_log))
}

/// A path as SQL text, whatever its bytes.
struct PathText<'a>(&'a [u8]);

impl rusqlite::ToSql for PathText<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::Borrowed(rusqlite::types::ValueRef::Text(self.0)))
    }
}
