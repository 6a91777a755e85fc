//! The guest's root directory, as something to plan changes in.
//!
//! Everything that reads or changes a file of the guest goes through [`Root`]. Changes are recorded first and show in
//! later reads; [`Root::apply`] then makes them, [`Root::diff`] prints them. So a dry run takes the same way as a real
//! one, and an error while planning leaves the guest as it was.
//!
//! Paths are resolved by openat2(2) with `RESOLVE_IN_ROOT`: no link of the guest leads outside. A link in the place of
//! a file is never written through; the file takes its place, as in the reference.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2, readlinkat};
use rustix::io::Errno;

use crate::text::{self, Encoding};

/// Files larger than this are no configuration.
const LIMIT: u64 = 16 << 20;

/// An error in the guest's root.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error("cannot {operation} {path} in the guest: {source}")]
    Call {
        /// What was to be done.
        operation: &'static str,
        /// On which file.
        path: String,
        /// Why it failed.
        source: io::Error,
    },
    /// Something else is in the place of a file.
    #[error("{path} in the guest is a {found}, where a file is expected")]
    NotAFile {
        /// The path.
        path: String,
        /// What is there.
        found: &'static str,
    },
    /// Something else is in the place of a directory.
    #[error("{path} in the guest is a dangling link, where a directory is expected")]
    Dangling {
        /// The path.
        path: String,
    },
    /// A file is too large to be a configuration.
    #[error(
        "{path} in the guest has {size} bytes: more than {LIMIT} is not taken for a configuration"
    )]
    TooLarge {
        /// The path.
        path: String,
        /// Its size.
        size: u64,
    },
}

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

pub(crate) fn call(operation: &'static str, path: &str, source: impl Into<io::Error>) -> Error {
    Error::Call { operation, path: path.to_owned(), source: source.into() }
}

/// The host's user and group of the guest's root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Owner {
    /// The ids that the guest's root has on disk in its directory `root`. A directory that belongs to the mapped root
    /// (`self`) is shifted on disk, and so is what is new in it. Any other is mapped when it is mounted: on disk root is
    /// root.
    pub fn on_disk(self, root: impl AsFd) -> Result<Self> {
        let stat = fstat(root).map_err(|errno| call("look at", "/", errno))?;
        let shifted = (stat.st_uid, stat.st_gid) == (self.uid, self.gid);
        Ok(if shifted { self } else { Self::default() })
    }
}

/// What a path is or shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    File { data: Vec<u8>, mode: u32 },
    Link(String),
    Directory { mode: u32 },
}

/// One planned change.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) before: Option<Node>,
    pub(crate) after: Option<Node>,
    /// What reading the path gave before: also the content behind a link.
    pub(crate) content: Option<Vec<u8>>,
    /// Owner of the file that is replaced.
    pub(crate) owner: Option<Owner>,
}

impl Change {
    pub(crate) fn is_real(&self) -> bool {
        self.before != self.after
    }
}

/// A path by the deepest directory of it that exists, and what follows. Two names of one place are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    device: u64,
    inode: u64,
    rest: String,
}

/// The root directory of a guest, with planned changes.
#[derive(Debug)]
pub struct Root {
    pub(crate) dir: OwnedFd,
    pub(crate) owner: Owner,
    pub(crate) changes: Vec<Change>,
    places: HashMap<Place, usize>,
    warnings: Vec<String>,
}

