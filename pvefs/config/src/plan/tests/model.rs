//! A running container, simple enough to be obviously right, that refuses what the kernel would refuse.

use super::*;
use crate::config::{Config, Device, IpConfig, MountPoint, Net, RawOption, Volume};
use crate::plan::{AddressMove, Family, LimitOrder};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// An interface as the kernel and the host have it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    name: String,
    hwaddr: Option<String>,
    /// Bridge, tag, trunks, firewall, down.
    port: (Option<String>, Option<u16>, Vec<u16>, bool, bool),
    mtu: String,
    rate: Option<f64>,
    managed: bool,
    modes: (IpConfig, IpConfig),
    addresses: BTreeSet<(IpAddr, u8)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    /// Memory and swap as the options say.
    memory: (u64, u64),
    cgroup: BTreeMap<String, String>,
    device_rules: Vec<(String, String)>,
    limits: BTreeMap<String, String>,
    pub root: Option<MountPoint>,
    pub mounts: BTreeMap<String, MountPoint>,
    devices: BTreeMap<String, Device>,
    links: BTreeMap<String, Link>,
    /// Interface and gateway of each family.
    routes: BTreeMap<Family, (String, IpAddr)>,
    hostname: Option<String>,
    dns: (Vec<String>, Vec<String>),
    timezone: Option<String>,
    pub tty: u64,
    /// What was unmounted: a volume keeps its size.
    pub unmounted: BTreeMap<String, MountPoint>,
}

const MEMORY: &str = "lxc.cgroup2.memory.max";
const SWAP: &str = "lxc.cgroup2.memory.swap.max";

fn path(text: &str) -> String {
    text.split('/').filter(|part| !part.is_empty()).map(|part| format!("/{part}")).collect()
}

fn refuse(is_refused: bool, why: impl Into<String>) -> Result<(), String> {
    if is_refused { Err(why.into()) } else { Ok(()) }
}

fn fixed(config: IpConfig) -> Option<(IpAddr, u8)> {
    match config {
        IpConfig::Static(ip, prefix) => Some((ip, prefix)),
        _ => None,
    }
}

fn mtu(net: &Net) -> String {
    net.mtu.map_or_else(|| format!("of {:?}", net.bridge), |mtu| mtu.to_string())
}

fn port(net: &Net) -> (Option<String>, Option<u16>, Vec<u16>, bool, bool) {
    (net.bridge.clone(), net.tag, net.trunks.clone(), net.firewall, net.link_down)
}

impl Model {
    /// What a fresh start makes. Parents are mounted before what lies below them.
    pub fn start(config: &Config<'_>) -> Self {
        let mut model = Self { root: config.rootfs(), ..Self::default() };
        let mut mounts: Vec<_> = config.mount_points().into_iter().collect();
        mounts.sort_by_key(|(_, mount)| path(&mount.target).matches('/').count());
        for (index, mount) in mounts {
            model.mount(&format!("mp{index}"), &mount).unwrap();
        }
        for (index, device) in config.devices() {
            model.devices.insert(format!("dev{index}"), device);
        }
        for (index, net) in config.nets() {
            model.plug(&format!("net{index}"), &net).unwrap();
        }
        let (memory, swap) = (config.integer("memory").unwrap(), config.integer("swap").unwrap());
        model.memory = (memory, swap);
        model.cgroup.insert(MEMORY.into(), memory.to_string());
        model.cgroup.insert(SWAP.into(), swap.to_string());
        model.cpu_limit(config.number("cpulimit").unwrap());
        model.cpu_units(config.get("cpuunits").map(|units| units.parse().unwrap()));
        model.cores(config.integer("cores"));
        model.raw(&config.raw());
        model.hostname = config.get("hostname").map(str::to_owned);
        model.dns = (config.list("nameserver"), config.list("searchdomain"));
        model.timezone = config.get("timezone").map(str::to_owned);
        model.tty = config.integer("tty").unwrap();
        model
    }

