//! `/etc/machine-id`: no two guests may have the same (machine-id(5)).

use crate::guest::Guest;
use crate::root::Result;

const PATH: &str = "etc/machine-id";
const DBUS: &str = "var/lib/dbus/machine-id";

/// A new guest has none, which makes its next start its first one.
pub(crate) fn create(guest: &mut Guest<'_>) -> Result<()> {
    guest.root.remove(PATH)?;
    dbus(guest)
}

/// A clone gets a new one at its next start, which is not its first.
pub(crate) fn clone(guest: &mut Guest<'_>) -> Result<()> {
    guest.root.edit_existing(PATH, |old| {
        if old.trim() == "uninitialized" { old.to_owned() } else { "\n".to_owned() }
    })?;
    dbus(guest)
}

/// The copy of D-Bus, where systemd makes it anew from the other.
fn dbus(guest: &mut Guest<'_>) -> Result<()> {
    if guest.systemd && guest.root.link(DBUS)?.is_none() {
        guest.root.remove(DBUS)?;
    }
    Ok(())
}
