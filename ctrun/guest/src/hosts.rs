//! `/etc/hosts`: localhost, and the guest's own name.

use crate::guest::Guest;
use crate::markers::{self, Where};
use crate::root::Result;

const PATH: &str = "etc/hosts";

/// Plans our part of the file.
pub(crate) fn write(guest: &mut Guest<'_>) -> Result<()> {
    let names = names(guest.settings.hostname.as_deref(), guest.search());
    let address =
        guest.settings.address.map_or_else(|| "127.0.1.1".to_owned(), |ip| ip.to_string());
    let own = match guest.settings.hostname.as_deref() {
        None | Some("localhost") => "127.0.1.1 localhost\n".to_owned(),
        Some(_) => format!("{address} {names}\n"),
    };
    guest.root.edit(PATH, 0o644, |old| {
        let old = old.unwrap_or("");
        let (foreign, _) = markers::without(old);
        let mut data = String::new();
        for address in ["127.0.0.1", "::1"] {
            if !has_localhost(&foreign, address) {
                data.push_str(&format!("{address} localhost.localnet localhost\n"));
            }
        }
        data.push_str(&own);
        Some(markers::merge(old, &data, Where::Append))
    })
}

/// All names of the guest, the canonical one first.
fn names(hostname: Option<&str>, search: &[String]) -> String {
    let name = hostname.unwrap_or("localhost");
    if let Some((short, _)) = name.split_once('.') {
        return format!("{name} {short}");
    }
    let full = search.iter().map(|domain| format!("{name}.{} ", domain.trim_matches('.')));
    full.chain([name.to_owned()]).collect()
}

fn has_localhost(hosts: &str, address: &str) -> bool {
    hosts.lines().any(|line| {
        let line = line.split('#').next().unwrap_or("");
        let mut words = line.split_whitespace();
        words.next() == Some(address) && words.any(|name| name == "localhost")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_domain() {
        let search = ["a.com".to_owned(), "b.com".to_owned()];
        assert_eq!(names(Some("ct"), &search), "ct.a.com ct.b.com ct");
        assert_eq!(names(Some("ct.x.org"), &search), "ct.x.org ct");
        assert_eq!(names(Some("ct"), &[]), "ct");
    }

    #[test]
    fn localhost_is_looked_for_outside_comments() {
        assert!(has_localhost("127.0.0.1\tx localhost # y\n", "127.0.0.1"));
        assert!(!has_localhost("#127.0.0.1 localhost\n127.0.0.1 x # localhost\n", "127.0.0.1"));
    }
}
