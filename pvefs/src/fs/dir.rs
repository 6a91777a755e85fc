//! opendir and readdir: a listing is taken at open and does not change while it is read.

use crate::fs::attr::{Attr, FileKind};
use crate::fs::inode::{Ino, ROOT};
use crate::fs::overlay::Shade;
use crate::fs::virt::{Place, ROOT_NAMES};
use crate::fs::{Fs, FsError, INTERNAL};
use pvefs_store::{Entry, Kind, TreePath};
use std::collections::BTreeMap;

/// One entry of a listing.
#[derive(Clone, Debug)]
pub struct DirItem {
    /// Its name.
    pub name: Box<str>,
    /// Its kind.
    pub kind: FileKind,
}

/// A directory as it was when it was opened.
#[derive(Debug)]
pub struct Listing {
    /// Its number.
    pub ino: Ino,
    /// Its parent's number.
    pub parent: Ino,
    path: TreePath,
    /// Its entries; `.` and `..` are not among them.
    pub items: Vec<DirItem>,
}

impl Fs {
    /// Lists a directory.
    ///
    /// # Errors
    /// When it is gone or none.
    pub fn opendir(&self, ino: Ino) -> Result<Listing, FsError> {
        let path = self.live_path(ino)?;
        let items = match self.place(&path) {
            Place::Internal => return Err(FsError::NotFound(path.to_string())),
            Place::Made(_) | Place::Link(_) => {
                return Err(FsError::NotADirectory(path.to_string()));
            }
            Place::Rejected(stored) => items_of(self.list(&stored)?),
            Place::Tree => self.list_tree(&path)?,
        };
        let parent = path.parent().and_then(|parent| self.inodes.lock().find_path(&parent));
        Ok(Listing { ino, parent: parent.unwrap_or(ROOT), path, items })
    }

    fn list(&self, path: &TreePath) -> Result<Vec<(Box<str>, Entry)>, FsError> {
        self.store
            .list(path)
            .map_err(|error| FsError::Store(format!("list {path}"), error))?
            .ok_or_else(|| FsError::NotADirectory(path.to_string()))
    }

    fn list_tree(&self, path: &TreePath) -> Result<Vec<DirItem>, FsError> {
        let mut items = items_of(self.list(path)?);
        if path.is_root() {
            items.retain(|item| {
                &*item.name != INTERNAL && !ROOT_NAMES.iter().any(|(name, _)| **name == *item.name)
            });
            items.extend(ROOT_NAMES.iter().filter(|(name, _)| self.shows(name)).map(
                |(name, link)| {
                    let kind = match (*name, link) {
                        (_, true) => FileKind::Link,
                        (".rejected", _) => FileKind::Dir,
                        _ => FileKind::File,
                    };
                    DirItem { name: (*name).into(), kind }
                },
            ));
        }
        let overlay = self.overlay.lock();
        if overlay.is_empty() {
            return Ok(items);
        }
        let mut by_name: BTreeMap<Box<str>, DirItem> =
            items.into_iter().map(|item| (item.name.clone(), item)).collect();
        for (child, shade) in overlay.children(path) {
            let Some(name) = child.name() else { continue };
            match shade {
                Shade::Hidden { .. } | Shade::Removed { .. } => {
                    by_name.remove(name);
                }
                Shade::Scratch(_) | Shade::Pending { .. } => {
                    let item = DirItem { name: name.into(), kind: FileKind::File };
                    by_name.insert(name.into(), item);
                }
            }
        }
        Ok(by_name.into_values().collect())
    }

    /// `.rejected` is there once something was.
    fn shows(&self, name: &str) -> bool {
        name != ".rejected"
            || self.attr_at(0, &TreePath::root().join(name).unwrap_or_default()).is_ok()
    }

    /// The attributes of an entry, which the kernel knows from here on; `None` if it is gone meanwhile.
    pub fn tell_item(&self, listing: &Listing, item: &DirItem) -> Option<Attr> {
        let path = listing.path.join(&item.name).ok()?;
        let mut attr = self.attr_at(0, &path).ok()?;
        attr.ino = self.inodes.lock().tell(listing.ino, &item.name, 1);
        Some(attr)
    }

    /// The number of an entry, if it has one.
    pub fn ino_of(&self, parent: Ino, name: &str) -> Option<Ino> {
        self.inodes.lock().find(parent, name)
    }
}

fn items_of(entries: Vec<(Box<str>, Entry)>) -> Vec<DirItem> {
    entries
        .into_iter()
        .map(|(name, entry)| {
            let kind = match entry.kind {
                Kind::File => FileKind::File,
                Kind::Dir => FileKind::Dir,
            };
            DirItem { name, kind }
        })
        .collect()
}
