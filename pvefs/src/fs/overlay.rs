//! What the tree looks like beyond what the store holds: files in memory, names being made, names just taken away.
//!
//! # Why a name that is taken away is kept
//! `install`, `mv` from another file system, `cp --remove-destination`, `git checkout` and `rsync -T` unlink a file and then
//! make it anew; vim, `sed -i.bak` and `perl -i.bak` rename it away. If the new text is then refused, there must still be
//! the old one. What is promised to whom:
//!
//! - **unlink** of a configuration is committed before it returns: after a `kill -9` the file stays removed. The text is
//!   remembered as [`Shade::Removed`]. If the name is made again within the grace period, a tool is replacing the file:
//!   the old text is committed back *before* the new file's handle exists, and that handle is a stage over it, as with any
//!   overwrite. From there on refusal, crash and readers need no special case: the old text is simply there. For the
//!   programs that are known to replace files this way the removal is not committed but hidden, as with a rename: a crash
//!   between their unlink and their create must not cost the last acknowledged save.
//! - **rename** of a configuration to another name that is not one: the copy under the new name is committed if that name
//!   is stored, but the old name stays in the store, hidden ([`Shade::Hidden`]), until the grace period is over. A crash
//!   within it shows the file under both names, or for a temporary name under the old one alone. Made again, the name is
//!   simply not hidden any more. At the end of the period the removal is committed, together with the new name if that
//!   was in memory only: a text that was stored once never lives in memory alone. fsync of the directory ends it at once.
//! - **rename** from configuration to configuration (migration, another number) is one commit, at once.
//! - Removal is announced (poke, `.vmlist`) when the period is over.

use crate::fs::inode::Ino;
use crate::fs::stage::Stage;
use parking_lot::Mutex;
use pvefs_store::{Revision, TreePath};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// A file in memory. Its handles share it, as with any file system.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub ino: Ino,
    pub body: Arc<Mutex<Stage>>,
    pub mtime: Mutex<SystemTime>,
}

/// What lies over a name of the store.
#[derive(Clone, Debug)]
pub(crate) enum Shade {
    /// A file in memory.
    Scratch(Arc<Scratch>),
    /// Made, but no text of it is committed yet.
    Pending {
        /// When.
        since: SystemTime,
    },
    /// The store has it; for everyone else it is moved away.
    Hidden {
        /// Until when it may come back.
        until: Instant,
        /// The revision that is hidden.
        revision: Revision,
        /// Where it is now, if that is in memory.
        to: Option<Ino>,
    },
    /// Removed from the store.
    Removed {
        /// Until when it may come back.
        until: Instant,
        /// The text it had.
        text: Arc<[u8]>,
    },
}

impl Shade {
    /// Until when it may come back, if it was taken away.
    pub fn until(&self) -> Option<Instant> {
        match self {
            Self::Hidden { until, .. } | Self::Removed { until, .. } => Some(*until),
            Self::Scratch(_) | Self::Pending { .. } => None,
        }
    }
}

/// All that lies over the store, by path.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    shades: BTreeMap<TreePath, Shade>,
}

impl Overlay {
    pub fn get(&self, path: &TreePath) -> Option<&Shade> {
        self.shades.get(path)
    }

    pub fn insert(&mut self, path: TreePath, shade: Shade) {
        self.shades.insert(path, shade);
    }

    pub fn remove(&mut self, path: &TreePath) -> Option<Shade> {
        self.shades.remove(path)
    }

    /// The shades directly in `dir`.
    pub fn children<'a>(
        &'a self,
        dir: &'a TreePath,
    ) -> impl Iterator<Item = (&'a TreePath, &'a Shade)> {
        self.shades
            .range::<TreePath, _>((Bound::Excluded(dir), Bound::Unbounded))
            .take_while(move |(path, _)| path.as_str().starts_with(dir.as_str()))
            .filter(move |(path, _)| path.parent().as_ref() == Some(dir))
    }

    /// The names taken away whose time is over at `now`.
    pub fn due(&self, now: Instant) -> Vec<TreePath> {
        self.shades
            .iter()
            .filter(|(_, shade)| shade.until().is_some_and(|until| until <= now))
            .map(|(path, _)| path.clone())
            .collect()
    }

    /// When the next one's time is over.
    pub fn next_due(&self) -> Option<Instant> {
        self.shades.values().filter_map(Shade::until).min()
    }

    /// The file in memory with this number.
    pub fn scratch_by_ino(&self, ino: Ino) -> Option<(TreePath, Arc<Scratch>)> {
        self.shades.iter().find_map(|(path, shade)| match shade {
            Shade::Scratch(scratch) if scratch.ino == ino => Some((path.clone(), scratch.clone())),
            _ => None,
        })
    }

    /// Bytes and files in memory.
    pub fn usage(&self) -> (u64, u64) {
        self.shades.values().fold((0, 0), |(bytes, files), shade| match shade {
            Shade::Scratch(scratch) => (bytes + scratch.body.lock().len() as u64, files + 1),
            Shade::Pending { .. } => (bytes, files + 1),
            Shade::Hidden { .. } | Shade::Removed { .. } => (bytes, files),
        })
    }

    /// Whether nothing lies over the store.
    pub fn is_empty(&self) -> bool {
        self.shades.is_empty()
    }
}
