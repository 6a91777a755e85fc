//! What differs between distributions, one module for each family.

mod alpine;
mod archlinux;
mod debian;
mod fedora;
mod gentoo;
mod nixos;
mod redhat;
mod suse;
mod ubuntu;

use crate::guest::Guest;
use crate::os::Os;
use crate::root::Result;
use crate::{hostname, hosts, timezone};

/// How a distribution wants things done.
pub(crate) trait Distribution {
    /// Mends what templates are known to get wrong.
    fn fixup(&self, _guest: &mut Guest<'_>) -> Result<()> {
        Ok(())
    }

    /// Terminals and shutdown.
    fn init(&self, guest: &mut Guest<'_>) -> Result<()>;

    /// Interfaces.
    fn network(&self, guest: &mut Guest<'_>) -> Result<()>;

    /// Host name and `/etc/hosts`.
    fn hostname(&self, guest: &mut Guest<'_>) -> Result<()> {
        hostname::short(guest)?;
        hosts::write(guest)
    }

    /// Time zone.
    fn timezone(&self, guest: &mut Guest<'_>) -> Result<()> {
        timezone::write(guest)
    }
}

/// The distribution's ways; `None` for a guest that is left alone.
pub(crate) fn of(os: Os) -> Option<&'static dyn Distribution> {
    Some(match os {
        Os::Debian | Os::Devuan => &debian::Debian,
        Os::Ubuntu => &ubuntu::Ubuntu,
        Os::Centos => &redhat::RedHat,
        Os::Fedora => &fedora::Fedora,
        Os::Opensuse => &suse::Suse,
        Os::Archlinux => &archlinux::Archlinux,
        Os::Alpine => &alpine::Alpine,
        Os::Gentoo => &gentoo::Gentoo,
        Os::Nixos => &nixos::Nixos,
        Os::Unmanaged => return None,
    })
}

/// `/etc/locale.conf`, where there is none.
fn locale(guest: &mut Guest<'_>) -> Result<()> {
    guest.root.edit("etc/locale.conf", 0o644, |old| match old {
        Some(_) => None,
        None => Some("LANG=en_US.UTF-8\n".to_owned()),
    })
}

/// Masks units, in a guest with systemd.
fn mask(guest: &mut Guest<'_>, units: &[&str]) -> Result<()> {
    if guest.systemd {
        for unit in units {
            guest.root.symlink(&format!("etc/systemd/system/{unit}"), "/dev/null")?;
        }
    }
    Ok(())
}
