//! The mount API of Linux 5.2 and 5.12: mounts as descriptors, attached nowhere until the end.
//!
//! A mount is made or copied detached, given its attributes, and attached to a directory that was
//! opened safely beforehand. No path is looked up twice and nothing half-made is ever visible.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount,
    open_tree, unmount,
};

use crate::{Call, Error, Result};

pub use rustix::mount::MountAttrFlags as Attr;

/// A mount, detached until it is attached.
#[derive(Debug)]
pub struct Mount {
    fd: OwnedFd,
    what: String,
}

/// The kernel's `struct mount_attr`.
#[repr(C)]
#[derive(Default)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

impl MountAttr {
    /// What sets `attributes`. How access times are kept is one field of several bits, which mount_setattr(2) wants cleared
    /// before one of its values is set.
    fn setting(attributes: Attr) -> Self {
        let set = u64::from(attributes.bits());
        let clear = if set & libc::MOUNT_ATTR__ATIME == 0 { 0 } else { libc::MOUNT_ATTR__ATIME };
        Self { attr_set: set, attr_clr: clear, ..Self::default() }
    }
}

impl Mount {
    /// Makes a new file system of `fstype` with `options` (`key` or `key=value`).
    pub fn new(fstype: &str, options: &[&str], attributes: Attr) -> Result<Self> {
        Self::with_source(fstype, fstype, options, attributes)
    }

    /// Makes a new file system of `fstype` from `source`.
    pub fn with_source(
        fstype: &str,
        source: &str,
        options: &[&str],
        attributes: Attr,
    ) -> Result<Self> {
        let context =
            fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC).call(|| format!("fsopen({fstype})"))?;
        fsconfig_set_string(context.as_fd(), "source", source)
            .map_err(|e| explain(&context, format!("fsconfig({fstype}, source={source})"), e))?;
        for option in options {
            match option.split_once('=') {
                Some((key, value)) => fsconfig_set_string(context.as_fd(), key, value),
                None => fsconfig_set_flag(context.as_fd(), *option),
            }
            .map_err(|e| explain(&context, format!("fsconfig({fstype}, {option})"), e))?;
        }
        fsconfig_create(context.as_fd())
            .map_err(|e| explain(&context, format!("fsconfig({fstype}, {source}, CREATE)"), e))?;
        let fd = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map_err(|e| explain(&context, format!("fsmount({fstype}, {source})"), e))?;
        Ok(Self { fd, what: source.to_owned() })
    }

    /// Copies the mount that `path` below `dir` lies in, with `path` as its root; `recursive` copies those on it too.
    ///
    /// An empty `path` means `dir` itself. Symbolic links at the end are not followed.
    pub fn copy_at(dir: impl AsFd, path: &str, recursive: bool) -> Result<Self> {
        let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
        if path.is_empty() {
            flags |= OpenTreeFlags::AT_EMPTY_PATH;
        }
        if recursive {
            flags |= OpenTreeFlags::AT_RECURSIVE;
        }
        let fd = open_tree(dir, path, flags).call(|| format!("open_tree({path:?}, CLONE)"))?;
        Ok(Self { fd, what: path.to_owned() })
    }

    /// Copies the mount at an open file or directory.
    pub fn copy(fd: impl AsFd, recursive: bool) -> Result<Self> {
        Self::copy_at(fd, "", recursive)
    }

    /// Another copy of this mount. Before Linux 6.15 this must be attached already.
    pub fn again(&self) -> Result<Self> {
        let mut copy = Self::copy(&self.fd, false)?;
        copy.what.clone_from(&self.what);
        Ok(copy)
    }

    /// Names the mount in errors.
    #[must_use]
    pub fn named(mut self, what: impl fmt::Display) -> Self {
        self.what = what.to_string();
        self
    }

    /// Sets attributes on this mount, and on those upon it if `recursive`.
    pub fn set(&self, attributes: Attr, recursive: bool) -> Result<()> {
        let attr = MountAttr::setting(attributes);
        mount_setattr(self.fd.as_fd(), &attr, recursive)
            .map_err(|e| Error::new(format!("mount_setattr({}, {attributes:?})", self.what), e))
    }

    /// Maps the owners of files through the user namespace `userns`.
    pub fn idmap(&self, userns: impl AsFd, recursive: bool) -> Result<()> {
        let attr = MountAttr {
            attr_set: u64::from(MountAttrFlags::MOUNT_ATTR_IDMAP.bits()),
            userns_fd: userns.as_fd().as_raw_fd() as u64,
            ..MountAttr::default()
        };
        mount_setattr(self.fd.as_fd(), &attr, recursive)
            .map_err(|e| Error::new(format!("mount_setattr({}, IDMAP)", self.what), e))
    }

    /// Attaches the mount to `target`, an open file or directory.
    pub fn attach(&self, target: impl AsFd) -> Result<()> {
        move_mount(
            &self.fd,
            "",
            target,
            "",
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH,
        )
        .call(|| format!("move_mount({})", self.what))
    }
}

