//! `.network` files of systemd-networkd (systemd.network(5)).

use pve_config::IpConfig;

use crate::root::{Result, Root};
use crate::settings::{Family, Interface};

/// Plans one file for each interface.
pub(crate) fn write(root: &mut Root, interfaces: &[Interface]) -> Result<()> {
    for interface in interfaces {
        let path = format!("etc/systemd/network/{}.network", interface.name);
        root.write(&path, content(interface), 0o644)?;
    }
    Ok(())
}

fn content(interface: &Interface) -> String {
    let Interface { name, ip, ip6 } = interface;
    let mut text = format!(
        "# Written anew at each start of the container. Own settings go to {name}.network.d/*.conf.\n\
         [Match]\nName={name}\n\n[Network]\n"
    );
    let mut routes = String::new();
    for family in [ip, ip6] {
        if let Some((address, prefix)) = family.address() {
            text.push_str(&format!("Address={address}/{prefix}\n"));
        }
        if let Some(gateway) = family.gateway {
            text.push_str(&format!("Gateway={gateway}\n"));
        }
        routes.push_str(&route(*family));
    }
    let dhcp = match (ip.config == IpConfig::Dhcp, ip6.config == IpConfig::Dhcp) {
        (false, false) => "no",
        (true, false) => "ipv4",
        (false, true) => "ipv6",
        (true, true) => "yes",
    };
    // DHCPv6 gives no route: that comes from router advertisements.
    let advertisements = matches!(ip6.config, IpConfig::Auto | IpConfig::Dhcp);
    text.push_str(&format!("DHCP={dhcp}\nIPv6AcceptRA={advertisements}\n"));
    text.push_str(&routes);
    text
}

/// The route to a gateway that the address alone does not reach.
fn route(family: Family) -> String {
    match family.far_gateway() {
        None => String::new(),
        Some(gateway) if gateway.is_ipv4() => {
            format!("\n[Route]\nDestination={gateway}/32\nScope=link\n")
        }
        // A scope is for IPv4 only.
        Some(gateway) => format!("\n[Route]\nDestination={gateway}/128\n"),
    }
}
