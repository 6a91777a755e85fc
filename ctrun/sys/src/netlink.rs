//! Network devices, addresses and routes, through a small synchronous netlink socket.
//!
//! A socket belongs to the network namespace in which it was made and stays there, so one opened by
//! [`Socket::open_in`] acts inside a container without this process living there.

use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{SocketAddr, protocols::NETLINK_ROUTE};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{Call, Error, Result};

/// A conversation with the kernel's routing subsystem in one network namespace.
#[derive(Debug)]
pub struct Socket {
    socket: netlink_sys::Socket,
    sequence: u32,
}

/// A pair of connected interfaces, one here and one in another network namespace.
#[derive(Clone, Debug)]
pub struct Veth<'a> {
    /// Name of the end that stays here.
    pub name: &'a str,
    /// The bridge that end joins.
    pub bridge: Option<u32>,
    /// Whether that end is up at once.
    pub up: bool,
    /// Name of the end over there.
    pub peer: &'a str,
    /// Hardware address of the end over there.
    pub address: Option<[u8; 6]>,
    /// Size of frames, on both ends.
    pub mtu: Option<u32>,
}

/// An interface as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number in this namespace.
    pub index: u32,
    /// Its size of frames.
    pub mtu: u32,
    /// The bridge that it is a port of.
    pub controller: Option<u32>,
    /// Its kind: `bridge`, `veth`; empty for hardware.
    pub kind: String,
}

impl Socket {
    /// Opens one in this process's network namespace.
    pub fn open() -> Result<Self> {
        let mut socket =
            netlink_sys::Socket::new(NETLINK_ROUTE).call(|| "socket(NETLINK)".into())?;
        socket.bind_auto().call(|| "bind(NETLINK)".into())?;
        socket.connect(&SocketAddr::new(0, 0)).call(|| "connect(NETLINK)".into())?;
        // Errors then say in words what was wrong (Linux 4.12); a kernel that cannot is no reason to fail.
        let _ = socket.set_ext_ack(true);
        Ok(Self { socket, sequence: 0 })
    }

    /// Opens one in the network namespace `netns`; this thread goes there and comes back.
    pub fn open_in(netns: impl AsFd) -> Result<Self> {
        let here = this_netns()?;
        enter(netns)?;
        let socket = Self::open();
        enter(here)?;
        socket
    }

