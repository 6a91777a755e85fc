//! create and mkdir.

use crate::fs::attr::{Attr, FileKind};
use crate::fs::handle::{Body, Caller, Handle, OpenMode, Opened};
use crate::fs::inode::Ino;
use crate::fs::lookup::View;
use crate::fs::names::{is_lock, is_temporary};
use crate::fs::overlay::{Scratch, Shade};
use crate::fs::stage::Stage;
use crate::fs::virt::Place;
use crate::fs::{Fs, FsError};
use parking_lot::Mutex;
use pvefs_store::{Change, Precondition, TreePath};
use std::sync::Arc;
use std::time::SystemTime;

impl Fs {
    /// Makes a file and opens it for writing.
    ///
    /// The file has no text yet: it is there for its maker, and its name is taken, but nothing is committed. If the name
    /// was taken away a moment ago, what was there comes back now, and the new handle is a stage over it (see `overlay`).
    ///
    /// # Errors
    /// When the name exists, is reserved or cannot be, or when the guest's number is in use.
    pub fn create(
        &self,
        parent: Ino,
        name: &[u8],
        mode: OpenMode,
        caller: Caller,
    ) -> Result<(Attr, Opened), FsError> {
        let (path, name) = self.child(parent, name)?;
        self.writable_place(&path)?;
        let mut again = None;
        match self.view(&path)? {
            View::Absent => {}
            View::Stored(entry) if self.looks_gone(&path, caller) => again = Some(entry.modified),
            View::Dir(_) => return Err(FsError::IsADirectory(path.to_string())),
            _ if mode.exclusive => return Err(FsError::Exists(path.to_string())),
            _ => {
                let opened = self.lookup(parent, name.as_bytes(), caller).and_then(|attr| {
                    self.open(attr.ino, mode, caller).map(|opened| (attr, opened))
                });
                match opened {
                    // It went away in this moment: the kernel looks again, and finds that it can be made.
                    Err(FsError::NotFound(_)) => return Err(FsError::Stale(path.to_string())),
                    opened => return opened,
                }
            }
        }
        self.parent_is_dir(&path)?;
        self.room_for_entry(&path)?;
        let shade = self.overlay.lock().get(&path).cloned();
        let mut replaces = again.is_some();
        let base = match shade {
            None => again,
            Some(shade) => {
                replaces = true;
                self.bring_back(&path, &shade)?
            }
        };
        let now = SystemTime::now();
        let stage = Arc::new(Mutex::new(Stage::truncated(base)));
        let scratch = !replaces && is_temporary(&name);
        if !replaces && !scratch {
            self.guests.lock().claim(&path, None)?;
            self.overlay.lock().insert(path.clone(), Shade::Pending { since: now });
        }
        let ino = self.inodes.lock().tell(parent, &name, 1);
        if scratch {
            let file = Scratch { ino, body: stage.clone(), mtime: Mutex::new(now) };
            self.overlay.lock().insert(path.clone(), Shade::Scratch(Arc::new(file)));
        }
        let handle = Handle {
            append: mode.append,
            fresh: true,
            replaces,
            ..Handle::new(ino, Body::Stage(stage), caller)
        };
        let fh = self.handles.add(handle);
        let attr = self.attr(ino, &path, FileKind::File, 0, now);
        Ok((Attr { stable: false, ..attr }, Opened { fh, writes: true }))
    }

    /// Makes a directory. In `priv/lock/` that takes a lock.
    ///
    /// # Errors
    /// When the name exists, is reserved or cannot be.
    pub fn mkdir(&self, parent: Ino, name: &[u8], caller: Caller) -> Result<Attr, FsError> {
        let (path, name) = self.child(parent, name)?;
        self.writable_place(&path)?;
        if !matches!(self.view(&path)?, View::Absent) {
            return Err(FsError::Exists(path.to_string()));
        }
        self.room_for_entry(&path)?;
        self.settle(&path)?;
        let changes = vec![Change::Mkdir { path: path.clone() }];
        let absent = vec![Precondition::Absent { path: path.clone() }];
        match self.commit("mkdir", &path, changes, absent, caller.author()) {
            Err(FsError::Store(_, pvefs_store::StoreError::Conflict { .. })) => {
                return Err(FsError::Exists(path.to_string()));
            }
            other => other?,
        };
        if is_lock(&path) {
            self.locks.lock().taken(&path);
        }
        self.lookup(parent, name.as_bytes(), caller)
    }

    /// That `path` is one where people may make, remove and rename.
    pub(crate) fn writable_place(&self, path: &TreePath) -> Result<(), FsError> {
        match self.place(path) {
            Place::Tree => Ok(()),
            _ => Err(FsError::Denied(path.to_string(), "the name belongs to the file system")),
        }
    }

    pub(crate) fn parent_is_dir(&self, path: &TreePath) -> Result<(), FsError> {
        let Some(parent) = path.parent() else { return Ok(()) };
        match self.view(&parent)? {
            View::Dir(_) => Ok(()),
            View::Absent => Err(FsError::NotFound(parent.to_string())),
            _ => Err(FsError::NotADirectory(parent.to_string())),
        }
    }

    pub(crate) fn room_for_entry(&self, path: &TreePath) -> Result<(), FsError> {
        let (_, in_memory) = self.overlay.lock().usage();
        if self.store.usage().entries + in_memory >= self.options.max_entries {
            return Err(FsError::NoSpace(path.to_string()));
        }
        Ok(())
    }
}
