//! What a guest takes from its host where its configuration says nothing.

use std::net::IpAddr;

/// Settings of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Its name servers, at most three.
    pub nameservers: Vec<String>,
    /// Its search domains.
    pub search: Vec<String>,
    /// Its time zone.
    pub timezone: Option<String>,
}

impl Host {
    /// Reads the host's own files. What cannot be read is as if it were not there.
    pub fn read() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let (mut nameservers, search) = parse(&read("/etc/resolv.conf"));
        // The host's stub resolver is not the guest's.
        let loopback = |server: &String| server.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if nameservers.iter().all(loopback) {
            let (behind, _) = parse(&read("/run/systemd/resolve/resolv.conf"));
            if !behind.is_empty() {
                nameservers = behind;
            }
        }
        Self { nameservers, search, timezone: timezone() }
    }
}

/// Name servers and search domains of a resolv.conf(5).
fn parse(text: &str) -> (Vec<String>, Vec<String>) {
    let mut nameservers = Vec::new();
    let mut search = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") if nameservers.len() < 3 => nameservers.extend(words.next()),
            // The last of them counts.
            Some("search" | "domain") => search = words.filter(|word| word != ".").collect(),
            _ => {}
        }
    }
    (nameservers, search)
}

fn timezone() -> Option<String> {
    let link = std::fs::read_link("/etc/localtime").ok();
    let link = link.and_then(|link| link.to_str().map(str::to_owned));
    let zone = link
        .as_deref()
        .and_then(|link| link.split_once("zoneinfo/"))
        .map(|(_, zone)| zone.to_owned());
    zone.or_else(|| Some(std::fs::read_to_string("/etc/timezone").ok()?.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn resolv_conf_is_read() {
        let text = "# c\ndomain x\nsearch a b\nnameserver 1.1.1.1\nnameserver ::1\noptions x\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n";
        let (servers, search) = super::parse(text);
        assert_eq!(servers, ["1.1.1.1", "::1", "3.3.3.3"]);
        assert_eq!(search, ["a", "b"]);
    }
}
