//! Thinning out history.

use super::Shared;
use super::error::sql_error;
use super::history::{Link, last, link};
use super::schema::path_from_sql;
use crate::TreePath;
use crate::tree::{ChangeId, to_nanos};
use crate::types::StoreError;
use rusqlite::{Connection, params};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A path is thinned out after that many changes, besides once a day.
const OFTEN: u32 = 64;
/// Paths thinned out in one transaction.
const SLICE: usize = 256;

/// Which revisions of a path are kept. What a path holds now is always kept, however old.
///
/// Of a removed path everything goes once the removal is older than `daily`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Keep every revision that is younger than this, if it is among the `revisions` newest of its path.
    pub all: Duration,
    /// How many revisions of a path are kept as `all` says.
    pub revisions: usize,
    /// Of the others keep the last of each day (UTC), until they are older than this.
    pub daily: Duration,
    /// Modification times that were set apart from a content are forgotten after this.
    pub touches: Duration,
}

impl Default for Retention {
    /// Every revision for 30 days, up to 100 of a path; then one a day for a year. Touches for an hour.
    fn default() -> Self {
        Self { all: 30 * DAY, revisions: 100, daily: 365 * DAY, touches: DAY / 24 }
    }
}

impl Retention {
    /// Which of the changes of a path, newest first, are not to be kept.
    fn surplus(&self, links: &[Link], now: i64) -> HashSet<ChangeId> {
        let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let mut surplus = HashSet::new();
        let Some((newest, older)) = links.split_first() else { return surplus };
        let removed = newest.kind.is_none();
        if removed && now.saturating_sub(newest.time) > nanos(self.daily) {
            return links.iter().map(|link| link.id).collect();
        }
        let day = |link: &Link| link.time.div_euclid(nanos(DAY));
        let mut revisions = usize::from(newest.content.is_none());
        let mut last_day = (revisions > 0).then(|| day(newest));
        for link in older {
            let age = now.saturating_sub(link.time);
            let keep = if link.content.is_some() {
                age <= nanos(self.touches)
            } else if newest.content == Some(link.id) {
                revisions += 1;
                true
            } else {
                revisions += 1;
                (revisions <= self.revisions && age <= nanos(self.all))
                    || (age <= nanos(self.daily) && last_day != Some(day(link)))
            };
            if !keep {
                surplus.insert(link.id);
            } else if link.content.is_none() {
                last_day = Some(day(link));
            }
        }
        surplus
    }
}

/// What the writer knows of thinning out.
pub(super) struct Thinning {
    retention: Retention,
    changes: HashMap<TreePath, u32>,
    often: Vec<TreePath>,
    /// Where the daily round is; `None` between two.
    round: Option<TreePath>,
    next_round: Instant,
}

impl Thinning {
    pub fn new(retention: Retention) -> Self {
        // Not at once, since a start has better things to do.
        let next_round = Instant::now() + Duration::from_secs(60);
        Self { retention, changes: HashMap::new(), often: Vec::new(), round: None, next_round }
    }

    /// Counts a change of `path`.
    pub fn note(&mut self, path: &TreePath) {
        let count = self.changes.entry(path.clone()).or_default();
        *count += 1;
        if *count >= OFTEN {
            self.changes.remove(path);
            self.often.push(path.clone());
        }
    }

    /// Thins out the paths that have changed often.
    pub fn changed_often(
        &mut self,
        connection: &mut Connection,
        shared: &Shared,
    ) -> Result<u64, StoreError> {
        if self.often.is_empty() {
            return Ok(0);
        }
        let paths = std::mem::take(&mut self.often);
        self.paths(connection, shared, &paths)
    }

    /// Goes on with the daily round.
    pub fn some(
        &mut self,
        connection: &mut Connection,
        shared: &Shared,
    ) -> Result<u64, StoreError> {
        if self.round.is_none() {
            if Instant::now() < self.next_round {
                return Ok(0);
            }
            self.changes.clear();
            self.next_round = Instant::now() + DAY;
        }
        let from = self.round.take();
        self.slice(connection, shared, from.as_ref())
    }

