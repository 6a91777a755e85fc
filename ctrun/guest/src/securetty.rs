//! `/etc/securetty`: the terminals on which root may log in.

use crate::guest::Guest;
use crate::markers;
use crate::root::Result;

/// Plans that the guest's console and ttys, and `more`, are among them. A guest without that file allows all.
pub(crate) fn write(guest: &mut Guest<'_>, more: &[&str]) -> Result<()> {
    let dir = &guest.settings.tty_dir;
    let mut names = vec![format!("{dir}console")];
    names.extend((1..=4).map(|n| format!("{dir}tty{n}")));
    names.extend(more.iter().map(|&name| name.to_owned()));
    guest.root.edit_existing("etc/securetty", |old| {
        let (foreign, _) = markers::without(old);
        let missing = names.iter().filter(|name| !foreign.lines().any(|line| line.trim() == *name));
        let data: String = missing.map(|name| format!("{name}\n")).collect();
        markers::merge(old, &data, markers::Where::Append)
    })
}
