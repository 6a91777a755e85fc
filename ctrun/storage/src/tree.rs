//! Trees of files.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Result, Trying, show};
use crate::program;

/// Makes an empty directory that belongs to `root`.
pub(crate) fn give(path: &Path, root: (u32, u32)) -> Result<()> {
    std::os::unix::fs::chown(path, Some(root.0), Some(root.1))
        .trying(|| format!("give {} to {}:{}", show(path), root.0, root.1))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .trying(|| format!("chmod 755 {}", show(path)))
}

/// Makes a directory that only root may enter.
pub(crate) fn make_private(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Removes a file, or a directory with all that is in it on the same file system.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let what = || format!("remove {}", show(path));
    match path.symlink_metadata() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(found) if found.is_dir() => {
            // Something mounted below stays, and is an error, instead of losing what is in it.
            let mut rm = Command::new("rm");
            rm.args(["-rf", "--one-file-system", "--"]).arg(path);
            program::run(&what(), &mut rm).map(drop)
        }
        Ok(_) => fs::remove_file(path).trying(what),
        Err(e) => Err(e).trying(what),
    }
}

/// Copies what is in the directory `from` into the directory `to`, with all that files have; nothing of other file systems.
///
/// The options are those that the reference copies volumes with (pct.md 6).
pub(crate) fn copy(what: &str, from: &File, to: &File) -> Result<()> {
    let mut rsync = program::bound("rsync");
    // `.` and a path through our descriptors: no name is looked up twice, and detached mounts have none.
    rsync
        .args(["-aHAX", "--numeric-ids", "--sparse", "--one-file-system"])
        .arg(through(from).join("."))
        .arg(through(to).join("."));
    program::run(what, &mut rsync).map(drop)
}

/// The path of an open file for another process of the host.
pub(crate) fn through(file: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()))
}

/// Makes what was written in the file system of `file` durable.
pub(crate) fn sync_all(file: &File, path: &Path) -> Result<()> {
    rustix::fs::syncfs(file).trying(|| format!("sync the file system of {}", show(path)))
}