    fn raw(&mut self, all: &[RawOption]) {
        for raw in all {
            if raw.key.starts_with("lxc.cgroup2.devices.") {
                self.device_rules.push((raw.key.clone(), raw.value.clone()));
            } else if raw.key.starts_with("lxc.cgroup2.") {
                self.cgroup.insert(raw.key.clone(), raw.value.clone());
            } else if let Some(resource) = raw.key.strip_prefix("lxc.prlimit.") {
                self.limits.insert(resource.to_owned(), raw.value.clone());
            }
        }
    }

    fn cpu_limit(&mut self, limit: f64) {
        let text = if limit == 0.0 { "max".to_owned() } else { limit.to_string() };
        self.cgroup.insert("lxc.cgroup2.cpu.max".into(), text);
    }

    fn cpu_units(&mut self, units: Option<u64>) {
        let weight = units.filter(|units| *units > 0).unwrap_or(100);
        self.cgroup.insert("lxc.cgroup2.cpu.weight".into(), weight.to_string());
    }

    fn cores(&mut self, cores: Option<u64>) {
        let text = cores.map_or_else(|| "all".to_owned(), |cores| format!("{cores} of them"));
        self.cgroup.insert("lxc.cgroup2.cpuset.cpus".into(), text);
    }

    fn memory(&mut self, memory: u64, swap: u64, order: LimitOrder) -> Result<(), String> {
        // What cgroup v1 asks for: memory never above memory and swap. What `lxc.` lines make of it is another matter.
        let (old, old_swap) = self.memory;
        let is_in_order = match order {
            LimitOrder::MemoryFirst => memory <= old + old_swap,
            LimitOrder::SwapFirst => old <= memory + swap,
        };
        refuse(!is_in_order, "memory above memory and swap")?;
        self.memory = (memory, swap);
        self.cgroup.insert(MEMORY.into(), memory.to_string());
        self.cgroup.insert(SWAP.into(), swap.to_string());
        Ok(())
    }

    fn mount(&mut self, key: &str, mount: &MountPoint) -> Result<(), String> {
        let target = path(&mount.target);
        let is_dir = matches!(mount.volume, Volume::Directory(_));
        for (other, there) in &self.mounts {
            let at = path(&there.target);
            refuse(at == target, format!("{key}: {other} is mounted there"))?;
            let is_hidden = at.starts_with(&format!("{target}/"));
            refuse(is_hidden, format!("{key}: would hide {other}"))?;
            refuse(!is_dir && there.volume == mount.volume, format!("{key}: {other} has it"))?;
            refuse(other == key, format!("{key} is mounted"))?;
        }
        let is_root = self.root.as_ref().is_some_and(|root| root.volume == mount.volume);
        refuse(!is_dir && is_root, format!("{key}: the root has it"))?;
        let mut mount = mount.clone();
        if let Some(before) = self.unmounted.get(key)
            && before.volume == mount.volume
            && matches!(mount.volume, Volume::Storage { .. })
            && mount.size.is_some()
        {
            mount.size = before.size.or(mount.size);
        }
        self.mounts.insert(key.to_owned(), mount);
        Ok(())
    }

    fn unmount(&mut self, key: &str, mount: &MountPoint) -> Result<(), String> {
        let there = self.mounts.remove(key).filter(|there| there.target == mount.target);
        self.unmounted.insert(key.to_owned(), there.ok_or(format!("{key} is not mounted"))?);
        let below = format!("{}/", path(&mount.target));
        let busy = self.mounts.iter().find(|(_, other)| path(&other.target).starts_with(&below));
        refuse(busy.is_some(), format!("{key} is busy: {busy:?}"))
    }

