//! Alpine.

use super::Distribution;
use crate::guest::Guest;
use crate::network::interfaces::{self, Dialect};
use crate::os::Version;
use crate::root::Result;
use crate::{inittab, securetty};

pub(super) struct Alpine;

/// Services that a container needs, by runlevel.
const SERVICES: [(&str, &str); 5] = [
    ("boot", "networking"),
    ("boot", "bootmisc"),
    ("boot", "hostname"),
    ("shutdown", "killprocs"),
    ("shutdown", "savecache"),
];

impl Distribution for Alpine {
    fn fixup(&self, guest: &mut Guest<'_>) -> Result<()> {
        for (level, service) in SERVICES {
            let script = format!("etc/init.d/{service}");
            if guest.root.is_file(&script) {
                let link = format!("etc/runlevels/{level}/{service}");
                guest.root.symlink(&link, &format!("/{script}"))?;
            }
        }
        securetty::write(guest, &[])
    }

    fn init(&self, guest: &mut Guest<'_>) -> Result<()> {
        let dir = &guest.settings.tty_dir;
        let lines =
            inittab::lines(guest, |n| format!("tty{n}::respawn:/sbin/getty 38400 {dir}tty{n}"));
        inittab::write(guest, &lines, &[])
    }

    fn network(&self, guest: &mut Guest<'_>) -> Result<()> {
        let cidr = guest.version >= Version::new(3, 13);
        let dialect = Dialect { cidr, inet6_methods: false };
        interfaces::write(guest.root, &guest.settings.interfaces, dialect)
    }
}
