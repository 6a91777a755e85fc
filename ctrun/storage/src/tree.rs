//! Trees of files.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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
/// The reference takes rsync. That resolves the paths of both sides itself, link by link, and a directory of a mount that is
/// attached nowhere has none that leads to it: rsync 3.5 then writes to the host's `/`. Each tar has its directory as its
/// working directory, which the kernel sees to. Sockets, which mean nothing without who listens, stay behind.
pub(crate) fn copy(what: &str, from: &File, to: &File) -> Result<()> {
    let tar = |at: &File, options: &[&str]| {
        let mut tar = program::bound("tar");
        // XFS shows the ACLs that it has anyway as attributes of its own.
        const ALL: [&str; 6] = [
            "--file=-",
            "--numeric-owner",
            "--acls",
            "--xattrs",
            "--xattrs-include=*",
            "--xattrs-exclude=trusted.SGI_*",
        ];
        tar.args(ALL)
            .args(options)
            .current_dir(through(at))
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TAR_OPTIONS")
            .stderr(Stdio::piped());
        tar
    };
    let mut pack = tar(from, &["--create", "--format=posix", "--sparse", "--one-file-system", "."]);
    let mut unpack = tar(to, &["--extract", "--preserve-permissions", "--same-owner"]);
    let mut packing = pack
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| program::spawn_failed(what, "tar", e))?;
    let between = packing.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let unpacking = unpack.stdin(between).stdout(Stdio::null()).spawn();
    // It held a copy of the pipe.
    drop(unpack);
    // What packs ends when nobody reads any more, so in this order.
    let unpacked = unpacking.and_then(Child::wait_with_output);
    if unpacked.is_err() {
        let _ = packing.kill();
    }
    let packed = packing.wait_with_output();
    // If both failed, the one that reads knows why.
    for ended in [unpacked, packed] {
        let ended = ended.map_err(|e| program::spawn_failed(what, "tar", e))?;
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stderr);
            return Err(program::failed(what, "tar", ended.status, &said));
        }
    }
    Ok(())
}

/// The path of an open file for another process of the host. Only for what lets the kernel resolve it: as a working
/// directory, or opened as it is. Programs that follow links themselves may end anywhere.
pub(crate) fn through(file: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()))
}

/// Makes what was written in the file system of `file` durable.
pub(crate) fn sync_all(file: &File, path: &Path) -> Result<()> {
    rustix::fs::syncfs(file).trying(|| format!("sync the file system of {}", show(path)))
}
