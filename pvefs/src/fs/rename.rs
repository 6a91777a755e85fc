//! rename: onto a configuration it is a save like any other, judged and committed in one step.

use crate::fs::handle::Caller;
use crate::fs::inode::Ino;
use crate::fs::lookup::View;
use crate::fs::names::{is_lock, is_temporary};
use crate::fs::overlay::{Scratch, Shade};
use crate::fs::stage::Stage;
use crate::fs::{Call, Fs, FsError};
use parking_lot::Mutex;
use pvefs_store::{Author, Change, Entry, Kind, Precondition, Revision, StoreError, TreePath};
use std::sync::Arc;
use std::time::SystemTime;

/// What renameat2(2) is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RenameMode {
    /// The target is replaced.
    #[default]
    Replace,
    /// `RENAME_NOREPLACE`: the target must not exist.
    NoReplace,
    /// `RENAME_EXCHANGE`: both names swap what they name.
    Exchange,
}

/// One end of a rename.
struct End {
    parent: Ino,
    name: String,
    path: TreePath,
    view: View,
}

/// A file's text on its way to another name.
struct Moving {
    text: Arc<[u8]>,
    mtime: SystemTime,
    /// The stages that the text may be in.
    stages: Vec<Arc<Mutex<Stage>>>,
}

impl Fs {
    /// Renames.
    ///
    /// # Errors
    /// [`FsError::Refused`] when the target is a configuration and the text is no good one for it: then the old text is
    /// under its name, and the source stays as it is.
    pub fn rename(
        &self,
        from: (Ino, &[u8]),
        to: (Ino, &[u8]),
        mode: RenameMode,
        caller: Caller,
    ) -> Result<(), FsError> {
        let (from, to) = (self.end(from)?, self.end(to)?);
        if matches!(from.view, View::Absent) {
            return Err(FsError::NotFound(from.path.to_string()));
        }
        if from.path == to.path {
            return Ok(());
        }
        let exists = !matches!(to.view, View::Absent);
        match mode {
            RenameMode::NoReplace if exists => return Err(FsError::Exists(to.path.to_string())),
            RenameMode::Exchange => return self.exchange(&from, &to, caller),
            _ => {}
        }
        self.parent_is_dir(&to.path)?;
        match (&from.view, &to.view) {
            (View::Dir(_), View::Absent | View::Dir(_)) => self.rename_dir(&from, &to, caller)?,
            (View::Dir(_), _) => return Err(FsError::NotADirectory(to.path.to_string())),
            (_, View::Dir(_)) => return Err(FsError::IsADirectory(to.path.to_string())),
            _ => self.rename_file(&from, &to, caller)?,
        }
        self.inodes.lock().rename((from.parent, &from.name), (to.parent, &to.name));
        Ok(())
    }

    fn end(&self, (parent, name): (Ino, &[u8])) -> Result<End, FsError> {
        let (path, name) = self.child(parent, name)?;
        self.writable_place(&path)?;
        if is_lock(&path) {
            return Err(FsError::Denied(path.to_string(), "a lock keeps its name"));
        }
        let view = self.view(&path)?;
        Ok(End { parent, name, path, view })
    }

    /// As in the reference, only an empty directory can be renamed.
    fn rename_dir(&self, from: &End, to: &End, caller: Caller) -> Result<(), FsError> {
        if to.path.starts_with(&from.path) {
            return Err(FsError::Invalid(to.path.to_string(), "inside itself"));
        }
        self.clear_shades(&from.path)?;
        self.settle(&to.path)?;
        let mut changes = vec![Change::Remove { path: from.path.clone() }];
        if matches!(to.view, View::Dir(_)) {
            self.clear_shades(&to.path)?;
            changes.push(Change::Remove { path: to.path.clone() });
        }
        changes.push(Change::Mkdir { path: to.path.clone() });
        match self.commit("rename", &from.path, changes, Vec::new(), caller.author()) {
            Err(FsError::Store(_, StoreError::NotEmpty(path))) => {
                Err(FsError::NotEmpty(path.to_string()))
            }
            other => other.map(drop),
        }
    }

