//! unlink and rmdir.

use crate::fs::handle::Caller;
use crate::fs::inode::Ino;
use crate::fs::lookup::View;
use crate::fs::overlay::Shade;
use crate::fs::{Effect, Fs, FsError};
use pvefs_store::{Change, Precondition, StoreError, TreePath};

/// Programs that remove a file to write it anew. What they remove is only hidden at first: a crash before the new text is
/// there then leaves the old one, at the price that a removal meant by them is not on disk before the moment is over.
const REPLACERS: [&str; 5] = ["cp", "git", "install", "mv", "rsync"];

impl Fs {
    /// Removes a file. Whoever has it open goes on with what he has.
    ///
    /// The removal of a configuration is committed here, and announced when it has lasted (see `overlay`).
    ///
    /// # Errors
    /// When it is not there, a directory, or not to be removed.
    pub fn unlink(&self, parent: Ino, name: &[u8], caller: Caller) -> Result<(), FsError> {
        let (path, name) = self.child(parent, name)?;
        self.writable_place(&path)?;
        match self.view(&path)? {
            View::Absent => return Err(FsError::NotFound(path.to_string())),
            View::Dir(_) => return Err(FsError::IsADirectory(path.to_string())),
            View::Scratch(_) => {
                self.overlay.lock().remove(&path);
            }
            View::Pending(_) => {
                self.overlay.lock().remove(&path);
                self.guests.lock().gone(&path);
            }
            View::Stored(_) if self.removes_own_failure(&path, caller) => {
                tracing::debug!("{path}: the tool removes its failed text; the old one stays");
                self.effect(Effect::Nudge(path.clone()));
            }
            View::Stored(_) => self.remove_stored(&path, caller)?,
        }
        self.inodes.lock().unlink(parent, &name);
        Ok(())
    }

    fn remove_stored(&self, path: &TreePath, caller: Caller) -> Result<(), FsError> {
        loop {
            let (entry, text) = self.stored_text(path)?;
            let change = Change::Remove { path: path.clone() };
            let at = Precondition::At { path: path.clone(), revision: entry.modified };
            let author = caller.author();
            let judged = self.judge.judges(path);
            if judged && REPLACERS.contains(&author.program.as_str()) {
                self.hide(path, &entry, None);
                return Ok(());
            }
            let pid = author.pid;
            let by = author.program.clone();
            match self.commit("unlink", path, vec![change], vec![at], author) {
                Err(FsError::Store(_, StoreError::Conflict { .. })) => continue,
                other => other?,
            };
            self.note(6, pid, format!("{path}: removed by {by}"));
            if judged {
                self.remember(path, text);
            } else {
                self.guests.lock().gone(path);
            }
            return Ok(());
        }
    }

    /// Removes an empty directory. In `priv/lock/` that gives a lock back.
    ///
    /// # Errors
    /// When it is not there, not empty, no directory, or not to be removed.
    pub fn rmdir(&self, parent: Ino, name: &[u8], caller: Caller) -> Result<(), FsError> {
        let (path, name) = self.child(parent, name)?;
        self.writable_place(&path)?;
        match self.view(&path)? {
            View::Absent => return Err(FsError::NotFound(path.to_string())),
            View::Dir(_) => {}
            _ => return Err(FsError::NotADirectory(path.to_string())),
        }
        self.clear_shades(&path)?;
        let change = Change::Remove { path: path.clone() };
        match self.commit("rmdir", &path, vec![change], Vec::new(), caller.author()) {
            Err(FsError::Store(_, StoreError::NotEmpty(_))) => {
                return Err(FsError::NotEmpty(path.to_string()));
            }
            other => other?,
        };
        self.locks.lock().released(&path);
        self.inodes.lock().unlink(parent, &name);
        Ok(())
    }

    /// Ends the grace periods in a directory that is about to go.
    pub(crate) fn clear_shades(&self, dir: &TreePath) -> Result<(), FsError> {
        let shades: Vec<(TreePath, Shade)> = self
            .overlay
            .lock()
            .children(dir)
            .map(|(path, shade)| (path.clone(), shade.clone()))
            .collect();
        for (path, shade) in shades {
            if shade.until().is_none() {
                return Err(FsError::NotEmpty(dir.to_string()));
            }
            self.settle(&path)?;
        }
        Ok(())
    }

    /// A name is gone by no call of the kernel's: it must be told.
    pub(crate) fn lost_name(&self, path: &TreePath) {
        let (Some(dir), Some(name)) = (path.parent(), path.name()) else { return };
        let mut inodes = self.inodes.lock();
        let Some(parent) = inodes.find_path(&dir) else { return };
        let ino = inodes.unlink(parent, name).unwrap_or(0);
        drop(inodes);
        self.effect(Effect::Gone(parent, ino, name.to_owned()));
    }
}
