//! The container's interfaces: a pair of which one end is a port of a bridge and the other is born inside.

use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};

use ct_sys::Call;
use ct_sys::netlink::{Socket, Veth};

use crate::ctid::Ctid;
use crate::failure::{At, Failure, Step};
use crate::spec::{Net, Spec};

/// An interface that cannot be made.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("bridge {0} does not exist")]
    NoBridge(String),
    #[error("{0} is no bridge but a {1}")]
    NotABridge(String, String),
    #[error("mtu {0} is more than the {1} of bridge {2}")]
    Mtu(u32, u32, String),
    #[error(transparent)]
    Sys(#[from] ct_sys::Error),
}

/// The name of the host's end of `netN`.
pub fn host_name(id: Ctid, number: u32) -> String {
    format!("veth{id}i{number}")
}

/// Makes all interfaces of `spec` in the network namespace of the process `init`, and tells the host's ends.
pub fn set_up(spec: &Spec, init: i32) -> Result<Vec<(String, Option<u32>)>, Failure> {
    let path = format!("/proc/{init}/ns/net");
    let netns: OwnedFd = std::fs::File::open(&path)
        .map(OwnedFd::from)
        .call(|| format!("open({path})"))
        .at(Step::Network)?;
    let mut inside = Socket::open_in(&netns).at(Step::Network)?;
    inside.set_up(1).at(Step::Network)?; // lo
    if spec.nets.is_empty() {
        return Ok(Vec::new());
    }
    let mut host = Socket::open().at(Step::Network)?;
    let mut links = Vec::new();
    for net in &spec.nets {
        let link = plug(&mut host, &mut inside, spec.id, &net.value, netns.as_fd());
        links.push(link.at_option(Step::Network, &net.origin)?);
    }
    Ok(links)
}

/// Deletes an interface of the host. By its number, where that is known: another container may have the name by now.
pub fn delete(link: &(String, Option<u32>)) -> ct_sys::Result<()> {
    let mut host = Socket::open()?;
    match link.1 {
        Some(index) => host.delete_index(index),
        None => host.delete_link(&link.0),
    }
}

fn plug(
    host: &mut Socket,
    inside: &mut Socket,
    id: Ctid,
    net: &Net,
    netns: impl AsFd,
) -> Result<(String, Option<u32>), Error> {
    let bridge = net.bridge.as_deref().map(|name| find_bridge(host, name)).transpose()?;
    if let (Some(mtu), Some((_, most))) = (net.mtu, bridge)
        && mtu > most
    {
        return Err(Error::Mtu(mtu, most, net.bridge.clone().unwrap_or_default()));
    }
    let name = host_name(id, net.number);
    let veth = Veth {
        name: &name,
        bridge: bridge.filter(|_| !net.link_down).map(|(index, _)| index),
        up: !net.link_down,
        peer: &net.name,
        address: Some(net.address.unwrap_or_else(|| hardware_address(id, net.number))),
        mtu: net.mtu.or(bridge.map(|(_, mtu)| mtu)),
    };
    match host.add_veth(&veth, netns.as_fd()) {
        // Left by an earlier run of the same container, whose namespace the kernel is still taking apart.
        Err(e) if e.errno() == Some(rustix::io::Errno::EXIST) => {
            host.delete_link(&name)?;
            host.add_veth(&veth, netns)?;
        }
        other => other?,
    }
    if net.host_managed {
        configure(inside, net)?;
    }
    let index = host.link(&name)?.map(|link| link.index);
    Ok((name, index))
}

fn configure(inside: &mut Socket, net: &Net) -> Result<(), Error> {
    let Some(link) = inside.link(&net.name)? else { return Ok(()) };
    for (address, prefix) in &net.addresses {
        inside.add_address(link.index, *address, *prefix)?;
    }
    inside.set_up(link.index)?;
    for gateway in &net.gateways {
        let covered = net.addresses.iter().any(|(a, prefix)| same_network(*a, *gateway, *prefix));
        inside.add_default_route(link.index, *gateway, !covered)?;
    }
    Ok(())
}

fn find_bridge(host: &mut Socket, name: &str) -> Result<(u32, u32), Error> {
    let link = host.link(name)?.ok_or_else(|| Error::NoBridge(name.to_owned()))?;
    if link.kind != "bridge" {
        let kind = if link.kind.is_empty() { "network card".into() } else { link.kind };
        return Err(Error::NotABridge(name.to_owned(), kind));
    }
    Ok((link.index, link.mtu))
}

fn same_network(a: IpAddr, b: IpAddr, prefix: u8) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let differ = u32::from(a) ^ u32::from(b);
            differ.checked_shr(32 - u32::from(prefix)).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let differ = u128::from(a) ^ u128::from(b);
            differ.checked_shr(128 - u32::from(prefix)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// An address for an interface that has none in the file: always the same for the same container, so that leases stay.
fn hardware_address(id: Ctid, number: u32) -> [u8; 6] {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((id, number)).to_ne_bytes();
    // Proxmox's own prefix.
    [0xbc, 0x24, 0x11, hash[0], hash[1], hash[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_networks() {
        let same =
            |a: &str, b: &str, prefix| same_network(a.parse().unwrap(), b.parse().unwrap(), prefix);
        assert!(same("10.0.0.5", "10.0.0.1", 24));
        assert!(!same("10.0.0.5", "10.0.1.1", 24));
        assert!(same("10.0.0.5", "1.2.3.4", 0));
        assert!(!same("10.0.0.5", "10.0.0.6", 32));
        assert!(same("fd00::1", "fd00::2", 64));
        assert!(!same("fd00::1", "10.0.0.1", 0));
    }

    #[test]
    fn addresses_are_stable_and_unicast() {
        let id = "100".parse().unwrap();
        assert_eq!(hardware_address(id, 0), hardware_address(id, 0));
        assert_ne!(hardware_address(id, 0), hardware_address(id, 1));
        assert_eq!(hardware_address(id, 0)[0] & 1, 0);
    }
}
