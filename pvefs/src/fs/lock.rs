//! Locks: directories in `priv/lock/`.
//!
//! mkdir takes one, rmdir gives it back. One that its holder does not refresh can be asked back with utime(0, 0) once
//! it is 120 s old. Age is counted from when this daemon first saw the lock in its present state, not by the
//! modification time: clocks differ.

use crate::fs::handle::Caller;
use crate::fs::setattr::is_zero;
use crate::fs::{Fs, FsError};
use pvefs_store::{Change, StoreError, TreePath};
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

/// How old a lock must be to be asked back.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Since when each lock is as it is.
#[derive(Debug, Default)]
pub(crate) struct Locks(HashMap<TreePath, Instant>);

impl Locks {
    /// A lock was taken or refreshed now.
    pub fn taken(&mut self, path: &TreePath) {
        self.0.insert(path.clone(), Instant::now());
    }

    pub fn released(&mut self, path: &TreePath) {
        self.0.remove(path);
    }

    /// Its age; counted from now if it is seen for the first time.
    fn age(&mut self, path: &TreePath) -> Duration {
        self.0.entry(path.clone()).or_insert_with(Instant::now).elapsed()
    }

    #[cfg(test)]
    pub fn make_old(&mut self, path: &TreePath) {
        if let Some(since) = self.0.get_mut(path) {
            *since -= TIMEOUT + Duration::from_secs(1);
        }
    }
}

impl Fs {
    /// utime on a lock: zero asks it back, a later time than before refreshes it.
    pub(crate) fn touch_lock(
        &self,
        path: &TreePath,
        mtime: SystemTime,
        caller: Caller,
    ) -> Result<(), FsError> {
        let entry = self.stat(path)?.ok_or_else(|| FsError::NotFound(path.to_string()))?;
        let denied = |why| Err(FsError::Denied(path.to_string(), why));
        if is_zero(mtime) {
            if self.locks.lock().age(path) <= TIMEOUT {
                return denied("the lock is held");
            }
            let change = Change::Remove { path: path.clone() };
            match self.commit("unlock", path, vec![change], Vec::new(), caller.author()) {
                Ok(_) | Err(FsError::Store(_, StoreError::NotFound(_))) => {}
                Err(error) => return Err(error),
            }
            self.locks.lock().released(path);
            self.lost_name(path);
            return Ok(());
        }
        if mtime < entry.mtime {
            return denied("the lock was refreshed since");
        }
        self.touch(path, mtime, caller)?;
        self.locks.lock().taken(path);
        Ok(())
    }
}
