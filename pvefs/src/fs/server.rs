//! What the daemon's own commands do: the same rules, without the kernel.

use crate::fs::inode::Ino;
use crate::fs::stage::Stage;
use crate::fs::{Effect, Fs, FsError};
use pvefs_store::{Author, Revision, TreePath};

/// A text committed by [`Fs::commit_text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The revision of the file's text.
    pub revision: Revision,
}

/// How the file system is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This node.
    pub node: String,
    /// The newest revision.
    pub revision: Revision,
    /// Bytes stored.
    pub bytes: u64,
    /// Files and directories stored.
    pub entries: u64,
    /// Files in memory.
    pub in_memory: u64,
    /// Open handles.
    pub handles: usize,
}

impl Fs {
    /// Saves a text that comes not through the mount: judged, kept if refused, recorded and announced like any save, and
    /// watchers are woken.
    ///
    /// # Errors
    /// As for a save; [`FsError::Exists`] when `if_revision` is given and is not the revision of the text now.
    pub fn commit_text(
        &self,
        path: &TreePath,
        text: &[u8],
        if_revision: Option<Revision>,
        author: &Author,
    ) -> Result<Saved, FsError> {
        self.writable_place(path)?;
        self.parent_is_dir(path)?;
        let now = self.stat(path)?;
        if now.is_some_and(|entry| entry.kind == pvefs_store::Kind::Dir) {
            return Err(FsError::IsADirectory(path.to_string()));
        }
        let now = now.map(|entry| entry.modified);
        if if_revision.is_some() && if_revision != now {
            return Err(FsError::Exists(format!("{path}: changed since revision {if_revision:?}")));
        }
        self.settle(path)?;
        let mut stage = Stage::truncated(now);
        stage.write(Some(0), text, self.options.max_file, path.as_str())?;
        if text.is_empty() {
            return Err(FsError::Invalid(path.to_string(), "an empty text"));
        }
        self.save(path, &mut stage, author)?;
        self.changed_outside(path);
        Ok(Saved { revision: stage.base.unwrap_or_default() })
    }

    /// Tells the kernel and watchers of a change that did not come through the mount.
    pub fn changed_outside(&self, path: &TreePath) {
        let known: Option<Ino> = self.inodes.lock().find_path(path);
        match (known, path.parent(), path.name()) {
            (Some(ino), ..) => self.effect(Effect::Inode(ino)),
            (None, Some(dir), Some(name)) => {
                if let Some(parent) = self.inodes.lock().find_path(&dir) {
                    self.effect(Effect::Entry(parent, name.to_owned()));
                }
            }
            _ => {}
        }
        self.effect(Effect::Nudge(path.clone()));
    }

    /// Says how the file system is.
    pub fn status(&self) -> Status {
        let usage = self.store.usage();
        let (_, in_memory) = self.overlay.lock().usage();
        Status {
            node: self.options.node.clone(),
            revision: self.store.revision(),
            bytes: usage.bytes,
            entries: usage.entries,
            in_memory,
            handles: self.handles.len(),
        }
    }

    /// The directory whose names an fsyncdir makes durable.
    ///
    /// # Errors
    /// When the removal of a name that was moved away cannot be committed.
    pub fn fsyncdir(&self, ino: Ino) -> Result<(), FsError> {
        match self.path(ino) {
            Some(path) => self.settle_dir(&path),
            None => Ok(()),
        }
    }
}
