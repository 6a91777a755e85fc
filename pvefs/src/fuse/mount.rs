//! Mounting and unmounting, without a helper program.
//!
//! The mount API of Linux 5.2 (fsopen(2) and so on) rather than mount(2): the kernel's first request is answered before
//! anyone can see the mount, and `findmnt` shows a type and source of our own.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, unmount,
};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The type that `mount` and `findmnt` show, after `fuse.`.
pub const SUBTYPE: &str = "pvefs";

/// Why mounting failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// There is no FUSE.
    #[error(
        "open /dev/fuse: {0}; is the kernel module loaded (modprobe fuse), and is the device there?"
    )]
    NoFuse(Errno),
    /// Root only.
    #[error("{call}: permission denied: mounting needs root (CAP_SYS_ADMIN)")]
    NotPermitted {
        /// Which call.
        call: &'static str,
    },
    /// The kernel is older than 5.2, or refuses.
    #[error("{call}: {error}")]
    Kernel {
        /// Which call.
        call: &'static str,
        /// What it said.
        error: Errno,
    },
    /// The mount point cannot be used.
    #[error("mount point {}: {reason}", path.display())]
    MountPoint {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

fn step(call: &'static str) -> impl Fn(Errno) -> MountError {
    move |error| match error {
        Errno::PERM | Errno::ACCESS => MountError::NotPermitted { call },
        error => MountError::Kernel { call, error },
    }
}

/// A new FUSE file system: its device, and a mount of it that is not at any place yet.
#[derive(Debug)]
pub struct Detached {
    /// The device that requests come from. Its session must be started before [`Detached::attach`].
    pub device: OwnedFd,
    context: OwnedFd,
}

impl Detached {
    /// Makes one. `source` is what `findmnt` shows as the source.
    ///
    /// # Errors
    /// When there is no FUSE, no permission, or no mount API.
    pub fn new(source: &str) -> Result<Self, MountError> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let device =
            rustix::fs::open("/dev/fuse", flags, Mode::empty()).map_err(MountError::NoFuse)?;
        // Some containers have another file in its place.
        let found = rustix::fs::fstat(&device).map_err(MountError::NoFuse)?;
        if found.st_rdev != rustix::fs::makedev(10, 229) {
            return Err(MountError::NoFuse(Errno::NODEV));
        }
        let context = fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC).map_err(step("fsopen fuse"))?;
        let fd = device.as_raw_fd().to_string();
        for (key, value) in [
            ("source", source),
            ("subtype", SUBTYPE),
            ("fd", &fd),
            ("rootmode", "40000"),
            ("user_id", "0"),
            ("group_id", "0"),
        ] {
            fsconfig_set_string(&context, key, value).map_err(step("fsconfig"))?;
        }
        for flag in ["allow_other", "default_permissions"] {
            fsconfig_set_flag(&context, flag).map_err(step("fsconfig"))?;
        }
        fsconfig_create(&context).map_err(step("fsconfig create"))?;
        Ok(Self { device, context })
    }

    /// Takes the device and leaves a mount to attach. The context is closed: it would keep the file system alive.
    ///
    /// # Errors
    /// What fsmount(2) says.
    pub fn split(self) -> Result<(OwnedFd, Mount), MountError> {
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
        let root = fsmount(&self.context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map_err(step("fsmount"))?;
        Ok((self.device, Mount { root, target: None }))
    }
}

/// A mount. Unmounted when dropped.
#[derive(Debug)]
pub struct Mount {
    root: OwnedFd,
    target: Option<PathBuf>,
}

impl Mount {
    /// Puts it at its place.
    ///
    /// # Errors
    /// What move_mount(2) says.
    pub fn attach(&mut self, target: &Path) -> Result<(), MountError> {
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(&self.root, "", rustix::fs::CWD, target, flags).map_err(step("move_mount"))?;
        self.target = Some(target.to_owned());
        Ok(())
    }

    /// Its root, wherever it is mounted.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Some(target) = self.target.take() {
            // Open files do not keep it: they go on until they are closed.
            if let Err(error) = unmount(&target, UnmountFlags::DETACH) {
                tracing::warn!("unmount {}: {error}", target.display());
            }
        }
    }
}

/// Makes a mount point ready: takes away the dead mount of a daemon that was killed, and checks that it is an empty
/// directory which is not mounted already.
///
/// # Errors
/// [`MountError::MountPoint`]; nothing is changed then.
pub fn prepare(target: &Path, create: bool) -> Result<(), MountError> {
    let fail = |reason: String| MountError::MountPoint { path: target.to_owned(), reason };
    if create
        && matches!(fs::metadata(target), Err(error) if error.kind() == io::ErrorKind::NotFound)
    {
        fs::create_dir_all(target).map_err(|error| fail(format!("create: {error}")))?;
    }
    clear_dead(target)?;
    let metadata = fs::metadata(target).map_err(|error| fail(error.to_string()))?;
    if !metadata.is_dir() {
        return Err(fail("not a directory".to_owned()));
    }
    if is_mounted(target) {
        return Err(fail("a live pvefs is mounted here already".to_owned()));
    }
    let mut entries = fs::read_dir(target).map_err(|error| fail(format!("list: {error}")))?;
    if let Some(entry) = entries.next() {
        let name = entry.map(|entry| entry.file_name()).unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        return Err(fail(format!(
            "not empty (it has {name:?}): mounting would hide what is in it; move it away, or pvefs import it first"
        )));
    }
    Ok(())
}

/// Takes away mounts at `target` whose daemon is dead.
///
/// # Errors
/// When one cannot be taken away.
pub fn clear_dead(target: &Path) -> Result<(), MountError> {
    // A restarted daemon may have died again before it could clear the one below.
    for _ in 0..64 {
        // statfs always asks the daemon; what stat says may be in the kernel's cache.
        match rustix::fs::statfs(target) {
            Err(Errno::NOTCONN | Errno::CONNABORTED) => {}
            _ => return Ok(()),
        }
        unmount(target, UnmountFlags::DETACH).map_err(step("unmount of a dead mount"))?;
        tracing::info!("{}: took away the mount of a dead daemon", target.display());
    }
    Ok(())
}

/// Whether a pvefs is mounted at `target`, as this process sees it.
pub fn is_mounted(target: &Path) -> bool {
    let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
    let Ok(mounts) = fs::read_to_string("/proc/self/mountinfo") else { return false };
    // The last mount at a place is the one that is seen.
    mounts
        .lines()
        .filter_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let at = left.split(' ').nth(4)?.replace("\\040", " ");
            (Path::new(&at) == target).then(|| right.split(' ').next() == Some("fuse.pvefs"))
        })
        .next_back()
        .unwrap_or(false)
}
