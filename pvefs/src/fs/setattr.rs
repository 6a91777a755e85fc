//! setattr: truncation, times; mode and owner are fixed, and changing them succeeds without effect.

use crate::fs::attr::Attr;
use crate::fs::handle::{Body, Caller};
use crate::fs::inode::Ino;
use crate::fs::lookup::View;
use crate::fs::names::is_lock;
use crate::fs::overlay::Shade;
use crate::fs::stage::Stage;
use crate::fs::virt::Place;
use crate::fs::{Fs, FsError};
use pvefs_store::{Change, StoreError, TreePath};
use std::time::{SystemTime, UNIX_EPOCH};

impl Fs {
    /// Sets size, through a handle or by path, and modification time.
    ///
    /// Through a handle the size is the stage's. By path (truncate(2)) the cut text is judged and committed here; a
    /// configuration with content is not cut to nothing, `rm` removes it.
    ///
    /// # Errors
    /// [`FsError::Refused`], [`FsError::NotPermitted`], or what the store says.
    pub fn setattr(
        &self,
        ino: Ino,
        fh: Option<u64>,
        size: Option<u64>,
        mtime: Option<SystemTime>,
        caller: Caller,
    ) -> Result<Attr, FsError> {
        if let Some(size) = size {
            match fh {
                Some(fh) => self.truncate_handle(fh, size)?,
                None => self.truncate_path(&self.live_path(ino)?, size, caller)?,
            }
        }
        if let Some(mtime) = mtime
            && let Some(path) = self.path(ino)
        {
            self.set_mtime(ino, &path, mtime, caller)?;
        }
        self.getattr(ino, fh, caller)
    }

    fn truncate_handle(&self, fh: u64, size: u64) -> Result<(), FsError> {
        let handle = self.handles.find(fh).ok_or(FsError::BadHandle(fh))?;
        let path = self.path(handle.ino);
        let name = path.as_ref().map_or("(removed)", TreePath::as_str);
        match &handle.body {
            Body::Stage(stage) => stage.lock().truncate(size, self.options.max_file, name),
            Body::Nudge(_) => Ok(()),
            Body::Unwritable => Err(FsError::Virtual(name.to_owned())),
            Body::Snapshot(_) => Err(FsError::BadHandle(fh)),
        }
    }

    fn truncate_path(&self, path: &TreePath, size: u64, caller: Caller) -> Result<(), FsError> {
        self.writable_place(path)?;
        let limit = self.options.max_file;
        match self.view(path)? {
            View::Absent => Err(FsError::NotFound(path.to_string())),
            View::Dir(_) => Err(FsError::IsADirectory(path.to_string())),
            View::Scratch(scratch) => scratch.body.lock().truncate(size, limit, path.as_str()),
            View::Pending(_) if size == 0 => Ok(()),
            View::Pending(_) => {
                let mut stage = Stage::truncated(None);
                stage.truncate(size, limit, path.as_str())?;
                self.save(path, &mut stage, &caller.author())
            }
            View::Stored(entry) if entry.size == size => Ok(()),
            View::Stored(entry) => {
                if size == 0 && self.judge.judges(path) {
                    let hint = "rm removes a configuration";
                    return Err(FsError::NotPermitted(path.to_string(), hint));
                }
                let (_, text) = self.stored_text(path)?;
                let mut stage = Stage::new(text.to_vec(), Some(entry.modified));
                stage.truncate(size, limit, path.as_str())?;
                self.save(path, &mut stage, &caller.author())
            }
        }
    }

    fn set_mtime(
        &self,
        ino: Ino,
        path: &TreePath,
        mtime: SystemTime,
        caller: Caller,
    ) -> Result<(), FsError> {
        if !matches!(self.place(path), Place::Tree) {
            return Ok(());
        }
        if is_lock(path) {
            return self.touch_lock(path, mtime, caller);
        }
        // cp -p sets the time between write and close: it belongs to the text that is committed then.
        for stage in self.handles.stages_of(ino) {
            let mut stage = stage.lock();
            if stage.is_dirty() {
                stage.mtime = Some(mtime);
                return Ok(());
            }
        }
        if let Some(Shade::Scratch(scratch)) = self.overlay.lock().get(path) {
            *scratch.mtime.lock() = mtime;
            return Ok(());
        }
        match self.view(path)? {
            View::Stored(entry) | View::Dir(entry) if entry.mtime != mtime && !path.is_root() => {
                self.touch(path, mtime, caller)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn touch(
        &self,
        path: &TreePath,
        mtime: SystemTime,
        caller: Caller,
    ) -> Result<(), FsError> {
        let change = Change::Touch { path: path.clone(), mtime };
        match self.commit("touch", path, vec![change], Vec::new(), caller.author()) {
            Err(FsError::Store(_, StoreError::NotFound(_))) => {
                Err(FsError::NotFound(path.to_string()))
            }
            other => other.map(drop),
        }
    }
}

/// Whether a time is the one that asks for a lock to be released: utime(0, 0).
pub(crate) fn is_zero(time: SystemTime) -> bool {
    time == UNIX_EPOCH
}
