//! openSUSE and SLES.

use super::redhat::keyfiles;
use super::{Distribution, locale};
use crate::guest::Guest;
use crate::network::{ifcfg, networkd};
use crate::root::Result;
use crate::{getty, inittab, securetty};

pub(super) struct Suse;

impl Distribution for Suse {
    fn fixup(&self, guest: &mut Guest<'_>) -> Result<()> {
        locale(guest)?;
        if guest.root.link("etc/localtime")?.is_none() && !guest.root.is_file("etc/localtime") {
            guest.root.symlink("etc/localtime", "/usr/share/zoneinfo/UTC")?;
        }
        securetty::write(guest, &[])
    }

    fn init(&self, guest: &mut Guest<'_>) -> Result<()> {
        let dir = &guest.settings.tty_dir;
        let lines =
            inittab::lines(guest, |n| format!("{n}:2345:respawn:/sbin/mingetty {dir}tty{n}"));
        if !guest.systemd {
            inittab::write(guest, &lines, &["p0::powerfail:/sbin/init 0"])?;
        }
        getty::write(guest)
    }

    fn network(&self, guest: &mut Guest<'_>) -> Result<()> {
        let all = &guest.settings.interfaces;
        ifcfg::write_suse(guest.root, all)?;
        if guest.has_networkd() {
            networkd::write(guest.root, all)?;
        }
        // Leap 16 and Tumbleweed have NetworkManager in the place of wicked.
        if guest.root.is_dir("etc/NetworkManager") && !guest.root.is_file("usr/sbin/wicked") {
            keyfiles(guest)?;
        }
        Ok(())
    }
}
