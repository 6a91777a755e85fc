//! Steps as data.

use crate::config::{Device, IpConfig, MountPoint, Net, Volume};
use std::net::IpAddr;

/// What to do, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// First the live steps, then those that wait for the next start.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The steps to be done now.
    pub fn live(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.when == When::Live)
    }

    /// The steps that wait for the next start, with the reason.
    pub fn waiting(&self) -> impl Iterator<Item = (&Step, &'static str)> {
        self.steps.iter().filter_map(|step| match step.when {
            When::Live => None,
            When::NextStart(reason) => Some((step, reason)),
        })
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The options that it is for. An option may need several steps; it is applied when all of them have succeeded.
    pub options: Vec<String>,
    /// Of a changed property string, the sub-options that it is for; empty where it is the whole option.
    pub properties: Vec<&'static str>,
    /// What to do.
    pub action: Action,
    /// When.
    pub when: When,
}

/// When a step can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Now.
    Live,
    /// When the container starts next, for this reason.
    NextStart(&'static str),
}

/// Which of the two memory limits is written first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitOrder {
    /// Memory, then swap (cgroup v1: memory and swap together).
    MemoryFirst,
    /// Swap (cgroup v1: memory and swap together), then memory.
    SwapFirst,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

/// What to do with an address or the default route of an interface, in one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressMove {
    /// Add this address.
    Add(IpAddr, u8),
    /// Make this the gateway, in the place of another one. It may lie outside the interface's network.
    Route(IpAddr),
    /// Remove the default route through this interface, if it still is through this interface.
    Unroute,
    /// Remove this address; others that the kernel counts as secondary to it stay.
    Remove(IpAddr, u8),
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Set the memory limits, in MiB.
    SetMemory {
        /// Memory.
        memory: u64,
        /// Swap on top of it.
        swap: u64,
        /// Which is written first.
        order: LimitOrder,
    },
    /// Limit CPU time.
    SetCpuLimit {
        /// CPUs; 0 is no limit.
        limit: f64,
    },
    /// Set the CPU weight.
    SetCpuUnits {
        /// The weight; `None` is the default of the cgroup version, also for a written 0.
        units: Option<u64>,
    },
    /// Choose CPUs to run on.
    SetCores {
        /// How many; `None` is all.
        cores: Option<u64>,
    },
    /// Give a cgroup file back what it had when the group was made.
    ResetCgroup {
        /// The key of the line that is gone, `lxc.cgroup2.…` or `lxc.cgroup.…`.
        key: String,
    },
    /// Write a cgroup file.
    SetCgroup {
        /// The key, `lxc.cgroup2.…` or `lxc.cgroup.…`.
        key: String,
        /// What to write, one after the other.
        values: Vec<String>,
    },
    /// Set the rules of `lxc.cgroup2.devices.*` and `lxc.cgroup.devices.*`, which are one list.
    SetDeviceRules {
        /// Key and value of each, in order.
        rules: Vec<(String, String)>,
    },
    /// Set a resource limit of init, prlimit(2).
    SetResourceLimit {
        /// The part of the key after `lxc.prlimit.`.
        resource: String,
        /// `SOFT[:HARD]` or `unlimited`; `None` is what it was at start.
        value: Option<String>,
    },
    /// Unmount.
    RemoveMount {
        /// What is mounted.
        mount: Box<MountPoint>,
    },
    /// Mount.
    AddMount {
        /// What to mount.
        mount: Box<MountPoint>,
    },
    /// Change the flags of a mount.
    RemountMount {
        /// What it becomes.
        mount: Box<MountPoint>,
    },
    /// Make a volume larger, with its file system. One that is larger already stays as it is.
    GrowVolume {
        /// The volume.
        volume: Volume,
        /// The size that was recorded, in bytes.
        from: Option<u64>,
        /// The new size, in bytes.
        to: u64,
    },
    /// Remove a device node and the access to it.
    RemoveDevice {
        /// The device.
        device: Device,
    },
    /// Add a device node and the access to it.
    AddDevice {
        /// The device.
        device: Device,
    },
    /// Change owner, mode or access of a device node.
    ChangeDevice {
        /// What it becomes.
        device: Device,
    },
    /// Take an interface out.
    RemoveNet {
        /// The interface.
        net: Box<Net>,
    },
    /// Put an interface in.
    AddNet {
        /// The interface.
        net: Box<Net>,
    },
    /// Take an interface out and put it in again under another name or MAC address, with all that belongs to it. When
    /// that fails, the one before can be put back.
    ReplugNet {
        /// What it was.
        before: Box<Net>,
        /// What it becomes.
        net: Box<Net>,
    },
    /// Take the host's end of an interface from its bridge and put it where it belongs now, with its rate limit and the
    /// maximum transfer unit, on both ends, that it has there.
    ReattachNet {
        /// What it was, to put it back.
        before: Box<Net>,
        /// What it becomes.
        net: Box<Net>,
    },
    /// Set the maximum transfer unit of both ends of an interface.
    SetMtu {
        /// Its name inside.
        name: String,
        /// Bytes; `None` is that of the bridge.
        mtu: Option<u32>,
    },
    /// Set the rate limit of an interface.
    SetRate {
        /// Its name inside.
        name: String,
        /// 2^20 bytes per second; `None` is no limit.
        rate: Option<f64>,
    },
    /// Hand the addresses of an interface to the host, or back to the container's own software.
    SetHostManaged {
        /// Its name inside.
        name: String,
        /// Whether the host sets them up.
        managed: bool,
    },
    /// Change addresses of an interface, and what the container's own files say about them. When a move fails, those
    /// done are taken back.
    SetAddress {
        /// Its name inside.
        name: String,
        /// Which addresses.
        family: Family,
        /// How it got its address.
        before: IpConfig,
        /// How it gets its address.
        after: IpConfig,
        /// What to do in the kernel, in order.
        moves: Vec<AddressMove>,
    },
    /// Set the host name, and what the container's own files say about it.
    SetHostname {
        /// The name; `None` is `CT<id>`.
        hostname: Option<String>,
    },
    /// Write the resolver's configuration. Where both are empty it is the host's.
    SetDns {
        /// Servers.
        nameservers: Vec<String>,
        /// Search domains.
        domains: Vec<String>,
    },
    /// Set the time zone.
    SetTimezone {
        /// `host` or a name; `None` leaves it to the container.
        timezone: Option<String>,
    },
    /// Set the number of ttys.
    SetTty {
        /// How many.
        count: u64,
    },
    /// Nothing to do but to know: commands read the file when they need it.
    Record,
    /// Nothing can be done before the next start.
    Restart,
}
