//! The time zone: `/etc/localtime`, and `/etc/timezone` where there is one.

use crate::guest::Guest;
use crate::root::Result;

/// Plans the zone that the configuration names.
pub(crate) fn write(guest: &mut Guest<'_>) -> Result<()> {
    let zone = match guest.settings.timezone.as_deref() {
        None => return Ok(()),
        Some("host") => guest.options.host.timezone.clone(),
        Some(zone) => Some(zone.to_owned()),
    };
    let Some(zone) = zone else {
        guest.root.warn("the time zone of the host cannot be told: that of the guest stays");
        return Ok(());
    };
    let good = |part: &str| !matches!(part, "" | "." | "..");
    let file = format!("usr/share/zoneinfo/{zone}");
    if !zone.split('/').all(good) || !guest.root.is_file(&file) {
        guest.root.warn(format!("the guest has no file /{file}: its time zone stays"));
        return Ok(());
    }
    guest.root.symlink("etc/localtime", &format!("/{file}"))?;
    guest.root.edit_existing("etc/timezone", |_| format!("{zone}\n"))
}
