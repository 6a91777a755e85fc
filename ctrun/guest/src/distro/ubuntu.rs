//! Ubuntu.

use super::Distribution;
use crate::guest::Guest;
use crate::network::interfaces::{self, Dialect};
use crate::network::networkd;
use crate::os::Version;
use crate::root::Result;
use crate::{getty, preset, securetty, upstart};

pub(super) struct Ubuntu;

const NETWORKD: Version = Version::new(17, 10);
const PRESET: Version = Version::new(23, 4);

impl Distribution for Ubuntu {
    fn fixup(&self, guest: &mut Guest<'_>) -> Result<()> {
        let version = guest.version;
        if version >= NETWORKD {
            // Of LXC's own images: it would win over our files.
            guest.root.remove("etc/netplan/10-lxc.yaml")?;
        }
        if (NETWORKD..PRESET).contains(&version) {
            let units = [
                ("multi-user.target.wants", "systemd-networkd.service"),
                ("sockets.target.wants", "systemd-networkd.socket"),
            ];
            for (target, unit) in units {
                let link = format!("etc/systemd/system/{target}/{unit}");
                guest.root.symlink(&link, &format!("/lib/systemd/system/{unit}"))?;
            }
        }
        if (Version::new(15, 4)..=Version::new(16, 4)).contains(&version) {
            securetty::write(guest, &["pts/0"])?;
        }
        if version == Version::new(12, 4) {
            // udev cannot do its work in a container, and says so at length.
            guest.root.edit_existing("etc/udev/udev.conf", |old| {
                old.replace("udev_log=\"err\"", "udev_log=\"0\"")
            })?;
        }
        Ok(())
    }

    fn init(&self, guest: &mut Guest<'_>) -> Result<()> {
        if guest.version.major < 15 {
            return upstart::ubuntu(guest);
        }
        getty::write(guest)?;
        if guest.version >= PRESET {
            preset::write(guest, Some(true))?;
        }
        Ok(())
    }

    fn network(&self, guest: &mut Guest<'_>) -> Result<()> {
        let all = &guest.settings.interfaces;
        if guest.version < NETWORKD {
            return interfaces::write(
                guest.root,
                all,
                Dialect { cidr: false, inet6_methods: true },
            );
        }
        networkd::write(guest.root, all)
    }
}
