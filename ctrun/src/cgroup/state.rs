//! Groups of a container that runs, or of one that has ended: by their directories, as the record keeps them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Error, io, read, write};

/// Removes a group and what a guest has made below it. Its processes must have been killed; they may take a moment to go.
pub fn remove(path: &Path) -> Result<(), Error> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match fs::remove_dir(path) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) if Instant::now() > deadline => return Err(io("remove", path)(e)),
            Err(_) => {}
        }
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                remove(&entry.path())?;
            }
        }
        if fs::remove_dir(path).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Kills every process in the group and below, where the kernel can do that at once (Linux 5.14, version 2).
pub fn kill(directories: &[PathBuf]) -> Result<(), Error> {
    let Some(file) = directories.iter().map(|d| d.join("cgroup.kill")).rfind(|f| f.exists()) else {
        return Ok(());
    };
    write(&file, "1")
}

/// Stops or continues all processes of the container.
pub fn freeze(directories: &[PathBuf], frozen: bool) -> Result<(), Error> {
    let (file, value) = freezer(directories)?;
    write(&file, if frozen { value.0 } else { value.1 })?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_frozen(directories)? != frozen {
        if Instant::now() > deadline {
            return Err(Error::Value(format!("{} does not reach {}", file.display(), value.0)));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Whether they are stopped.
pub fn is_frozen(directories: &[PathBuf]) -> Result<bool, Error> {
    let (file, _) = freezer(directories)?;
    if file.ends_with("freezer.state") {
        return Ok(read(&file)? == "FROZEN");
    }
    let events = file.with_file_name("cgroup.events");
    Ok(read(&events)?.lines().any(|l| l == "frozen 1"))
}

/// The file by which the outermost group is frozen, and what to write for "stop" and "continue".
fn freezer(directories: &[PathBuf]) -> Result<(PathBuf, (&'static str, &'static str)), Error> {
    let find = |name: &str| directories.iter().map(|d| d.join(name)).rfind(|f| f.exists());
    if let Some(file) = find("cgroup.freeze") {
        return Ok((file, ("1", "0")));
    }
    let file = find("freezer.state").ok_or_else(|| Error::NoController("freezer".into()))?;
    Ok((file, ("FROZEN", "THAWED")))
}

/// What the container uses, for `ctrun state`.
pub fn memory_used(directories: &[PathBuf]) -> Option<u64> {
    let names = ["memory.current", "memory.usage_in_bytes"];
    // The outer group comes after the inner one.
    names
        .iter()
        .find_map(|name| directories.iter().map(|d| d.join(name)).rfind(|f| f.exists()))
        .and_then(|file| read(&file).ok()?.parse().ok())
}
