//! What a commit would do: preconditions checked, changes turned into rows. Shared by all stores.

use crate::tree::{ChangeId, MAX_CHANGES, Node, Tree, change_id, to_nanos};
use crate::types::{Change, Commit, Kind, Precondition, Revision, StoreError};
use crate::{Event, TreePath};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// Nodes that differ from a [`Tree`]; `None` for a removed one.
pub(crate) type Overlay = BTreeMap<TreePath, Option<Node>>;

/// One line of the log: the state of a path after a change.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub id: ChangeId,
    pub path: TreePath,
    pub node: Option<Node>,
    /// The content, if this change brought one. A touch has none.
    pub data: Option<Arc<[u8]>>,
}

impl Row {
    pub fn event(&self) -> Event {
        Event {
            revision: crate::tree::revision_of(self.id),
            path: self.path.clone(),
            entry: self.node.map(|node| node.entry()),
        }
    }

    /// Whether the change left the content as it was.
    pub fn is_touch(&self) -> bool {
        self.node.is_some_and(|node| node.content != self.id)
    }
}

/// A commit whose preconditions hold.
pub(crate) struct Planned {
    pub revision: Revision,
    pub time: i64,
    pub rows: Vec<Row>,
    undo: Vec<(TreePath, Option<Option<Node>>)>,
}

/// A tree with commits on top that are not yet visible.
pub(crate) struct Draft<'a> {
    base: &'a Tree,
    overlay: Overlay,
    revision: Revision,
}

impl<'a> Draft<'a> {
    /// Starts on `base`, which is at `revision`.
    pub fn new(base: &'a Tree, revision: Revision) -> Self {
        Self { base, overlay: Overlay::new(), revision }
    }

