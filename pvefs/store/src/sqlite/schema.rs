//! The tables, and how a database is opened and told from others.
//!
//! `change` is the log: one row for each change, in order, with the whole state of its path after it and the new content
//! if there is one. The present content of a file is a row of its history, so a save writes the text once, at the end of
//! one table. `node` has the last state of every path that history knows, so the tree is loaded by one scan; its rows
//! are small and their pages are rewritten many times between two checkpoints. The changes of one path are a list linked
//! by `prev`: an index would cost one more page for each save.

use super::error::{io_error, sql_error, unusable};
use crate::TreePath;
use crate::plan::Row;
use crate::tree::{ChangeId, Node};
use crate::types::{Author, Kind, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// "pvfs", at offset 68 of the file.
const APPLICATION_ID: u32 = 0x7076_6673;
/// The format of the tables.
const VERSION: u32 = 1;
/// Small pages, since a commit writes whole ones. See the figures at [`super::SqliteStore`].
const PAGE_SIZE: u32 = 1024;

const TABLES: &str = "
    CREATE TABLE change (
        id INTEGER PRIMARY KEY,  -- revision * 2^20 + place in the commit
        path TEXT NOT NULL,
        prev INTEGER,            -- id of the change of this path before this one
        gap INTEGER,             -- id of the oldest change between prev and this one that has been thinned out
        kind INTEGER,            -- 1 file, 2 directory, NULL removed
        created INTEGER,         -- revision
        content INTEGER,         -- id of the change that holds the content; NULL if it is this one
        mtime INTEGER,           -- ns since 1970; NULL if it is time
        size INTEGER,
        time INTEGER NOT NULL,   -- ns since 1970
        uid INTEGER,
        pid INTEGER,
        program TEXT NOT NULL,
        data BLOB
    ) STRICT;
    CREATE TABLE node (
        path TEXT PRIMARY KEY,
        last INTEGER NOT NULL,   -- id of its last change
        kind INTEGER,            -- these as in its last change, but never NULL for what exists
        created INTEGER,
        content INTEGER,
        mtime INTEGER,
        size INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// How to open a database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    Read,
    /// For a file that nobody writes: makes no files beside it.
    Immutable,
}

/// Whether the file at `path` is a store that this version can read. Reads the file's header only.
pub(super) fn check_header(path: &Path) -> Result<(), StoreError> {
    let mut header = Vec::with_capacity(100);
    File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut header))
        .map_err(|error| io_error("read", path, &error))?;
    if header.is_empty() {
        return Err(unusable(
            path,
            "is empty: remove it to begin with an empty store, or restore a backup",
        ));
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(unusable(path, "is not a pvefs store (no SQLite database): not touched"));
    }
    let number = |at: usize| {
        header.get(at..at + 4).map(|bytes| bytes.iter().fold(0, |n, b| n << 8 | u32::from(*b)))
    };
    let (Some(version), Some(application)) = (number(60), number(68)) else {
        return Err(unusable(path, "is damaged (cut short): restore a backup"));
    };
    if application != APPLICATION_ID {
        return Err(unusable(path, "is the SQLite database of another program: not touched"));
    }
    if version != VERSION {
        let reason = format!(
            "has format {version}, and this program knows format {VERSION}: use a newer pvefs. Not touched"
        );
        return Err(unusable(path, &reason));
    }
    Ok(())
}

pub(super) fn connect(
    path: &Path,
    access: Access,
    busy_timeout: Duration,
) -> Result<Connection, StoreError> {
    let failed = |error: &rusqlite::Error| sql_error("open", path, error);
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match access {
        Access::Write => {
            Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)
        }
        Access::Read => Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY),
        Access::Immutable => Connection::open_with_flags(
            immutable_uri(path),
            flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        ),
    }
    .map_err(|error| failed(&error))?;
    let configure = || {
        connection.busy_timeout(busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(32);
        // A damaged database is not to be written to only because it was looked at.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "cache_size", -256)
    };
    configure().map_err(|error| failed(&error))?;
    Ok(connection)
}

/// The SQLite URI of a file that does not change.
pub(crate) fn immutable_uri(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri + "?immutable=1"
}

/// Makes the tables in the empty file at `path`.
pub(super) fn create(path: &Path, now: i64) -> Result<(), StoreError> {
    let build = || {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "page_size", PAGE_SIZE)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        connection.execute_batch(TABLES)?;
        connection.execute("INSERT INTO meta VALUES ('created', ?1)", [now])
    };
    build().map_err(|error| sql_error("create", path, &error))?;
    Ok(())
}

pub(super) fn kind_to_sql(kind: Kind) -> i64 {
    match kind {
        Kind::File => 1,
        Kind::Dir => 2,
    }
}

fn kind_from_sql(kind: i64) -> Kind {
    if kind == 2 { Kind::Dir } else { Kind::File }
}

/// Reads the columns kind, created, content, mtime, size, which begin at `first`.
pub(super) fn node_from_sql(
    row: &rusqlite::Row<'_>,
    first: usize,
    id: ChangeId,
    time: i64,
) -> rusqlite::Result<Option<Node>> {
    let Some(kind) = row.get::<_, Option<i64>>(first)? else { return Ok(None) };
    Ok(Some(Node {
        kind: kind_from_sql(kind),
        created: row.get(first + 1)?,
        content: row.get::<_, Option<_>>(first + 2)?.unwrap_or(id),
        mtime: row.get::<_, Option<_>>(first + 3)?.unwrap_or(time),
        size: row.get::<_, Option<_>>(first + 4)?.unwrap_or(0),
    }))
}

/// Adds a change to the log and notes it as the last of its path.
pub(super) fn insert(
    connection: &Connection,
    row: &Row,
    time: i64,
    author: &Author,
) -> rusqlite::Result<()> {
    let Row { id, path, node, data } = row;
    let path = path.as_str();
    let kind = node.map(|node| kind_to_sql(node.kind));
    let created = node.map(|node| node.created);
    let size = node.map(|node| node.size);
    connection
        .prepare_cached(
            "INSERT INTO change (id, path, prev, kind, created, content, mtime, size, time, uid, pid, program, data)
             VALUES (?1, ?2, (SELECT last FROM node WHERE path = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            id,
            path,
            kind,
            created,
            node.map(|node| node.content).filter(|content| content != id),
            node.map(|node| node.mtime).filter(|mtime| *mtime != time),
            size,
            time,
            author.uid,
            author.pid,
            author.program,
            data.as_deref(),
        ])?;
    connection
        .prepare_cached(
            "INSERT INTO node (path, last, kind, created, content, mtime, size) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (path) DO UPDATE SET last = excluded.last, kind = excluded.kind,
                 created = excluded.created, content = excluded.content, mtime = excluded.mtime, size = excluded.size",
        )?
        .execute(params![
            path,
            id,
            kind,
            created,
            node.map(|node| node.content),
            node.map(|node| node.mtime),
            size,
        ])?;
    Ok(())
}

/// The content that change `id` brought; `None` if there is no such change.
pub(super) fn content(
    connection: &Connection,
    id: ChangeId,
) -> rusqlite::Result<Option<Arc<[u8]>>> {
    connection
        .prepare_cached("SELECT data FROM change WHERE id = ?1")?
        .query_row([id], |row| Ok(row.get_ref(0)?.as_blob_or_null()?.map(Arc::from)))
        .optional()
        .map(Option::flatten)
}

/// A path as it stands in the database.
pub(super) fn path_from_sql(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<TreePath> {
    row.get_ref(index)?.as_str()?.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            index,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}
