//! Makes the planned changes of a [`Root`].

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Uid, chownat, fchmod, fchown, fstat, mkdirat, openat, renameat,
    statat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::random;
use crate::root::{Change, Node, Owner, Result, Root, call, split};

impl Root {
    /// Makes all planned changes, in the order they were planned, and gives how many there were. Each file is replaced
    /// whole.
    pub fn apply(&mut self) -> Result<usize> {
        let changes = std::mem::take(&mut self.changes);
        self.forget();
        let mut count = 0;
        for change in changes.iter().filter(|change| change.is_real()) {
            self.apply_one(change)?;
            count += 1;
        }
        Ok(count)
    }

    fn apply_one(&self, change: &Change) -> Result<()> {
        let (parent, name) = split(&change.path);
        let path = change.path.as_str();
        let dir = self
            .resolve(parent, OFlags::PATH | OFlags::DIRECTORY)
            .map_err(|errno| call("open the directory of", path, errno))?;
        let owner = change.owner.unwrap_or(self.owner);
        match &change.after {
            None => match unlinkat(&dir, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => Ok(()),
                Err(errno) => Err(call("remove", path, errno)),
            },
            Some(Node::Directory { mode }) => self.make_dir(&dir, name, *mode, path),
            Some(Node::Link(target)) => place(&dir, name, path, |temporary| {
                symlinkat(target, &dir, temporary).map_err(|e| call("make the link", path, e))?;
                own(&dir, temporary, self.owner, path)
            }),
            Some(Node::File { data, mode }) => place(&dir, name, path, |temporary| {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
                let fd =
                    openat(&dir, temporary, flags | OFlags::CLOEXEC, Mode::from_raw_mode(0o600))
                        .map_err(|errno| call("create a file beside", path, errno))?;
                let mut file = File::from(fd);
                file.write_all(data).map_err(|e| call("write", path, e))?;
                own_open(&file, owner, path)?;
                // After the owner: a change of owner may take mode bits away.
                fchmod(&file, Mode::from_raw_mode(*mode))
                    .map_err(|errno| call("set the mode of", path, errno))
            }),
        }
    }

    fn make_dir(&self, dir: &OwnedFd, name: &str, mode: u32, path: &str) -> Result<()> {
        match mkdirat(dir, name, Mode::from_raw_mode(mode)) {
            Ok(()) => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let made = openat(dir, name, flags, Mode::empty())
                    .map_err(|errno| call("open", path, errno))?;
                own_open(&made, self.owner, path)?;
                // The umask may have taken bits away.
                fchmod(&made, Mode::from_raw_mode(mode))
                    .map_err(|errno| call("set the mode of", path, errno))
            }
            Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(call("make the directory", path, errno)),
        }
    }
}

/// Makes something under a name that nobody can guess, and moves it to its place.
fn place(
    dir: &OwnedFd,
    name: &str,
    path: &str,
    make: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    let temporary = format!(".ct-guest.{}", random::hex());
    let done = make(&temporary).and_then(|()| {
        renameat(dir, &temporary, dir, name).map_err(|errno| call("replace", path, errno))
    });
    if done.is_err() {
        // It may not exist; the first error is the one to report.
        let _ = unlinkat(dir, &temporary, AtFlags::empty());
    }
    done
}

fn own_open(fd: impl AsFd, owner: Owner, path: &str) -> Result<()> {
    let stat = fstat(&fd).map_err(|errno| call("look at", path, errno))?;
    if (stat.st_uid, stat.st_gid) == (owner.uid, owner.gid) {
        return Ok(());
    }
    fchown(&fd, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))
        .map_err(|errno| call("set the owner of", path, errno))
}

fn own(dir: &OwnedFd, name: &str, owner: Owner, path: &str) -> Result<()> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let stat = statat(dir, name, flags).map_err(|errno| call("look at", path, errno))?;
    if (stat.st_uid, stat.st_gid) == (owner.uid, owner.gid) {
        return Ok(());
    }
    chownat(dir, name, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)), flags)
        .map_err(|errno| call("set the owner of", path, errno))
}