    fn plug(&mut self, key: &str, net: &Net) -> Result<(), String> {
        for (other, link) in &self.links {
            refuse(other == key, format!("{key} is plugged in"))?;
            refuse(link.name == net.name, format!("{key}: {other} has the name"))?;
            let same_mac = link.hwaddr.is_some() && link.hwaddr == net.hwaddr;
            refuse(same_mac, format!("{key}: {other} has the MAC address"))?;
        }
        let link = Link {
            name: net.name.clone(),
            hwaddr: net.hwaddr.clone(),
            port: port(net),
            mtu: mtu(net),
            rate: net.rate,
            managed: net.host_managed,
            modes: (net.ip, net.ip6),
            addresses: [net.ip, net.ip6].into_iter().filter_map(fixed).collect(),
        };
        self.links.insert(key.to_owned(), link);
        for (family, mode, gateway) in
            [(Family::V4, net.ip, net.gw), (Family::V6, net.ip6, net.gw6)]
        {
            if let (Some(_), Some(gateway)) = (fixed(mode), gateway) {
                self.routes.insert(family, (net.name.clone(), gateway));
            }
        }
        Ok(())
    }

    fn unplug(&mut self, key: &str, name: &str) -> Result<(), String> {
        let link = self.links.remove(key).filter(|link| link.name == name);
        refuse(link.is_none(), format!("{key} is not plugged in"))?;
        self.routes.retain(|_, (through, _)| through != name);
        Ok(())
    }

    fn link(&mut self, key: &str, name: &str) -> Result<&mut Link, String> {
        let link = self.links.get_mut(key).filter(|link| link.name == name);
        link.ok_or_else(|| format!("{key}: there is no {name}"))
    }

    fn address(
        &mut self,
        key: &str,
        name: &str,
        family: Family,
        moves: &[AddressMove],
    ) -> Result<(), String> {
        for step in moves {
            let addresses = &mut self.link(key, name)?.addresses;
            match *step {
                AddressMove::Add(ip, prefix) => {
                    let is_taken = addresses
                        .iter()
                        .any(|there| *there == (ip, prefix) || (ip.is_ipv6() && there.0 == ip));
                    refuse(is_taken, format!("{key}: {ip} is there"))?;
                    addresses.insert((ip, prefix));
                }
                AddressMove::Remove(ip, prefix) => {
                    refuse(!addresses.remove(&(ip, prefix)), format!("{key}: no {ip}"))?;
                }
                AddressMove::Route(gateway) => {
                    let is_v6 = family == Family::V6;
                    let has = addresses.iter().any(|(ip, _)| ip.is_ipv6() == is_v6);
                    refuse(!has, format!("{key}: a route without an address"))?;
                    self.routes.insert(family, (name.to_owned(), gateway));
                }
                AddressMove::Unroute => {
                    if self.routes.get(&family).is_some_and(|(through, _)| through == name) {
                        self.routes.remove(&family);
                    }
                }
            }
        }
        Ok(())
    }

