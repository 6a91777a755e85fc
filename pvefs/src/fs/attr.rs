//! What stat says.

use crate::fs::inode::Ino;
use crate::fs::names::is_private;
use crate::fs::{Fs, overlay};
use pvefs_store::{Entry, Kind, TreePath};
use std::time::SystemTime;

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
}

/// The attributes of a file. Its owner is always root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr {
    /// Inode number.
    pub ino: Ino,
    /// Kind.
    pub kind: FileKind,
    /// Size in bytes.
    pub size: u64,
    /// Modification time.
    pub mtime: SystemTime,
    /// Permission bits.
    pub perm: u16,
    /// Group.
    pub gid: u32,
    /// 0 once it has no name any more.
    pub nlink: u32,
    /// Whether it stays so until the kernel is told otherwise.
    pub stable: bool,
}

impl Fs {
    /// Attributes of what the store has at `path`.
    pub(crate) fn attr_of_entry(&self, ino: Ino, path: &TreePath, entry: &Entry) -> Attr {
        let kind = match entry.kind {
            Kind::File => FileKind::File,
            Kind::Dir => FileKind::Dir,
        };
        self.attr(ino, path, kind, entry.size, entry.mtime)
    }

    /// Attributes of a file in memory.
    pub(crate) fn attr_of_scratch(
        &self,
        ino: Ino,
        path: &TreePath,
        scratch: &overlay::Scratch,
    ) -> Attr {
        let size = scratch.body.lock().len() as u64;
        let mtime = *scratch.mtime.lock();
        Attr { stable: false, ..self.attr(ino, path, FileKind::File, size, mtime) }
    }

    pub(crate) fn attr(
        &self,
        ino: Ino,
        path: &TreePath,
        kind: FileKind,
        size: u64,
        mtime: SystemTime,
    ) -> Attr {
        let perm = match (kind, is_private(path)) {
            (FileKind::Link, _) => 0o777,
            (FileKind::Dir, false) => 0o755,
            (FileKind::Dir, true) => 0o700,
            (FileKind::File, false) => 0o640,
            (FileKind::File, true) => 0o600,
        };
        let nlink = if kind == FileKind::Dir { 2 } else { 1 };
        Attr { ino, kind, size, mtime, perm, gid: self.options.gid, nlink, stable: true }
    }
}
