//! The container's `/dev`: a small tmpfs with the standard nodes, made on the host and attached inside.
//!
//! It belongs to the host's user namespace, so real nodes work on it also in an unprivileged container, and nothing of the
//! host's own `/dev` is mounted anywhere.

use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use ct_sys::mount::{Attr, Mount};
use ct_sys::{Call, Error, Result, resolve};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Uid, chmodat, chownat, makedev, mkdirat, mknodat, openat,
    symlinkat,
};

use crate::cgroup::devices::{Allow, Node};
use crate::failure::{At, Failure, Step};
use crate::spec::Spec;

/// Nodes that every container has: name, major, minor.
const NODES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

const LINKS: [(&str, &str); 5] = [
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// The file system and what the device filter has to let through for it.
#[derive(Debug)]
pub struct Dev {
    /// The file system, attached nowhere yet.
    pub mount: Mount,
    /// Nodes that the configuration asks for.
    pub allow: Vec<Allow>,
}

/// Makes it.
pub fn make(spec: &Spec) -> Result<Dev, Failure> {
    let owner = spec.root_ids();
    let mount = standard(spec, owner).at(Step::Devices)?;
    let mut allow = Vec::new();
    if spec.features.value.fuse {
        node(&mount, "fuse", (10, 229), 0o666, owner).at(Step::Devices)?;
    }
    for device in &spec.devices {
        let made = host_device(&mount, spec, &device.value);
        allow.push(made.at_option(Step::Devices, &device.origin)?);
    }
    Ok(Dev { mount, allow })
}

fn standard(spec: &Spec, owner: (u32, u32)) -> Result<Mount> {
    // Room for nodes and links, and for what a guest's init keeps there; not enough to hurt the host.
    let options = ["mode=0755", "size=512k", "nr_inodes=1024"];
    let dev = Mount::new("tmpfs", &options, Attr::MOUNT_ATTR_NOSUID)?.named("dev");
    own(&dev, ".", owner)?;
    for (name, major, minor) in NODES {
        node(&dev, name, (major, minor), 0o666, owner)?;
    }
    for (name, target) in LINKS {
        symlinkat(target, &dev, name).call(|| format!("symlink(dev/{name})"))?;
        own(&dev, name, owner)?;
    }
    for name in ["pts", "shm", "mqueue"] {
        directory(&dev, name, owner)?;
    }
    if spec.features.value.nesting {
        for name in [".lxc", ".lxc/proc", ".lxc/sys"] {
            directory(&dev, name, owner)?;
        }
    }
    // Terminals are mounted on these.
    if spec.console {
        file(&dev, "console", owner)?;
    }
    for n in 1..=spec.ttys.value {
        file(&dev, &format!("tty{n}"), owner)?;
    }
    Ok(dev)
}

fn host_device(dev: &Mount, spec: &Spec, device: &crate::spec::Device) -> Result<Allow> {
    let path = &device.path;
    let meta = path.metadata().call(|| format!("stat({})", path.display()))?;
    let kind = meta.file_type();
    let number = (rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
    if !kind.is_block_device() && !kind.is_char_device() {
        return Err(Error::new(
            format!("{} is not a device", path.display()),
            rustix::io::Errno::NODEV,
        ));
    }
    let map = |id, to: Option<u32>| {
        to.ok_or_else(|| Error::new(format!("id {id} is not mapped"), rustix::io::Errno::OVERFLOW))
    };
    let (uid, gid) = match &spec.idmap {
        None => (device.uid, device.gid),
        Some(ids) => (
            map(device.uid, ids.value.user(device.uid))?,
            map(device.gid, ids.value.group(device.gid))?,
        ),
    };
    let inside = path.strip_prefix("/dev").unwrap_or(path);
    if let Some(parent) = inside.parent().filter(|p| *p != Path::new("")) {
        resolve::make_dirs(dev, parent, 0o755, resolve::Links::Refuse)?;
    }
    let file_type =
        if kind.is_block_device() { FileType::BlockDevice } else { FileType::CharacterDevice };
    make_node(dev, inside, file_type, number, device.mode, (uid, gid))?;
    Ok(Allow {
        node: if kind.is_block_device() { Node::Block } else { Node::Char },
        major: Some(number.0),
        minor: Some(number.1),
        access: if device.deny_write { "r".into() } else { "rw".into() },
    })
}

fn node(dev: &Mount, name: &str, number: (u32, u32), mode: u32, owner: (u32, u32)) -> Result<()> {
    make_node(dev, Path::new(name), FileType::CharacterDevice, number, mode, owner)
}

fn make_node(
    dev: &Mount,
    path: &Path,
    kind: FileType,
    (major, minor): (u32, u32),
    mode: u32,
    owner: (u32, u32),
) -> Result<()> {
    let mode = Mode::from_raw_mode(mode);
    mknodat(dev, path, kind, mode, makedev(major, minor))
        .call(|| format!("mknod(dev/{}, {major}:{minor})", path.display()))?;
    // The umask does not count for what the configuration says.
    chmodat(dev, path, mode, AtFlags::empty()).call(|| format!("chmod(dev/{})", path.display()))?;
    own(dev, path, owner)
}

fn directory(dev: &Mount, name: &str, owner: (u32, u32)) -> Result<()> {
    mkdirat(dev, name, Mode::from_raw_mode(0o755)).call(|| format!("mkdir(dev/{name})"))?;
    own(dev, name, owner)
}

fn file(dev: &Mount, name: &str, owner: (u32, u32)) -> Result<()> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    openat(dev, name, flags, Mode::from_raw_mode(0o600))
        .call(|| format!("open(dev/{name}, CREAT)"))?;
    own(dev, name, owner)
}

fn own(dev: &Mount, path: impl AsRef<Path>, (uid, gid): (u32, u32)) -> Result<()> {
    if (uid, gid) == (0, 0) {
        return Ok(());
    }
    let path = path.as_ref();
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    chownat(dev.as_fd(), path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
        .call(|| format!("chown(dev/{})", path.display()))
}
