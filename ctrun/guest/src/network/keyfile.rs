//! Keyfiles of NetworkManager (nm-settings-keyfile(5)).

use std::net::IpAddr;

use pve_config::IpConfig;

use crate::root::{Result, Root};
use crate::settings::{Family, Interface};
use crate::text::end_line;

/// Name servers and search domains that a static connection brings.
pub(crate) struct Dns<'a> {
    pub(crate) servers: &'a [String],
    pub(crate) search: &'a [String],
}

/// Plans one connection for each interface. `uuid` makes identifiers for new ones.
pub(crate) fn write(
    root: &mut Root,
    interfaces: &[Interface],
    dns: &Dns<'_>,
    uuid: impl Fn() -> String,
) -> Result<()> {
    for interface in interfaces {
        let name = &interface.name;
        let path = format!("etc/NetworkManager/system-connections/{name}.nmconnection");
        if root.ignored(&path) {
            continue;
        }
        let old = root.text(&path)?.unwrap_or_default();
        let id = get(&old, "connection", "uuid").map_or_else(&uuid, str::to_owned);
        let mut text = old;
        for (key, value) in [
            ("id", name.clone()),
            ("uuid", id),
            ("type", "ethernet".into()),
            ("interface-name", name.clone()),
        ] {
            text = set(&text, "connection", key, Some(&value));
        }
        for (section, family) in [("ipv4", interface.ip), ("ipv6", interface.ip6)] {
            for (key, value) in values(family, section == "ipv6", dns) {
                text = set(&text, section, key, value.as_deref());
            }
        }
        // NetworkManager ignores files that others can read.
        root.write_with_mode(&path, text, 0o600)?;
    }
    Ok(())
}

fn values(family: Family, v6: bool, dns: &Dns<'_>) -> Vec<(&'static str, Option<String>)> {
    let method = match family.config {
        IpConfig::Static(..) => "manual",
        IpConfig::Dhcp if v6 => "dhcp",
        IpConfig::Dhcp | IpConfig::Auto => "auto",
        // Left to the kernel and the guest.
        IpConfig::Manual if v6 => "ignore",
        IpConfig::None if v6 => "link-local",
        IpConfig::Manual | IpConfig::None => "disabled",
    };
    let list = |items: Vec<&str>| {
        (!items.is_empty()).then(|| items.iter().map(|item| format!("{item};")).collect())
    };
    let fixed = family.address();
    let servers = dns.servers.iter().map(String::as_str).filter(|server| {
        fixed.is_some() && server.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6() == v6)
    });
    let search = dns.search.iter().map(String::as_str).filter(|_| fixed.is_some());
    let width = if v6 { 128 } else { 32 };
    vec![
        ("method", Some(method.to_owned())),
        ("address1", fixed.map(|(address, prefix)| format!("{address}/{prefix}"))),
        ("gateway", family.gateway.map(|gateway| gateway.to_string())),
        ("route1", family.far_gateway().map(|gateway| format!("{gateway}/{width}"))),
        ("dns", list(servers.collect())),
        ("dns-search", list(search.collect())),
    ]
}

fn header(line: &str) -> Option<&str> {
    line.trim().strip_prefix('[')?.strip_suffix(']')
}

fn key(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.starts_with('#') { None } else { line.split_once('=').map(|(key, _)| key.trim_end()) }
}

fn get<'a>(text: &'a str, section: &str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines().skip_while(|line| header(line) != Some(section)).skip(1);
    let line =
        lines.by_ref().take_while(|line| header(line).is_none()).find(|l| key(l) == Some(name))?;
    line.split_once('=').map(|(_, value)| value.trim())
}

/// Sets or removes one key of a section; everything else stays.
fn set(text: &str, section: &str, name: &str, value: Option<&str>) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut here = false;
    let mut done = false;
    let line = value.map(|value| format!("{name}={value}\n"));
    for old in text.split_inclusive('\n') {
        if let Some(next) = header(old) {
            if here && !done {
                insert(&mut out, line.as_deref());
                done = true;
            }
            here = next == section;
        } else if here && key(old) == Some(name) {
            if !done {
                out.push_str(line.as_deref().unwrap_or(""));
            }
            done = true;
            continue;
        }
        out.push_str(old);
    }
    match line {
        Some(line) if !done => {
            end_line(&mut out);
            if !here {
                let gap = if out.is_empty() { "" } else { "\n" };
                out.push_str(&format!("{gap}[{section}]\n"));
            }
            insert(&mut out, Some(&line));
        }
        _ => {}
    }
    out
}

/// Adds a line to the end of a section, before the blank lines that part it from the next.
fn insert(out: &mut String, line: Option<&str>) {
    let Some(line) = line else { return };
    end_line(out);
    let mut at = out.len();
    while out[..at].ends_with("\n\n") {
        at -= 1;
    }
    out.insert_str(at, line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_set_in_their_section() {
        let text = set("", "a", "x", Some("1"));
        let text = set(&text, "b", "x", Some("2"));
        let text = set(&text, "a", "y", Some("3"));
        assert_eq!(text, "[a]\nx=1\ny=3\n\n[b]\nx=2\n");
        assert_eq!(get(&text, "b", "x"), Some("2"));
        assert_eq!(get(&text, "b", "y"), None);
        assert_eq!(set(&text, "b", "x", Some("2")), text);
        assert_eq!(set(&text, "a", "x", None), "[a]\ny=3\n\n[b]\nx=2\n");
        assert_eq!(set(&text, "c", "x", None), text);
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_stable_after_one_change(old in "(\\[(a|b)\\]\n|x=1\n| y = 2\n|#x=3\n|\n){0,9}(x=9|\\[a\\])?") {
            for value in [Some("new"), None] {
                let once = set(&old, "a", "x", value);
                proptest::prop_assert_eq!(get(&once, "a", "x"), value);
                proptest::prop_assert_eq!(set(&once, "a", "x", value), once);
            }
        }
    }

    #[test]
    fn foreign_keys_and_comments_stay() {
        let old = "# mine\n[connection]\nautoconnect-priority=5\n#id=no\nid = old";
        assert_eq!(
            set(old, "connection", "id", Some("eth0")),
            "# mine\n[connection]\nautoconnect-priority=5\n#id=no\nid=eth0\n"
        );
    }
}