    /// Does one live step.
    pub fn apply(&mut self, step: &Step, wanted: &Config<'_>) -> Result<(), String> {
        let key = step.options[0].as_str();
        match &step.action {
            Action::SetMemory { memory, swap, order } => self.memory(*memory, *swap, *order)?,
            Action::SetCpuLimit { limit } => self.cpu_limit(*limit),
            Action::SetCpuUnits { units } => self.cpu_units(*units),
            Action::SetCores { cores } => self.cores(*cores),
            Action::ResetCgroup { key } => {
                self.cgroup.remove(key);
            }
            Action::SetCgroup { key, values } => {
                self.cgroup.insert(key.clone(), values.join("\n"));
            }
            Action::SetDeviceRules { rules } => self.device_rules.clone_from(rules),
            Action::SetResourceLimit { resource, value: Some(value) } => {
                self.limits.insert(resource.clone(), value.clone());
            }
            Action::SetResourceLimit { resource, value: None } => {
                self.limits.remove(resource);
            }
            Action::RemoveMount { mount } => self.unmount(key, mount)?,
            Action::AddMount { mount } => self.mount(key, mount)?,
            Action::RemountMount { mount } => {
                let there = self.mounted(key)?;
                there.read_only = mount.read_only;
                there.acl = mount.acl;
                there.mount_options.clone_from(&mount.mount_options);
            }
            Action::GrowVolume { volume, from, to } => {
                let there = self.mounted(key)?;
                refuse(there.volume != *volume, format!("{key}: not this volume"))?;
                refuse(from.is_some_and(|from| from > *to), format!("{key} would shrink"))?;
                there.size = Some(*to);
            }
            Action::RemoveDevice { device } => {
                let gone = self.devices.remove(key);
                refuse(gone.is_none_or(|gone| gone.path != device.path), format!("{key}: none"))?;
            }
            Action::AddDevice { device } => {
                let is_there = self.devices.values().any(|there| there.path == device.path);
                refuse(is_there || self.devices.contains_key(key), format!("{key}: is there"))?;
                self.devices.insert(key.to_owned(), device.clone());
            }
            Action::ChangeDevice { device } => {
                let there = self.devices.get_mut(key).ok_or(format!("{key}: no device"))?;
                refuse(there.path != device.path, format!("{key}: another device"))?;
                *there = device.clone();
            }
            Action::RemoveNet { net } => self.unplug(key, &net.name)?,
            Action::AddNet { net } => self.plug(key, net)?,
            Action::ReplugNet { before, net } => {
                self.unplug(key, &before.name)?;
                self.plug(key, net)?;
            }
            Action::ReattachNet { net, .. } => {
                let link = self.link(key, &net.name)?;
                (link.port, link.rate, link.mtu) = (port(net), net.rate, mtu(net));
            }
            Action::SetMtu { name, mtu } => {
                let link = self.link(key, name)?;
                link.mtu =
                    mtu.map_or_else(|| format!("of {:?}", link.port.0), |mtu| mtu.to_string());
            }
            Action::SetRate { name, rate } => self.link(key, name)?.rate = *rate,
            Action::SetHostManaged { name, managed } => self.link(key, name)?.managed = *managed,
            Action::SetAddress { name, family, before, after, moves } => {
                let modes = &mut self.link(key, name)?.modes;
                let mode = if *family == Family::V4 { &mut modes.0 } else { &mut modes.1 };
                refuse(mode != before, format!("{key}: it was otherwise"))?;
                *mode = *after;
                self.address(key, name, *family, moves)?;
            }
            Action::SetHostname { hostname } => self.hostname.clone_from(hostname),
            Action::SetDns { nameservers, domains } => {
                self.dns = (nameservers.clone(), domains.clone());
            }
            Action::SetTimezone { timezone } => self.timezone.clone_from(timezone),
            Action::SetTty { count } => {
                refuse(*count < self.tty, "a tty is in use")?;
                self.tty = *count;
            }
            Action::Record => self.record(key, wanted),
            Action::Restart => return Err("nothing to do now".into()),
        }
        Ok(())
    }

    fn mounted(&mut self, key: &str) -> Result<&mut MountPoint, String> {
        let found = if key == "rootfs" { self.root.as_mut() } else { self.mounts.get_mut(key) };
        found.ok_or_else(|| format!("{key} is not mounted"))
    }

    /// What commands read from the file.
    fn record(&mut self, key: &str, wanted: &Config<'_>) {
        let index = key.strip_prefix("mp").and_then(|rest| rest.parse().ok());
        let new = match index {
            Some(index) => wanted.mount_points().remove(&index),
            None if key == "rootfs" => wanted.rootfs(),
            None => None,
        };
        if let (Some(new), Ok(there)) = (new, self.mounted(key)) {
            (there.backup, there.shared, there.replicate) = (new.backup, new.shared, new.replicate);
            let is_grown_otherwise = new.size.is_some() && there.size.is_some();
            if !is_grown_otherwise
                || matches!(there.volume, Volume::Device(_) | Volume::Directory(_))
            {
                there.size = new.size;
            }
        }
    }
}
