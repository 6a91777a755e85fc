//! Paths inside a tree that somebody hostile controls, resolved as if its root were `/`.
//!
//! openat2(2) with `RESOLVE_IN_ROOT` keeps `..` and absolute links inside; magic links are never followed.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat2};
use rustix::io::Errno;

use crate::{Call, Error, Result};

/// Whether links on the way are followed, inside the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Follow them.
    Follow,
    /// Fail with ELOOP.
    Refuse,
}

/// Opens `path` below `root`.
pub fn open(root: impl AsFd, path: &Path, flags: OFlags, links: Links) -> Result<OwnedFd> {
    open_mode(root.as_fd(), path, flags, Mode::empty(), links)
        .call(|| format!("openat2({}, IN_ROOT)", path.display()))
}

/// Opens the directory `path` below `root` as a path, making what is missing of it with `mode`.
pub fn make_dirs(root: impl AsFd, path: &Path, mode: u32, links: Links) -> Result<OwnedFd> {
    let root = root.as_fd();
    let dir = OFlags::PATH | OFlags::DIRECTORY;
    match open_mode(root, path, dir, Mode::empty(), links) {
        Err(Errno::NOENT) => {}
        other => return other.call(|| format!("openat2({}, IN_ROOT)", path.display())),
    }
    let mut done = std::path::PathBuf::from(".");
    let mut at = open(root, &done, dir, links)?;
    for part in path.components() {
        let std::path::Component::Normal(name) = part else {
            if part == std::path::Component::ParentDir {
                return Err(Error::new(format!("mkdir({})", path.display()), Errno::INVAL));
            }
            continue;
        };
        done.push(name);
        // Resolved from the root each time, so a link that is swapped in between leads inside at worst.
        at = match open_mode(root, &done, dir, Mode::empty(), links) {
            Err(Errno::NOENT) => {
                match mkdirat(&at, name, Mode::from_raw_mode(mode)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(e) => return Err(Error::new(format!("mkdirat({})", done.display()), e)),
                }
                open_mode(root, &done, dir, Mode::empty(), links)
            }
            other => other,
        }
        .call(|| format!("openat2({}, IN_ROOT)", done.display()))?;
    }
    Ok(at)
}

/// Opens the file `path` below `root` as a path, making it empty if it is missing.
pub fn make_file(root: impl AsFd, path: &Path, mode: u32, links: Links) -> Result<OwnedFd> {
    let root = root.as_fd();
    match open_mode(root, path, OFlags::PATH, Mode::empty(), links) {
        Err(Errno::NOENT) => {}
        other => return other.call(|| format!("openat2({}, IN_ROOT)", path.display())),
    }
    if let Some(parent) = path.parent() {
        make_dirs(root, parent, 0o755, links)?;
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW;
    match open_mode(root, path, flags, Mode::from_raw_mode(mode), links) {
        Ok(_) | Err(Errno::EXIST) => {}
        Err(e) => {
            return Err(Error::new(format!("openat2({}, CREAT, IN_ROOT)", path.display()), e));
        }
    }
    open(root, path, OFlags::PATH, links)
}

fn open_mode(
    root: impl AsFd,
    path: &Path,
    flags: OFlags,
    mode: Mode,
    links: Links,
) -> std::result::Result<OwnedFd, Errno> {
    let mut resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    if links == Links::Refuse {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    loop {
        // EAGAIN: somebody renames on the way and the kernel cannot tell whether we got out (openat2(2)).
        match openat2(root.as_fd(), path, flags | OFlags::CLOEXEC, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> (tempdir::Dir, OwnedFd) {
        let dir = tempdir::Dir::new();
        let fd = rustix::fs::open(&dir.0, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        (dir, fd)
    }

    mod tempdir {
        pub struct Dir(pub std::path::PathBuf);
        impl Dir {
            pub fn new() -> Self {
                use std::sync::atomic::{AtomicU32, Ordering};
                static N: AtomicU32 = AtomicU32::new(0);
                let n = N.fetch_add(1, Ordering::Relaxed);
                let dir = std::env::temp_dir().join(format!("ct-sys-{}-{n}", std::process::id()));
                std::fs::create_dir_all(dir.join("root")).unwrap();
                Self(dir.join("root"))
            }
        }
        impl Drop for Dir {
            fn drop(&mut self) {
                std::fs::remove_dir_all(self.0.parent().unwrap()).unwrap();
            }
        }
    }

    #[test]
    fn directories_stay_inside() {
        let (dir, root) = tree();
        symlink("../../..", dir.0.join("up")).unwrap();
        symlink("/abs", dir.0.join("link")).unwrap();
        std::fs::create_dir(dir.0.join("abs")).unwrap();
        make_dirs(&root, Path::new("/up/a/b"), 0o755, Links::Follow).unwrap();
        assert!(dir.0.join("a/b").is_dir(), "`..` at the root is the root");
        make_dirs(&root, Path::new("link/c"), 0o755, Links::Follow).unwrap();
        assert!(dir.0.join("abs/c").is_dir());
    }

    #[test]
    fn refuses_links_when_told() {
        let (dir, root) = tree();
        symlink("elsewhere", dir.0.join("proc")).unwrap();
        let error = make_dirs(&root, Path::new("proc"), 0o755, Links::Refuse).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::LOOP));
    }

    #[test]
    fn makes_files_once() {
        let (dir, root) = tree();
        make_file(&root, Path::new("x/y"), 0o644, Links::Follow).unwrap();
        std::fs::write(dir.0.join("x/y"), "kept").unwrap();
        make_file(&root, Path::new("x/y"), 0o644, Links::Follow).unwrap();
        assert_eq!(std::fs::read_to_string(dir.0.join("x/y")).unwrap(), "kept");
    }
}
