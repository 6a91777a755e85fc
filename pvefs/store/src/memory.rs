//! A store that lives in memory, for tests.

use crate::plan::{Draft, Row};
use crate::tree::{ChangeId, Tree, last_change_of, revision_of, to_nanos};
use crate::types::{
    Author, CommitRecord, Content, Entry, Event, Kind, Listing, Revision, StoreError, Usage,
};
use crate::watch::{Feed, Log};
use crate::{Commit, Store, TreePath, Watch};
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

/// A store that lives in memory and keeps every revision.
pub struct MemoryStore(Arc<Shared>);

struct Shared {
    state: RwLock<State>,
    feed: Feed,
}

struct State {
    revision: Revision,
    tree: Tree,
    log: BTreeMap<ChangeId, Logged>,
}

struct Logged {
    row: Row,
    time: SystemTime,
    author: Author,
}

impl MemoryStore {
    /// An empty store at revision 0.
    pub fn new() -> Self {
        let tree = Tree::new(to_nanos(SystemTime::now()));
        let state = State { revision: 0, tree, log: BTreeMap::new() };
        Self(Arc::new(Shared { state: RwLock::new(state), feed: Feed::new(0) }))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.0.feed.close();
    }
}

impl State {
    fn content(&self, id: ChangeId) -> Arc<[u8]> {
        self.log.get(&id).and_then(|logged| logged.row.data.clone()).unwrap_or_default()
    }

    fn changes_of<'a>(&'a self, path: &'a TreePath) -> impl DoubleEndedIterator<Item = &'a Logged> {
        self.log.values().filter(move |logged| logged.row.path == *path)
    }
}

impl Store for MemoryStore {
    fn revision(&self) -> Revision {
        self.0.state.read().revision
    }

    fn stat(&self, path: &TreePath) -> Result<Option<Entry>, StoreError> {
        Ok(self.0.state.read().tree.get(path).map(|node| node.entry()))
    }

    fn read(&self, path: &TreePath) -> Result<Option<(Entry, Content)>, StoreError> {
        let state = self.0.state.read();
        let file = state.tree.get(path).filter(|node| node.kind == Kind::File);
        Ok(file.map(|node| (node.entry(), state.content(node.content))))
    }

    fn read_at(&self, path: &TreePath, at: Revision) -> Result<Option<Content>, StoreError> {
        let state = self.0.state.read();
        let last =
            state.changes_of(path).take_while(|logged| logged.row.id <= last_change_of(at)).last();
        let node = last.and_then(|logged| logged.row.node);
        Ok(node.filter(|node| node.kind == Kind::File).map(|node| state.content(node.content)))
    }

    fn list(&self, path: &TreePath) -> Result<Option<Listing>, StoreError> {
        let state = self.0.state.read();
        let entries = state.tree.list(path);
        Ok(entries.map(|entries| {
            entries.iter().map(|(name, node)| (name.clone(), node.entry())).collect()
        }))
    }

    fn commit(&self, commit: Commit) -> Result<Revision, StoreError> {
        let mut guard = self.0.state.write();
        let state = &mut *guard;
        let now = SystemTime::now();
        let mut draft = Draft::new(&state.tree, state.revision);
        let planned = draft.plan(&commit, now, |id| Ok(state.content(id)))?;
        let overlay = draft.into_overlay();
        state.tree.apply(&overlay);
        state.revision = planned.revision;
        let events = planned.rows.iter().map(|row| (row.id, row.event()));
        self.0.feed.publish(planned.revision, events);
        for row in planned.rows {
            let author = commit.author.clone();
            state.log.insert(row.id, Logged { row, time: now, author });
        }
        Ok(planned.revision)
    }

    fn history(&self, path: &TreePath, limit: usize) -> Result<Vec<CommitRecord>, StoreError> {
        let state = self.0.state.read();
        let contents = state.changes_of(path).rev().filter(|logged| !logged.row.is_touch());
        Ok(contents
            .take(limit)
            .map(|logged| CommitRecord {
                revision: revision_of(logged.row.id),
                time: logged.time,
                author: logged.author.clone(),
                path: path.clone(),
                size: logged.row.node.map(|node| node.size),
            })
            .collect())
    }

    fn paths_named(&self, name: &str) -> Result<Vec<TreePath>, StoreError> {
        let state = self.0.state.read();
        let paths = state.log.values().map(|logged| &logged.row.path);
        let named: BTreeSet<_> = paths.filter(|path| path.name() == Some(name)).collect();
        Ok(named.into_iter().cloned().collect())
    }

    fn watch(&self, from: Revision) -> Result<Watch, StoreError> {
        if from > self.revision() {
            return Err(StoreError::Compacted(from));
        }
        Ok(Watch::new(Arc::clone(&self.0) as Arc<dyn Log>, from))
    }

    fn usage(&self) -> Usage {
        self.0.state.read().tree.usage()
    }
}

impl Log for Shared {
    fn feed(&self) -> &Feed {
        &self.feed
    }

    fn read(
        &self,
        after: ChangeId,
        until: ChangeId,
        limit: usize,
    ) -> Result<Vec<(ChangeId, Event)>, StoreError> {
        if after >= until {
            return Ok(Vec::new());
        }
        let state = self.state.read();
        let rows = state.log.range(after + 1..=until).take(limit);
        Ok(rows.map(|(id, logged)| (*id, logged.row.event())).collect())
    }
}
