//! Keeps the guest's hands off our own program.
//!
//! A process of ours that is about to become the guest's shows the guest its program as `/proc/<pid>/exe`, and
//! whoever opens that for writing could replace what root runs on the host (CVE-2019-5736). So every process of ours that
//! enters a container has been executed from a copy of the mount that the program lies in, read-only and attached nowhere:
//! writing through it is EROFS, and as the copy is in no mount namespace, nobody can make it writable again. That costs three
//! system calls, where a copy of the program in a sealed memfd would cost its size in memory for each container.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;

use ct_sys::mount::{Attr, Mount};
use ct_sys::{Call, Error, Result};
use rustix::fs::{MemfdFlags, SealFlags};

/// Our program as it may be shown to a guest.
#[derive(Debug)]
pub struct Sealed(OwnedFd);

impl Sealed {
    /// Opens the program that is running.
    pub fn this_program() -> Result<Self> {
        let program = File::open("/proc/self/exe").call(|| "open(/proc/self/exe)".into())?;
        read_only_mount(&program).or_else(|_| memfd(program)).map(Self)
    }

    /// A command that runs it. The descriptor must stay open until it has been spawned.
    pub fn command(&self) -> Command {
        Command::new(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

/// Whether this process has been executed from such a copy.
pub fn is_sealed() -> Result<bool> {
    let program = File::open("/proc/self/exe").call(|| "open(/proc/self/exe)".into())?;
    let read_only = rustix::fs::fstatvfs(&program)
        .call(|| "fstatvfs(/proc/self/exe)".into())?
        .f_flag
        .contains(rustix::fs::StatVfsMountFlags::RDONLY);
    Ok(read_only
        || rustix::fs::fcntl_get_seals(&program).is_ok_and(|s| s.contains(SealFlags::WRITE)))
}

/// Linux 5.12.
fn read_only_mount(program: &File) -> Result<OwnedFd> {
    let mount = Mount::copy(program, false)?;
    mount.set(Attr::MOUNT_ATTR_RDONLY | Attr::MOUNT_ATTR_NOSUID | Attr::MOUNT_ATTR_NODEV, false)?;
    Ok(mount.into())
}

fn memfd(mut program: File) -> Result<OwnedFd> {
    let fd = rustix::fs::memfd_create("ctrun", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .call(|| "memfd_create".into())?;
    let mut copy = File::from(fd);
    std::io::copy(&mut program, &mut copy).map_err(|e| Error::new("copy(/proc/self/exe)", e))?;
    rustix::fs::fcntl_add_seals(
        &copy,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )
    .call(|| "fcntl(ADD_SEALS)".into())?;
    Ok(copy.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sealed_copy_cannot_be_opened_for_writing() {
        let program = File::open("/proc/self/exe").unwrap();
        let sealed = memfd(program).unwrap();
        let path = format!("/proc/self/fd/{}", sealed.as_raw_fd());
        let file = std::fs::OpenOptions::new().write(true).open(path);
        assert!(file.and_then(|mut f| std::io::Write::write_all(&mut f, b"x")).is_err());
    }
}