impl Root {
    /// Opens a guest's root. What is new in it will belong to `owner`.
    pub fn open(path: &Path, owner: Owner) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| call("open the root", &path.to_string_lossy(), errno))?;
        Ok(Self::new(dir, owner))
    }

    /// Takes an open directory as a guest's root, for instance one of a mount that is not attached.
    ///
    /// In an idmapped mount the caller's own ids may have no place; creating a file there fails with EOVERFLOW
    /// (mount_setattr(2)). Give the directory of the mount below it, and the owner that its files have there.
    pub fn new(dir: OwnedFd, owner: Owner) -> Self {
        Self { dir, owner, changes: Vec::new(), places: HashMap::new(), warnings: Vec::new() }
    }

    /// Whether this is the root of the calling process itself.
    pub fn is_own(&self) -> bool {
        let own = rustix::fs::stat("/").map(|s| (s.st_dev, s.st_ino));
        own.is_ok_and(|own| fstat(&self.dir).is_ok_and(|s| (s.st_dev, s.st_ino) == own))
    }

    /// Says something that the administrator should know and that is no failure.
    pub(crate) fn warn(&mut self, message: impl Into<String>) {
        let message = message.into();
        if !self.warnings.contains(&message) {
            self.warnings.push(message);
        }
    }

    /// What was not as it should be, but no failure.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(crate) fn resolve(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = path.trim_start_matches('/');
        let path = if path.is_empty() { "." } else { path };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let mut left = 10_000;
        loop {
            // EAGAIN: something was renamed on the way, and the kernel cannot tell whether we got out (openat2(2)). A
            // guest that renames for ever is not waited for.
            match openat2(&self.dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) if left > 0 => left -= 1,
                other => return other,
            }
        }
    }

    fn place(&self, path: &str) -> Result<Place> {
        let path = path.trim_start_matches('/');
        let mut known = split(path).0;
        loop {
            match self.resolve(known, OFlags::PATH | OFlags::DIRECTORY) {
                Ok(fd) => {
                    let stat = fstat(&fd).map_err(|e| call("look at", known, e))?;
                    let rest = path[known.len()..].trim_start_matches('/').to_owned();
                    return Ok(Place { device: stat.st_dev, inode: stat.st_ino, rest });
                }
                Err(Errno::NOENT) if self.lstat(known)?.is_some() => {
                    return Err(Error::Dangling { path: format!("/{known}") });
                }
                Err(Errno::NOENT) => known = split(known).0,
                Err(errno) => return Err(call("open", &format!("/{known}"), errno)),
            }
        }
    }

    /// The path itself, not what a link there leads to.
    fn lstat(&self, path: &str) -> Result<Option<(OwnedFd, Stat)>> {
        match self.resolve(path, OFlags::PATH | OFlags::NOFOLLOW) {
            Ok(fd) => {
                let stat = fstat(&fd).map_err(|errno| call("look at", path, errno))?;
                Ok(Some((fd, stat)))
            }
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(errno) => Err(call("look at", path, errno)),
        }
    }

    /// Forgets all that was planned.
    pub(crate) fn forget(&mut self) {
        self.changes.clear();
        self.places.clear();
    }

    fn planned(&self, path: &str) -> Result<Option<&Change>> {
        if self.changes.is_empty() {
            return Ok(None);
        }
        Ok(self.places.get(&self.place(path)?).map(|&at| &self.changes[at]))
    }

    /// What kind of file a path leads to; a planned link counts as what is planned.
    fn kind(&self, path: &str) -> Option<FileType> {
        if let Ok(Some(change)) = self.planned(path) {
            return match change.after.as_ref()? {
                Node::File { .. } => Some(FileType::RegularFile),
                Node::Link(_) => Some(FileType::Symlink),
                Node::Directory { .. } => Some(FileType::Directory),
            };
        }
        let fd = self.resolve(path, OFlags::PATH).ok()?;
        fstat(fd).ok().map(|stat| FileType::from_raw_mode(stat.st_mode))
    }

    pub(crate) fn is_file(&self, path: &str) -> bool {
        self.kind(path) == Some(FileType::RegularFile)
    }

    pub(crate) fn is_dir(&self, path: &str) -> bool {
        self.kind(path) == Some(FileType::Directory)
    }

    /// Where a link leads to, if the path is one.
    pub(crate) fn link(&self, path: &str) -> Result<Option<String>> {
        if let Some(change) = self.planned(path)? {
            return Ok(match &change.after {
                Some(Node::Link(target)) => Some(target.clone()),
                _ => None,
            });
        }
        let Some((fd, stat)) = self.lstat(path)? else { return Ok(None) };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            return Ok(None);
        }
        let target = readlinkat(&fd, "", Vec::new()).map_err(|e| call("read the link", path, e))?;
        Ok(Some(target.to_string_lossy().into_owned()))
    }

    /// The path inside the guest that a directory has when all links are followed.
    pub(crate) fn real_path(&self, path: &str) -> Option<String> {
        let name = |fd: &OwnedFd| {
            let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
            rustix::fs::readlink(link, Vec::new()).ok()?.into_string().ok()
        };
        let root = name(&self.dir)?;
        let full = name(&self.resolve(path, OFlags::PATH).ok()?)?;
        Some(full.strip_prefix(root.trim_end_matches('/'))?.to_owned())
    }

    /// The names in a directory, sorted; none if it does not exist. Planned changes do not show.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<String>> {
        let fd = match self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOENT | Errno::LOOP) => return Ok(Vec::new()),
            other => other.map_err(|errno| call("list", path, errno))?,
        };
        let mut names = Vec::new();
        for entry in Dir::new(fd).map_err(|errno| call("list", path, errno))? {
            let entry = entry.map_err(|errno| call("list", path, errno))?;
            if let Ok(name) = entry.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn open_file(&self, path: &str) -> Result<Option<(std::fs::File, Stat)>> {
        // As a path first: opening a device or a fifo can do or wait for something.
        let fd = match self.resolve(path, OFlags::PATH) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => return Ok(None),
            Err(errno) => return Err(call("open", path, errno)),
        };
        let stat = fstat(&fd).map_err(|errno| call("look at", path, errno))?;
        if let Some(found) = not_a_file(FileType::from_raw_mode(stat.st_mode)) {
            return Err(Error::NotAFile { path: path.to_owned(), found });
        }
        let again = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::open(again, flags, Mode::empty())
            .map_err(|errno| call("open", path, errno))?;
        Ok(Some((file.into(), stat)))
    }

    /// The first bytes of a file.
    pub(crate) fn head(&self, path: &str, length: u64) -> Result<Option<Vec<u8>>> {
        let Some((file, _)) = self.open_file(path)? else { return Ok(None) };
        let mut data = Vec::new();
        file.take(length).read_to_end(&mut data).map_err(|e| call("read", path, e))?;
        Ok(Some(data))
    }

    fn content(&self, path: &str) -> Result<Option<(Vec<u8>, Stat)>> {
        let Some((file, stat)) = self.open_file(path)? else { return Ok(None) };
        let too_large = |size| Error::TooLarge { path: path.to_owned(), size };
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if size > LIMIT {
            return Err(too_large(size));
        }
        let mut data = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        file.take(LIMIT + 1).read_to_end(&mut data).map_err(|e| call("read", path, e))?;
        if data.len() as u64 > LIMIT {
            return Err(too_large(data.len() as u64));
        }
        Ok(Some((data, stat)))
    }

    /// The content of a file; `None` if there is none, also behind a dangling link.
    pub(crate) fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        if let Some(change) = self.planned(path)? {
            return Ok(match &change.after {
                Some(Node::File { data, .. }) => Some(data.clone()),
                _ => None,
            });
        }
        Ok(self.content(path)?.map(|(data, _)| data))
    }

    /// The content of a file as text.
    pub(crate) fn text(&self, path: &str) -> Result<Option<String>> {
        Ok(self.read(path)?.map(|data| text::decode(&data).0.into_owned()))
    }

    /// Whether the guest forbids changes of the path by a file `.pve-ignore.<name>` beside it.
    pub(crate) fn ignored(&self, path: &str) -> bool {
        let (parent, name) = split(path.trim_start_matches('/'));
        let guard = format!("{parent}/.pve-ignore.{name}");
        let found = self.resolve(&guard, OFlags::PATH).ok().and_then(|fd| fstat(fd).ok());
        found.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file())
    }

    /// Plans that a path becomes `after`.
    fn record(&mut self, path: &str, after: Option<Node>) -> Result<()> {
        let place = self.place(path)?;
        if let Some(&at) = self.places.get(&place) {
            self.changes[at].after = after;
            return Ok(());
        }
        let mut owner = None;
        let (before, content) = match self.lstat(path)? {
            None => (None, None),
            Some((_, stat)) if FileType::from_raw_mode(stat.st_mode).is_symlink() => {
                // Behind it may be what is no file, as in the links to /dev/null that mask units.
                (self.link(path)?.map(Node::Link), self.content(path).ok().flatten())
            }
            Some((_, stat)) => {
                owner = Some(Owner { uid: stat.st_uid, gid: stat.st_gid });
                let content = self.content(path)?;
                let data = content.as_ref().map(|(data, _)| data.clone()).unwrap_or_default();
                (Some(Node::File { data, mode: stat.st_mode & 0o777 }), content)
            }
        };
        if before == after {
            return Ok(());
        }
        if after.is_some() && place.rest.contains('/') {
            self.make_dirs(split(path).0, 0o755)?;
        }
        self.places.insert(place, self.changes.len());
        let content = content.map(|(data, _)| data);
        let path = format!("/{}", path.trim_start_matches('/'));
        self.changes.push(Change { path, before, after, content, owner });
        Ok(())
    }

    /// Plans the directories of a path that do not exist yet.
    pub(crate) fn make_dirs(&mut self, path: &str, mode: u32) -> Result<()> {
        let path = path.trim_start_matches('/');
        if path.is_empty() || self.is_dir(path) {
            return Ok(());
        }
        self.make_dirs(split(path).0, 0o755)?;
        if self.lstat(path)?.is_some() {
            return Err(call("make the directory", &format!("/{path}"), Errno::NOTDIR));
        }
        let place = self.place(path)?;
        self.places.insert(place, self.changes.len());
        let after = Some(Node::Directory { mode });
        let path = format!("/{path}");
        self.changes.push(Change { path, before: None, after, content: None, owner: None });
        Ok(())
    }

    fn put(&mut self, path: &str, data: Vec<u8>, mode: Option<u32>, new: u32) -> Result<()> {
        if self.ignored(path) {
            return Ok(());
        }
        let now = match self.planned(path)? {
            Some(Change { after: Some(Node::File { mode, .. }), .. }) => Some(*mode),
            Some(_) => None,
            None => {
                let stat = self.lstat(path)?.map(|(_, stat)| stat.st_mode);
                stat.filter(|&m| FileType::from_raw_mode(m).is_file()).map(|m| m & 0o777)
            }
        };
        // What a link shows already need not be replaced.
        if mode.is_none() && self.read(path)?.as_ref() == Some(&data) {
            return Ok(());
        }
        let mode = mode.or(now).unwrap_or(new);
        self.record(path, Some(Node::File { data, mode }))
    }

    /// Plans the content of a file. An existing one keeps its mode and owner; a new one gets `mode`.
    pub(crate) fn write(&mut self, path: &str, data: impl Into<Vec<u8>>, mode: u32) -> Result<()> {
        self.put(path, data.into(), None, mode)
    }

    /// Plans the content of a file that must have exactly this mode.
    pub(crate) fn write_with_mode(
        &mut self,
        path: &str,
        data: impl Into<Vec<u8>>,
        mode: u32,
    ) -> Result<()> {
        self.put(path, data.into(), Some(mode), mode)
    }

    /// Plans a change of a file's text. `change` gets the text, if there is a file, and gives the new one, or `None` to
    /// leave it.
    pub(crate) fn edit(
        &mut self,
        path: &str,
        mode: u32,
        change: impl FnOnce(Option<&str>) -> Option<String>,
    ) -> Result<()> {
        if self.ignored(path) {
            return Ok(());
        }
        let data = self.read(path)?;
        let (old, encoding) = match &data {
            Some(data) => {
                let (text, encoding) = text::decode(data);
                (Some(text), encoding)
            }
            None => (None, Encoding::Utf8),
        };
        match change(old.as_deref()) {
            Some(new) => self.write(path, text::encode(&new, encoding), mode),
            None => Ok(()),
        }
    }

    /// Plans a change of the text of a file that exists.
    pub(crate) fn edit_existing(
        &mut self,
        path: &str,
        change: impl FnOnce(&str) -> String,
    ) -> Result<()> {
        self.edit(path, 0o644, |old| old.map(change))
    }

    /// Plans that a file or link is gone.
    pub(crate) fn remove(&mut self, path: &str) -> Result<()> {
        let gone = matches!(self.planned(path)?, Some(Change { after: None, .. }));
        if gone
            || self.ignored(path)
            || (self.planned(path)?.is_none() && self.lstat(path)?.is_none())
        {
            return Ok(());
        }
        self.record(path, None)
    }

    /// Plans a symbolic link.
    pub(crate) fn symlink(&mut self, path: &str, target: &str) -> Result<()> {
        if self.ignored(path) {
            return Ok(());
        }
        self.record(path, Some(Node::Link(target.to_owned())))
    }
}

