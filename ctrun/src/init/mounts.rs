//! Mounting, inside: the root, the mount points, `/proc`, `/sys`, `/dev` and what hides the dangerous parts of them.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use ct_sys::mount::{Attr, Mount, make_private, pivot_into_cwd};
use ct_sys::resolve::{self, Links};
use ct_sys::{Call, Result};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::Plan;
use crate::failure::{At, Failure, Step};
use crate::spec::{Create, Given, MountPoint, Spec};
use crate::volume::Opened;

/// Files that tell about the whole machine, or change it.
const MASKED_FILES: [&str; 4] =
    ["proc/kcore", "proc/timer_list", "proc/sched_debug", "proc/latency_stats"];

/// Directories of that sort. A guest's init finds something mounted there and leaves it alone.
const MASKED_DIRS: [&str; 7] = [
    "proc/acpi",
    "proc/scsi",
    "sys/firmware",
    "sys/kernel/debug",
    "sys/kernel/tracing",
    "sys/kernel/config",
    "sys/kernel/security",
];

const NO_PROGRAMS: Attr =
    Attr::MOUNT_ATTR_NOSUID.union(Attr::MOUNT_ATTR_NODEV).union(Attr::MOUNT_ATTR_NOEXEC);

/// Mounts everything and makes the container's root the root.
pub fn mount_all(plan: &Plan<'_>) -> Result<(), Failure> {
    let spec = plan.spec;
    let root = &plan.root.mount;
    make_private().at(Step::Mounts)?;
    attach_root(plan).at_option(Step::Mounts, &spec.root.origin)?;
    mount_points(plan, false)?;
    // While the host's /proc and /sys are still in this namespace: a user namespace may mount its own only then
    // (mount_namespaces(7), "too revealing").
    proc(root, spec)?;
    sys(root, spec).at(Step::Mounts)?;
    dev(root, plan.dev, spec).at(Step::Mounts)?;
    mask(root, plan.dev).at(Step::Mounts)?;
    if spec.features.value.nesting {
        whole_copies(root).at(Step::Mounts)?;
    }
    mount_points(plan, true)?;
    pivot_into_cwd().at(Step::Mounts)
}

/// Attaches the root upon the host's, which the next step detaches, and goes there.
fn attach_root(plan: &Plan<'_>) -> Result<()> {
    let here = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .call(|| "open(/)".into())?;
    plan.root.mount.attach(here)?;
    rustix::process::fchdir(&plan.root.mount).call(|| "fchdir(root)".into())
}

fn mount_points(plan: &Plan<'_>, late: bool) -> Result<(), Failure> {
    for (given, opened) in plan.spec.mounts.iter().zip(plan.mounts) {
        let Some(opened) = opened else { continue };
        if given.value.late != late {
            continue;
        }
        let done = mount_point(&plan.root.mount, given, opened);
        if given.value.optional {
            continue;
        }
        done.at_option(Step::Mounts, &given.origin)?;
    }
    Ok(())
}

fn mount_point(root: &Mount, given: &Given<MountPoint>, opened: &Opened) -> Result<()> {
    let point = &given.value;
    // The guest may have put links on the way; they lead inside at worst.
    let target = match point.create {
        Create::Directory => resolve::make_dirs(root, &point.target, 0o755, Links::Follow)?,
        Create::File => resolve::make_file(root, &point.target, 0o644, Links::Follow)?,
        Create::Nothing => resolve::open(root, &point.target, OFlags::PATH, Links::Follow)?,
    };
    opened.mount.attach(target)
}

/// The container's own `/proc`, with what concerns the whole machine read-only.
fn proc(root: &Mount, spec: &Spec) -> Result<(), Failure> {
    let mounted = Mount::new("proc", &[], NO_PROGRAMS).and_then(|proc| {
        proc.attach(directory(root, "proc")?)?;
        Ok(proc)
    });
    let proc = mounted.at(Step::Mounts)?;
    for given in &spec.lxc.sysctls {
        sysctl(&proc, &given.value.0, &given.value.1).at_option(Step::Mounts, &given.origin)?;
    }
    protect_proc(root).at(Step::Mounts)
}

fn protect_proc(root: &Mount) -> Result<()> {
    // A network namespace's own settings stay writable.
    let net = Mount::copy(open(root, "proc/sys/net")?, false)?;
    read_only(root, "proc/sys")?;
    net.attach(open(root, "proc/sys/net")?)?;
    // A kernel without the magic key has no such file.
    if existing(root, "proc/sysrq-trigger")?.is_some() {
        read_only(root, "proc/sysrq-trigger")?;
    }
    Ok(())
}

