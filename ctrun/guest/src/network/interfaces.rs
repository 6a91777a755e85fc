//! `/etc/network/interfaces` of ifupdown, ifupdown2 and ifupdown-ng.
//!
//! The stanzas of our interfaces are rewritten where they stand; what we do not know in them stays, as do all other
//! stanzas, comments and blank lines.

use std::net::IpAddr;

use pve_config::IpConfig;

use crate::markers::{self, BEGIN, END};
use crate::root::{Result, Root};
use crate::settings::{Family, Interface};
use crate::text::end_line;

const PATH: &str = "etc/network/interfaces";

/// What a version of ifupdown understands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// `address` with a prefix length; else there is a `netmask`.
    pub(crate) cidr: bool,
    /// The methods `auto` and `dhcp` of `inet6`; else the kernel or the guest does it (`manual`).
    pub(crate) inet6_methods: bool,
}

/// Plans the network of the guest.
pub(crate) fn write(root: &mut Root, interfaces: &[Interface], dialect: Dialect) -> Result<()> {
    for file in root.list(&format!("{PATH}.d"))? {
        let path = format!("{PATH}.d/{file}");
        if !root.is_file(&path) {
            continue;
        }
        let text = root.text(&path)?.unwrap_or_default();
        let blocks = parse(&text);
        for interface in interfaces {
            let same =
                |b: &Block<'_>| matches!(b, Block::Iface { name, .. } if *name == interface.name);
            if blocks.iter().any(same) {
                root.warn(format!("/{path} in the guest also sets up {}", interface.name));
            }
        }
    }
    root.edit(PATH, 0o644, |old| Some(merge(old.unwrap_or(""), interfaces, dialect)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    V4,
    V6,
    /// Without `inet` or `inet6`, as ifupdown2 allows.
    Any,
}

#[derive(Debug)]
enum Block<'a> {
    /// An `iface` line and what belongs to it.
    Iface { name: &'a str, kind: Kind, lines: Vec<&'a str> },
    /// Any other line.
    Other(&'a str),
}

/// Lines with their endings, those that end in a backslash together with the next.
fn logical_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if !line.trim_end_matches(['\r', '\n']).ends_with('\\') {
            lines.push(&text[start..end]);
            start = end;
        }
    }
    if start < end {
        lines.push(&text[start..end]);
    }
    lines
}

fn is_filler(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || (line.starts_with('#') && !markers::is_begin(line) && !markers::is_end(line))
}

fn begins_stanza(word: &str) -> bool {
    let words = [
        "iface",
        "auto",
        "source",
        "source-directory",
        "mapping",
        "template",
        "rename",
        "no-auto-down",
        "no-scripts",
    ];
    words.contains(&word) || word.starts_with("allow-")
}

fn parse(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    for line in logical_lines(text) {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or("");
        if first == "iface"
            && let Some(name) = words.next()
        {
            let kind = match words.next() {
                Some("inet") => Some(Kind::V4),
                Some("inet6") => Some(Kind::V6),
                None | Some("inherits") => Some(Kind::Any),
                // Other families, such as can, are not ours.
                Some(_) => None,
            };
            let lines = vec![line];
            blocks.push(match kind {
                Some(kind) => Block::Iface { name, kind, lines },
                None => Block::Other(line),
            });
            continue;
        }
        match blocks.last_mut() {
            Some(Block::Iface { lines, .. }) if !begins_stanza(first) => lines.push(line),
            _ => blocks.push(Block::Other(line)),
        }
    }
    blocks.into_iter().flat_map(release_fillers).collect()
}