    /// The revision after all planned commits.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    pub fn into_overlay(self) -> Overlay {
        self.overlay
    }

    /// Plans `commit` on top of those planned before. `content` reads what an earlier commit has stored.
    pub fn plan(
        &mut self,
        commit: &Commit,
        now: SystemTime,
        content: impl Fn(ChangeId) -> Result<Arc<[u8]>, StoreError>,
    ) -> Result<Planned, StoreError> {
        for precondition in &commit.preconditions {
            self.check(precondition)?;
        }
        if commit.changes.len() >= MAX_CHANGES {
            return Err(StoreError::Io {
                operation: "commit".into(),
                reason: format!("{} changes are more than fit into one", commit.changes.len()),
            });
        }
        let mut planned = Planned {
            revision: self.revision,
            time: to_nanos(now),
            rows: Vec::with_capacity(commit.changes.len()),
            undo: Vec::with_capacity(commit.changes.len()),
        };
        if commit.changes.is_empty() {
            return Ok(planned);
        }
        planned.revision += 1;
        for change in &commit.changes {
            if let Err(error) = self.change(change, &mut planned, &content) {
                self.undo(&mut planned);
                return Err(error);
            }
        }
        self.revision = planned.revision;
        Ok(planned)
    }

    /// Takes back the commit planned last.
    pub fn revert(&mut self, mut planned: Planned) {
        self.undo(&mut planned);
        self.revision = planned.revision - u64::from(!planned.rows.is_empty());
    }

    fn undo(&mut self, planned: &mut Planned) {
        for (path, before) in planned.undo.drain(..).rev() {
            match before {
                Some(node) => self.overlay.insert(path, node),
                None => self.overlay.remove(&path),
            };
        }
    }

    fn get(&self, path: &TreePath) -> Option<Node> {
        self.overlay.get(path).copied().unwrap_or_else(|| self.base.get(path))
    }

    fn check(&self, precondition: &Precondition) -> Result<(), StoreError> {
        let describe = |node: Option<Node>| match node {
            Some(node) => format!("revision {}", node.entry().modified),
            None => "nothing".to_owned(),
        };
        let (path, expected, holds) = match precondition {
            Precondition::At { path, revision } => (path, format!("revision {revision}"), {
                self.get(path).is_some_and(|node| node.entry().modified == *revision)
            }),
            Precondition::Absent { path } => (path, "nothing".to_owned(), self.get(path).is_none()),
        };
        if holds {
            return Ok(());
        }
        let found = describe(self.get(path));
        Err(StoreError::Conflict { path: path.clone(), expected, found })
    }

    fn change(
        &mut self,
        change: &Change,
        planned: &mut Planned,
        content: impl Fn(ChangeId) -> Result<Arc<[u8]>, StoreError>,
    ) -> Result<(), StoreError> {
        let id = change_id(planned.revision, planned.rows.len());
        let mtime = planned.time;
        let (path, node, data) = match change {
            Change::Put { path, data } => {
                let before = self.get(path);
                if before.is_some_and(|node| node.kind == Kind::Dir) {
                    return Err(StoreError::IsADirectory(path.clone()));
                }
                self.require_parent(path)?;
                let size = data.len() as u64;
                match before {
                    // The same text again is no new revision of the file, only a newer time.
                    Some(node)
                        if node.size == size
                            && find_content(node.content, planned, content)? == *data =>
                    {
                        (path, Some(Node { mtime, ..node }), None)
                    }
                    _ => {
                        let created = before.map_or(planned.revision, |node| node.created);
                        let node = Node { kind: Kind::File, created, content: id, mtime, size };
                        (path, Some(node), Some(Arc::clone(data)))
                    }
                }
            }
            Change::Mkdir { path } => {
                if self.get(path).is_some() {
                    return Err(StoreError::Exists(path.clone()));
                }
                self.require_parent(path)?;
                let created = planned.revision;
                let node = Node { kind: Kind::Dir, created, content: id, mtime, size: 0 };
                (path, Some(node), None)
            }
            Change::Remove { path } => {
                let Some(node) = self.get(path) else {
                    return Err(StoreError::NotFound(path.clone()));
                };
                if path.is_root() || (node.kind == Kind::Dir && self.has_entries(path)) {
                    return Err(StoreError::NotEmpty(path.clone()));
                }
                (path, None, None)
            }
            Change::Touch { path, mtime } => {
                let Some(node) = self.get(path) else {
                    return Err(StoreError::NotFound(path.clone()));
                };
                (path, Some(Node { mtime: to_nanos(*mtime), ..node }), None)
            }
        };
        planned.undo.push((path.clone(), self.overlay.insert(path.clone(), node)));
        planned.rows.push(Row { id, path: path.clone(), node, data });
        Ok(())
    }

    fn require_parent(&self, path: &TreePath) -> Result<(), StoreError> {
        let Some(parent) = path.parent() else { return Err(StoreError::Exists(path.clone())) };
        match self.get(&parent) {
            None => Err(StoreError::NotFound(parent)),
            Some(node) if node.kind == Kind::File => Err(StoreError::NotADirectory(parent)),
            Some(_) => Ok(()),
        }
    }

    fn has_entries(&self, directory: &TreePath) -> bool {
        let stored = self.base.list(directory).is_some_and(|entries| {
            entries.keys().any(|name| {
                directory.join(name).is_ok_and(|child| self.overlay.get(&child) != Some(&None))
            })
        });
        stored
            || self
                .overlay
                .range(directory.clone()..)
                // Names such as "dir-x" sort between "dir" and "dir/x".
                .take_while(|(path, _)| path.as_str().starts_with(directory.as_str()))
                .any(|(path, node)| {
                    node.is_some() && path != directory && path.starts_with(directory)
                })
    }
}

