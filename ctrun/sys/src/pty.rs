//! Pseudo terminals from a chosen devpts, without a path in between.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};

use crate::{Call, Result};

/// Opens the master side of a new terminal of the devpts mounted at `devpts`.
pub fn open_master(devpts: impl AsFd) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let master = openat(devpts, "ptmx", flags, Mode::empty()).call(|| "open(ptmx)".into())?;
    unlockpt(&master).call(|| "unlockpt".into())?;
    Ok(master)
}

/// Opens the other side. By descriptor, so that nobody can put something else in its place (Linux 4.13).
pub fn open_peer(master: impl AsFd) -> Result<OwnedFd> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    ioctl_tiocgptpeer(master, flags).call(|| "ioctl(TIOCGPTPEER)".into())
}
