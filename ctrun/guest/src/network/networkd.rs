//! `.network` files of systemd-networkd (systemd.network(5)).

use pve_config::IpConfig;

use crate::root::{Result, Root};
use crate::settings::{Family, Interface};

const DIR: &str = "etc/systemd/network";

/// Plans one file for each interface.
pub(crate) fn write(root: &mut Root, interfaces: &[Interface]) -> Result<()> {
    warn_of_others(root, interfaces)?;
    for interface in interfaces {
        let path = format!("{DIR}/{}.network", interface.name);
        root.write(&path, content(interface), 0o644)?;
    }
    Ok(())
}

/// Of all files that match an interface, networkd takes the first by name. netplan's are named to come first.
fn warn_of_others(root: &mut Root, interfaces: &[Interface]) -> Result<()> {
    for file in root.list("etc/netplan")? {
        let path = format!("etc/netplan/{file}");
        if file.ends_with(".yaml") && root.is_file(&path) && file != "10-lxc.yaml" {
            root.warn(format!("/{path} in the guest may set up interfaces before /{DIR} does"));
        }
    }
    for file in root.list(DIR)? {
        let path = format!("{DIR}/{file}");
        if !file.ends_with(".network") || !root.is_file(&path) {
            continue;
        }
        let text = root.text(&path)?.unwrap_or_default();
        for Interface { name, .. } in interfaces {
            if file < format!("{name}.network") && matches(&text, name) {
                root.warn(format!(
                    "/{path} in the guest sets up {name} before /{DIR}/{name}.network does"
                ));
            }
        }
    }
    Ok(())
}

/// Whether the names in a file's section `[Match]` match an interface.
fn matches(text: &str, interface: &str) -> bool {
    let lines = text.lines().map(str::trim).skip_while(|line| *line != "[Match]").skip(1);
    let mut values = lines.take_while(|line| !line.starts_with('[')).filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim_end() == "Name").then_some(value)
    });
    values.any(|value| value.split_whitespace().any(|pattern| glob(pattern, interface)))
}

/// Whether a pattern with `*` and `?` matches.
fn glob(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('*') => name
            .char_indices()
            .map(|(at, _)| at)
            .chain([name.len()])
            .any(|at| glob(rest.as_str(), &name[at..])),
        Some(c) => name
            .strip_prefix(|found| c == '?' || c == found)
            .is_some_and(|name| glob(rest.as_str(), name)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_that_match_are_known() {
        let file =
            |names: &str| format!("[Match]\nType=ether\nName = {names}\n\n[Network]\nName=x\n");
        for names in ["eth0", "en* eth*", "e?h?", "*"] {
            assert!(matches(&file(names), "eth0"), "{names}");
        }
        for names in ["eth1", "en*", "eth", "!eth0", ""] {
            assert!(!matches(&file(names), "eth0"), "{names}");
        }
        assert!(!matches("[Network]\nName=eth0\n", "eth0"));
    }
}
