//! Addresses and names of the network.

use super::{Format, ValueProblem, quote};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kernel's IFNAMSIZ is 16 with the final NUL (netdevice(7)).
const INTERFACE_NAME_MAX: usize = 15;

/// A DNS server: an address, an IPv6 one with an optional `%interface`.
pub(super) fn is_nameserver(value: &str) -> bool {
    match value.split_once('%') {
        Some((address, zone)) => address.parse::<Ipv6Addr>().is_ok() && is_interface_name(zone),
        None => value.parse::<IpAddr>().is_ok(),
    }
}

pub(super) fn is_vlan(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit())
        && value.parse::<u16>().is_ok_and(|id| (1..=4094).contains(&id))
}

fn is_interface_name(name: &str) -> bool {
    (1..=INTERFACE_NAME_MAX).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

pub(super) fn interface_problem(format: &Format, value: &str) -> Option<ValueProblem> {
    if !is_interface_name(value) {
        let problem = format.describe(value);
        return Some(if value.len() > INTERFACE_NAME_MAX {
            problem.help(format!("this has {} bytes", value.len()))
        } else {
            problem
        });
    }
    (matches!(format, Format::InterfaceName) && value == "lo")
        .then(|| format.describe(value).help("`lo` is the loopback interface of the container"))
}

fn mac_bytes(value: &str) -> Option<Vec<u8>> {
    value
        .split(':')
        .map(|part| {
            (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .then(|| u8::from_str_radix(part, 16).ok())
                .flatten()
        })
        .collect()
}

/// IEEE 802: the lowest bit of the first byte marks a group address.
fn is_multicast(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first & 1 == 1)
}

pub(super) fn mac_problem(format: &Format, value: &str) -> Option<ValueProblem> {
    let bytes = mac_bytes(value).filter(|bytes| bytes.len() == 6);
    match bytes {
        None => Some(format.describe(value)),
        Some(bytes) if is_multicast(&bytes) => Some(
            format
                .describe(value)
                .help("the first byte is odd, which makes this a multicast address"),
        ),
        Some(bytes) if bytes.iter().all(|&byte| byte == 0) => Some(format.describe(value)),
        Some(_) => None,
    }
}

pub(super) fn is_mac_prefix(value: &str) -> bool {
    let value = value.strip_suffix(':').unwrap_or(value);
    mac_bytes(value).is_some_and(|bytes| (1..=5).contains(&bytes.len()) && !is_multicast(&bytes))
}

/// Splits `address/prefix`; the prefix has no leading zero.
fn split_prefix(value: &str) -> Option<(&str, u8)> {
    let (address, prefix) = value.split_once('/')?;
    let is_plain = prefix.bytes().all(|byte| byte.is_ascii_digit())
        && (prefix.len() == 1 || !prefix.starts_with('0'));
    Some((address, prefix.parse().ok().filter(|_| is_plain)?))
}

/// Reads an address with prefix length.
pub(crate) fn parse_cidr(value: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = split_prefix(value)?;
    Some((address.parse().ok()?, prefix))
}

pub(super) fn is_network(value: &str) -> bool {
    parse_cidr(value)
        .is_some_and(|(address, prefix)| prefix <= if address.is_ipv4() { 32 } else { 128 })
}

pub(super) fn ip_config_problem(format: &Format, value: &str, v6: bool) -> Option<ValueProblem> {
    let words: &[&str] = if v6 { &["auto", "dhcp", "manual"] } else { &["dhcp", "manual"] };
    if words.contains(&value) {
        return None;
    }
    let address = value.split_once('/').map_or(value, |(address, _)| address);
    let is_address =
        if v6 { address.parse::<Ipv6Addr>().is_ok() } else { address.parse::<Ipv4Addr>().is_ok() };
    let most = if v6 { 128 } else { 32 };
    match split_prefix(value) {
        Some((_, prefix)) if is_address && (8..=most).contains(&prefix) => None,
        Some((_, prefix)) if is_address => Some(
            format
                .describe(value)
                .help(format!("the prefix length {prefix} is not from 8 to {most}")),
        ),
        None if is_address && !value.contains('/') => Some(
            format
                .describe(value)
                .help(format!("write the prefix length: `{value}/{}`", if v6 { 64 } else { 24 })),
        ),
        None if is_address => {
            Some(format.describe(value).help(format!(
                "the prefix length is a number from 8 to {most} without leading zeros"
            )))
        }
        _ => Some(match words.iter().find(|word| word.eq_ignore_ascii_case(value)) {
            Some(word) => format.describe(value).help(format!("write `{word}`")),
            None => explain_address(format, value, address, v6),
        }),
    }
}

pub(super) fn ip_address_problem(format: &Format, value: &str, v6: bool) -> Option<ValueProblem> {
    let is_valid =
        if v6 { value.parse::<Ipv6Addr>().is_ok() } else { value.parse::<Ipv4Addr>().is_ok() };
    (!is_valid).then(|| explain_address(format, value, value, v6))
}

/// Says what is wrong with something that is no address of the family.
fn explain_address(format: &Format, value: &str, address: &str, v6: bool) -> ValueProblem {
    let problem = format.describe(value);
    let base = if v6 { "ip6" } else { "ip" };
    if value.contains('%') {
        return problem.help("an address in a configuration has no zone (`%…`)");
    }
    if v6 && address.parse::<Ipv4Addr>().is_ok() {
        return problem.help("this is an IPv4 address, which belongs in `ip` or `gw`");
    }
    if !v6 && address.parse::<Ipv6Addr>().is_ok() {
        return problem.help("this is an IPv6 address, which belongs in `ip6` or `gw6`");
    }
    if matches!(format, Format::IpAddress { .. }) && address.contains('/') {
        return problem.help(format!("the prefix length belongs to `{base}`, not to a gateway"));
    }
    if !v6 && address.split('.').count() == 4 {
        let wrong = address.split('.').find(|part| part.parse::<u8>().is_err());
        if let Some(part) = wrong {
            return problem.help(format!("{} is not from 0 to 255", quote(part)));
        }
        return problem.help("numbers with leading zeros are read as octal by some tools");
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(format: &Format, value: &str) -> Option<String> {
        let mut problems = format.problems(value);
        assert_eq!(problems.len(), 1, "{value}");
        problems.remove(0).help
    }

    #[test]
    fn addresses_have_a_prefix_length_or_are_a_word() {
        let v4 = Format::IpConfig { v6: false };
        for valid in ["10.0.0.1/8", "10.0.0.1/32", "dhcp", "manual"] {
            assert!(v4.problems(valid).is_empty(), "{valid}");
        }
        assert_eq!(help(&v4, "10.0.0.1").unwrap(), "write the prefix length: `10.0.0.1/24`");
        assert_eq!(help(&v4, "10.0.0.1/33").unwrap(), "the prefix length 33 is not from 8 to 32");
        assert_eq!(help(&v4, "10.0.0.256/24").unwrap(), "`256` is not from 0 to 255");
        assert_eq!(
            help(&v4, "fe80::1/64").unwrap(),
            "this is an IPv6 address, which belongs in `ip6` or `gw6`"
        );
        assert_eq!(help(&v4, "auto"), None);
        let v6 = Format::IpConfig { v6: true };
        for valid in ["2001:db8::1/64", "::1/128", "auto", "dhcp", "manual"] {
            assert!(v6.problems(valid).is_empty(), "{valid}");
        }
        assert_eq!(
            help(&v6, "fe80::1%eth0/64").unwrap(),
            "an address in a configuration has no zone (`%…`)"
        );
        assert_eq!(
            help(&v6, "2001:db8::1/129").unwrap(),
            "the prefix length 129 is not from 8 to 128"
        );
    }

    #[test]
    fn mac_addresses_are_unicast() {
        for valid in ["66:64:66:64:64:36", "bc:24:11:00:00:01"] {
            assert!(Format::MacAddress.problems(valid).is_empty(), "{valid}");
        }
        assert_eq!(
            help(&Format::MacAddress, "01:00:5E:00:00:01").unwrap(),
            "the first byte is odd, which makes this a multicast address"
        );
        for wrong in
            ["66:64:66:64:64", "66-64-66-64-64-36", "6:64:66:64:64:36", "00:00:00:00:00:00"]
        {
            assert_eq!(help(&Format::MacAddress, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn interface_names_fit_the_kernel() {
        for valid in ["eth0", "a", "en-p0_s3.100"] {
            assert!(Format::InterfaceName.problems(valid).is_empty(), "{valid}");
        }
        assert_eq!(help(&Format::InterfaceName, "abcdefghijklmnop").unwrap(), "this has 16 bytes");
        for wrong in ["..", "a/b", "a b", "lo"] {
            assert!(!Format::InterfaceName.problems(wrong).is_empty(), "{wrong}");
        }
    }

    #[test]
    fn vlans() {
        assert!(Format::VlanList.problems("1;4094").is_empty());
        for wrong in ["0", "4095", "2-10", "1;x"] {
            assert_eq!(Format::VlanList.problems(wrong).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn name_servers_may_have_a_zone() {
        assert!(Format::IpList.problems("10.0.0.1 fe80::1%eth0,::1").is_empty());
        assert_eq!(Format::IpList.problems("10.0.0.1%eth0 x").len(), 2);
    }
}
