//! open and release.

use crate::fs::handle::{Body, Caller, Handle, OpenMode, Opened};
use crate::fs::inode::Ino;
use crate::fs::lookup::View;
use crate::fs::names::is_temporary;
use crate::fs::overlay::Shade;
use crate::fs::stage::Stage;
use crate::fs::virt::Place;
use crate::fs::{Fs, FsError};
use parking_lot::Mutex;
use pvefs_store::TreePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What the store says of a file, and its text.
pub(crate) type Stored = (pvefs_store::Entry, Arc<[u8]>);

/// The thread of ours whose opening of a file only wakes watchers; 0 if there is none.
static NUDGER: AtomicU32 = AtomicU32::new(0);

impl Fs {
    /// Says which thread of this process opens files only to wake watchers.
    pub fn set_nudger(thread: u32) {
        NUDGER.store(thread, Ordering::Relaxed);
    }

    /// Opens `ino`. A reader has the text of this moment, whatever happens to the file later.
    ///
    /// # Errors
    /// When it is gone, a directory, or virtual and to be emptied.
    pub fn open(&self, ino: Ino, mode: OpenMode, caller: Caller) -> Result<Opened, FsError> {
        let stale = || FsError::Stale(format!("inode {ino}"));
        let path = self.path(ino).ok_or_else(stale)?;
        let body = match self.place(&path) {
            Place::Internal => return Err(FsError::NotFound(path.to_string())),
            Place::Link(_) => return Err(FsError::Invalid(path.to_string(), "a symbolic link")),
            Place::Made(_) | Place::Rejected(_) if mode.truncate => {
                return Err(FsError::Denied(path.to_string(), "it is made by the file system"));
            }
            Place::Made(_) if mode.write => Body::Unwritable,
            Place::Made(made) => Body::Snapshot(self.make(made).into_bytes().into()),
            Place::Rejected(_) if mode.write => {
                return Err(FsError::Denied(path.to_string(), "it is made by the file system"));
            }
            Place::Rejected(stored) => Body::Snapshot(self.stored_text(&stored)?.1),
            Place::Tree => self.open_in_tree(ino, &path, mode, caller)?,
        };
        let handle =
            Handle { append: mode.append, fresh: mode.truncate, ..Handle::new(ino, body, caller) };
        // Whoever takes away the name of a file without a text does it under this lock: either the name is gone here, or the
        // new handle is seen there.
        let overlay = mode.write.then(|| self.overlay.lock());
        if overlay.is_some() && self.path(ino).is_none() {
            return Err(stale());
        }
        Ok(Opened { fh: self.handles.add(handle), writes: mode.write })
    }

    fn open_in_tree(
        &self,
        ino: Ino,
        path: &TreePath,
        mode: OpenMode,
        caller: Caller,
    ) -> Result<Body, FsError> {
        match self.view(path)? {
            View::Absent => Err(FsError::Stale(path.to_string())),
            View::Dir(_) => Err(FsError::IsADirectory(path.to_string())),
            View::Scratch(scratch) => {
                if mode.truncate {
                    scratch.body.lock().truncate(0, self.options.max_file, path.as_str())?;
                }
                Ok(Body::Stage(scratch.body.clone()))
            }
            View::Pending(_) if mode.write => {
                Ok(Body::Stage(Arc::new(Mutex::new(Stage::truncated(None)))))
            }
            View::Pending(_) => {
                // Whoever made it is still writing its first text: for readers there is no file yet.
                if self.handles.stages_of(ino).is_empty() {
                    Ok(Body::Snapshot(Arc::from([])))
                } else {
                    Err(FsError::NotFound(path.to_string()))
                }
            }
            View::Stored(entry) if mode.write && mode.truncate => {
                Ok(Body::Stage(Arc::new(Mutex::new(Stage::truncated(Some(entry.modified))))))
            }
            View::Stored(_) => {
                let (entry, text) = self.stored_text(path)?;
                if !mode.write {
                    return Ok(Body::Snapshot(text));
                }
                if caller.pid != 0 && caller.pid == NUDGER.load(Ordering::Relaxed) {
                    return Ok(Body::Nudge(text));
                }
                let stage = Stage::new(text.to_vec(), Some(entry.modified));
                Ok(Body::Stage(Arc::new(Mutex::new(stage))))
            }
        }
    }

    /// What the store has at `path`.
    pub(crate) fn stored_text(&self, path: &TreePath) -> Result<Stored, FsError> {
        self.read_stored(path)?.ok_or_else(|| FsError::NotFound(path.to_string()))
    }

    pub(crate) fn read_stored(&self, path: &TreePath) -> Result<Option<Stored>, FsError> {
        let Some(entry) = self.stat(path)? else { return Ok(None) };
        if let Some(text) = self.texts.lock().get(path, entry.modified) {
            return Ok(Some((entry, text)));
        }
        let read =
            self.store.read(path).map_err(|error| FsError::Store(format!("read {path}"), error))?;
        if let Some((entry, text)) = &read {
            self.texts.lock().put(path, entry.modified, text);
        }
        Ok(read)
    }

    /// Closes a handle. Its stage is dropped: a save is committed by flush and fsync.
    ///
    /// One thing is left to do here: `: > FILE`, `touch FILE` and the like have no operation after which the file is known
    /// to stay empty (a shell's `>` flushes once before anything is written). A file that is no configuration becomes empty now.
    /// Returns whether that happened.
    pub fn release(&self, fh: u64) -> bool {
        self.end_failed(fh);
        let Some(handle) = self.handles.remove(fh) else { return false };
        let Body::Stage(stage) = &handle.body else { return false };
        let Some(path) = self.path(handle.ino) else { return false };
        let mut stage = stage.lock();
        if stage.poison.is_some()
            || stage.refused.is_some()
            || !handle.fresh
            || stage.is_written()
            || stage.is_dirty()
            || self.judge.judges(&path)
        {
            return false;
        }
        // By its name: it may be unlinked at this moment, and must not come back.
        let in_memory = path.name().is_some_and(is_temporary);
        if in_memory || stage.flushes > 1 {
            return false;
        }
        if let Err(error) = self.save(&path, &mut stage, handle.author()) {
            tracing::warn!("emptying {path} at its close: {error}");
        }
        true
    }

    /// Keeps what was written to a handle whose text was refused.
    ///
    /// A file that was made and written to, and of which no text was accepted, goes with the last handle that writes to
    /// it: the name and the guest's number are free again. Not after the handle: without one it can be read as empty.
    fn end_failed(&self, fh: u64) {
        let Some(handle) = self.handles.find(fh) else { return };
        let (Some(path), Some(stage)) = (self.path(handle.ino), handle.stage()) else { return };
        let has_failed = {
            let stage = stage.lock();
            self.keep_rejected(&path, &stage, handle.author());
            stage.is_dirty() || stage.poison.is_some() || stage.refused.is_some()
        };
        if !has_failed {
            return;
        }
        let mut overlay = self.overlay.lock();
        // The name may have been taken away and made anew since: then it is another file's.
        let is_ours = self.inodes.lock().find_path(&path) == Some(handle.ino);
        if !is_ours
            || self.handles.stages_of(handle.ino).len() > 1
            || !matches!(overlay.get(&path), Some(Shade::Pending { .. }))
        {
            return;
        }
        overlay.remove(&path);
        self.guests.lock().gone(&path);
        // Still under the lock: a name that is made anew must not be forgotten with this one.
        self.lost_name(&path);
    }
}
