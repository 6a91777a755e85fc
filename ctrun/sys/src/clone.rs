//! clone3(2): a copy of this process in new namespaces, with a pidfd.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::Pid;
use rustix::thread::UnshareFlags;

use crate::{Error, Result};

/// What the copy gets of its own.
#[derive(Debug, Default)]
pub struct Clone<'a> {
    namespaces: Option<UnshareFlags>,
    cgroup: Option<BorrowedFd<'a>>,
    sibling: bool,
}

/// A process that this one made.
#[derive(Debug)]
pub struct Child {
    /// Its number as seen from here.
    pub pid: Pid,
    /// The handle that, unlike the number, never means another process.
    pub pidfd: OwnedFd,
}

// libc's constant is too narrow for it.
const INTO_CGROUP: u64 = 0x2_0000_0000;

// The kernel's `struct clone_args`, as of Linux 5.7 (CLONE_INTO_CGROUP).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

impl<'a> Clone<'a> {
    /// A plain copy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the copy into new namespaces.
    #[must_use]
    pub fn namespaces(mut self, flags: UnshareFlags) -> Self {
        self.namespaces = Some(flags);
        self
    }

    /// Starts the copy in this cgroup of the unified hierarchy.
    #[must_use]
    pub fn cgroup(mut self, dir: Option<BorrowedFd<'a>>) -> Self {
        self.cgroup = dir;
        self
    }

    /// Makes the copy a child of this process's parent instead of this process.
    #[must_use]
    pub fn sibling(mut self) -> Self {
        self.sibling = true;
        self
    }

    /// Makes the copy, which runs `child` and exits with the status that it returns.
    ///
    /// Both processes have `state` to themselves afterwards: the copy passes it to `child`, the original gets it back. So
    /// each can close descriptors that only the other needs.
    ///
    /// Refuses to in a process with more than one thread: the copy would have the locks of the others and
    /// nobody to release them.
    pub fn spawn<T>(self, state: T, child: impl FnOnce(T) -> i32) -> Result<(Child, T)> {
        single_threaded()?;
        let mut pidfd: libc::c_int = -1;
        let mut flags = libc::CLONE_PIDFD as u64;
        flags |= self.namespaces.map_or(0, |n| u64::from(n.bits()));
        if self.sibling {
            flags |= libc::CLONE_PARENT as u64;
        }
        let mut args = CloneArgs {
            pidfd: std::ptr::from_mut(&mut pidfd) as u64,
            // With CLONE_PARENT the copy inherits the exit signal (clone(2)).
            exit_signal: if self.sibling { 0 } else { libc::SIGCHLD as u64 },
            ..CloneArgs::default()
        };
        if let Some(dir) = self.cgroup {
            flags |= INTO_CGROUP;
            args.cgroup = dir.as_raw_fd() as u64;
        }
        args.flags = flags;
        // SAFETY: without CLONE_VM and a stack this is fork(2): the copy has its own memory. No other thread exists,
        // so no lock is held that nobody would release. `args` and `pidfd` outlive the call.
        let pid = unsafe {
            libc::syscall(libc::SYS_clone3, std::ptr::from_mut(&mut args), size_of::<CloneArgs>())
        };
        match pid {
            -1 => Err(Error::last(format!("clone3({})", self.describe()))),
            0 => {
                // Unwinding must not run into the caller's frames: they belong to the original.
                let run = AssertUnwindSafe(|| child(state));
                let status = catch_unwind(run).unwrap_or(101);
                // SAFETY: ends this process at once and runs none of the original's exit handlers.
                unsafe { libc::_exit(status) }
            }
            pid => {
                let pid = Pid::from_raw(pid as i32).ok_or_else(|| Error::last("clone3"))?;
                // SAFETY: clone3 with CLONE_PIDFD succeeded, so this is a new descriptor nobody else owns.
                let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
                Ok((Child { pid, pidfd }, state))
            }
        }
    }

    fn describe(&self) -> String {
        let mut words = Vec::new();
        if let Some(namespaces) = self.namespaces {
            words.push(format!("{namespaces:?}"));
        }
        if self.cgroup.is_some() {
            words.push("INTO_CGROUP".into());
        }
        words.join(", ")
    }
}

fn single_threaded() -> Result<()> {
    // unshare(2): with CLONE_THREAD this does nothing but fail where there are threads. It needs no /proc, which may be a
    // guest's.
    // SAFETY: changes nothing.
    if unsafe { libc::unshare(libc::CLONE_THREAD) } == 0 {
        return Ok(());
    }
    Err(Error::new("clone3", std::io::Error::other("this process has more than one thread")))
}

/// Moves this process into new namespaces.
pub fn unshare(flags: UnshareFlags) -> Result<()> {
    if flags.contains(UnshareFlags::FILES) {
        return Err(Error::new("unshare(FILES)", rustix::io::Errno::INVAL));
    }
    // SAFETY: only FILES is unsafe (descriptors would differ between threads), and it is refused above.
    unsafe { rustix::thread::unshare_unsafe(flags) }
        .map_err(|e| Error::new(format!("unshare({flags:?})"), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The test runner has threads, so what can be tried here is the refusal.
    #[test]
    fn refuses_with_threads() {
        let error =
            std::thread::spawn(|| Clone::new().spawn((), |()| 0).unwrap_err()).join().unwrap();
        assert!(error.to_string().contains("more than one thread"), "{error}");
    }
}
