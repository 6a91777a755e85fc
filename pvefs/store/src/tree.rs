//! The tree as it is now, in memory, without contents.

use crate::types::{Entry, Kind, Revision, Usage};
use crate::{TreePath, plan::Overlay};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

/// Identifies one change: the commit's revision, then the place of the change in it.
pub(crate) type ChangeId = u64;

/// Bits of a [`ChangeId`] that number the changes of one commit.
const POSITION_BITS: u32 = 20;
/// A commit has fewer changes than this.
pub(crate) const MAX_CHANGES: usize = 1 << POSITION_BITS;

pub(crate) fn change_id(revision: Revision, position: usize) -> ChangeId {
    (revision << POSITION_BITS) | position as u64
}

pub(crate) fn revision_of(id: ChangeId) -> Revision {
    id >> POSITION_BITS
}

/// The last change that `revision` can have.
pub(crate) fn last_change_of(revision: Revision) -> ChangeId {
    change_id(revision, MAX_CHANGES - 1)
}

/// Nanoseconds since 1970, clamped to what 64 bits can hold (the years 1677 to 2262).
pub(crate) fn to_nanos(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

pub(crate) fn from_nanos(nanos: i64) -> SystemTime {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

/// A file or directory; smaller than an [`Entry`], since there is one for every file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub kind: Kind,
    pub created: Revision,
    /// The change that holds the content.
    pub content: ChangeId,
    pub mtime: i64,
    pub size: u64,
}

impl Node {
    pub fn entry(&self) -> Entry {
        Entry {
            kind: self.kind,
            created: self.created,
            modified: revision_of(self.content),
            mtime: from_nanos(self.mtime),
            size: self.size,
        }
    }
}

/// All nodes, by directory and name.
#[derive(Debug)]
pub(crate) struct Tree {
    root: Node,
    directories: HashMap<TreePath, BTreeMap<Box<str>, Node>>,
    usage: Usage,
}

impl Tree {
    pub fn new(root_mtime: i64) -> Self {
        let root = Node { kind: Kind::Dir, created: 0, content: 0, mtime: root_mtime, size: 0 };
        Self {
            root,
            directories: HashMap::from([(TreePath::root(), BTreeMap::new())]),
            usage: Usage::default(),
        }
    }

    pub fn get(&self, path: &TreePath) -> Option<Node> {
        match path.split() {
            None => Some(self.root),
            Some((parent, name)) => self.directories.get(parent)?.get(name).copied(),
        }
    }

    pub fn list(&self, path: &TreePath) -> Option<&BTreeMap<Box<str>, Node>> {
        self.directories.get(path)
    }

    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// A path that has entries but is no directory; only a damaged store has one.
    pub fn orphan(&self) -> Option<&TreePath> {
        let is_directory =
            |path: &TreePath| self.get(path).is_some_and(|node| node.kind == Kind::Dir);
        self.directories.keys().find(|path| !is_directory(path))
    }

    /// Puts `node` at `path`, or removes what is there. The order of parents and children does not matter.
    pub fn set(&mut self, path: &TreePath, node: Option<Node>) {
        let Some((parent, name)) = path.split() else {
            self.root = node.unwrap_or(self.root);
            return;
        };
        let before = match (node, self.directories.get_mut(parent)) {
            (Some(node), Some(entries)) => entries.insert(name.into(), node),
            (Some(node), None) => {
                let directory = path.parent().unwrap_or_default();
                self.directories.insert(directory, BTreeMap::from([(name.into(), node)]));
                None
            }
            (None, Some(entries)) => entries.remove(name),
            (None, None) => None,
        };
        if let Some(before) = before {
            self.usage.bytes -= before.size;
            self.usage.entries -= 1;
        }
        if let Some(node) = node {
            self.usage.bytes += node.size;
            self.usage.entries += 1;
        }
        let is_directory = |node: Option<Node>| node.is_some_and(|node| node.kind == Kind::Dir);
        match (is_directory(before), is_directory(node)) {
            (false, true) => {
                self.directories.entry(path.clone()).or_default();
            }
            (true, false) => {
                self.directories.remove(path);
            }
            _ => {}
        }
    }

    /// Makes planned changes visible: children go before their directory, and come after it.
    pub fn apply(&mut self, overlay: &Overlay) {
        for (path, _) in overlay.iter().rev().filter(|(_, node)| node.is_none()) {
            self.set(path, None);
        }
        for (path, node) in overlay.iter().filter(|(_, node)| node.is_some()) {
            self.set(path, *node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_both_ways() {
        for nanos in [0, 1, -1, 1_700_000_000_123_456_789, -86_400_000_000_000] {
            assert_eq!(to_nanos(from_nanos(nanos)), nanos);
        }
        assert_eq!(to_nanos(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40)), i64::MAX);
    }

    #[test]
    fn change_ids_keep_the_order_of_revisions() {
        assert!(last_change_of(7) < change_id(8, 0));
        assert_eq!(revision_of(last_change_of(7)), 7);
    }
}
