//! Names that were taken away and may come back. The rules are in [`overlay`](crate::fs::overlay).

use crate::fs::handle::{Caller, Handle};
use crate::fs::overlay::Shade;
use crate::fs::{Effect, Fs, FsError};
use pvefs_store::{Author, Change, Entry, Precondition, Revision, StoreError, TreePath};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait when the end of a grace period could not be committed.
const RETRY: Duration = Duration::from_secs(1);

/// Texts that came back because a tool's new one was refused. A tool that now removes what it believes it made, and
/// perhaps tries again (git), must not remove them: for its thread alone the name then looks gone.
#[derive(Debug, Default)]
pub(crate) struct Mended(HashMap<TreePath, Failure>);

#[derive(Debug)]
struct Failure {
    pid: u32,
    until: Instant,
    removed: bool,
}

impl Mended {
    fn of(&mut self, path: &TreePath, caller: Caller) -> Option<&mut Failure> {
        let failure = self.0.get_mut(path)?;
        (failure.pid == caller.pid && Instant::now() <= failure.until).then_some(failure)
    }
}

fn ours() -> Author {
    Author { program: "pvefs".to_owned(), ..Author::default() }
}

impl Fs {
    /// Hides a stored file that was renamed to a name which is not a configuration.
    pub(crate) fn hide(&self, path: &TreePath, entry: &Entry, to: Option<crate::fs::Ino>) {
        let until = Instant::now() + self.options.grace;
        let shade = Shade::Hidden { until, revision: entry.modified, to };
        self.overlay.lock().insert(path.clone(), shade);
        self.guests.lock().leaving(path);
        self.effect(Effect::Due);
    }

    /// Remembers the text of a configuration whose removal was committed.
    pub(crate) fn remember(&self, path: &TreePath, text: Arc<[u8]>) {
        let until = Instant::now() + self.options.grace;
        self.overlay.lock().insert(path.clone(), Shade::Removed { until, text });
        self.guests.lock().leaving(path);
        self.effect(Effect::Due);
    }

    /// Brings back what was at `path`; returns its revision.
    pub(crate) fn bring_back(
        &self,
        path: &TreePath,
        shade: &Shade,
    ) -> Result<Option<Revision>, FsError> {
        let revision = match shade {
            Shade::Scratch(_) | Shade::Pending { .. } => return Ok(None),
            Shade::Hidden { .. } => {
                self.guests.lock().claim(path, None)?;
                self.stat(path)?.map(|entry| entry.modified)
            }
            Shade::Removed { text, .. } => {
                self.guests.lock().claim(path, None)?;
                let put = Change::Put { path: path.clone(), data: text.clone() };
                let absent = Precondition::Absent { path: path.clone() };
                Some(self.commit("bring back", path, vec![put], vec![absent], ours())?)
            }
        };
        self.overlay.lock().remove(path);
        if let Some(revision) = revision {
            self.guests.lock().changed(path, revision);
        }
        Ok(revision)
    }

    /// A new text for `path` is refused: if the old one was taken away a moment ago, it is back.
    pub(crate) fn mend(&self, path: &TreePath) {
        let shade = self.overlay.lock().get(path).cloned();
        let Some(shade) = shade.filter(|shade| shade.until().is_some()) else { return };
        match self.bring_back(path, &shade) {
            Ok(_) => self.effect(Effect::Nudge(path.clone())),
            Err(error) => tracing::error!("bringing the old text of {path} back: {error}"),
        }
    }

    /// A handle that was made over a text taken away has failed. Its maker may now remove what it believes it made.
    pub(crate) fn failed_replacing(&self, path: &TreePath, handle: &Handle) {
        if handle.replaces {
            let until = Instant::now() + self.options.grace;
            let failure = Failure { pid: handle.caller.pid, until, removed: false };
            self.mended.lock().0.insert(path.clone(), failure);
            self.effect(Effect::Due);
        }
    }

