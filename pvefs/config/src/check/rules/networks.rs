//! Network interfaces.

use super::{Entries, Entry};
use crate::diagnostic::{Diagnostic, Report};
use crate::schema::{parse_cidr, quote};
use std::net::IpAddr;

pub(super) fn check(entries: &Entries<'_>, report: &mut Report) {
    let nets: Vec<_> = entries.named("net").collect();
    for (at, entry) in nets.iter().enumerate() {
        same(&nets[..at], entry, report);
        for (ip, gateway) in [("ip", "gw"), ("ip6", "gw6")] {
            address(entry, ip, report);
            gateway_of(entry, ip, gateway, report);
            second_gateway(&nets[..at], entry, gateway, report);
        }
        others(entry, report);
    }
}

fn same(before: &[&Entry<'_>], entry: &Entry<'_>, report: &mut Report) {
    let key = entry.key;
    let find = |part: &str| {
        let value = entry.get(part)?;
        let matches = |other: &&&Entry<'_>| {
            other.get(part).is_some_and(|text| {
                if part == "hwaddr" { text.eq_ignore_ascii_case(value) } else { text == value }
            })
        };
        before.iter().find(matches).map(|first| (value, *first))
    };
    if let Some((name, first)) = find("name") {
        report.push(
            Diagnostic::error(
                "same-name",
                entry.span_of("name"),
                format!("`{}` and `{key}` are both named {}", first.key, quote(name)),
            )
            .label("used again")
            .related(first.span_of("name"), "used here"),
        );
    }
    if let Some((mac, first)) = find("hwaddr") {
        report.push(
            Diagnostic::error(
                "same-mac",
                entry.span_of("hwaddr"),
                format!("`{}` and `{key}` have one MAC address, {}", first.key, quote(mac)),
            )
            .label("used again")
            .related(first.span_of("hwaddr"), "used here")
            .help("remove `hwaddr=` to get a new one"),
        );
    }
    for part in ["ip", "ip6"] {
        let address_of = |entry: &Entry<'_>| Some(entry.get(part).and_then(parse_cidr)?.0);
        let Some(address) = address_of(entry) else { continue };
        if let Some(first) = before.iter().find(|other| address_of(other) == Some(address)) {
            report.push(
                Diagnostic::warning(
                    "same-address",
                    entry.span_of(part),
                    format!("`{}` and `{key}` have one address", first.key),
                )
                .label("used again")
                .related(first.span_of(part), "used here"),
            );
        }
    }
}

fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn host_mask(width: u8, prefix: u8) -> u128 {
    let host = u32::from(width.saturating_sub(prefix));
    if host == 128 { u128::MAX } else { (1 << host) - 1 }
}

/// An address that stands for its whole network is none for a host.
fn address(entry: &Entry<'_>, part: &str, report: &mut Report) {
    let Some((ip, prefix)) = entry.get(part).and_then(parse_cidr) else { return };
    let (number, width) = bits(ip);
    let mask = host_mask(width, prefix);
    // RFC 3021: the two addresses of a /31 are both hosts.
    if !ip.is_ipv4() || prefix >= 31 || prefix > width {
        return;
    }
    let what = match number & mask {
        0 => "the address of the network itself",
        host if host == mask => "the broadcast address of its network",
        _ => return,
    };
    report.push(
        Diagnostic::warning(
            "network-address",
            entry.span_of(part),
            format!("`{}.{part}`: this is {what}", entry.key),
        )
        .label("no address for a host"),
    );
}

fn gateway_of(entry: &Entry<'_>, ip: &str, gateway: &str, report: &mut Report) {
    let Some(text) = entry.get(gateway) else { return };
    let key = entry.key;
    let Ok(router) = text.parse::<IpAddr>() else { return };
    let span = entry.span_of(gateway);
    let warning = |message: String| Diagnostic::warning("gateway", span.clone(), message);
    match entry.get(ip) {
        None => report.push(
            warning(format!("`{key}`: `{gateway}` without an address"))
                .label("has no effect")
                .help(format!("add `{ip}=ADDRESS/PREFIX`")),
        ),
        Some(word @ ("dhcp" | "auto" | "manual")) => report.push(
            warning(format!("`{key}`: `{gateway}` with `{ip}={word}`"))
                .label("has no effect")
                .help("the gateway comes from the network then"),
        ),
        Some(static_address) => {
            let Some((address, prefix)) = parse_cidr(static_address) else { return };
            if address == router {
                report.push(
                    warning(format!("`{key}`: `{gateway}` is the container's own address"))
                        .label("expected the address of a router"),
                );
                return;
            }
            let ((own, width), (other, _)) = (bits(address), bits(router));
            let mask = !host_mask(width, prefix);
            // A link-local router is always on the link (RFC 4291).
            let is_link_local = matches!(router, IpAddr::V6(v6) if v6.is_unicast_link_local());
            if own & mask != other & mask && !is_link_local {
                report.push(
                    warning(format!("`{key}`: `{gateway}` is outside the subnet of `{ip}`"))
                        .label("reached by a route of its own")
                        .related(entry.span_of(ip), "this is the subnet"),
                );
            }
        }
    }
}

fn second_gateway(before: &[&Entry<'_>], entry: &Entry<'_>, part: &str, report: &mut Report) {
    if entry.get(part).is_none() {
        return;
    }
    if let Some(first) = before.iter().find(|other| other.get(part).is_some()) {
        report.push(
            Diagnostic::warning(
                "two-gateways",
                entry.span_of(part),
                format!("`{}` and `{}` both set a default gateway", first.key, entry.key),
            )
            .label("the second default gateway")
            .related(first.span_of(part), "the first one"),
        );
    }
}

fn others(entry: &Entry<'_>, report: &mut Report) {
    let key = entry.key;
    if entry.get("bridge").is_none() && entry.get("name").is_some() {
        report.push(
            Diagnostic::note(
                "no-bridge",
                entry.span(),
                format!("`{key}`: without `bridge` the interface leads nowhere"),
            )
            .label("no `bridge=`"),
        );
    }
    // RFC 8200, section 5.
    let has_ip6 = entry.get("ip6").is_some_and(|ip6| ip6 != "manual");
    if has_ip6 && entry.get("mtu").is_some_and(|mtu| mtu.parse::<u16>().is_ok_and(|mtu| mtu < 1280))
    {
        report.push(
            Diagnostic::warning(
                "small-mtu",
                entry.span_of("mtu"),
                format!("`{key}`: IPv6 needs an MTU of at least 1280"),
            )
            .label("IPv6 will not work"),
        );
    }
    if entry.boolean("host-managed") && entry.get("ip6") == Some("auto") {
        report.push(
            Diagnostic::error(
                "host-managed-auto",
                entry.span_of("ip6"),
                format!("`{key}`: `ip6=auto` cannot be managed by the host"),
            )
            .label("expected an address, `dhcp` or `manual`"),
        );
    }
    if let (Some(tag), Some(trunks)) = (entry.get("tag"), entry.get("trunks"))
        && trunks.split(';').any(|id| id == tag)
    {
        report.push(
            Diagnostic::note(
                "tag-in-trunks",
                entry.span_of("trunks"),
                format!("`{key}`: VLAN {tag} is `tag` already"),
            )
            .label("once is enough"),
        );
    }
}
