//! Whether a process has a file open still, after it closed one of its descriptors.
//!
//! FUSE tells of each close, not of which is the last before it is too late to answer. But a descriptor that is still
//! there will be closed too, and that will be told.

use crate::fs::Ino;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// A device as /proc/PID/mountinfo shows it, `0:41`.
pub(crate) type Device = str;

/// How long a look at a process may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// As [`holds`], and no if that cannot be found out soon.
///
/// A process in execve(2) closes descriptors with locks held that a look at it in /proc waits for, while it waits for our
/// answer: without a limit that is a deadlock. The look ends when the answer is given.
pub(crate) fn holds_soon(pid: u32, device: &Device, ino: Ino, name: &str) -> bool {
    let (send, found) = channel();
    let (device, name) = (device.to_owned(), name.to_owned());
    let look = move || {
        let _ = send.send(holds(pid, &device, ino, &name));
    };
    let started = thread::Builder::new().name("holders".to_owned()).spawn(look);
    started.is_ok() && found.recv_timeout(PATIENCE).unwrap_or(false)
}

/// Whether the process or thread `pid` has a descriptor open for writing of the file `ino` of the file system `device`,
/// whose name is `name`.
///
/// Looks at /proc alone: to ask for a file's attributes would come back to us. Where that does not work there is none.
fn holds(pid: u32, device: &Device, ino: Ino, name: &str) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return false };
    descriptors.flatten().any(|descriptor| {
        if !fs::read_link(descriptor.path()).is_ok_and(|target| is_called(&target, name)) {
            return false;
        }
        let info = process.join("fdinfo").join(descriptor.file_name());
        let info = fs::read_to_string(info).unwrap_or_default();
        writes_to(&info, ino) && device_of(&process, &info).as_deref() == Some(device)
    })
}

/// Whether a link in /proc/PID/fd shows a file of that name; the kernel adds to it when it has forgotten the name.
fn is_called(target: &Path, name: &str) -> bool {
    let found = target.file_name().and_then(OsStr::to_str).unwrap_or_default();
    found.strip_suffix(" (deleted)").unwrap_or(found) == name
}

/// Whether the text of /proc/PID/fdinfo/N is of a descriptor that writes to `ino`.
fn writes_to(info: &str, ino: Ino) -> bool {
    let flags = field(info, "flags").and_then(|flags| u32::from_str_radix(flags, 8).ok());
    let is_ino = field(info, "ino").and_then(|found| found.parse().ok()) == Some(ino);
    is_ino && flags.is_some_and(|flags| flags & 0b11 != 0)
}

/// The device of the file system in which the file of a descriptor is.
fn device_of(process: &Path, info: &str) -> Option<String> {
    let mount = field(info, "mnt_id")?;
    let mounts = fs::read_to_string(process.join("mountinfo")).ok()?;
    let mut found = mounts.lines().map(|line| line.split(' '));
    let mut fields = found.find(|fields| fields.clone().next() == Some(mount))?;
    fields.nth(2).map(str::to_owned)
}

fn field<'a>(info: &'a str, key: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(str::trim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn finds_what_is_open_for_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("100.conf");
        let me = std::process::id();
        let writer = File::create(&path).unwrap();
        let ino = writer.metadata().unwrap().ino();
        let info = format!("/proc/self/fdinfo/{}", writer.as_raw_fd());
        let info = fs::read_to_string(info).unwrap();
        let device = &device_of(Path::new("/proc/self"), &info).unwrap();

        assert!(holds(me, device, ino, "100.conf"));
        assert!(!holds(me, device, ino, "101.conf") && !holds(me, device, ino + 1, "100.conf"));
        assert!(!holds(me, "0:0", ino, "100.conf"), "another file system has the same numbers");
        let second = writer.try_clone().unwrap();
        drop(writer);
        assert!(holds(me, device, ino, "100.conf"));
        fs::rename(&path, folder.path().join("101.conf")).unwrap();
        assert!(holds(me, device, ino, "101.conf"));
        fs::remove_file(folder.path().join("101.conf")).unwrap();
        assert!(holds(me, device, ino, "101.conf"), "the kernel says (deleted)");
        drop(second);
        assert!(!holds(me, device, ino, "101.conf"));

        fs::write(&path, "").unwrap();
        let reader = File::open(&path).unwrap();
        let ino = reader.metadata().unwrap().ino();
        assert!(!holds(me, device, ino, "100.conf"), "a reader does not count");
        assert!(!holds(0, device, ino, "100.conf"));
    }
}
