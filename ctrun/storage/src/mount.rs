//! Volumes, directories and devices as mounts that are attached nowhere yet.
//!
//! Nothing shows in any mount namespace until the caller attaches it. When a [`Mounted`] is dropped unattached, its mount and
//! its loop device are gone.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use ct_sys::loopdev::Loop;
use ct_sys::mount::{Attr, Mount};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;

use crate::image::FileSystem;
use crate::storage::Where;

/// Something that cannot be mounted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened.
    #[error("cannot open {path}: {source}")]
    Open {
        /// What.
        path: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// A part of the path is a link, which its owner could turn elsewhere.
    #[error("cannot use {0}: a part of this path is a symbolic link")]
    Link(String),
    /// It is another file than it was.
    #[error("cannot use {0}: it was replaced while it was opened")]
    Replaced(String),
    /// Something else than expected.
    #[error("cannot mount {path}: it is no {expected}")]
    Kind {
        /// What.
        path: String,
        /// What it should be.
        expected: &'static str,
    },
    /// No file system that we know.
    #[error("cannot mount {0}: there is no file system that we know in it")]
    NoFileSystem(String),
    /// The kernel refused.
    #[error("cannot mount {path}: {source}")]
    Sys {
        /// What.
        path: String,
        /// The call.
        source: ct_sys::Error,
    },
    /// What was written may not have reached the disk.
    #[error("cannot sync {path}: {source}")]
    Sync {
        /// What.
        path: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

/// How something is mounted. Options that what is mounted cannot have are named in [`Mounted::warnings`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Nothing can be changed through it.
    pub read_only: bool,
    /// Whether there are access control lists; if nothing is said, what the file system does by itself.
    pub acl: Option<bool>,
    /// With quotas for users and groups.
    pub quota: bool,
    /// `mountoptions`: discard, lazytime, noatime, nodev, noexec, nosuid.
    pub mount_options: Vec<String>,
    /// For directories: with what is mounted below.
    pub recursive: bool,
}

impl Options {
    /// Only to be read.
    pub fn read_only() -> Self {
        Self { read_only: true, ..Self::default() }
    }

    fn has(&self, option: &str) -> bool {
        self.mount_options.iter().any(|given| given == option)
    }

    fn attributes(&self) -> Attr {
        let mut attributes = Attr::empty();
        if self.read_only {
            attributes |= Attr::MOUNT_ATTR_RDONLY;
        }
        for (name, attribute) in [
            ("noatime", Attr::MOUNT_ATTR_NOATIME),
            ("nodev", Attr::MOUNT_ATTR_NODEV),
            ("noexec", Attr::MOUNT_ATTR_NOEXEC),
            ("nosuid", Attr::MOUNT_ATTR_NOSUID),
        ] {
            if self.has(name) {
                attributes |= attribute;
            }
        }
        attributes
    }
}

/// A mount, and what it stands on.
#[derive(Debug)]
pub struct Mounted {
    mount: Mount,
    device: Option<Loop>,
    path: String,
    recursive: bool,
    warnings: Vec<String>,
}

impl Mounted {
    /// What was asked for and could not be had.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Maps the owners of files through the user namespace `userns`. Only before it is attached.
    pub fn idmap(&self, userns: impl AsFd) -> Result<(), Error> {
        self.mount
            .idmap(userns, self.recursive)
            .map_err(|source| Error::Sys { path: self.path.clone(), source })
    }

    /// Its root directory, opened.
    pub fn root(&self) -> Result<File, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.mount, ".", flags, Mode::empty())
            .map(File::from)
            .map_err(|e| Error::Open { path: self.path.clone(), source: e.into() })
    }

    /// The loop device of an image.
    pub fn device(&self) -> Option<&Path> {
        self.device.as_ref().map(Loop::path)
    }

    /// The mount, to be attached. A loop device goes away with the last place that it is attached to.
    pub fn into_mount(self) -> Mount {
        self.mount
    }

    /// Unmounts it, after all that was written is on the disk.
    pub fn close(self) -> Result<(), Error> {
        let sync = |source: std::io::Error| Error::Sync { path: self.path.clone(), source };
        rustix::fs::syncfs(self.root()?).map_err(|e| sync(e.into()))?;
        drop(self.mount);
        let Some(device) = self.device else { return Ok(()) };
        let name = device.path().file_name().unwrap_or_default().to_owned();
        let backing = Path::new("/sys/block").join(name).join("loop/backing_file");
        let image = std::fs::read_to_string(&backing).ok();
        device.detach().map_err(|source| Error::Sys { path: self.path.clone(), source })?;
        // A child that another thread has just made may hold the mount until it executes something; whoever attaches the
        // image before that finds a journal that was not closed.
        let end = Instant::now() + Duration::from_millis(500);
        while image.is_some()
            && std::fs::read_to_string(&backing).ok() == image
            && Instant::now() < end
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl AsFd for Mounted {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.mount.as_fd()
    }
}

