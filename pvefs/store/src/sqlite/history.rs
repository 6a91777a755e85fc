//! Reading the log.

use super::schema::{content, node_from_sql, path_from_sql};
use crate::TreePath;
use crate::tree::{ChangeId, from_nanos, last_change_of, revision_of};
use crate::types::{Author, CommitRecord, Event, Revision};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;

/// The revision asked for has been thinned out.
pub(super) struct Thinned;

/// One change of a path, as the list of its changes links it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub id: ChangeId,
    pub prev: Option<ChangeId>,
    /// The oldest change between `prev` and this one that has been thinned out.
    pub gap: Option<ChangeId>,
    pub kind: Option<i64>,
    /// The change that holds the content, if not this one.
    pub content: Option<ChangeId>,
    pub time: i64,
}

/// The last change of `path`.
pub(super) fn last(reader: &Connection, path: &TreePath) -> rusqlite::Result<Option<ChangeId>> {
    reader
        .prepare_cached("SELECT last FROM node WHERE path = ?1")?
        .query_row([path.as_str()], |row| row.get(0))
        .optional()
}

pub(super) fn link(reader: &Connection, id: ChangeId) -> rusqlite::Result<Link> {
    reader
        .prepare_cached("SELECT prev, gap, kind, content, time FROM change WHERE id = ?1")?
        .query_row([id], |row| {
            Ok(Link {
                id,
                // Only ever back, so that a damaged list cannot go round.
                prev: row.get::<_, Option<_>>(0)?.filter(|prev| *prev < id),
                gap: row.get(1)?,
                kind: row.get(2)?,
                content: row.get(3)?,
                time: row.get(4)?,
            })
        })
}

/// One snapshot for several queries.
fn in_snapshot<T>(
    reader: &Connection,
    query: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let snapshot = reader.unchecked_transaction()?;
    let result = query();
    snapshot.finish()?;
    result
}

pub(super) fn content_at(
    reader: &Connection,
    path: &TreePath,
    at: Revision,
) -> rusqlite::Result<Result<Option<Arc<[u8]>>, Thinned>> {
    let at = last_change_of(at);
    in_snapshot(reader, || {
        let mut next = last(reader, path)?;
        while let Some(id) = next {
            let link = link(reader, id)?;
            if link.id <= at {
                if link.kind.is_none_or(|kind| kind != 1) {
                    return Ok(Ok(None));
                }
                let data = content(reader, link.content.unwrap_or(link.id))?;
                return Ok(data.map(Some).ok_or(Thinned));
            }
            if link.gap.is_some_and(|gap| gap <= at) {
                return Ok(Err(Thinned));
            }
            next = link.prev;
        }
        Ok(Ok(None))
    })
}

pub(super) fn of(
    reader: &Connection,
    path: &TreePath,
    newest: Revision,
    limit: usize,
) -> rusqlite::Result<Vec<CommitRecord>> {
    in_snapshot(reader, || {
        let mut records = Vec::new();
        let mut next = last(reader, path)?;
        while let Some(id) = next.filter(|_| records.len() < limit) {
            let link = link(reader, id)?;
            if link.content.is_none() && revision_of(id) <= newest {
                records.push(record(reader, id, path)?);
            }
            next = link.prev;
        }
        Ok(records)
    })
}

fn record(reader: &Connection, id: ChangeId, path: &TreePath) -> rusqlite::Result<CommitRecord> {
    reader
        .prepare_cached("SELECT time, uid, pid, program, size FROM change WHERE id = ?1")?
        .query_row([id], |row| {
            Ok(CommitRecord {
                revision: revision_of(id),
                time: from_nanos(row.get(0)?),
                author: Author { uid: row.get(1)?, pid: row.get(2)?, program: row.get(3)? },
                path: path.clone(),
                size: row.get(4)?,
            })
        })
}

pub(super) fn paths_named(reader: &Connection, name: &str) -> rusqlite::Result<Vec<TreePath>> {
    reader
        .prepare_cached("SELECT path FROM node WHERE path = ?1 OR substr(path, -length(?2)) = ?2")?
        .query_map([name, &format!("/{name}")], |row| path_from_sql(row, 0))?
        // The root has no name, and SQL takes the empty text for a match.
        .filter(|path| !path.as_ref().is_ok_and(|path| path.name() != Some(name)))
        .collect()
}

pub(super) fn events(
    reader: &Connection,
    after: ChangeId,
    until: ChangeId,
    limit: usize,
) -> rusqlite::Result<Vec<(ChangeId, Event)>> {
    reader
        .prepare_cached(
            "SELECT id, path, time, kind, created, content, mtime, size FROM change
             WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
        )?
        .query_map(params![after, until, limit as i64], |row| {
            let id = row.get(0)?;
            let event = Event {
                revision: revision_of(id),
                path: path_from_sql(row, 1)?,
                entry: node_from_sql(row, 3, id, row.get(2)?)?.map(|node| node.entry()),
            };
            Ok((id, event))
        })?
        .collect()
}
