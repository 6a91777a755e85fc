//! What a container is to be: the configuration as the runtime needs it, each part with its line in the file.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::ctid::Ctid;
use crate::failure::Origin;
use crate::idmap::IdMap;

pub mod from_config;
mod lxc;
pub mod signal;

/// Something that the configuration says, or its default, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Given<T> {
    /// What it says.
    pub value: T,
    /// Where it says so.
    pub origin: Origin,
}

/// A container to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its number.
    pub id: Ctid,
    /// The file that describes it.
    pub file: PathBuf,
    /// The root, and then the mount points in their order.
    pub root: Given<Volume>,
    /// What is mounted upon it.
    pub mounts: Vec<Given<MountPoint>>,
    /// Its name.
    pub hostname: Given<String>,
    /// The users of an unprivileged container.
    pub idmap: Option<Given<IdMap>>,
    /// Its limits.
    pub limits: Limits,
    /// How many `/dev/ttyN`.
    pub ttys: Given<u32>,
    /// Whether there is a `/dev/console`.
    pub console: bool,
    /// Its interfaces.
    pub nets: Vec<Given<Net>>,
    /// Devices of the host.
    pub devices: Vec<Given<Device>>,
    /// What it may do beyond the usual.
    pub features: Given<Features>,
    /// The program that runs as process 1, and its arguments.
    pub init: Given<Vec<String>>,
    /// The environment of init, `NAME=value`.
    pub environment: Vec<String>,
    /// What `lxc.*` lines say.
    pub lxc: Lxc,
    /// The guest's system, where given.
    pub ostype: Option<String>,
    /// Set while something else works on the container.
    pub lock: Option<Given<String>>,
    /// A template does not run.
    pub template: Option<Origin>,
}

/// Limits on what it uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Memory in MiB.
    pub memory: Given<u64>,
    /// Swap in MiB.
    pub swap: Given<u64>,
    /// Processors' worth of time; none is no limit.
    pub cpulimit: Option<Given<f64>>,
    /// Its share of processor time.
    pub cpuunits: Option<Given<u64>>,
    /// How many processors it may run on.
    pub cores: Option<Given<u32>>,
}

/// Files from somewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// A directory of the host. Volume ids of storages come here resolved.
    pub source: PathBuf,
    /// Not to be written.
    pub read_only: bool,
    /// `noatime`, `nodev`, `noexec`, `nosuid`.
    pub options: Vec<String>,
    /// Owners are mapped this way instead of the container's.
    pub idmap: VolumeIds,
    /// Options that this runtime cannot do yet; a start refuses them.
    pub unsupported: Vec<String>,
}

/// How the owners of a volume's files are seen inside.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum VolumeIds {
    /// As the container maps its users.
    #[default]
    Container,
    /// As they are.
    Passthrough,
    /// In a way of its own.
    Own(IdMap),
}

/// A volume at a place.
#[derive(Clone, Debug, PartialEq)]
pub struct MountPoint {
    /// What.
    pub volume: Volume,
    /// Where, inside.
    pub target: PathBuf,
    /// With what is mounted in it.
    pub recursive: bool,
    /// What to do where `target` is missing.
    pub create: Create,
    /// A failure is no reason not to start.
    pub optional: bool,
    /// Mounted after `/dev`, `/proc` and `/sys`, and so perhaps on them.
    pub late: bool,
}

/// What is made where a mount point is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Create {
    /// Nothing.
    Nothing,
    /// A directory.
    #[default]
    Directory,
    /// An empty file.
    File,
}

/// An interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Net {
    /// The number in `netN`.
    pub number: u32,
    /// Its name inside.
    pub name: String,
    /// The bridge of the host that it is plugged into.
    pub bridge: Option<String>,
    /// Its hardware address.
    pub address: Option<[u8; 6]>,
    /// Its size of frames.
    pub mtu: Option<u32>,
    /// Not connected.
    pub link_down: bool,
    /// Configured from outside rather than by the guest.
    pub host_managed: bool,
    /// Addresses with their prefix.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Default routes.
    pub gateways: Vec<IpAddr>,
    /// Options that this runtime cannot do yet; a start refuses them.
    pub unsupported: Vec<String>,
}

/// A device node of the host that is also there inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Where it is, outside and inside.
    pub path: PathBuf,
    /// Permissions.
    pub mode: u32,
    /// Owner inside.
    pub uid: u32,
    /// Group inside.
    pub gid: u32,
    /// Reading only.
    pub deny_write: bool,
}

/// What a container may do beyond the usual.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// Containers inside.
    pub nesting: bool,
    /// The keyctl system call.
    pub keyctl: bool,
    /// `/dev/fuse`.
    pub fuse: bool,
    /// `/sys` writable.
    pub force_rw_sys: bool,
    /// Those that this runtime cannot do yet; a start refuses them.
    pub unsupported: Vec<String>,
}

/// What the `lxc.*` lines say that no option says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lxc {
    /// Capabilities to take away.
    pub cap_drop: Vec<Given<String>>,
    /// The only capabilities to leave.
    pub cap_keep: Vec<Given<String>>,
    /// Limits of each process.
    pub prlimits: Vec<Given<Prlimit>>,
    /// Names below `/proc/sys`, with their values.
    pub sysctls: Vec<Given<(String, String)>>,
    /// Files of control groups, with their values.
    pub cgroups: Vec<Given<(String, String)>>,
    /// The signal that asks init to stop.
    pub halt_signal: Option<i32>,
    /// Init's working directory.
    pub init_cwd: Option<Given<PathBuf>>,
    /// The user that init runs as.
    pub init_uid: u32,
    /// The group that init runs as.
    pub init_gid: u32,
    /// 32-bit x86.
    pub arch_32bit: bool,
}

/// A limit of each process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prlimit {
    /// Which, as `nofile`.
    pub name: String,
    /// The one that counts; none is no limit.
    pub soft: Option<u64>,
    /// The one up to which a process may raise it.
    pub hard: Option<u64>,
}

impl<T> Given<T> {
    /// A value that the option `key` has when nobody gives it one.
    pub fn default_of(key: &str, value: T) -> Self {
        Self { value, origin: Origin::default_of(key) }
    }
}

impl Spec {
    /// Whether it has users of its own.
    pub fn unprivileged(&self) -> bool {
        self.idmap.is_some()
    }

    /// The host's ids of its root.
    pub fn root_ids(&self) -> (u32, u32) {
        self.idmap.as_ref().map_or((0, 0), |map| map.value.root())
    }
}
