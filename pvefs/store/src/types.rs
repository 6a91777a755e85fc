//! What goes into a store and comes out of it.

use crate::TreePath;
use std::sync::Arc;
use std::time::SystemTime;

/// The number of a commit. 0 is the empty tree.
pub type Revision = u64;

/// The bytes of a file; a clone costs a reference count.
pub type Content = Arc<[u8]>;

/// The names in a directory, in bytewise order, and what they are.
pub type Listing = Vec<(Box<str>, Entry)>;

/// File or directory. Symbolic links are no part of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
}

/// What is known of a file or directory without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// File or directory.
    pub kind: Kind,
    /// The revision that created it (under this name, since it last did not exist).
    pub created: Revision,
    /// The revision that last changed its content. A [`Change::Put`] of the same bytes does not: it counts as a
    /// [`Change::Touch`]. What happens to a directory's entries does not change the directory.
    pub modified: Revision,
    /// When that was, or what [`Change::Touch`] said.
    pub mtime: SystemTime,
    /// Length of the content in bytes; 0 for a directory.
    pub size: u64,
}

/// Who makes a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// User id of the process, if known.
    pub uid: Option<u32>,
    /// Process id in the host's pid namespace, if known.
    pub pid: Option<u32>,
    /// Name of its program (`vim`, `sed`).
    pub program: String,
}

/// One change of a commit. A rename is a [`Change::Put`] and a [`Change::Remove`] in one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes or replaces the file at a path. Its parent must be a directory. The modification time becomes the time
    /// of the commit. If the bytes are those already there, that is all that changes, and history has no entry of it.
    Put {
        /// Where.
        path: TreePath,
        /// The whole content.
        data: Content,
    },
    /// Makes a directory. Its parent must be a directory, and nothing may be at the path.
    Mkdir {
        /// Where.
        path: TreePath,
    },
    /// Removes a file or an empty directory.
    Remove {
        /// Which.
        path: TreePath,
    },
    /// Sets the modification time. It is a commit with an event, but makes no revision of the content, and history
    /// has no entry of it.
    Touch {
        /// Which.
        path: TreePath,
        /// The new time.
        mtime: SystemTime,
    },
}

/// What must be true for a commit to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// `path` was last changed by `revision` (its [`Entry::modified`]).
    At {
        /// Which.
        path: TreePath,
        /// Its [`Entry::modified`].
        revision: Revision,
    },
    /// Nothing is at `path`.
    Absent {
        /// Which.
        path: TreePath,
    },
}

/// Changes that happen together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// What must hold.
    pub preconditions: Vec<Precondition>,
    /// What to change, in order.
    pub changes: Vec<Change>,
    /// Who does it.
    pub author: Author,
}

/// A commit as history tells it, seen from one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRecord {
    /// Its number.
    pub revision: Revision,
    /// When it was made.
    pub time: SystemTime,
    /// Who made it.
    pub author: Author,
    /// The path it changed.
    pub path: TreePath,
    /// Length of the content after it; `None` if it removed the path.
    pub size: Option<u64>,
}

/// A change that a watch tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The commit that made it.
    pub revision: Revision,
    /// What changed.
    pub path: TreePath,
    /// What is there now; `None` if it was removed.
    pub entry: Option<Entry>,
}

/// How much a tree holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Sum of the content lengths, in bytes.
    pub bytes: u64,
    /// Files and directories, the root not counted.
    pub entries: u64,
}

/// Why a store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A precondition did not hold.
    #[error("{path} has changed: expected {expected}, found {found}")]
    Conflict {
        /// The path whose precondition failed.
        path: TreePath,
        /// What was asked for.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The parent of a path, or the path itself, does not exist.
    #[error("{0}: no such file or directory")]
    NotFound(TreePath),
    /// Something is at the path already.
    #[error("{0}: exists already")]
    Exists(TreePath),
    /// A directory was needed.
    #[error("{0}: not a directory")]
    NotADirectory(TreePath),
    /// A file was needed.
    #[error("{0}: is a directory")]
    IsADirectory(TreePath),
    /// A directory to be removed has entries.
    #[error("{0}: directory not empty")]
    NotEmpty(TreePath),
    /// History no longer has that revision.
    #[error("revision {0} is no longer kept")]
    Compacted(Revision),
    /// The disk is full.
    #[error("no space left for {0}")]
    NoSpace(String),
    /// The disk, or the engine below, failed.
    #[error("{operation}: {reason}")]
    Io {
        /// What was tried.
        operation: String,
        /// What the engine said.
        reason: String,
    },
    /// The store has been closed, or its writer has died.
    #[error("the store is closed")]
    Closed,
    /// The store was opened for reading only.
    #[error("{0} is open for reading only")]
    ReadOnly(String),
    /// Another process has the store open.
    #[error("{path} is in use by {holder}")]
    Busy {
        /// The store.
        path: String,
        /// Process id and program of the holder, as far as known.
        holder: String,
    },
    /// The file is no store of ours, is damaged, or was made by a newer version.
    #[error("{path}: {reason}")]
    Unusable {
        /// The store.
        path: String,
        /// What is wrong, and what to do.
        reason: String,
    },
}