    fn rename_file(&self, from: &End, to: &End, caller: Caller) -> Result<(), FsError> {
        let into_memory = is_temporary(&to.name)
            && matches!(to.view, View::Absent | View::Scratch(_))
            && self.stat(&to.path)?.is_none();
        if into_memory {
            self.move_into_memory(from, to)
        } else {
            self.move_to_store(from, to, caller)
        }
    }

    /// To a name that lives in memory: the backup that an editor makes before it writes.
    fn move_into_memory(&self, from: &End, to: &End) -> Result<(), FsError> {
        let scratch = match &from.view {
            View::Scratch(scratch) => scratch.clone(),
            View::Pending(_) => {
                self.guests.lock().gone(&from.path);
                self.scratch_of(from)?
            }
            _ => self.scratch_of(from)?,
        };
        match &from.view {
            View::Stored(entry) => self.hide(&from.path, entry, Some(scratch.ino)),
            _ => {
                self.overlay.lock().remove(&from.path);
            }
        }
        self.overlay.lock().insert(to.path.clone(), Shade::Scratch(scratch));
        Ok(())
    }

    fn scratch_of(&self, from: &End) -> Result<Arc<Scratch>, FsError> {
        let ino = self.inodes.lock().tell(from.parent, &from.name, 0);
        let (text, mtime) = match &from.view {
            View::Stored(entry) => (self.stored_text(&from.path)?.1, entry.mtime),
            View::Pending(since) => (Arc::from([]), *since),
            _ => (Arc::from([]), SystemTime::now()),
        };
        let body = Arc::new(Mutex::new(Stage::new(text.to_vec(), None)));
        Ok(Arc::new(Scratch { ino, body, mtime: Mutex::new(mtime) }))
    }

    fn move_to_store(&self, from: &End, to: &End, caller: Caller) -> Result<(), FsError> {
        let author = caller.author();
        loop {
            let moving = self.moving(from)?;
            match self.try_move(from, to, &moving, &author) {
                Err(FsError::Store(_, StoreError::Conflict { .. })) => {}
                Err(error) => {
                    if matches!(error, FsError::Refused { .. }) {
                        self.mend(&to.path);
                    }
                    return Err(error.at(Call::Rename));
                }
                Ok(revision) => {
                    for stage in moving.stages {
                        stage.lock().committed(revision);
                    }
                    return Ok(());
                }
            }
        }
    }

    /// The text that `from` names: what was last written to it, whether or not its writer has closed it.
    fn moving(&self, from: &End) -> Result<Moving, FsError> {
        let ino = self.inodes.lock().find(from.parent, &from.name);
        let stages = ino.map(|ino| self.handles.stages_of(ino)).unwrap_or_default();
        let written = stages.iter().find_map(|stage| {
            let stage = stage.lock();
            (stage.is_dirty() && !stage.has_failed()).then(|| Arc::from(stage.data()))
        });
        let (text, mtime) = match &from.view {
            View::Scratch(scratch) => {
                (Arc::from(scratch.body.lock().data()), *scratch.mtime.lock())
            }
            View::Stored(entry) => (self.stored_text(&from.path)?.1, entry.mtime),
            View::Pending(since) => (Arc::from([]), *since),
            View::Absent | View::Dir(_) => return Err(FsError::NotFound(from.path.to_string())),
        };
        let mut stages = stages;
        if let View::Scratch(scratch) = &from.view
            && !stages.iter().any(|stage| Arc::ptr_eq(stage, &scratch.body))
        {
            stages.push(scratch.body.clone());
        }
        Ok(Moving { text: written.unwrap_or(text), mtime, stages })
    }

