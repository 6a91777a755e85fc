//! CentOS and its kin: RHEL, Rocky, Alma, and openEuler.

use super::{Distribution, locale, mask};
use crate::guest::Guest;
use crate::network::{ifcfg, keyfile};
use crate::root::Result;
use crate::{getty, hostname, hosts, inittab, preset, securetty, upstart};

pub(super) struct RedHat;

/// Name servers for keyfiles: NetworkManager writes `/etc/resolv.conf` of what its connections bring.
pub(super) fn keyfiles(guest: &mut Guest<'_>) -> Result<()> {
    let dns = keyfile::Dns { servers: guest.nameservers(), search: guest.search() };
    let (options, settings) = (guest.options, guest.settings);
    let uuid = || options.uuid.clone().unwrap_or_else(crate::random::uuid);
    keyfile::write(guest.root, &settings.interfaces, &dns, uuid)
}

impl Distribution for RedHat {
    fn fixup(&self, guest: &mut Guest<'_>) -> Result<()> {
        if guest.version.major < 7 {
            guest.root.edit_existing("etc/rc.d/rc.sysinit", |old| {
                let lines = old.split_inclusive('\n').map(|line| {
                    let comment = line.trim_start().starts_with("/sbin/start_udev");
                    if comment { format!("#{line}") } else { line.to_owned() }
                });
                lines.collect()
            })?;
        } else {
            locale(guest)?;
            mask(guest, &["sys-kernel-config.mount", "sys-kernel-debug.mount"])?;
        }
        if guest.openeuler {
            mask(guest, &["dev-mqueue.mount", "dev-hugepages.mount"])?;
        }
        guest.root.edit_existing("etc/hosts", without_place_holder)?;
        securetty::write(guest, &[])
    }

    fn init(&self, guest: &mut Guest<'_>) -> Result<()> {
        match guest.version.major {
            0..=5 => {
                let dir = &guest.settings.tty_dir;
                let lines = inittab::lines(guest, |n| {
                    format!("{n}:2345:respawn:/sbin/mingetty {dir}tty{n}")
                });
                return inittab::write(guest, &lines, &["p0::powerfail:/sbin/init 0"]);
            }
            6 => return upstart::centos(guest),
            _ => {}
        }
        getty::write(guest)?;
        if guest.version.major >= 8 {
            preset::write(guest, None)?;
        }
        Ok(())
    }

    fn network(&self, guest: &mut Guest<'_>) -> Result<()> {
        if guest.version.major >= 10 && !guest.openeuler {
            return keyfiles(guest);
        }
        ifcfg::write_redhat(guest.root, &guest.settings.interfaces, guest.version.major < 7)
    }

    fn hostname(&self, guest: &mut Guest<'_>) -> Result<()> {
        hostname::redhat(guest)?;
        hosts::write(guest)
    }
}

/// Hosts without the name that templates of LXC leave for the guest's own.
fn without_place_holder(hosts: &str) -> String {
    let mut text = String::with_capacity(hosts.len());
    for line in hosts.split_inclusive('\n') {
        if !line.contains("LXC_NAME") {
            text.push_str(line);
            continue;
        }
        let words: Vec<_> = line.split_whitespace().filter(|word| *word != "LXC_NAME").collect();
        if words.len() > 1 {
            text.push_str(&words.join(" "));
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_place_holder_goes() {
        let hosts = "127.0.0.1 localhost LXC_NAME\n127.0.1.1\tLXC_NAME\n::1  localhost\n";
        assert_eq!(super::without_place_holder(hosts), "127.0.0.1 localhost\n::1  localhost\n");
    }
}
