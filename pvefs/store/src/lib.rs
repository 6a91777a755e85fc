//! A versioned tree of files behind one trait.
//!
//! A *revision* is the number of a commit: it starts at 0 for the empty tree and goes up by one with each commit. A
//! commit is a list of changes that happen together or not at all, guarded by preconditions on revisions
//! (compare-and-swap), so that a clustered engine can offer the same. A *watch* tells every change after a given
//! revision, in order, and can be taken up again from any revision that history still has.
//!
//! This crate knows nothing of what the files mean.

#![forbid(unsafe_code)]

mod memory;
mod path;
mod plan;
pub mod pmxcfs_db;
mod sqlite;
mod tree;
mod types;
mod watch;

pub use memory::MemoryStore;
pub use path::{PathError, TreePath};
pub use sqlite::{Retention, SqliteOptions, SqliteStore, Verified};
pub use types::{
    Author, Change, Commit, CommitRecord, Content, Entry, Event, Kind, Listing, Precondition,
    Revision, StoreError, Usage,
};
pub use watch::Watch;

/// A versioned tree of files.
///
/// All methods may be called from many threads at once. Reads never wait for a commit that is being synced.
pub trait Store: Send + Sync + 'static {
    /// The newest revision that is durable and visible.
    fn revision(&self) -> Revision;

    /// What is at `path` now; `None` if nothing is. The root always exists.
    fn stat(&self, path: &TreePath) -> Result<Option<Entry>, StoreError>;

    /// The content of the file at `path` now; `None` if there is no file there.
    fn read(&self, path: &TreePath) -> Result<Option<(Entry, Content)>, StoreError>;

    /// The content that the file at `path` had at revision `at`; `None` if it did not exist then.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] when that revision of the file has been thinned out.
    fn read_at(&self, path: &TreePath, at: Revision) -> Result<Option<Content>, StoreError>;

    /// The entries of the directory at `path` now, by name, in bytewise order; `None` if there is no directory there.
    fn list(&self, path: &TreePath) -> Result<Option<Listing>, StoreError>;

    /// Applies all changes of `commit`, or none, and returns its revision once it is on disk. A commit without changes
    /// makes no revision, and returns the newest one.
    ///
    /// Commits of several threads share one sync.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a precondition does not hold; [`StoreError::NoSpace`], [`StoreError::Io`] when the
    /// disk fails: nothing has changed then, and later commits work again once the fault is gone.
    fn commit(&self, commit: Commit) -> Result<Revision, StoreError>;

    /// The commits that changed `path`, newest first, at most `limit`.
    fn history(&self, path: &TreePath, limit: usize) -> Result<Vec<CommitRecord>, StoreError>;

    /// Every path that history knows whose last component is `name`, living or removed.
    fn paths_named(&self, name: &str) -> Result<Vec<TreePath>, StoreError>;

    /// All changes after revision `from`, then each new one as it is committed.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] when history no longer reaches back to `from`, or has not come as far: an older backup
    /// has been restored. Then list the tree, and watch from [`Store::revision`].
    fn watch(&self, from: Revision) -> Result<Watch, StoreError>;

    /// How much the tree holds now.
    fn usage(&self) -> Usage;
}
