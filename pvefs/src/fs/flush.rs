//! flush and fsync: where a stage becomes the text of its file.

use crate::fs::handle::{Body, Caller, Handle};
use crate::fs::holders::holds_soon;
use crate::fs::inode::Ino;
use crate::fs::overlay::Shade;
use crate::fs::stage::{Lost, Stage};
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
    /// anything. `{ echo a; ls; echo b; } > FILE` flushes in the middle: as long as `caller`, or who opened the file, has
    /// another descriptor of it, a configuration is judged but not committed, or readers would see a part of it. A text that
    /// is refused as a whole then does not poison the handle. Returns the inode whose attributes changed.
    ///
    /// # Errors
    /// [`FsError::Refused`], as often as it is asked while the text is the same.
    pub fn flush(&self, fh: u64, caller: Caller) -> Result<Option<Ino>, FsError> {
        self.commit_handle(fh, Some(caller))
    }

    /// Commits what was written to the handle.
    ///
    /// # Errors
    /// As [`Fs::flush`].
    pub fn fsync(&self, fh: u64) -> Result<Option<Ino>, FsError> {
        self.commit_handle(fh, None)
    }

    /// `closer` is who closes a descriptor, if that is why.
    fn commit_handle(&self, fh: u64, closer: Option<Caller>) -> Result<Option<Ino>, FsError> {
        let is_flush = closer.is_some();
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
        match stage.lost {
            Some(Lost::TooBig) => {
                let limit = self.options.max_file;
                return Err(FsError::TooBig { path: path.to_string(), limit });
            }
            Some(Lost::NoSpace) => return Err(FsError::NoSpace(path.to_string())),
            None => {}
        }
        if !stage.is_dirty() && !self.empties(&path, &handle, &stage, is_flush)? {
            return Ok(None);
        }
        let goes_on = closer.is_some_and(|closer| {
            // Who made a second descriptor has closed one before, as shells do, or is another process than closes it now.
            let may_go_on = stage.flushes > 1 || closer.pid != handle.caller.pid;
            may_go_on && self.goes_on(&path, fh, &handle, closer)
        });
        let result = if goes_on {
            self.judge_stage(&path, &stage, handle.author())
        } else {
            self.save(&path, &mut stage, handle.author())
        };
        if let Err(error @ FsError::Refused { .. }) = result {
            if let FsError::Refused { refusal, .. } = &error {
                stage.refused = Some(refusal.clone());
            }
            self.failed_replacing(&path, &handle);
            return Err(error);
        }
        result.map(|()| Some(handle.ino).filter(|_| !goes_on))
    }

    /// Whether another descriptor of the handle is open, whose close is still to come. Only if no other handle writes to
    /// the file it is certain which handle a descriptor belongs to.
    fn goes_on(&self, path: &TreePath, fh: u64, handle: &Handle, closer: Caller) -> bool {
        let Some(name) = path.name().filter(|_| self.judge.judges(path)) else { return false };
        let Some(device) = self.device.get() else { return false };
        let mut processes = vec![closer.pid, handle.caller.pid];
        processes.dedup();
        !self.handles.has_other_writer(handle.ino, fh)
            && processes.iter().any(|pid| holds_soon(*pid, device, handle.ino, name))
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
