//! Gettys and shutdown of guests with upstart.

use crate::guest::Guest;
use crate::root::Result;

/// The container is told to stop by SIGPWR, which upstart turns into this event.
fn power(guest: &mut Guest<'_>) -> Result<()> {
    let text = "start on power-status-changed\ntask\nexec /sbin/shutdown -h now\n";
    guest.root.write("etc/init/power-status-changed.conf", text, 0o644)
}

/// Plans Ubuntu's jobs, one for each tty.
pub(crate) fn ubuntu(guest: &mut Guest<'_>) -> Result<()> {
    for n in 1..=6.max(guest.settings.ttys) {
        let path = format!("etc/init/tty{n}.conf");
        if n > guest.settings.ttys {
            guest.root.remove(&path)?;
            continue;
        }
        let dir = &guest.settings.tty_dir;
        let text = format!(
            "start on stopped rc RUNLEVEL=[2345]\nstop on runlevel [!2345]\n\nrespawn\n\
             exec /sbin/getty -8 38400 {dir}tty{n}\n"
        );
        guest.root.write(&path, text, 0o644)?;
    }
    power(guest)
}

/// Plans CentOS 6's jobs: one that starts an instance of the other for each tty.
pub(crate) fn centos(guest: &mut Guest<'_>) -> Result<()> {
    let dir = &guest.settings.tty_dir;
    let ttys: Vec<_> = (1..=guest.settings.ttys).map(|n| format!("{dir}tty{n}")).collect();
    let start = format!(
        "start on stopped rc RUNLEVEL=[2345]\ntask\nscript\n    for tty in {}; do\n        \
         initctl start tty TTY=$tty || true\n    done\nend script\n",
        ttys.join(" ")
    );
    let tty = "stop on runlevel [S016]\n\nrespawn\ninstance $TTY\nexec /sbin/mingetty $TTY\nusage 'tty TTY=tty1'\n";
    guest.root.write("etc/init/start-ttys.conf", start, 0o644)?;
    guest.root.write("etc/init/tty.conf", tty, 0o644)?;
    power(guest)
}