/// Mounts a volume.
pub fn volume(place: &Where, options: &Options) -> Result<Mounted, Error> {
    match place {
        Where::Image { path, fixed } => image(path, *fixed, options),
        Where::Tree { path, fixed } => {
            let read_only = options.read_only || *fixed;
            let opened = open(path, OFlags::PATH, Links::Last)?;
            directory_at(opened, path, &Options { read_only, ..options.clone() })
        }
    }
}

/// Mounts the file system in an image, through a loop device.
fn image(path: &Path, fixed: bool, options: &Options) -> Result<Mounted, Error> {
    let shown = path.display().to_string();
    let file = File::from(open(path, OFlags::RDONLY, Links::Last)?);
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Err(Error::Kind { path: shown, expected: "image" });
    }
    let kind = detect(&file, &shown)?;
    let options = &Options { read_only: options.read_only || fixed, ..options.clone() };
    let device = Loop::attach(path, options.read_only)
        .map_err(|source| Error::Sys { path: shown.clone(), source })?;
    let mut mounted = block(device.path(), &shown, kind, fixed, options)?;
    mounted.device = Some(device);
    Ok(mounted)
}

/// Mounts the file system on a block device.
pub fn device(path: &Path, options: &Options) -> Result<Mounted, Error> {
    let shown = path.display().to_string();
    let file = File::from(open(path, OFlags::RDONLY | OFlags::NONBLOCK, Links::Any)?);
    if !file.metadata().is_ok_and(|found| found.file_type().is_block_device()) {
        return Err(Error::Kind { path: shown, expected: "block device" });
    }
    block(path, &shown, detect(&file, &shown)?, false, options)
}

fn detect(file: &File, shown: &str) -> Result<FileSystem, Error> {
    FileSystem::detect(file)
        .map_err(|source| Error::Open { path: shown.into(), source })?
        .ok_or_else(|| Error::NoFileSystem(shown.into()))
}

fn block(
    device: &Path,
    shown: &str,
    kind: FileSystem,
    fixed: bool,
    options: &Options,
) -> Result<Mounted, Error> {
    use FileSystem::{Btrfs, Erofs, Ext4, Iso9660, Squashfs, Xfs};
    let mut words: Vec<&str> = Vec::new();
    let mut warnings = Vec::new();
    if options.read_only || matches!(kind, Iso9660 | Squashfs | Erofs) {
        words.push("ro");
    }
    match kind {
        // A base or snapshot is not changed, not even to replay its journal.
        Ext4 if fixed => words.push("noload"),
        Xfs if fixed => words.push("norecovery"),
        _ => {}
    }
    if kind == Xfs {
        // A clone has the UUID of what it was cloned from, and both may be mounted.
        words.push("nouuid");
    }
    match (kind, options.acl) {
        (Ext4 | Btrfs, Some(true)) => words.push("acl"),
        (Btrfs, Some(false)) => words.push("noacl"),
        // ext4 has lost the option; the reference gives none either.
        (Ext4 | Xfs, Some(false)) => {
            warnings.push(format!("{shown}: {} cannot turn access control lists off", kind.name()));
        }
        _ => {}
    }
    if options.quota && !options.read_only {
        match kind {
            Ext4 => {
                words.extend(["usrjquota=aquota.user", "grpjquota=aquota.group", "jqfmt=vfsv0"]);
            }
            Xfs => words.extend(["uquota", "gquota"]),
            _ => warnings
                .push(format!("{shown}: {} has no quotas for users and groups", kind.name())),
        }
    }
    if !options.read_only {
        for word in ["discard", "lazytime"] {
            if options.has(word) {
                words.push(word);
            }
        }
    }
    let source = device.to_string_lossy();
    let mount = settle(|| Mount::with_source(kind.name(), &source, &words, options.attributes()))
        .map_err(|source| Error::Sys { path: shown.into(), source })?;
    let mount = mount.named(shown);
    Ok(Mounted { mount, device: None, path: shown.into(), recursive: false, warnings })
}

