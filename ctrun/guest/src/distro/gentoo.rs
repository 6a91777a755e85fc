//! Gentoo, with OpenRC and netifrc.

use pve_config::IpConfig;

use super::Distribution;
use crate::guest::Guest;
use crate::markers::{self, Where};
use crate::network::networkd;
use crate::root::Result;
use crate::settings::{Family, Interface};
use crate::{getty, hostname, hosts, inittab, securetty};

pub(super) struct Gentoo;

impl Distribution for Gentoo {
    fn fixup(&self, guest: &mut Guest<'_>) -> Result<()> {
        securetty::write(guest, &[])
    }

    fn init(&self, guest: &mut Guest<'_>) -> Result<()> {
        let dir = &guest.settings.tty_dir;
        let lines = inittab::lines(guest, |n| {
            format!("c{n}:12345:respawn:/sbin/agetty 38400 {dir}tty{n} linux")
        });
        inittab::write(guest, &lines, &["p0::powerfail:/sbin/init 0"])?;
        getty::write(guest)
    }

    fn network(&self, guest: &mut Guest<'_>) -> Result<()> {
        let all = &guest.settings.interfaces;
        let data: String = all.iter().map(variables).collect();
        markers::modify(guest.root, "etc/conf.d/net", &data, Where::Replace)?;
        for interface in all {
            let script = format!("etc/init.d/net.{}", interface.name);
            guest.root.symlink(&script, "net.lo")?;
            let link = format!("etc/runlevels/default/net.{}", interface.name);
            guest.root.symlink(&link, &format!("/{script}"))?;
        }
        if guest.systemd {
            networkd::write(guest.root, all)?;
        }
        Ok(())
    }

    fn hostname(&self, guest: &mut Guest<'_>) -> Result<()> {
        hostname::gentoo(guest)?;
        hosts::write(guest)
    }
}

/// The variables of one interface in `/etc/conf.d/net`.
fn variables(interface: &Interface) -> String {
    // What cannot be in the name of a shell variable is written as an underscore.
    let variable: String =
        interface.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let mut config = Vec::new();
    let mut routes = Vec::new();
    for (family, dhcp) in [(interface.ip, "dhcp"), (interface.ip6, "dhcpv6")] {
        if let Some((address, prefix)) = family.address() {
            config.push(format!("{address}/{prefix}"));
        } else if family.config == IpConfig::Dhcp {
            config.push(dhcp.to_owned());
        }
        add_routes(family, &interface.name, &mut routes);
    }
    if config.is_empty() {
        config.push("null".to_owned());
    }
    let mut text = format!("config_{variable}=\"{}\"\n", config.join("\n"));
    if !routes.is_empty() {
        text.push_str(&format!("routes_{variable}=\"{}\"\n", routes.join("\n")));
    }
    if interface.ip6.config == IpConfig::Auto {
        text.push_str(&format!("accept_ra_{variable}=\"1\"\nautoconf_{variable}=\"1\"\n"));
    }
    text
}

fn add_routes(family: Family, name: &str, routes: &mut Vec<String>) {
    let Some(gateway) = family.gateway else { return };
    if family.far_gateway().is_some() {
        let prefix = if gateway.is_ipv4() { 32 } else { 128 };
        routes.push(format!("{gateway}/{prefix} dev {name}"));
    }
    routes.push(format!("default via {gateway}"));
}