    /// Whether `caller` removes not the text at `path` but its own failed one.
    pub(crate) fn removes_own_failure(&self, path: &TreePath, caller: Caller) -> bool {
        let mut mended = self.mended.lock();
        mended
            .of(path, caller)
            .is_some_and(|failure| !std::mem::replace(&mut failure.removed, true))
    }

    /// Whether `caller` believes that it removed what is at `path`.
    pub(crate) fn looks_gone(&self, path: &TreePath, caller: Caller) -> bool {
        let mut mended = self.mended.lock();
        !mended.0.is_empty() && mended.of(path, caller).is_some_and(|failure| failure.removed)
    }

    /// Ends the grace periods that are over; returns how long until the next ends.
    pub fn expire(&self) -> Option<Duration> {
        let now = Instant::now();
        let due = self.overlay.lock().due(now);
        due.iter().for_each(|path| self.settle_or_wait(path));
        let mut mended = self.mended.lock();
        mended.0.retain(|_, failure| failure.until > now);
        let next = mended.0.values().map(|failure| failure.until).min();
        drop(mended);
        let due = self.overlay.lock().next_due().into_iter().chain(next).min();
        due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Ends all grace periods: the daemon stops.
    pub fn settle_all(&self) {
        let far = Instant::now() + self.options.grace + RETRY;
        let due = self.overlay.lock().due(far);
        due.iter().for_each(|path| self.settle_or_wait(path));
    }

    /// Ends the grace periods of the names in `dir`, as fsync of a directory promises.
    ///
    /// # Errors
    /// When that cannot be committed.
    pub fn settle_dir(&self, dir: &TreePath) -> Result<(), FsError> {
        let paths: Vec<TreePath> = self
            .overlay
            .lock()
            .children(dir)
            .filter(|(_, shade)| matches!(shade, Shade::Hidden { .. }))
            .map(|(path, _)| path.clone())
            .collect();
        paths.iter().try_for_each(|path| self.settle(path))
    }

    fn settle_or_wait(&self, path: &TreePath) {
        let Err(error) = self.settle(path) else { return };
        tracing::error!("removing {path}, which was moved away: {error}");
        let mut overlay = self.overlay.lock();
        if let Some(Shade::Hidden { revision, to, .. }) = overlay.get(path).cloned() {
            let until = Instant::now() + RETRY;
            overlay.insert(path.clone(), Shade::Hidden { until, revision, to });
        }
    }

    /// Ends the grace period of `path`, if it has one: what was taken away is gone.
    pub(crate) fn settle(&self, path: &TreePath) -> Result<(), FsError> {
        let shade = self.overlay.lock().get(path).cloned();
        match shade {
            Some(Shade::Hidden { revision, to, .. }) => self.settle_hidden(path, revision, to)?,
            Some(Shade::Removed { .. }) => {}
            _ => return Ok(()),
        }
        let mut overlay = self.overlay.lock();
        if overlay.get(path).is_some_and(|shade| shade.until().is_some()) {
            overlay.remove(path);
        }
        drop(overlay);
        self.guests.lock().gone(path);
        self.poke(path);
        Ok(())
    }

    fn settle_hidden(
        &self,
        path: &TreePath,
        revision: Revision,
        to: Option<crate::fs::Ino>,
    ) -> Result<(), FsError> {
        let mut changes = vec![Change::Remove { path: path.clone() }];
        // What it was renamed to is in memory still: from now on it is the only copy.
        let kept = to.and_then(|ino| self.overlay.lock().scratch_by_ino(ino));
        if let Some((kept, scratch)) = &kept {
            let data: Arc<[u8]> = scratch.body.lock().data().into();
            changes.push(Change::Put { path: kept.clone(), data });
        }
        let at = Precondition::At { path: path.clone(), revision };
        match self.commit("remove", path, changes, vec![at], ours()) {
            Err(FsError::Store(_, StoreError::Conflict { .. } | StoreError::NotFound(_))) => Ok(()),
            Err(error) => Err(error),
            Ok(revision) => {
                if let Some((kept, scratch)) = kept {
                    scratch.body.lock().committed(revision);
                    self.overlay.lock().remove(&kept);
                }
                Ok(())
            }
        }
    }
}
