//! Judging a text and putting it into the store.

use crate::fs::names::GuestPath;
use crate::fs::open::Stored;
use crate::fs::overlay::Shade;
use crate::fs::stage::Stage;
use crate::fs::{Call, Effect, Fs, FsError, Refusal};
use pvefs_store::{Author, Change, Commit, Entry, Precondition, Revision, StoreError, TreePath};
use std::sync::Arc;
use std::time::SystemTime;

/// How often a save tries again when another one was faster.
const ATTEMPTS: usize = 1000;

impl Fs {
    /// Judges the stage's text and commits it.
    ///
    /// It is judged against the text that it replaces, so a commit holds only if that is still the one. When another save was
    /// faster, a stage that only appended is appended to the newer text, so that nothing is lost; any other replaces it.
    pub(crate) fn save(
        &self,
        path: &TreePath,
        stage: &mut Stage,
        author: &Author,
    ) -> Result<(), FsError> {
        for _ in 0..ATTEMPTS {
            let current = self.read_stored(path)?;
            let moved_on = current.as_ref().map(|(entry, _)| entry.modified) != stage.base;
            let text = self.text_of(path, stage, current.as_ref())?;
            self.judge_text(path, current.as_ref().map(|(_, old)| &**old), &text, author)?;
            match self.put(path, &text, current.as_ref(), stage.mtime, author) {
                Err(FsError::Store(_, StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error),
                Ok(revision) => {
                    if moved_on {
                        stage.refill(text.to_vec());
                    }
                    stage.committed(revision);
                    return Ok(());
                }
            }
        }
        Err(FsError::NoSpace(format!("{path}: too many saves at once")))
    }

    /// Judges the stage's text, as [`Fs::save`] would, and commits nothing.
    pub(crate) fn judge_stage(
        &self,
        path: &TreePath,
        stage: &Stage,
        author: &Author,
    ) -> Result<(), FsError> {
        let current = self.read_stored(path)?;
        let text = self.text_of(path, stage, current.as_ref())?;
        self.judge_text(path, current.as_ref().map(|(_, old)| &**old), &text, author)
    }

    /// The text that a stage makes of the one that is stored now.
    fn text_of(
        &self,
        path: &TreePath,
        stage: &Stage,
        current: Option<&Stored>,
    ) -> Result<Arc<[u8]>, FsError> {
        let text: Arc<[u8]> = match (stage.appended(), current) {
            (Some(more), Some((entry, text))) if Some(entry.modified) != stage.base => {
                [text, more].concat().into()
            }
            _ => stage.data().into(),
        };
        if text.len() as u64 > self.options.max_file {
            let limit = self.options.max_file;
            return Err(FsError::TooBig { path: path.to_string(), limit });
        }
        Ok(text)
    }

    /// Judges a text; a refused one is kept with its reasons.
    pub(crate) fn judge_text(
        &self,
        path: &TreePath,
        old: Option<&[u8]>,
        new: &[u8],
        author: &Author,
    ) -> Result<(), FsError> {
        if !self.judge.judges(path) {
            return Ok(());
        }
        let Err(refusal) = self.judge.text(path, old, new) else { return Ok(()) };
        let Refusal { summary, .. } = &refusal;
        tracing::warn!("{path}: save by {} refused: {summary}", author.program);
        self.note(4, author.pid, format!("{path}: refused: {summary}"));
        self.keep_text(path, new, &refusal, author);
        Err(FsError::Refused { path: path.to_string(), refusal, call: Call::Write })
    }

    /// Puts a text in the place of `current`.
    fn put(
        &self,
        path: &TreePath,
        text: &Arc<[u8]>,
        current: Option<&(Entry, Arc<[u8]>)>,
        mtime: Option<SystemTime>,
        author: &Author,
    ) -> Result<Revision, FsError> {
        let mut changes = Vec::new();
        let same = current.is_some_and(|(_, old)| old == text);
        if same {
            // The same text again: no revision, but the file is as new.
            let mtime = mtime.unwrap_or_else(SystemTime::now);
            changes.push(Change::Touch { path: path.clone(), mtime });
        } else {
            self.room_for_bytes(path.as_str(), text.len() as u64)?;
            changes.push(Change::Put { path: path.clone(), data: text.clone() });
            changes.extend(mtime.map(|mtime| Change::Touch { path: path.clone(), mtime }));
        }
        let precondition = match current {
            Some((entry, _)) => Precondition::At { path: path.clone(), revision: entry.modified },
            None => Precondition::Absent { path: path.clone() },
        };
        self.guests.lock().claim(path, None)?;
        let revision = self.commit("save", path, changes, vec![precondition], author.clone())?;
        let revision = match current {
            Some((entry, _)) if same => entry.modified,
            _ => revision,
        };
        self.stored(path, revision);
        if !same {
            self.note(6, author.pid, format!("{path}: saved by {}", author.program));
            self.poke(path);
        }
        Ok(revision)
    }

    /// Notes that the store has `path`: nothing lies over it any more.
    pub(crate) fn stored(&self, path: &TreePath, revision: Revision) {
        let mut overlay = self.overlay.lock();
        if matches!(overlay.get(path), Some(Shade::Pending { .. } | Shade::Removed { .. })) {
            overlay.remove(path);
        }
        self.guests.lock().changed(path, revision);
    }

    /// Tells the container that it changed, if it is one of this node.
    pub(crate) fn poke(&self, path: &TreePath) {
        if let Some(guest) = GuestPath::parse(path)
            && guest.kind == "lxc"
            && *guest.node == *self.options.node
        {
            self.effect(Effect::Poke(guest.id));
        }
    }

    /// Commits, telling which operation on which path failed.
    pub(crate) fn commit(
        &self,
        operation: &str,
        path: &TreePath,
        changes: Vec<Change>,
        preconditions: Vec<Precondition>,
        author: Author,
    ) -> Result<Revision, FsError> {
        self.store
            .commit(Commit { preconditions, changes, author })
            .map_err(|error| FsError::Store(format!("{operation} {path}"), error))
    }
}
