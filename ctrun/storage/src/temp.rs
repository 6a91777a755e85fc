//! Names of things that are not whole yet.
//!
//! A temporary name tells the node and the process that uses it, so that what a killed process left can be told from what
//! another is working on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Result, Trying, show};

const PREFIX: &str = ".ctrun.";

/// Removes a file, directory or subvolume of a storage, whichever it is.
pub(crate) type Remove = fn(&Path) -> Result<()>;

/// Something under a temporary name, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Temp {
    path: PathBuf,
    remove: Remove,
    is_kept: bool,
}

impl Temp {
    /// A name in `dir`. Nothing is made.
    pub fn new(dir: &Path, node: &str, remove: Remove) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let start = ct_sys::pidfd::start_time(pid)
            .map_err(std::io::Error::other)
            .trying(|| format!("read the start time of process {pid}"))?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!("{PREFIX}{node}.{pid}.{start}.{count}"));
        Ok(Self { path, remove, is_kept: false })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// It has another name now.
    pub fn keep(mut self) {
        self.is_kept = true;
    }

    /// Removes it, and says if that fails.
    pub fn remove(mut self) -> Result<()> {
        self.is_kept = true;
        (self.remove)(&self.path)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.is_kept && self.path.symlink_metadata().is_ok() {
            // On the way of an error already; what stays is removed by the next that works here.
            let _ = (self.remove)(&self.path);
        }
    }
}

/// Removes what processes of this node that are no more left in `dir`.
pub(crate) fn sweep(dir: &Path, node: &str, remove: Remove) -> Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.trying(|| format!("list {}", show(dir)))?,
    };
    for entry in entries {
        let entry = entry.trying(|| format!("list {}", show(dir)))?;
        if entry.file_name().to_str().is_some_and(|name| is_left_over(name, node)) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(PREFIX)
}

fn is_left_over(name: &str, node: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let mut parts = rest.rsplitn(4, '.');
    let (_count, start, pid) = (parts.next(), parts.next(), parts.next());
    let (Some(start), Some(pid)) = (start, pid) else { return false };
    let (Ok(start), Ok(pid)) = (start.parse::<u64>(), pid.parse::<i32>()) else { return false };
    // Another node's processes cannot be seen from here.
    parts.next() == Some(node) && ct_sys::pidfd::start_time(pid).ok() != Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_dead_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let remove: Remove = |path| fs::remove_file(path).trying(String::new);
        let mine = Temp::new(dir.path(), "a.b", remove).unwrap();
        fs::write(mine.path(), "").unwrap();
        for name in
            [".ctrun.a.b.1.999999.0", ".ctrun.c.1.999999.0", ".ctrun.odd", "vm-100-disk-0.raw"]
        {
            fs::write(dir.path().join(name), "").unwrap();
        }
        sweep(dir.path(), "a.b", remove).unwrap();
        let mut left: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let own = mine.path().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(left, [own.as_str(), ".ctrun.c.1.999999.0", ".ctrun.odd", "vm-100-disk-0.raw"]);
        drop(mine);
        assert!(!dir.path().join(own).exists());
    }
}