    fn try_move(
        &self,
        from: &End,
        to: &End,
        moving: &Moving,
        author: &Author,
    ) -> Result<Revision, FsError> {
        let shade = self.overlay.lock().get(&to.path).cloned();
        let current = self.read_stored(&to.path)?;
        let old: Option<Arc<[u8]>> = match (&current, &shade) {
            (Some((_, text)), _) => Some(text.clone()),
            (None, Some(Shade::Removed { text, .. })) => Some(text.clone()),
            _ => None,
        };
        self.judge_text(&to.path, old.as_deref(), &moving.text, author)?;
        self.room_for_bytes(to.path.as_str(), moving.text.len() as u64)?;
        let source = match &from.view {
            View::Stored(_) => self.stat(&from.path)?,
            _ => None,
        };
        // A configuration that becomes something else may be about to be written anew.
        let hides = self.judge.judges(&from.path) && !self.judge.judges(&to.path);
        let (changes, preconditions) = self.plan(from, to, moving, source, current.as_ref(), hides);
        self.guests.lock().claim(&to.path, Some(&from.path))?;
        let committed = self.commit("rename", &from.path, changes, preconditions, author.clone());
        let revision = match committed {
            Ok(revision) => revision,
            Err(error) => {
                self.unclaim(from, to, current.is_some());
                return Err(error);
            }
        };
        self.moved(from, to, source, hides, revision);
        self.note(
            6,
            author.pid,
            format!("{} renamed to {} by {}", from.path, to.path, author.program),
        );
        self.poke(&to.path);
        Ok(revision)
    }

    fn plan(
        &self,
        from: &End,
        to: &End,
        moving: &Moving,
        source: Option<Entry>,
        current: Option<&(Entry, Arc<[u8]>)>,
        hides: bool,
    ) -> (Vec<Change>, Vec<Precondition>) {
        let path = to.path.clone();
        let mut changes = vec![Change::Put { path: path.clone(), data: moving.text.clone() }];
        changes.push(Change::Touch { path: path.clone(), mtime: moving.mtime });
        let mut preconditions = vec![match current {
            Some((entry, _)) => Precondition::At { path, revision: entry.modified },
            None => Precondition::Absent { path },
        }];
        if let Some(source) = source.filter(|entry| entry.kind == Kind::File) {
            let path = from.path.clone();
            preconditions.push(Precondition::At { path: path.clone(), revision: source.modified });
            if !hides {
                changes.push(Change::Remove { path });
            }
        }
        (changes, preconditions)
    }

    fn moved(&self, from: &End, to: &End, source: Option<Entry>, hides: bool, revision: Revision) {
        let mut overlay = self.overlay.lock();
        overlay.remove(&to.path);
        if source.is_none() {
            overlay.remove(&from.path);
        }
        drop(overlay);
        match source {
            Some(entry) if hides => self.hide(&from.path, &entry, None),
            _ => {
                self.guests.lock().gone(&from.path);
                self.poke(&from.path);
            }
        }
        self.guests.lock().changed(&to.path, revision);
    }

    fn unclaim(&self, from: &End, to: &End, existed: bool) {
        let mut guests = self.guests.lock();
        if !existed {
            guests.gone(&to.path);
        }
        if matches!(from.view, View::Stored(_) | View::Pending(_)) {
            // It had the number before, so this cannot fail.
            let _ = guests.claim(&from.path, Some(&to.path));
        }
    }

    /// Swaps two files. Both texts are judged for their new names.
    fn exchange(&self, from: &End, to: &End, caller: Caller) -> Result<(), FsError> {
        let missing = |end: &End| FsError::NotFound(end.path.to_string());
        for end in [from, to] {
            match end.view {
                View::Absent => return Err(missing(end)),
                View::Dir(_) => {
                    return Err(FsError::Invalid(end.path.to_string(), "a directory"));
                }
                _ => {}
            }
        }
        let author = caller.author();
        let (one, other) = (self.moving(from)?, self.moving(to)?);
        let mut changes = Vec::new();
        for (end, mine, theirs) in [(from, &one, &other), (to, &other, &one)] {
            self.judge_text(&end.path, Some(&mine.text), &theirs.text, &author)
                .map_err(|error| error.at(Call::Rename))?;
            let data = theirs.text.clone();
            changes.push(Change::Put { path: end.path.clone(), data });
            changes.push(Change::Touch { path: end.path.clone(), mtime: theirs.mtime });
        }
        let revision = self.commit("exchange", &from.path, changes, Vec::new(), author)?;
        for end in [from, to] {
            self.overlay.lock().remove(&end.path);
            self.guests.lock().changed(&end.path, revision);
            self.poke(&end.path);
        }
        for stage in one.stages.iter().chain(&other.stages) {
            stage.lock().committed(revision);
        }
        self.inodes.lock().exchange((from.parent, &from.name), (to.parent, &to.name));
        Ok(())
    }
}
