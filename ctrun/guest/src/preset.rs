//! Presets for the first start of a guest with systemd (systemd.preset(5)).

use crate::guest::Guest;
use crate::root::Result;

const PATH: &str = "etc/systemd/system-preset/00-pve.preset";

/// Plans what the first start enables and disables. `networkd` is for systemd-networkd, where that matters.
pub(crate) fn write(guest: &mut Guest<'_>, networkd: Option<bool>) -> Result<()> {
    if !guest.systemd {
        return Ok(());
    }
    let mut text = "disable getty@.service\ndisable sys-kernel-config.mount\n\
        disable sys-kernel-debug.mount\nenable container-getty@.service\n"
        .to_owned();
    if let Some(on) = networkd {
        let verb = if on { "enable" } else { "disable" };
        text.push_str(&format!("{verb} systemd-networkd.service\n"));
    }
    guest.root.write(PATH, text, 0o644)
}
