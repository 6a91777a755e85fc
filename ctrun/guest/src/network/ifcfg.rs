//! `ifcfg-*` files below `/etc/sysconfig`: those of Red Hat's network scripts, and those of SUSE's wicked.

use std::net::IpAddr;

use pve_config::IpConfig;

use super::interfaces::netmask;
use crate::markers;
use crate::root::{Result, Root};
use crate::settings::{Family, Interface};
use crate::text::set_shell_values;

fn set(root: &mut Root, path: &str, values: &[(&str, Option<String>)]) -> Result<()> {
    root.edit(path, 0o644, |old| Some(set_shell_values(old.unwrap_or(""), values)))
}

/// Plans `ifcfg-*`, `route-*` and `route6-*` of Red Hat, and that networking is on. `switch` is for old releases, in
/// which IPv6 is off until it is switched on.
pub(crate) fn write_redhat(root: &mut Root, interfaces: &[Interface], switch: bool) -> Result<()> {
    const DIR: &str = "etc/sysconfig/network-scripts";
    for interface in interfaces {
        let name = &interface.name;
        set(root, &format!("{DIR}/ifcfg-{name}"), &redhat_values(interface))?;
        for (file, family) in [("route", interface.ip), ("route6", interface.ip6)] {
            let routes = family
                .far_gateway()
                .map(|gateway| format!("{gateway} dev {name}\ndefault via {gateway} dev {name}\n"));
            let path = format!("{DIR}/{file}-{name}");
            markers::modify_or_remove(root, &path, &routes.unwrap_or_default())?;
        }
    }
    let yes = || Some("yes".to_owned());
    let mut values = vec![("NETWORKING", yes())];
    let none = [IpConfig::None, IpConfig::Manual];
    if switch && interfaces.iter().any(|interface| !none.contains(&interface.ip6.config)) {
        values.push(("NETWORKING_IPV6", yes()));
    }
    set(root, "etc/sysconfig/network", &values)
}

fn redhat_values(interface: &Interface) -> Vec<(&'static str, Option<String>)> {
    let Interface { name, ip, ip6 } = interface;
    let word = |on: bool| Some(if on { "yes" } else { "no" }.to_owned());
    let near = |family: &Family| family.gateway.filter(|_| family.far_gateway().is_none());
    let gateway6 = near(ip6).map(|gateway| match gateway {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => format!("{gateway}%{name}"),
        _ => gateway.to_string(),
    });
    let fixed = ip.address();
    let fixed6 = ip6.address();
    let by_itself = ip6.config == IpConfig::Manual;
    let mut values = vec![
        ("DEVICE", Some(name.clone())),
        ("ONBOOT", word(true)),
        ("BOOTPROTO", Some(if ip.config == IpConfig::Dhcp { "dhcp" } else { "none" }.into())),
        ("IPADDR", fixed.map(|(address, _)| address.to_string())),
        ("NETMASK", fixed.map(|(_, prefix)| netmask(prefix).to_string())),
        ("GATEWAY", near(ip).map(|gateway| gateway.to_string())),
        ("IPV6INIT", word(ip6.config != IpConfig::None).filter(|_| !by_itself)),
        (
            "IPV6_AUTOCONF",
            match ip6.config {
                IpConfig::Auto => word(true),
                IpConfig::Static(..) | IpConfig::Dhcp => word(false),
                _ => None,
            },
        ),
        ("DHCPV6C", word(true).filter(|_| ip6.config == IpConfig::Dhcp)),
        ("IPV6ADDR", fixed6.map(|(address, prefix)| format!("{address}/{prefix}"))),
        ("IPV6_DEFAULTGW", gateway6),
    ];
    // Other spellings of the same, and the MAC address of the machine on which the template was made.
    values.extend(
        ["PREFIX", "IPADDR0", "NETMASK0", "PREFIX0", "GATEWAY0", "HWADDR"].map(|key| (key, None)),
    );
    values
}

/// Plans `ifcfg-*` and `ifroute-*` of SUSE.
pub(crate) fn write_suse(root: &mut Root, interfaces: &[Interface]) -> Result<()> {
    const DIR: &str = "etc/sysconfig/network";
    for interface in interfaces {
        let Interface { name, ip, ip6 } = interface;
        set(root, &format!("{DIR}/ifcfg-{name}"), &suse_values(*ip, *ip6))?;
        let mut routes = String::new();
        for family in [ip, ip6] {
            if let Some(gateway) = family.far_gateway() {
                let prefix = if gateway.is_ipv4() { 32 } else { 128 };
                routes.push_str(&format!("{gateway}/{prefix} - - {name}\n"));
            }
            if let Some(gateway) = family.gateway {
                let all = if gateway.is_ipv4() { "default" } else { "::/0" };
                routes.push_str(&format!("{all} {gateway} - {name}\n"));
            }
        }
        markers::modify_or_remove(root, &format!("{DIR}/ifroute-{name}"), &routes)?;
    }
    Ok(())
}

fn suse_values(ip: Family, ip6: Family) -> Vec<(&'static str, Option<String>)> {
    let quoted = |text: String| format!("'{text}'");
    let address = |family: Family| {
        family.address().map(|(address, prefix)| quoted(format!("{address}/{prefix}")))
    };
    // Static addresses are set whatever the protocol; router advertisements are the kernel's.
    let protocol = match (ip.config, ip6.config) {
        (IpConfig::Dhcp, IpConfig::Dhcp) => "dhcp",
        (IpConfig::Dhcp, _) => "dhcp4",
        (_, IpConfig::Dhcp) => "dhcp6",
        (IpConfig::None | IpConfig::Manual, IpConfig::None | IpConfig::Manual) => "none",
        _ => "static",
    };
    vec![
        ("STARTMODE", Some(quoted("auto".into()))),
        ("BOOTPROTO", Some(quoted(protocol.into()))),
        ("IPADDR", address(ip)),
        ("IPADDR_0", address(ip6)),
        ("NETMASK", None),
        ("PREFIXLEN", None),
    ]
}
