//! Processes by descriptor: a number may come to mean another process, a pidfd never does.

use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, waitid};

use crate::{Call, Error, Result};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// Somebody else's child: the kernel does not tell us.
    Unknown,
}

/// Opens the process `pid`.
pub fn open(pid: Pid) -> Result<OwnedFd> {
    rustix::process::pidfd_open(pid, PidfdFlags::empty())
        .call(|| format!("pidfd_open({})", pid.as_raw_nonzero()))
}

/// Sends `signal`, any number the kernel knows, real-time ones included.
pub fn signal(pidfd: impl AsFd, signal: i32) -> Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: three plain numbers and a null pointer where the call allows one.
    let r = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_fd().as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if r == 0 { Ok(()) } else { Err(Error::last(format!("pidfd_send_signal({signal})"))) }
}

/// Kills the process; one that is gone already counts as killed.
pub fn kill(pidfd: impl AsFd) -> Result<()> {
    match signal(pidfd, Signal::KILL.as_raw()) {
        Err(e) if e.errno() == Some(rustix::io::Errno::SRCH) => Ok(()),
        other => other,
    }
}

/// Waits for a child to end and takes its status.
pub fn wait(pidfd: impl AsFd) -> Result<Ended> {
    loop {
        match waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED) {
            Ok(Some(status)) => {
                return Ok(match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Ended::Exited(code),
                    (_, Some(signal)) => Ended::Killed(signal),
                    _ => Ended::Unknown,
                });
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CHILD) => return Ok(Ended::Unknown),
            Err(e) => return Err(Error::new("waitid(pidfd)", e)),
        }
    }
}

/// The moment `pid` started, in ticks since boot: with the number it names a process for good.
pub fn start_time(pid: i32) -> Result<u64> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).call(|| format!("read({path})"))?;
    // The name in parentheses may itself hold spaces and parentheses; what counts comes after the last one.
    text.rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().nth(19))
        .and_then(|ticks| ticks.parse().ok())
        .ok_or_else(|| Error::new(format!("parse({path})"), std::io::Error::other("no start time")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_and_waits() {
        #[allow(clippy::zombie_processes, reason = "wait() below takes its status")]
        let child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let fd = open(Pid::from_child(&child)).unwrap();
        signal(&fd, libc::SIGRTMIN() + 3).unwrap();
        assert_eq!(wait(&fd).unwrap(), Ended::Killed(libc::SIGRTMIN() + 3));
        kill(&fd).unwrap();
    }

    #[test]
    fn knows_start_times() {
        let pid = std::process::id().cast_signed();
        assert_eq!(start_time(pid).unwrap(), start_time(pid).unwrap());
        assert!(start_time(-5).is_err());
    }
}
