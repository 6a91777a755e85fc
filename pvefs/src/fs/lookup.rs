//! lookup, getattr, readlink: what is at a name.

use crate::fs::attr::{Attr, FileKind};
use crate::fs::handle::Caller;
use crate::fs::inode::Ino;
use crate::fs::overlay::{Scratch, Shade};
use crate::fs::virt::{Made, Place};
use crate::fs::{Fs, FsError};
use pvefs_store::{Entry, Kind, TreePath};
use std::sync::Arc;
use std::time::SystemTime;

/// What there is for everyone to see at a path of the tree.
#[derive(Clone, Debug)]
pub(crate) enum View {
    Absent,
    Dir(Entry),
    Stored(Entry),
    Scratch(Arc<Scratch>),
    Pending(SystemTime),
}

impl Fs {
    /// What is at `path`, overlay and store taken together.
    pub(crate) fn view(&self, path: &TreePath) -> Result<View, FsError> {
        match self.overlay.lock().get(path) {
            Some(Shade::Scratch(scratch)) => return Ok(View::Scratch(scratch.clone())),
            Some(Shade::Pending { since }) => return Ok(View::Pending(*since)),
            Some(Shade::Hidden { .. } | Shade::Removed { .. }) => return Ok(View::Absent),
            None => {}
        }
        Ok(match self.stat(path)? {
            None => View::Absent,
            Some(entry) if entry.kind == Kind::Dir => View::Dir(entry),
            Some(entry) => View::Stored(entry),
        })
    }

    pub(crate) fn stat(&self, path: &TreePath) -> Result<Option<Entry>, FsError> {
        self.store.stat(path).map_err(|error| FsError::Store(format!("stat {path}"), error))
    }

    /// Finds `name` in `parent`. The kernel knows the number from here on, until it forgets it.
    ///
    /// # Errors
    /// [`FsError::NotFound`], or a name that no file can have.
    pub fn lookup(&self, parent: Ino, name: &[u8], caller: Caller) -> Result<Attr, FsError> {
        let (path, name) = self.child(parent, name)?;
        if self.looks_gone(&path, caller) {
            return Err(FsError::NotFound(path.to_string()));
        }
        let mut attr = self.attr_at(0, &path)?;
        attr.ino = self.inodes.lock().tell(parent, &name, 1);
        Ok(attr)
    }

    /// The kernel forgets `lookups` of the times it was told of `ino`.
    pub fn forget(&self, ino: Ino, lookups: u64) {
        self.inodes.lock().forget(ino, lookups);
    }

    /// The attributes of `ino`, as the handle `fh` sees them if one is given, or as `caller` does: who reads or writes a file
    /// must find the size of what he reads or has written.
    ///
    /// # Errors
    /// [`FsError::Stale`] when it is gone and not open either.
    pub fn getattr(&self, ino: Ino, fh: Option<u64>, caller: Caller) -> Result<Attr, FsError> {
        let path = self.path(ino);
        let attr = match &path {
            // The kernel has just looked it up: told that it is stale, it looks again.
            Some(path) => self.attr_at(ino, path).map_err(|error| match error {
                FsError::NotFound(path) => FsError::Stale(path),
                error => error,
            }),
            None => Err(FsError::Stale(format!("inode {ino}"))),
        };
        let size = match fh.and_then(|fh| self.handles.find(fh)) {
            Some(handle) => handle.size(),
            None if attr.is_err() => self.handles.size_for(ino, None),
            None => self.handles.size_for(ino, Some(caller.pid)),
        };
        let Some(size) = size else { return attr };
        match attr {
            Ok(attr) if attr.size == size => Ok(attr),
            Ok(attr) => Ok(Attr { size, stable: false, ..attr }),
            Err(_) => {
                let path = path.unwrap_or_default();
                let attr = self.attr(ino, &path, FileKind::File, size, SystemTime::now());
                Ok(Attr { nlink: 0, stable: false, ..attr })
            }
        }
    }

    /// The target of a link.
    ///
    /// # Errors
    /// When it is none.
    pub fn readlink(&self, ino: Ino) -> Result<String, FsError> {
        let path = self.live_path(ino)?;
        match self.place(&path) {
            Place::Link(target) => Ok(target),
            _ => Err(FsError::Invalid(path.to_string(), "no symbolic link")),
        }
    }

    /// The attributes of what everyone sees at `path`.
    pub(crate) fn attr_at(&self, ino: Ino, path: &TreePath) -> Result<Attr, FsError> {
        let absent = || FsError::NotFound(path.to_string());
        match self.place(path) {
            Place::Internal => Err(absent()),
            Place::Link(target) => {
                Ok(self.attr(ino, path, FileKind::Link, target.len() as u64, self.started))
            }
            Place::Made(made) => Ok(self.attr_of_made(ino, path, made)),
            Place::Rejected(stored) => {
                let entry = self.stat(&stored)?.ok_or_else(absent)?;
                let attr = self.attr_of_entry(ino, path, &entry);
                let perm = if attr.kind == FileKind::Dir { 0o550 } else { 0o440 };
                Ok(Attr { perm, stable: false, ..attr })
            }
            Place::Tree => match self.view(path)? {
                View::Absent => Err(absent()),
                View::Dir(entry) | View::Stored(entry) => Ok(self.attr_of_entry(ino, path, &entry)),
                View::Scratch(scratch) => Ok(self.attr_of_scratch(ino, path, &scratch)),
                View::Pending(since) => {
                    let attr = self.attr(ino, path, FileKind::File, 0, since);
                    Ok(Attr { stable: false, ..attr })
                }
            },
        }
    }

    pub(crate) fn attr_of_made(&self, ino: Ino, path: &TreePath, made: Made) -> Attr {
        let size = self.make(made).len() as u64;
        let attr = self.attr(ino, path, FileKind::File, size, SystemTime::now());
        Attr { perm: 0o440, stable: false, ..attr }
    }
}