/// Parent and name of a path.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn not_a_file(found: FileType) -> Option<&'static str> {
    match found {
        FileType::RegularFile => None,
        FileType::Directory => Some("directory"),
        FileType::Fifo => Some("fifo"),
        FileType::Socket => Some("socket"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("device"),
        _ => Some("special file"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        symlink("etc", dir.path().join("conf")).unwrap();
        let owner = Owner {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        };
        let root = Root::open(dir.path(), owner).unwrap();
        (dir, root)
    }

    #[test]
    fn plans_show_in_later_reads_under_all_names() {
        let (dir, mut root) = root();
        root.write("etc/a", "one", 0o644).unwrap();
        assert_eq!(root.read("/conf/a").unwrap().as_deref(), Some(&b"one"[..]));
        root.write("conf/a", "two", 0o644).unwrap();
        root.write("etc/new/deep/b", "x", 0o600).unwrap();
        assert!(root.is_dir("conf/new") && root.is_file("/etc/new/deep/b"));
        root.symlink("etc/l", "a").unwrap();
        assert_eq!(root.link("conf/l").unwrap().as_deref(), Some("a"));
        assert_eq!(root.apply().unwrap(), 5);
        assert_eq!(std::fs::read(dir.path().join("etc/a")).unwrap(), b"two");
        assert_eq!(std::fs::read(dir.path().join("etc/new/deep/b")).unwrap(), b"x");
    }

    #[test]
    fn what_comes_to_nothing_is_no_change() {
        let (dir, mut root) = root();
        std::fs::write(dir.path().join("etc/a"), "old").unwrap();
        root.write("etc/a", "new", 0o644).unwrap();
        root.write("etc/a", "old", 0o644).unwrap();
        root.write("etc/b", "new", 0o644).unwrap();
        root.remove("etc/b").unwrap();
        root.remove("etc/c").unwrap();
        assert_eq!(root.diff(), "");
        assert_eq!(root.apply().unwrap(), 0);
        assert!(!dir.path().join("etc/b").exists());
    }

    #[test]
    fn the_owner_on_disk_is_that_of_the_directory() {
        let (_dir, root) = root();
        assert_eq!(root.owner.on_disk(&root.dir).unwrap(), root.owner, "shifted");
        let other = Owner { uid: root.owner.uid + 1, gid: root.owner.gid };
        assert_eq!(other.on_disk(&root.dir).unwrap(), Owner::default(), "mapped when mounted");
    }

    #[test]
    fn a_removed_file_can_come_back() {
        let (dir, mut root) = root();
        std::fs::write(dir.path().join("etc/a"), "old").unwrap();
        root.remove("etc/a").unwrap();
        root.remove("etc/a").unwrap();
        assert_eq!(root.read("etc/a").unwrap(), None);
        root.write("etc/a", "new", 0o644).unwrap();
        assert_eq!(root.apply().unwrap(), 1);
        assert_eq!(std::fs::read(dir.path().join("etc/a")).unwrap(), b"new");
    }
}
