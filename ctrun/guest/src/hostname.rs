//! The guest's own name.

use crate::guest::Guest;
use crate::root::Result;
use crate::text::set_shell_values;

/// `/etc/hostname` with the name up to its first dot, as hostname(5) has it.
pub(crate) fn short(guest: &mut Guest<'_>) -> Result<()> {
    let name = format!("{}\n", guest.settings.short_name());
    guest.root.write("etc/hostname", name, 0o644)
}

/// `/etc/hostname` with the full name, and `HOSTNAME=` of Red Hat's old releases.
pub(crate) fn redhat(guest: &mut Guest<'_>) -> Result<()> {
    let name = guest.settings.hostname.as_deref().unwrap_or("localhost");
    guest.root.write("etc/hostname", format!("{name}\n"), 0o644)?;
    guest.root.edit_existing("etc/sysconfig/network", |old| {
        set_shell_values(old, &[("HOSTNAME", Some(name.to_owned()))])
    })
}

/// Gentoo's `/etc/conf.d/hostname` for OpenRC; `/etc/hostname` too where there is one, for systemd.
pub(crate) fn gentoo(guest: &mut Guest<'_>) -> Result<()> {
    let name = guest.settings.short_name();
    let value = [("hostname", Some(format!("\"{name}\"")))];
    guest.root.edit("etc/conf.d/hostname", 0o644, |old| {
        Some(set_shell_values(old.unwrap_or(""), &value))
    })?;
    let name = format!("{name}\n");
    guest.root.edit_existing("etc/hostname", |_| name)
}
