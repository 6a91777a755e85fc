//! Gettys of systemd on the ttys of the container.
//!
//! systemd's `container-getty@N` is made for a terminal in `/dev/pts`; ours are `/dev/ttyN`.

use crate::guest::Guest;
use crate::root::Result;

const OWN: &str = "etc/systemd/system";
/// Marks a unit as ours. One without it is the guest's and stays.
const MARK: &str = "# Made from the distribution's unit at each start of the container. Without this line it stays as it is.\n";
const MOST: u32 = 6;

/// Plans the gettys of a guest with systemd.
pub(crate) fn write(guest: &mut Guest<'_>) -> Result<()> {
    if !guest.systemd {
        return Ok(());
    }
    let dir = guest.settings.tty_dir.clone();
    let change = move |text: &str| text.replace("pts/%I", &format!("{dir}tty%I"));
    if let Some(unit) = unit(guest, "container-getty@.service", change)? {
        wants(guest, "container-getty@", &unit)?;
    } else {
        // Before container-getty there was only this one, which wants a virtual terminal to exist.
        let change = |text: &str| {
            let lines = text.split_inclusive('\n');
            lines.filter(|line| line.trim() != "ConditionPathExists=/dev/tty0").collect()
        };
        if let Some(unit) = unit(guest, "getty@.service", change)? {
            wants(guest, "getty@tty", &unit)?;
        }
    }
    let target = format!("{OWN}/getty.target");
    if guest.root.link(&target)?.as_deref() == Some("/dev/null") {
        guest.root.remove(&target)?;
    }
    Ok(())
}

/// Plans our version of a unit and gives the path of what is to be used; `None` if there is none or it is masked.
fn unit(
    guest: &mut Guest<'_>,
    name: &str,
    change: impl Fn(&str) -> String,
) -> Result<Option<String>> {
    let own = format!("{OWN}/{name}");
    if guest.root.link(&own)?.as_deref() == Some("/dev/null") {
        return Ok(None);
    }
    if let Some(text) = guest.root.text(&own)?
        && !text.starts_with(MARK)
    {
        return Ok(Some(format!("/{own}")));
    }
    for dir in ["usr/lib/systemd/system", "lib/systemd/system"] {
        let path = format!("{dir}/{name}");
        let Some(text) = guest.root.text(&path)? else { continue };
        let new = change(&text);
        if new == text {
            return Ok(Some(format!("/{path}")));
        }
        guest.root.write(&own, format!("{MARK}{new}"), 0o644)?;
        return Ok(Some(format!("/{own}")));
    }
    Ok(None)
}

fn wants(guest: &mut Guest<'_>, prefix: &str, unit: &str) -> Result<()> {
    let ttys = guest.settings.ttys;
    for n in 1..=MOST.max(ttys) {
        let link = format!("{OWN}/getty.target.wants/{prefix}{n}.service");
        if n <= ttys {
            guest.root.symlink(&link, unit)?;
        } else if guest.root.link(&link)?.is_some() {
            guest.root.remove(&link)?;
        }
    }
    Ok(())
}