impl AsFd for Mount {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<Mount> for OwnedFd {
    fn from(mount: Mount) -> Self {
        mount.fd
    }
}

/// Sets `attributes` on the mount that the open file `fd` lies in.
pub fn set_attributes(fd: impl AsFd, attributes: Attr, recursive: bool) -> Result<()> {
    let attr = MountAttr::setting(attributes);
    mount_setattr(fd.as_fd(), &attr, recursive)
        .map_err(|e| Error::new(format!("mount_setattr({attributes:?})"), e))
}

/// Cuts this mount namespace off from the others: no mount made here reaches them, nor one made there us.
pub fn make_private() -> Result<()> {
    let root = rustix::fs::open("/", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty())
        .call(|| "open(/)".into())?;
    let attr = MountAttr { propagation: libc::MS_PRIVATE, ..MountAttr::default() };
    mount_setattr(root.as_fd(), &attr, true).map_err(|e| Error::new("mount_setattr(/, PRIVATE)", e))
}

/// Makes the current directory the root of this mount namespace and drops the old one.
pub fn pivot_into_cwd() -> Result<()> {
    // pivot_root(2): with both arguments "." the old root lies on the new one and is detached at once.
    rustix::process::pivot_root(".", ".").call(|| "pivot_root(., .)".into())?;
    unmount(".", UnmountFlags::DETACH).call(|| "umount2(., DETACH)".into())?;
    rustix::process::chdir("/").call(|| "chdir(/)".into())
}

fn mount_setattr(fd: BorrowedFd<'_>, attr: &MountAttr, recursive: bool) -> std::io::Result<()> {
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string and `attr` is the kernel's structure with its size; both outlive the call.
    let r = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd.as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(attr),
            size_of::<MountAttr>(),
        )
    };
    if r == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Adds what the file system itself said about the failure, which the context descriptor keeps (Linux 5.2).
fn explain(context: &OwnedFd, call: String, errno: rustix::io::Errno) -> Error {
    let mut buffer = [0u8; 512];
    match rustix::io::read(context, &mut buffer) {
        Ok(n) if n > 2 => {
            let text = String::from_utf8_lossy(&buffer[2..n]).trim().to_owned();
            Error::new(format!("{call} [{text}]"), errno)
        }
        _ => Error::new(call, errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_times_can_be_turned_off() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: making a file system needs root");
            return;
        }
        let mount = Mount::new("tmpfs", &[], Attr::empty()).unwrap();
        for attributes in [Attr::MOUNT_ATTR_NOATIME, Attr::MOUNT_ATTR_NODEV] {
            mount.set(attributes, false).unwrap();
        }
        let flags = rustix::fs::fstatvfs(mount.fd.as_fd()).unwrap().f_flag;
        // NODEV has been set since, and has not brought access times back.
        assert!(
            flags.bits() & libc::ST_NOATIME != 0 && flags.bits() & libc::ST_NODEV != 0,
            "{flags:?}"
        );
    }
}