fn sysctl(proc: &Mount, name: &str, value: &str) -> Result<()> {
    let path = format!("sys/{}", name.replace('.', "/"));
    let file = resolve::open(proc, Path::new(&path), OFlags::WRONLY, Links::Refuse)?;
    File::from(file).write_all(value.as_bytes()).call(|| format!("write(/proc/{path}, {value:?})"))
}

/// `/sys`, read-only but for the container's own interfaces.
fn sys(root: &Mount, spec: &Spec) -> Result<()> {
    let sys = Mount::new("sysfs", &[], NO_PROGRAMS)?;
    sys.attach(directory(root, "sys")?)?;
    if spec.features.value.force_rw_sys {
        return Ok(());
    }
    let interfaces = Mount::copy(open(root, "sys/devices/virtual/net")?, false)?;
    sys.set(Attr::MOUNT_ATTR_RDONLY, false)?;
    interfaces.attach(open(root, "sys/devices/virtual/net")?)
}

fn dev(root: &Mount, dev: &Mount, spec: &Spec) -> Result<()> {
    dev.attach(directory(root, "dev")?)?;
    let tty = spec.idmap.as_ref().is_none_or(|map| map.value.group(5).is_some());
    let mut options = vec!["ptmxmode=0666", "mode=0620", "max=1024"];
    if tty {
        options.push("gid=5");
    }
    let quiet = Attr::MOUNT_ATTR_NOSUID | Attr::MOUNT_ATTR_NOEXEC;
    Mount::new("devpts", &options, quiet)?.attach(open(root, "dev/pts")?)?;
    Mount::new("tmpfs", &["mode=1777"], Attr::MOUNT_ATTR_NOSUID | Attr::MOUNT_ATTR_NODEV)?
        .named("shm")
        .attach(open(root, "dev/shm")?)?;
    match Mount::new("mqueue", &[], NO_PROGRAMS) {
        // A kernel without POSIX message queues.
        Err(e) if e.errno() == Some(Errno::NODEV) => Ok(()),
        other => other?.attach(open(root, "dev/mqueue")?),
    }
}

/// Hides what must be neither read nor written, by what cannot be swapped for something else: the null device of our own
/// `/dev`, by descriptor, and an empty file system.
fn mask(root: &Mount, dev: &Mount) -> Result<()> {
    let null = resolve::open(dev, Path::new("null"), OFlags::PATH, Links::Refuse)?;
    for path in MASKED_FILES {
        if let Some(target) = existing(root, path)? {
            Mount::copy(&null, false)?.attach(target)?;
        }
    }
    let mut empty: Option<Mount> = None;
    for path in MASKED_DIRS {
        let Some(target) = existing(root, path)? else { continue };
        let mount = match &empty {
            None => Mount::new(
                "tmpfs",
                &["mode=0555", "size=4k", "nr_inodes=1"],
                NO_PROGRAMS | Attr::MOUNT_ATTR_RDONLY,
            )?,
            Some(first) => first.again()?,
        };
        mount.attach(target)?;
        empty.get_or_insert(mount);
    }
    Ok(())
}

/// A container inside this one may mount `/proc` and `/sys` of its own only while there are such with nothing upon them.
fn whole_copies(root: &Mount) -> Result<()> {
    Mount::new("proc", &[], NO_PROGRAMS)?.attach(open(root, "dev/.lxc/proc")?)?;
    Mount::new("sysfs", &[], NO_PROGRAMS)?.attach(open(root, "dev/.lxc/sys")?)
}

fn read_only(root: &Mount, path: &str) -> Result<()> {
    let target = open(root, path)?;
    let copy = Mount::copy(&target, false)?.named(path);
    copy.set(Attr::MOUNT_ATTR_RDONLY, false)?;
    copy.attach(target)
}

/// A standard directory of the root. That it is a link is no mistake that anybody makes.
fn directory(root: &Mount, path: &str) -> Result<OwnedFd> {
    resolve::make_dirs(root, Path::new(path), 0o755, Links::Refuse)
}

fn open(root: impl AsFd, path: &str) -> Result<OwnedFd> {
    resolve::open(root, Path::new(path), OFlags::PATH, Links::Refuse)
}

fn existing(root: &Mount, path: &str) -> Result<Option<OwnedFd>> {
    match open(root, path) {
        Err(e) if e.errno() == Some(Errno::NOENT) => Ok(None),
        other => other.map(Some),
    }
}