    /// Thins out all paths.
    pub fn all(&mut self, connection: &mut Connection, shared: &Shared) -> Result<u64, StoreError> {
        let mut removed = self.slice(connection, shared, None)?;
        while let Some(from) = self.round.take() {
            removed += self.slice(connection, shared, Some(&from))?;
        }
        Ok(removed)
    }

    fn slice(
        &mut self,
        connection: &mut Connection,
        shared: &Shared,
        after: Option<&TreePath>,
    ) -> Result<u64, StoreError> {
        let paths = paths_after(connection, after)
            .map_err(|error| sql_error("thin out", &shared.path, &error))?;
        let removed = self.paths(connection, shared, &paths)?;
        self.round = paths.last().cloned();
        Ok(removed)
    }

    fn paths(
        &self,
        connection: &mut Connection,
        shared: &Shared,
        paths: &[TreePath],
    ) -> Result<u64, StoreError> {
        let failed = |error: rusqlite::Error| sql_error("thin out", &shared.path, &error);
        let now = to_nanos(SystemTime::now());
        let before = shared.compacted.load(Ordering::SeqCst);
        let transaction = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed)?;
        let mut removed = 0;
        let mut compacted = before;
        for path in paths {
            let (count, newest) =
                thin_path(&transaction, path, &self.retention, now).map_err(failed)?;
            removed += count;
            compacted = compacted.max(newest);
        }
        if removed == 0 {
            return Ok(0);
        }
        transaction
            .execute("INSERT OR REPLACE INTO meta VALUES ('compacted', ?1)", [compacted])
            .map_err(failed)?;
        // Before the changes are gone, so that no watch overlooks that; on failure some watch begins anew for nothing.
        shared.compacted.store(compacted, Ordering::SeqCst);
        transaction.commit().map_err(failed)?;
        Ok(removed)
    }
}

fn paths_after(
    connection: &Connection,
    after: Option<&TreePath>,
) -> rusqlite::Result<Vec<TreePath>> {
    connection
        .prepare_cached(
            "SELECT path FROM node WHERE ?1 IS NULL OR path > ?1 ORDER BY path LIMIT ?2",
        )?
        .query_map(params![after.map(TreePath::as_str), SLICE as i64], |row| path_from_sql(row, 0))?
        .collect()
}

/// Removes what is surplus of `path`; returns how many changes and the newest of them.
fn thin_path(
    connection: &Connection,
    path: &TreePath,
    retention: &Retention,
    now: i64,
) -> rusqlite::Result<(u64, ChangeId)> {
    let mut links = Vec::new();
    let mut next = last(connection, path)?;
    while let Some(id) = next {
        let link = link(connection, id)?;
        next = link.prev;
        links.push(link);
    }
    let mut surplus = retention.surplus(&links, now);
    // The newest change of all tells the store's revision.
    let newest: ChangeId =
        connection.query_row("SELECT ifnull(max(id), 0) FROM change", [], |row| row.get(0))?;
    surplus.remove(&newest);
    if surplus.is_empty() {
        return Ok((0, 0));
    }
    for id in &surplus {
        connection.prepare_cached("DELETE FROM change WHERE id = ?1")?.execute([id])?;
    }
    let kept: Vec<_> = links.iter().filter(|link| !surplus.contains(&link.id)).collect();
    if kept.is_empty() {
        connection.prepare_cached("DELETE FROM node WHERE path = ?1")?.execute([path.as_str()])?;
    }
    for (index, link) in kept.iter().enumerate() {
        let prev = kept.get(index + 1).map(|older| older.id);
        if prev == link.prev {
            continue;
        }
        let oldest = links
            .iter()
            .rfind(|between| between.id < link.id && prev.is_none_or(|prev| between.id > prev));
        let gap = oldest.map(|oldest| oldest.gap.unwrap_or(oldest.id)).or(link.gap);
        connection
            .prepare_cached("UPDATE change SET prev = ?2, gap = ?3 WHERE id = ?1")?
            .execute(params![link.id, prev, gap])?;
    }
    let newest = surplus.into_iter().collect::<Vec<_>>();
    Ok((newest.len() as u64, newest.into_iter().max().unwrap_or(0)))
}