fn find_content(
    id: ChangeId,
    planned: &Planned,
    content: impl Fn(ChangeId) -> Result<Arc<[u8]>, StoreError>,
) -> Result<Arc<[u8]>, StoreError> {
    match planned.rows.iter().find(|row| row.id == id) {
        Some(Row { data: Some(data), .. }) => Ok(Arc::clone(data)),
        _ => content(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryStore, Store};
    use std::time::{Duration, UNIX_EPOCH};

    fn path(text: &str) -> TreePath {
        text.parse().unwrap()
    }

    fn put(at: &str, data: &str) -> Change {
        Change::Put { path: path(at), data: data.as_bytes().into() }
    }

    fn commit(store: &MemoryStore, changes: &[Change]) -> Result<Revision, StoreError> {
        store.commit(Commit { changes: changes.to_vec(), ..Commit::default() })
    }

    #[test]
    fn says_what_stands_in_the_way() {
        let store = MemoryStore::new();
        let mkdir = |at| Change::Mkdir { path: path(at) };
        let remove = |at| Change::Remove { path: path(at) };
        commit(&store, &[mkdir("d"), put("d/f", "1"), put("f", "1")]).unwrap();
        for (change, message) in [
            (put("", "x"), "/: is a directory"),
            (put("d", "x"), "d: is a directory"),
            (put("x/y", "x"), "x: no such file or directory"),
            (put("f/y", "x"), "f: not a directory"),
            (mkdir("f"), "f: exists already"),
            (mkdir(""), "/: exists already"),
            (remove("x"), "x: no such file or directory"),
            (remove("d"), "d: directory not empty"),
            (remove(""), "/: directory not empty"),
            (Change::Touch { path: path("x"), mtime: UNIX_EPOCH }, "x: no such file or directory"),
        ] {
            // The change before it is taken back too.
            let error = commit(&store, &[put("other", "x"), change]).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        assert_eq!((store.revision(), store.usage().entries), (1, 3));
        assert_eq!(store.watch(1).unwrap().try_recv().unwrap(), None);
    }

    #[test]
    fn compares_revisions() {
        let store = MemoryStore::new();
        commit(&store, &[put("f", "1")]).unwrap();
        let at = |revision| Precondition::At { path: path("f"), revision };
        let absent = |at| Precondition::Absent { path: path(at) };
        let guarded = |preconditions: Vec<Precondition>| {
            let changes = vec![put("g", "1")];
            store.commit(Commit { preconditions, changes, ..Commit::default() })
        };
        let error = guarded(vec![at(2)]).unwrap_err();
        assert_eq!(error.to_string(), "f has changed: expected revision 2, found revision 1");
        let error = guarded(vec![at(1), absent("f")]).unwrap_err();
        assert_eq!(error.to_string(), "f has changed: expected nothing, found revision 1");
        let gone = Precondition::At { path: path("g"), revision: 1 };
        let error = guarded(vec![gone]).unwrap_err();
        assert_eq!(error.to_string(), "g has changed: expected revision 1, found nothing");
        assert_eq!(guarded(vec![at(1), absent("g")]).unwrap(), 2);
    }

    #[test]
    fn the_same_text_again_is_no_revision_of_the_file() {
        let store = MemoryStore::new();
        let old = UNIX_EPOCH + Duration::from_secs(9);
        commit(&store, &[put("f", "1"), Change::Touch { path: path("f"), mtime: old }]).unwrap();
        assert_eq!(store.stat(&path("f")).unwrap().unwrap().mtime, old);
        assert_eq!(commit(&store, &[put("f", "1")]).unwrap(), 2);
        let entry = store.stat(&path("f")).unwrap().unwrap();
        assert_eq!(entry.modified, 1);
        assert!(entry.mtime > old);
        assert_eq!(store.history(&path("f"), 9).unwrap().len(), 1);
        assert_eq!(store.watch(1).unwrap().recv().unwrap().entry, Some(entry));
        // Same length, other bytes; then twice in one commit.
        commit(&store, &[put("f", "2"), put("f", "3"), put("f", "3")]).unwrap();
        assert_eq!(store.history(&path("f"), 9).unwrap().len(), 3);
        assert_eq!(&*store.read(&path("f")).unwrap().unwrap().1, b"3");
    }

    #[test]
    fn replaces_a_directory_by_a_file_and_back_in_one_commit() {
        let store = MemoryStore::new();
        let mkdir = |at| Change::Mkdir { path: path(at) };
        let remove = |at| Change::Remove { path: path(at) };
        commit(&store, &[mkdir("d"), put("d/f", "1"), put("d-x", "1")]).unwrap();
        commit(&store, &[remove("d/f"), remove("d"), put("d", "file")]).unwrap();
        assert_eq!(store.stat(&path("d/f")).unwrap(), None);
        assert_eq!((store.usage().entries, store.usage().bytes), (2, 5));
        commit(&store, &[remove("d"), mkdir("d"), put("d/g", "1")]).unwrap();
        let list = store.list(&path("d")).unwrap().unwrap();
        assert_eq!(list.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["g"]);
        assert_eq!((store.usage().entries, store.usage().bytes), (3, 2));
    }
}
