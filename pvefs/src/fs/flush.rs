//! flush and fsync: where a stage becomes the text of its file.

use crate::fs::handle::{Body, Handle};
use crate::fs::inode::Ino;
use crate::fs::overlay::Shade;
use crate::fs::stage::Stage;
use crate::fs::write::refused;
use crate::fs::{Fs, FsError};
use parking_lot::Mutex;
use pvefs_store::TreePath;
use std::sync::Arc;
use std::time::SystemTime;

impl Fs {
    /// Commits what was written to the handle; called at each close of each of its descriptors.
    ///
    /// Before the first write nothing is committed: a shell's `cmd > FILE` closes a descriptor before `cmd` has written
    /// anything. When a text is refused as a whole, the handle is not poisoned: `{ echo a; ls; echo b; } > FILE` flushes in
    /// the middle. Returns the inode whose attributes changed.
    ///
    /// # Errors
    /// [`FsError::Refused`], as often as it is asked while the text is the same.
    pub fn flush(&self, fh: u64) -> Result<Option<Ino>, FsError> {
        self.commit_handle(fh, true)
    }

    /// Commits what was written to the handle.
    ///
    /// # Errors
    /// As [`Fs::flush`].
    pub fn fsync(&self, fh: u64) -> Result<Option<Ino>, FsError> {
        self.commit_handle(fh, false)
    }

    fn commit_handle(&self, fh: u64, is_flush: bool) -> Result<Option<Ino>, FsError> {
        let handle = self.handles.find(fh).ok_or(FsError::BadHandle(fh))?;
        let Body::Stage(shared) = &handle.body else { return Ok(None) };
        // Without a path it was removed or replaced while open: as anywhere, what is written to it then is lost with it.
        let Some(path) = self.path(handle.ino) else { return Ok(None) };
        if self.sync_scratch(&path, shared) {
            return Ok(None);
        }
        let mut stage = shared.lock();
        stage.flushes += u32::from(is_flush);
        if let Some(refusal) = stage.poison.as_ref().or(stage.refused.as_ref()) {
            return Err(refused(&path, refusal));
        }
        if !stage.is_dirty() && !self.empties(&path, &handle, &stage, is_flush)? {
            return Ok(None);
        }
        let result = self.save(&path, &mut stage, handle.author());
        if let Err(error @ FsError::Refused { .. }) = result {
            if let FsError::Refused { refusal, .. } = &error {
                stage.refused = Some(refusal.clone());
            }
            self.failed_replacing(&path, &handle);
            return Err(error);
        }
        result.map(|()| Some(handle.ino))
    }

    /// Whether a handle that was not written to empties its file.
    fn empties(
        &self,
        path: &TreePath,
        handle: &Handle,
        stage: &Stage,
        is_flush: bool,
    ) -> Result<bool, FsError> {
        if self.judge.judges(path) {
            // truncate(1) has closed a file that it cut to nothing. Before a write, an editor has not closed it.
            if is_flush && stage.is_emptied() {
                return Err(FsError::NotPermitted(path.to_string(), "rm removes a configuration"));
            }
            return Ok(false);
        }
        if stage.is_written() {
            return Ok(false);
        }
        Ok(stage.is_emptied() || (handle.fresh && is_flush && stage.flushes == 2))
    }

    /// Whether `path` is in memory, where nothing has to be committed.
    fn sync_scratch(&self, path: &TreePath, stage: &Arc<Mutex<Stage>>) -> bool {
        let scratch = match self.overlay.lock().get(path) {
            Some(Shade::Scratch(scratch)) => scratch.clone(),
            _ => return false,
        };
        let now = SystemTime::now();
        if Arc::ptr_eq(&scratch.body, stage) {
            *scratch.mtime.lock() = now;
            return true;
        }
        // Opened while it was stored, moved into memory since.
        let mut stage = stage.lock();
        if stage.is_dirty() {
            let base = stage.base;
            *scratch.body.lock() = Stage::new(stage.data().to_vec(), base);
            *scratch.mtime.lock() = now;
            stage.committed(base.unwrap_or_default());
        }
        true
    }
}