/// Gives the comments and blank lines at the end of a stanza back: they belong to what follows.
fn release_fillers(block: Block<'_>) -> Vec<Block<'_>> {
    let Block::Iface { name, kind, mut lines } = block else { return vec![block] };
    let keep = lines.iter().rposition(|line| !is_filler(line)).map_or(1, |at| at + 1);
    let after = lines.split_off(keep);
    let mut blocks = vec![Block::Iface { name, kind, lines }];
    blocks.extend(after.into_iter().map(Block::Other));
    blocks
}

/// Whether something brings the interface up at boot. `allow-hotplug` waits for udev, which a container need not have.
fn is_up_at_boot(blocks: &[Block<'_>], name: &str) -> bool {
    blocks.iter().any(|block| {
        let Block::Other(line) = block else { return false };
        let mut words = line.split_whitespace();
        let keyword = words.next().unwrap_or("");
        (keyword == "auto" || keyword == "allow-auto")
            && words.any(|word| match word.strip_prefix('/').and_then(|w| w.split_once('*')) {
                Some((prefix, suffix)) => name.starts_with(prefix) && name.ends_with(suffix),
                None => word == name,
            })
    })
}

/// The text with our interfaces in it.
fn merge(old: &str, interfaces: &[Interface], dialect: Dialect) -> String {
    let blocks = parse(old);
    let mut out = Out { text: String::with_capacity(old.len() + 256), dialect };
    let mut done: Vec<(&str, Kind)> = Vec::new();
    let mut up: Vec<&str> = Vec::new();
    let has_lo = blocks.iter().any(|b| matches!(b, Block::Iface { name: "lo", .. }));
    if !is_up_at_boot(&blocks, "lo") && !has_lo {
        out.loopback();
    }
    for block in &blocks {
        match block {
            Block::Other(line) => {
                out.text.push_str(line);
            }
            Block::Iface { name, kind, lines } => {
                let ours = interfaces.iter().find(|interface| interface.name == *name);
                let managed = ours.is_some() || *name == "lo";
                if managed && !up.contains(name) && !is_up_at_boot(&blocks, name) {
                    out.text.push_str(&format!("auto {name}\n"));
                }
                up.push(name);
                let family = if *kind == Kind::Any { Kind::V4 } else { *kind };
                match ours {
                    // A second stanza of an interface adds to the first and is the guest's.
                    Some(interface) if !done.contains(&(*name, family)) => {
                        done.push((*name, family));
                        out.stanza(interface, family, lines);
                    }
                    _ => lines.iter().for_each(|line| out.text.push_str(line)),
                }
            }
        }
    }
    for interface in interfaces {
        for (kind, family) in [(Kind::V4, interface.ip), (Kind::V6, interface.ip6)] {
            let name = interface.name.as_str();
            if family.config == IpConfig::None || done.contains(&(name, kind)) {
                continue;
            }
            out.blank_line();
            if !up.contains(&name) && !is_up_at_boot(&blocks, name) {
                out.text.push_str(&format!("auto {name}\n"));
            }
            up.push(name);
            out.stanza(interface, kind, &[]);
        }
    }
    while out.text.ends_with("\n\n") && !old.ends_with("\n\n") {
        out.text.pop();
    }
    out.text
}

struct Out {
    text: String,
    dialect: Dialect,
}

impl Out {
    fn loopback(&mut self) {
        self.text.push_str("auto lo\niface lo inet loopback\n\n");
    }

    fn blank_line(&mut self) {
        end_line(&mut self.text);
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn line(&mut self, key: &str, value: impl std::fmt::Display) {
        self.text.push_str(&format!("\t{key} {value}\n"));
    }

    fn stanza(&mut self, interface: &Interface, kind: Kind, old: &[&str]) {
        let (family, word) = match kind {
            Kind::V6 => (interface.ip6, "inet6"),
            Kind::V4 | Kind::Any => (interface.ip, "inet"),
        };
        self.head(&interface.name, word, self.method(family, kind), old.first().copied());
        self.addresses(&interface.name, family);
        let own = ["address", "netmask", "broadcast", "network", "gateway"];
        let (old, _) = markers::without_lines(old.get(1..).unwrap_or(&[]));
        for line in old {
            let key = line.split_whitespace().next().unwrap_or("");
            if !own.contains(&key) {
                self.text.push_str(line);
            }
        }
        end_line(&mut self.text);
    }

    /// The `iface` line. An old one that says the same stays as it is, and what follows the method stays.
    fn head(&mut self, name: &str, family: &str, method: &str, old: Option<&str>) {
        let words: Vec<_> = old.unwrap_or("").split_whitespace().skip(2).collect();
        if words.starts_with(&[family, method]) {
            self.text.push_str(old.unwrap_or(""));
            end_line(&mut self.text);
            return;
        }
        let rest = if words.first() == Some(&"inherits") {
            &words[..]
        } else {
            words.get(2..).unwrap_or(&[])
        };
        let rest: String = rest.iter().map(|word| format!(" {word}")).collect();
        self.text.push_str(&format!("iface {name} {family} {method}{rest}\n"));
    }

    fn method(&self, family: Family, kind: Kind) -> &'static str {
        match family.config {
            IpConfig::Static(..) => "static",
            IpConfig::Dhcp if kind != Kind::V6 || self.dialect.inet6_methods => "dhcp",
            IpConfig::Auto if self.dialect.inet6_methods => "auto",
            IpConfig::Dhcp | IpConfig::Auto | IpConfig::Manual | IpConfig::None => "manual",
        }
    }

    fn addresses(&mut self, name: &str, family: Family) {
        let Some((address, prefix)) = family.address() else { return };
        if self.dialect.cidr {
            self.line("address", format_args!("{address}/{prefix}"));
        } else {
            self.line("address", address);
            match address {
                IpAddr::V4(_) => self.line("netmask", netmask(prefix)),
                IpAddr::V6(_) => self.line("netmask", prefix),
            }
        }
        let Some(gateway) = family.gateway else { return };
        if family.far_gateway().is_none() {
            self.line("gateway", gateway);
            return;
        }
        let ip = if gateway.is_ipv6() { "ip -6" } else { "ip" };
        self.text.push_str(BEGIN);
        self.line("post-up", format_args!("{ip} route add {gateway} dev {name}"));
        self.line("post-up", format_args!("{ip} route add default via {gateway} dev {name}"));
        self.line("pre-down", format_args!("{ip} route del default via {gateway} dev {name}"));
        self.line("pre-down", format_args!("{ip} route del {gateway} dev {name}"));
        self.text.push_str(END);
    }
}

/// The netmask of a prefix length.
pub(crate) fn netmask(prefix: u8) -> std::net::Ipv4Addr {
    let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    std::net::Ipv4Addr::from_bits(!host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEW: Dialect = Dialect { cidr: true, inet6_methods: true };

    fn eth0(
        ip: IpConfig,
        gateway: Option<&str>,
        ip6: IpConfig,
        gateway6: Option<&str>,
    ) -> Interface {
        let address = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        Interface {
            name: "eth0".into(),
            ip: Family { config: ip, gateway: address(gateway) },
            ip6: Family { config: ip6, gateway: address(gateway6) },
        }
    }

    fn fixed(text: &str) -> IpConfig {
        let (ip, prefix) = text.split_once('/').unwrap();
        IpConfig::Static(ip.parse().unwrap(), prefix.parse().unwrap())
    }

    fn check(old: &str, interface: Interface, dialect: Dialect, want: &str) {
        let all = [interface];
        let once = merge(old, &all, dialect);
        assert_eq!(once, want);
        assert_eq!(merge(&once, &all, dialect), once, "a second time changes nothing");
    }

    #[test]
    fn an_empty_file_gets_loopback_and_the_interface() {
        let eth0 = eth0(fixed("10.0.0.2/24"), Some("10.0.0.1"), IpConfig::Auto, None);
        let want = "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet static\n\taddress 10.0.0.2/24\n\tgateway 10.0.0.1\n\niface eth0 inet6 auto\n";
        check("", eth0, NEW, want);
    }

    #[test]
    fn old_versions_have_netmasks() {
        let old = Dialect { cidr: false, inet6_methods: true };
        let eth0 = eth0(fixed("10.0.0.2/20"), None, fixed("fc00::2/64"), Some("fe80::1"));
        let want = "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet static\n\taddress 10.0.0.2\n\tnetmask 255.255.240.0\n\niface eth0 inet6 static\n\taddress fc00::2\n\tnetmask 64\n\tgateway fe80::1\n";
        check("auto lo\niface lo inet loopback\n", eth0, old, want);
    }

    #[test]
    fn foreign_lines_and_unknown_attributes_stay() {
        let old = "# head\nauto lo eth0\niface lo inet loopback\niface eth0 inet dhcp\n  hostname $(hostname)\n  # why\n  up sleep \\\n    address 1\n\n# br\nauto br0\niface br0 inet static\n  address 10.1.1.1/24\nsource interfaces.d/*";
        let want = "# head\nauto lo eth0\niface lo inet loopback\niface eth0 inet static\n\taddress 10.0.0.2/24\n  hostname $(hostname)\n  # why\n  up sleep \\\n    address 1\n\n# br\nauto br0\niface br0 inet static\n  address 10.1.1.1/24\nsource interfaces.d/*";
        check(old, eth0(fixed("10.0.0.2/24"), None, IpConfig::None, None), NEW, want);
    }

    #[test]
    fn a_gateway_off_the_subnet_gets_routes() {
        let eth0 =
            eth0(fixed("10.0.0.2/32"), Some("10.9.9.9"), fixed("fc00::2/64"), Some("fd00::1"));
        let once = merge("", std::slice::from_ref(&eth0), NEW);
        assert!(once.contains("# --- BEGIN PVE ---\n\tpost-up ip route add 10.9.9.9 dev eth0\n\tpost-up ip route add default via 10.9.9.9 dev eth0\n\tpre-down ip route del default via 10.9.9.9 dev eth0\n\tpre-down ip route del 10.9.9.9 dev eth0\n# --- END PVE ---\n"), "{once}");
        assert!(once.contains("post-up ip -6 route add fd00::1 dev eth0"), "{once}");
        assert_eq!(merge(&once, &[eth0], NEW), once);
        let near = merge(
            &once,
            &[self::eth0(fixed("10.0.0.2/24"), Some("10.0.0.1"), IpConfig::None, None)],
            NEW,
        );
        assert!(!near.contains("PVE") && near.contains("\tgateway 10.0.0.1\n"), "{near}");
        assert!(
            near.contains("iface eth0 inet6 manual\n"),
            "what is not configured any more: {near}"
        );
    }

    #[test]
    fn stanzas_of_ifupdown2_and_second_stanzas() {
        let old = "auto lo\niface lo\n\nauto eth0\niface eth0\n\taddress 10.1.1.1/24\n\taddress fc00::9/64\n\tmtu 1400\n\niface eth0 inet static\n\taddress 10.2.2.2/24\n";
        let want = "auto lo\niface lo\n\nauto eth0\niface eth0 inet dhcp\n\tmtu 1400\n\niface eth0 inet static\n\taddress 10.2.2.2/24\n";
        check(old, eth0(IpConfig::Dhcp, None, IpConfig::None, None), NEW, want);
    }

    #[test]
    fn alpine_has_no_inet6_methods() {
        let alpine = Dialect { cidr: true, inet6_methods: false };
        let want = "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n\niface eth0 inet6 manual\n";
        check("", eth0(IpConfig::Dhcp, None, IpConfig::Auto, None), alpine, want);
        let want = "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet6 manual\n";
        check("", eth0(IpConfig::None, None, IpConfig::Dhcp, None), alpine, want);
    }

    #[test]
    fn interfaces_that_come_up_by_other_words_get_no_auto() {
        for old in ["allow-auto eth0\n", "auto /eth*\n", "auto lo eth0\n"] {
            let new = merge(old, &[eth0(IpConfig::Dhcp, None, IpConfig::None, None)], NEW);
            assert!(!new.contains("\nauto eth0"), "{new}");
        }
        let new = merge(
            "iface eth0 inet manual\n",
            &[eth0(IpConfig::Dhcp, None, IpConfig::None, None)],
            NEW,
        );
        assert_eq!(new, "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n");
    }

    #[test]
    fn netmasks() {
        assert_eq!(netmask(0).to_string(), "0.0.0.0");
        assert_eq!(netmask(25).to_string(), "255.255.255.128");
        assert_eq!(netmask(32).to_string(), "255.255.255.255");
    }

    #[test]
    fn hotplug_is_not_enough() {
        let old = "auto lo\niface lo inet loopback\nallow-hotplug eth0\niface eth0 inet manual\n";
        let want = "auto lo\niface lo inet loopback\nallow-hotplug eth0\nauto eth0\niface eth0 inet dhcp\n";
        check(old, eth0(IpConfig::Dhcp, None, IpConfig::None, None), NEW, want);
    }

    proptest! {
        #[test]
        fn any_file_is_stable_after_one_merge(old in "(auto (lo|eth0)\n|iface (lo|eth0|eth1)( inet6?( (static|dhcp))?)?\n|[ \t]address x\n|\tup y\n|#c\n|\n|# --- (BEGIN|END) PVE ---\n|x \\\\\n|z\r\n){0,12}(tail)?") {
            let all = [eth0(fixed("10.0.0.2/32"), Some("10.9.9.9"), IpConfig::Dhcp, None)];
            let once = merge(&old, &all, NEW);
            prop_assert_eq!(merge(&once, &all, NEW), once.clone());
            prop_assert!(once.matches("\tup y\n").count() == old.matches("\tup y\n").count() || old.contains("PVE"));
        }
    }
}