/// Tries again for a moment while a device is busy: whoever looks for a free loop device claims each that it tries, also one
/// that has just become ours.
fn settle<T>(attempt: impl Fn() -> ct_sys::Result<T>) -> ct_sys::Result<T> {
    let end = Instant::now() + Duration::from_millis(500);
    loop {
        match attempt() {
            Err(e) if e.errno() == Some(Errno::BUSY) && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

/// Mounts a directory or file of the host.
///
/// No part of the path may be a symbolic link, and at the end the path has to lead to what was opened at the beginning.
pub fn directory(path: &Path, options: &Options) -> Result<Mounted, Error> {
    let opened = open(path, OFlags::PATH, Links::None)?;
    let again = opened.try_clone();
    let mounted = directory_at(opened, path, options)?;
    let now = open(path, OFlags::PATH, Links::None)?;
    let is_same = match (again.map(fstat), fstat(&now)) {
        (Ok(Ok(one)), Ok(two)) => (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino),
        _ => false,
    };
    if is_same { Ok(mounted) } else { Err(Error::Replaced(path.display().to_string())) }
}

fn directory_at(opened: OwnedFd, path: &Path, options: &Options) -> Result<Mounted, Error> {
    let shown = path.display().to_string();
    let sys = |source| Error::Sys { path: shown.clone(), source };
    let mount = Mount::copy(opened, options.recursive).map_err(sys)?.named(&shown);
    let mut warnings = Vec::new();
    let mut attributes = options.attributes();
    // The kernel wants the old way of keeping access times taken away in the same call (mount_setattr(2)), which ct-sys
    // does not do yet.
    if attributes.contains(Attr::MOUNT_ATTR_NOATIME)
        && mount.set(Attr::MOUNT_ATTR_NOATIME, options.recursive).is_err()
    {
        attributes -= Attr::MOUNT_ATTR_NOATIME;
        warnings.push(format!("{shown}: `noatime` cannot be set on a directory"));
    }
    if !attributes.is_empty() {
        mount.set(attributes, options.recursive).map_err(sys)?;
    }
    if options.quota && !options.read_only {
        warnings.push(format!("{shown}: a directory has no quotas of its own"));
    }
    if options.acl == Some(false) {
        warnings.push(format!("{shown}: a directory cannot turn access control lists off"));
    }
    for word in ["discard", "lazytime"] {
        if options.has(word) && !options.read_only {
            warnings.push(format!("{shown}: `{word}` is for file systems, not for directories"));
        }
    }
    Ok(Mounted { mount, device: None, path: shown, recursive: options.recursive, warnings })
}

/// Which parts of a path may be symbolic links.
#[derive(Clone, Copy, PartialEq)]
enum Links {
    /// All, for what the administrator says.
    Any,
    /// All but the last: a storage may lie behind one, its volumes are none.
    Last,
    /// None at all.
    None,
}

fn open(path: &Path, flags: OFlags, links: Links) -> Result<OwnedFd, Error> {
    let mut flags = flags | OFlags::CLOEXEC;
    let mut resolve = ResolveFlags::empty();
    match links {
        Links::Any => {}
        Links::Last => flags |= OFlags::NOFOLLOW,
        Links::None => resolve |= ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    }
    openat2(CWD, path, flags, Mode::empty(), resolve).map_err(|e| match e {
        Errno::LOOP => Error::Link(path.display().to_string()),
        e => Error::Open { path: path.display().to_string(), source: e.into() },
    })
}

/// Whether binding this directory of the host gives a container what it should hardly have. Worth a warning.
pub fn is_sensitive(path: &Path) -> bool {
    const BELOW: [&str; 9] =
        ["/etc", "/proc", "/sys", "/dev", "/boot", "/root", "/run", "/var/run", "/usr"];
    const ALONE: [&str; 5] = ["/", "/var", "/var/lib", "/home", "/var/log"];
    ALONE.iter().any(|dir| path == Path::new(dir)) || BELOW.iter().any(|dir| path.starts_with(dir))
}
