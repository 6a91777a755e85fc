//! Debian and Devuan.

use super::Distribution;
use crate::guest::Guest;
use crate::network::interfaces::{self, Dialect};
use crate::network::networkd;
use crate::root::Result;
use crate::{getty, inittab, preset};

pub(super) struct Debian;

/// Images without ifupdown have systemd-networkd.
fn uses_networkd(guest: &Guest<'_>) -> bool {
    let ifup = ["sbin/ifup", "usr/sbin/ifup"];
    guest.systemd && guest.has_networkd() && !ifup.iter().any(|file| guest.root.is_file(file))
}

impl Distribution for Debian {
    fn init(&self, guest: &mut Guest<'_>) -> Result<()> {
        let dir = &guest.settings.tty_dir;
        let lines =
            inittab::lines(guest, |n| format!("{n}:2345:respawn:/sbin/getty 38400 {dir}tty{n}"));
        inittab::write(guest, &lines, &["p0::powerfail:/sbin/init 0"])?;
        getty::write(guest)?;
        if guest.version.major >= 12 {
            let networkd = uses_networkd(guest);
            preset::write(guest, Some(networkd))?;
        }
        Ok(())
    }

    fn network(&self, guest: &mut Guest<'_>) -> Result<()> {
        if uses_networkd(guest) {
            return networkd::write(guest.root, &guest.settings.interfaces);
        }
        let dialect = Dialect { cidr: guest.version.major >= 10, inet6_methods: true };
        interfaces::write(guest.root, &guest.settings.interfaces, dialect)
    }
}
