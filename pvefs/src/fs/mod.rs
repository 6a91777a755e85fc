//! What a save, a rename or a removal means, without FUSE types.
//!
//! A file is always whole: readers get the text that was committed when they opened it, writers work on a [`stage`] of
//! their own, and a commit replaces the text in one step, after the [`Judge`] has accepted it. One module holds each
//! verb. [`overlay`] says how names that a tool takes away just before it writes are kept; [`names`] which files live in
//! memory only.
//!
//! # Locks
//! `inodes`, `overlay`, `guests` and a handle's stage are locks of their own. A stage may be held while a commit is made
//! (it belongs to one open file); the others are never held across one. Taken together they are taken in the order
//! stage, overlay, guests, inodes; the stage of a file in memory is also taken last, after overlay, and then nothing else.

mod attr;
mod cache;
mod commit;
mod create;
mod dir;
mod error;
mod flush;
mod guests;
mod handle;
mod hold;
mod holders;
mod inode;
mod judge;
mod lock;
mod lookup;
mod names;
mod open;
mod overlay;
mod read;
mod reject;
mod rename;
mod server;
mod setattr;
mod stage;
mod statfs;
#[cfg(test)]
mod tests;
mod unlink;
mod virt;
mod write;

pub use attr::{Attr, FileKind};
pub use dir::{DirItem, Listing};
pub use error::{Call, FsError};
pub use handle::{Caller, OpenMode, Opened};
pub use inode::{Ino, ROOT};
pub use judge::{Judge, Refusal};
pub use names::{GuestPath, is_lock, is_private, is_temporary};
pub use reject::{Rejected, is_internal, rejected_in};
pub use rename::RenameMode;
pub use server::{Saved, Status};
pub use statfs::Statfs;

use guests::Guests;
use handle::Handles;
use inode::Inodes;
use lock::Locks;
use overlay::Overlay;
use parking_lot::Mutex;
use pvefs_store::{Author, Change, Commit, Store, StoreError, TreePath};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// Hidden directory of the store that is no part of the tree people see.
const INTERNAL: &str = ".pvefs";

/// What an instance is told at its start.
#[derive(Clone, Debug)]
pub struct Options {
    /// This node's name: what `local` points to.
    pub node: String,
    /// Group of everything: `www-data`.
    pub gid: u32,
    /// How long a name that was taken away may come back.
    pub grace: Duration,
    /// Longest file, in bytes.
    pub max_file: u64,
    /// All files together, in bytes.
    pub max_total: u64,
    /// Files and directories.
    pub max_entries: u64,
}

impl Options {
    /// The reference's limits.
    pub fn new(node: impl Into<String>) -> Self {
        Self {
            node: node.into(),
            gid: 0,
            grace: Duration::from_secs(2),
            max_file: 1 << 20,
            max_total: 128 << 20,
            max_entries: 256 << 10,
        }
    }
}

/// Something outside that follows from a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What the kernel knows of an inode is old.
    Inode(Ino),
    /// What the kernel knows of a name is old.
    Entry(Ino, String),
    /// A container of this node changed.
    Poke(u32),
    /// A file changed by no system call of a process, so that no watcher was woken.
    Nudge(TreePath),
    /// A file was removed by no system call: parent, number if known, name.
    Gone(Ino, Ino, String),
    /// A grace period began: ask [`Fs::expire`] when it ends.
    Due,
}

/// The file system.
pub struct Fs {
    store: Arc<dyn Store>,
    judge: Arc<dyn Judge>,
    options: Options,
    inodes: Mutex<Inodes>,
    overlay: Mutex<Overlay>,
    guests: Mutex<Guests>,
    handles: Handles,
    locks: Mutex<Locks>,
    texts: Mutex<cache::Cache>,
    log: Mutex<virt::Log>,
    mended: Mutex<hold::Mended>,
    device: OnceLock<String>,
    started: SystemTime,
    effects: Box<dyn Fn(Effect) + Send + Sync>,
}

impl std::fmt::Debug for Fs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fs").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Fs {
    /// Opens the file system over a store. `effects` is called from within operations and must not call back.
    ///
    /// # Errors
    /// When the store cannot be read, or the directories that always exist cannot be made.
    pub fn new(
        store: Arc<dyn Store>,
        judge: Arc<dyn Judge>,
        options: Options,
        effects: impl Fn(Effect) + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        make_directories(&*store, &options.node)?;
        let guests = Guests::load(&*store)?;
        Ok(Self {
            store,
            judge,
            options,
            inodes: Mutex::new(Inodes::new()),
            overlay: Mutex::new(Overlay::default()),
            guests: Mutex::new(guests),
            handles: Handles::default(),
            locks: Mutex::new(Locks::default()),
            texts: Mutex::default(),
            log: Mutex::new(virt::Log::default()),
            mended: Mutex::new(hold::Mended::default()),
            device: OnceLock::new(),
            started: SystemTime::now(),
            effects: Box::new(effects),
        })
    }

    /// Says which device the mount is, as /proc/PID/mountinfo shows it. Without it no close is known not to be the last.
    pub fn set_device(&self, device: String) {
        // There is one mount, and one device.
        let _ = self.device.set(device);
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    fn effect(&self, effect: Effect) {
        (self.effects)(effect);
    }

    fn path(&self, ino: Ino) -> Option<TreePath> {
        self.inodes.lock().path(ino)
    }

    /// The path of an inode that must have one.
    fn live_path(&self, ino: Ino) -> Result<TreePath, FsError> {
        self.path(ino).ok_or_else(|| FsError::Stale(format!("inode {ino}")))
    }

    /// The path of `name` in `parent`.
    fn child(&self, parent: Ino, name: &[u8]) -> Result<(TreePath, String), FsError> {
        let Ok(name) = std::str::from_utf8(name) else {
            return Err(FsError::BadName(name.escape_ascii().to_string()));
        };
        let path = self.live_path(parent)?.join(name)?;
        Ok((path, name.to_owned()))
    }
}

/// The directories that the reference always has.
fn make_directories(store: &dyn Store, node: &str) -> Result<(), StoreError> {
    let mut changes = Vec::new();
    let mut paths = vec!["nodes".to_owned(), format!("nodes/{node}")];
    paths.extend(["lxc", "qemu-server", "openvz", "priv"].map(|dir| format!("nodes/{node}/{dir}")));
    paths.extend(["priv".to_owned(), "priv/lock".to_owned(), INTERNAL.to_owned()]);
    for path in paths {
        let path: TreePath = path.parse().map_err(|error| StoreError::Unusable {
            path: path.clone(),
            reason: format!("the node name {node:?} is no name of a directory: {error}"),
        })?;
        if store.stat(&path)?.is_none() {
            changes.push(Change::Mkdir { path });
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    let author = Author { program: "pvefs".to_owned(), ..Author::default() };
    store.commit(Commit { changes, author, ..Commit::default() }).map(drop)
}
