//! Signals as a descriptor.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::{Call, Error, Result};

/// Blocks `signals` and gives a descriptor that becomes readable when one of them arrives.
pub fn descriptor(signals: &[i32]) -> Result<SignalFd> {
    let mut set = SigSet::empty();
    for &signal in signals {
        set.add(Signal::try_from(signal).call(|| format!("signal {signal}"))?);
    }
    set.thread_block().call(|| "sigprocmask(BLOCK)".into())?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .call(|| "signalfd".into())
}

/// Takes the next signal that has arrived.
pub fn next(fd: &SignalFd) -> Result<Option<i32>> {
    Ok(fd.read_signal().call(|| "read(signalfd)".into())?.map(|info| info.ssi_signo.cast_signed()))
}

/// Undoes what a parent set: every signal has its default effect and none is blocked.
pub fn reset() -> Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        if signal == libc::SIGKILL || signal == libc::SIGSTOP {
            continue;
        }
        // SAFETY: installs the default action, no handler of ours. The two numbers that libc keeps for itself give EINVAL,
        // which changes nothing.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: a zeroed set is what sigemptyset makes, and the call only reads it.
    let r = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut())
    };
    if r == 0 { Ok(()) } else { Err(Error::last("sigprocmask(SETMASK)")) }
}

/// Whether writing to a pipe that nobody reads ends this process (as every program expects at its start) or is an error (as
/// a program that must go on wants it).
pub fn broken_pipes_kill(kill: bool) {
    let action = if kill { libc::SIG_DFL } else { libc::SIG_IGN };
    // SAFETY: installs one of the two standard actions, no handler of ours.
    unsafe { libc::signal(libc::SIGPIPE, action) };
}

/// The first real-time signal that programs may use, `SIGRTMIN`.
pub fn rtmin() -> i32 {
    libc::SIGRTMIN()
}

/// The signal that the kernel sends this process when its parent ends.
pub fn on_parent_death(signal: i32) -> Result<()> {
    // SAFETY: a prctl that takes one number.
    let r = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal, 0, 0, 0) };
    if r == 0 { Ok(()) } else { Err(Error::last("prctl(SET_PDEATHSIG)")) }
}
