//! What a configuration says about its guest.

use std::net::IpAddr;

use pve_config::{Config, IpConfig};

use crate::os::Os;
use crate::root::Owner;

/// First host id of unprivileged containers, as in the reference.
const UNPRIVILEGED: u32 = 100_000;

/// One side, IPv4 or IPv6, of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// How the address is got.
    pub config: IpConfig,
    /// The gateway, with a static address only.
    pub gateway: Option<IpAddr>,
}

impl Family {
    fn new(config: IpConfig, gateway: Option<IpAddr>) -> Self {
        let fixed = matches!(config, IpConfig::Static(..));
        Self { config, gateway: gateway.filter(|_| fixed) }
    }

    /// Address and prefix length.
    pub fn address(&self) -> Option<(IpAddr, u8)> {
        match self.config {
            IpConfig::Static(ip, prefix) => Some((ip, prefix)),
            _ => None,
        }
    }

    /// The gateway, if it cannot be reached without a route of its own. Every link has the link-local network.
    pub fn far_gateway(&self) -> Option<IpAddr> {
        let (address, prefix) = self.address()?;
        let gateway = self.gateway?;
        let near = match (address, gateway) {
            (IpAddr::V4(a), IpAddr::V4(g)) => {
                let shift = 32 - u32::from(prefix.min(32));
                (a.to_bits() ^ g.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(a), IpAddr::V6(g)) => {
                let shift = 128 - u32::from(prefix.min(128));
                let same = (a.to_bits() ^ g.to_bits()).checked_shr(shift).unwrap_or(0) == 0;
                same || g.is_unicast_link_local()
            }
            _ => true,
        };
        (!near).then_some(gateway)
    }
}

/// One network interface that the guest sets up itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// IPv4.
    pub ip: Family,
    /// IPv6.
    pub ip6: Family,
}

/// All that guest setup takes from a configuration.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `ostype`.
    pub os: Option<Os>,
    /// `hostname`.
    pub hostname: Option<String>,
    /// `nameserver`.
    pub nameservers: Vec<String>,
    /// `searchdomain`.
    pub search: Vec<String>,
    /// `timezone`.
    pub timezone: Option<String>,
    /// `tty`.
    pub ttys: u32,
    /// `lxc.tty.dir` with a slash at its end, or nothing.
    pub tty_dir: String,
    /// All `netN` but those that the host sets up, in order.
    pub interfaces: Vec<Interface>,
    /// The static address of `net0`, IPv4 first: the guest's own in `/etc/hosts`.
    pub address: Option<IpAddr>,
    /// The host's ids of the guest's root.
    pub owner: Owner,
}

impl Settings {
    /// Reads a section of a configuration.
    pub fn from_config(config: &Config<'_>) -> Self {
        let nets = config.nets();
        let address = nets.get(&0).and_then(|net| {
            let families = [Family::new(net.ip, None), Family::new(net.ip6, None)];
            families.iter().find_map(Family::address).map(|(address, _)| address)
        });
        let interfaces = nets
            .into_values()
            .filter(|net| !net.host_managed && is_interface_name(&net.name))
            .map(|net| Interface {
                name: net.name,
                ip: Family::new(net.ip, net.gw),
                ip6: Family::new(net.ip6, net.gw6),
            })
            .collect();
        let raw = config.raw();
        let tty_dir = raw.iter().rev().find(|raw| raw.key == "lxc.tty.dir");
        Self {
            os: config.get("ostype").and_then(Os::from_name),
            hostname: config.get("hostname").map(str::to_owned),
            nameservers: config.list("nameserver"),
            search: config.list("searchdomain"),
            timezone: config.get("timezone").map(str::to_owned),
            ttys: config.integer("tty").and_then(|n| n.try_into().ok()).unwrap_or(2),
            tty_dir: tty_dir.map(|raw| tty_prefix(&raw.value)).unwrap_or_default(),
            interfaces,
            address,
            owner: owner(config),
        }
    }

    /// The host name up to its first dot.
    pub fn short_name(&self) -> &str {
        let name = self.hostname.as_deref().unwrap_or("localhost");
        name.split_once('.').map_or(name, |(short, _)| short)
    }
}

/// Whether a name may be a part of file names and of lines in the guest.
fn is_interface_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    !name.is_empty() && name.len() < 16 && name.chars().all(good) && name != "." && name != ".."
}

fn tty_prefix(dir: &str) -> String {
    let dir = dir.trim_matches('/');
    let good = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if dir.is_empty() || !dir.chars().all(good) { String::new() } else { format!("{dir}/") }
}

/// The host's ids of the guest's root: by `lxc.idmap`, else by `unprivileged`.
fn owner(config: &Config<'_>) -> Owner {
    let maps: Vec<_> = config.raw().into_iter().filter(|raw| raw.key == "lxc.idmap").collect();
    let outside = |kind: &str| {
        maps.iter().find_map(|raw| {
            let words: Vec<_> = raw.value.split_whitespace().collect();
            let [found, inside, outside, count] = words[..] else { return None };
            let zero = inside == "0" && count.parse::<u32>().is_ok_and(|count| count > 0);
            let kind = found == kind || found == "b";
            if kind && zero { outside.parse().ok() } else { None }
        })
    };
    let base = if config.boolean("unprivileged") { UNPRIVILEGED } else { 0 };
    Owner { uid: outside("u").unwrap_or(base), gid: outside("g").unwrap_or(base) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pve_config::Document;

    fn settings(text: &str) -> Settings {
        let document = Document::parse(text);
        Settings::from_config(&Config::new(&document, document.main()))
    }

    #[test]
    fn the_owner_follows_the_id_map() {
        assert_eq!(settings("").owner, Owner { uid: 0, gid: 0 });
        assert_eq!(settings("unprivileged: 1\n").owner, Owner { uid: 100_000, gid: 100_000 });
        let text = "unprivileged: 1\nlxc.idmap: u 0 200000 1000\nlxc.idmap: g 0 300000 1000\n\
            lxc.idmap: u 1000 1000 1\n";
        assert_eq!(settings(text).owner, Owner { uid: 200_000, gid: 300_000 });
    }

    #[test]
    fn gateways_off_the_subnet_are_far() {
        let far = |ip: &str, prefix, gw: &str| {
            let config = IpConfig::Static(ip.parse().unwrap(), prefix);
            Family::new(config, Some(gw.parse().unwrap())).far_gateway().is_some()
        };
        assert!(!far("10.0.0.2", 24, "10.0.0.1") && far("10.0.0.2", 24, "10.0.1.1"));
        assert!(far("10.0.0.2", 32, "10.0.0.1") && !far("10.0.0.2", 0, "1.1.1.1"));
        assert!(!far("fc00::2", 64, "fc00::1") && far("fc00::2", 64, "fc00:0:0:1::1"));
        assert!(!far("fc00::2", 128, "fe80::1"));
        assert_eq!(Family::new(IpConfig::Dhcp, "10.0.0.1".parse().ok()).gateway, None);
    }

    #[test]
    fn interfaces_of_the_host_and_odd_names_are_left_out() {
        let text = "net0: name=eth0,ip=dhcp\nnet1: name=eth1,host-managed=1\n";
        let all = settings(text).interfaces;
        assert_eq!(all.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["eth0"]);
        assert!(
            !is_interface_name("..") && !is_interface_name("a/b") && is_interface_name("eth0.5")
        );
    }
}