    /// Finds an interface by its name.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        match self.request(RouteNetlinkMessage::GetLink(message), 0) {
            Ok(Some(RouteNetlinkMessage::NewLink(link))) => Ok(Some(describe(&link))),
            Ok(_) => Err(Error::new(format!("RTM_GETLINK({name})"), Errno::PROTO)),
            Err(e) if e.raw_os_error() == Some(Errno::NODEV.raw_os_error()) => Ok(None),
            Err(e) => Err(Error::new(format!("RTM_GETLINK({name})"), e)),
        }
    }

    /// Makes a pair of interfaces, the other end of which is born in `netns`.
    ///
    /// Being born there costs 0.3 ms; being moved there would wait 16 ms for an RCU grace period.
    pub fn add_veth(&mut self, veth: &Veth<'_>, netns: impl AsFd) -> Result<()> {
        let mut peer = LinkMessage::default();
        peer.attributes.push(LinkAttribute::IfName(veth.peer.to_owned()));
        peer.attributes.push(LinkAttribute::NetNsFd(netns.as_fd().as_raw_fd()));
        peer.attributes.extend(veth.address.map(|a| LinkAttribute::Address(a.to_vec())));
        peer.attributes.extend(veth.mtu.map(LinkAttribute::Mtu));
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(veth.name.to_owned()));
        link.attributes.extend(veth.mtu.map(LinkAttribute::Mtu));
        link.attributes.extend(veth.bridge.map(LinkAttribute::Controller));
        if veth.up {
            link.header.flags = LinkFlags::Up;
            link.header.change_mask = LinkFlags::Up;
        }
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.change(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
            .call(|| format!("RTM_NEWLINK({}, veth, peer {})", veth.name, veth.peer))
    }

    /// Makes a bridge and sets it up.
    pub fn add_bridge(&mut self, name: &str) -> Result<()> {
        let mut link = LinkMessage::default();
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
        link.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]));
        self.change(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
            .call(|| format!("RTM_NEWLINK({name}, bridge)"))
    }

    /// Sets an interface up.
    pub fn set_up(&mut self, index: u32) -> Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        self.change(RouteNetlinkMessage::SetLink(link), 0)
            .call(|| format!("RTM_SETLINK({index}, up)"))
    }

    /// Makes an interface a port of `bridge`, or of none.
    pub fn set_bridge(&mut self, index: u32, bridge: Option<u32>) -> Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.attributes.push(LinkAttribute::Controller(bridge.unwrap_or(0)));
        self.change(RouteNetlinkMessage::SetLink(link), 0)
            .call(|| format!("RTM_SETLINK({index}, master {bridge:?})"))
    }

    /// Deletes an interface by its name, and its peer with it; one that is not there is deleted already.
    pub fn delete_link(&mut self, name: &str) -> Result<()> {
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
        match self.change(RouteNetlinkMessage::DelLink(link), 0) {
            Err(e) if e.raw_os_error() == Some(Errno::NODEV.raw_os_error()) => Ok(()),
            other => other.call(|| format!("RTM_DELLINK({name})")),
        }
    }

    /// Deletes an interface by its number; one that is not there is deleted already.
    pub fn delete_index(&mut self, index: u32) -> Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        match self.change(RouteNetlinkMessage::DelLink(link), 0) {
            Err(e) if e.raw_os_error() == Some(Errno::NODEV.raw_os_error()) => Ok(()),
            other => other.call(|| format!("RTM_DELLINK({index})")),
        }
    }

    /// Gives an interface an address.
    pub fn add_address(&mut self, index: u32, address: IpAddr, prefix: u8) -> Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.index = index;
        message.header.prefix_len = prefix;
        if let IpAddr::V4(v4) = address {
            message.attributes.push(AddressAttribute::Local(address));
            if prefix < 31 {
                let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
                message.attributes.push(AddressAttribute::Broadcast((u32::from(v4) | host).into()));
            }
        } else {
            // The address comes from the configuration; waiting to see whether it is a duplicate would delay the guest.
            message.header.flags = AddressHeaderFlags::Nodad;
        }
        message.attributes.push(AddressAttribute::Address(address));
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
            .call(|| format!("RTM_NEWADDR({address}/{prefix})"))
    }

    /// Makes `gateway` on interface `index` the default route; `on_link` where no address of ours covers it.
    pub fn add_default_route(&mut self, index: u32, gateway: IpAddr, on_link: bool) -> Result<()> {
        let mut route = RouteMessage::default();
        route.header.address_family = family(gateway);
        route.header.table = 254; // RT_TABLE_MAIN
        route.header.protocol = RouteProtocol::Boot;
        route.header.scope = RouteScope::Universe;
        route.header.kind = RouteType::Unicast;
        if on_link {
            route.header.flags = RouteFlags::Onlink;
        }
        route.attributes.push(RouteAttribute::Oif(index));
        route.attributes.push(RouteAttribute::Gateway(match gateway {
            IpAddr::V4(v4) => RouteAddress::Inet(v4),
            IpAddr::V6(v6) => RouteAddress::Inet6(v6),
        }));
        self.change(RouteNetlinkMessage::NewRoute(route), NLM_F_CREATE | NLM_F_REPLACE)
            .call(|| format!("RTM_NEWROUTE(default via {gateway})"))
    }

    fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> std::io::Result<()> {
        self.request(message, NLM_F_ACK | flags).map(|_| ())
    }

    fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> std::io::Result<Option<RouteNetlinkMessage>> {
        self.sequence += 1;
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | flags;
        request.header.sequence_number = self.sequence;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let reply = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes)
                .map_err(std::io::Error::other)?;
            if reply.header.sequence_number != self.sequence {
                continue;
            }
            match reply.payload {
                NetlinkPayload::Error(error) => {
                    return match error.code {
                        None => Ok(None),
                        Some(code) => {
                            Err(std::io::Error::from_raw_os_error(code.get().saturating_neg()))
                        }
                    };
                }
                NetlinkPayload::InnerMessage(inner) => return Ok(Some(inner)),
                _ => {}
            }
        }
    }
}

/// The network namespace that this thread is in.
pub fn this_netns() -> Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags, open};
    open("/proc/thread-self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .call(|| "open(/proc/thread-self/ns/net)".into())
}

fn enter(netns: impl AsFd) -> Result<()> {
    move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network))
        .call(|| "setns(NET)".into())
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn describe(link: &LinkMessage) -> Link {
    let mut found =
        Link { index: link.header.index, mtu: 0, controller: None, kind: String::new() };
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Mtu(mtu) => found.mtu = *mtu,
            LinkAttribute::Controller(index) => found.controller = Some(*index),
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    if let LinkInfo::Kind(kind) = info {
                        found.kind = kind.to_string();
                    }
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_loopback() {
        let mut socket = Socket::open().unwrap();
        let lo = socket.link("lo").unwrap().unwrap();
        assert_eq!((lo.index, lo.kind.as_str()), (1, ""));
        assert_eq!(socket.link("no-such-link").unwrap(), None);
    }
}
