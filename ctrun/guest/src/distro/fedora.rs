//! Fedora.

use super::Distribution;
use super::redhat::keyfiles;
use crate::guest::Guest;
use crate::network::{ifcfg, networkd};
use crate::root::Result;
use crate::{getty, preset, securetty};

pub(super) struct Fedora;

impl Distribution for Fedora {
    fn fixup(&self, guest: &mut Guest<'_>) -> Result<()> {
        let unit = "etc/systemd/system/getty@.service";
        if guest.root.link(unit)?.as_deref() == Some("/dev/null") {
            guest.root.remove(unit)?;
        }
        securetty::write(guest, &[])
    }

    fn init(&self, guest: &mut Guest<'_>) -> Result<()> {
        getty::write(guest)?;
        if guest.version.major >= 37 {
            preset::write(guest, Some(true))?;
        }
        Ok(())
    }

    fn network(&self, guest: &mut Guest<'_>) -> Result<()> {
        let all = &guest.settings.interfaces;
        let version = guest.version.major;
        if version < 25 || (version < 28 && guest.root.is_file("etc/sysconfig/network")) {
            ifcfg::write_redhat(guest.root, all, false)?;
        }
        if version < 25 {
            return Ok(());
        }
        if guest.root.is_dir("etc/NetworkManager") && !guest.has_networkd() {
            keyfiles(guest)?;
        }
        networkd::write(guest.root, all)
    }
}
