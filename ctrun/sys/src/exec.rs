//! Being executed, and executing.

use std::convert::Infallible;
use std::ffi::CString;
use std::io;

use crate::{Error, Result};

/// Executes `program` with `arguments` (the first is the program's name) and `environment` (`NAME=value`). Comes back only
/// to say why not.
///
/// A program without a slash is looked for along the PATH of the new environment. Unlike execvp(3), what is no program
/// is not given to a shell.
pub fn execute(program: &str, arguments: &[String], environment: &[String]) -> io::Error {
    let path = environment.iter().rev().find_map(|pair| pair.strip_prefix("PATH="));
    let candidates: Vec<String> = if program.contains('/') {
        vec![program.to_owned()]
    } else {
        let path = path.unwrap_or("/usr/local/bin:/usr/bin:/bin");
        path.split(':').map(|dir| format!("{dir}/{program}")).collect()
    };
    let mut reason = io::Error::from_raw_os_error(libc::ENOENT);
    for candidate in candidates {
        match try_execute(&candidate, arguments, environment) {
            Err(e) if matches!(e.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => {}
            Err(e) => reason = e,
            Ok(never) => match never {},
        }
    }
    reason
}

fn try_execute(
    program: &str,
    arguments: &[String],
    environment: &[String],
) -> io::Result<Infallible> {
    let c = |text: &String| CString::new(text.as_bytes());
    let arguments: Vec<CString> = arguments.iter().map(c).collect::<Result<_, _>>()?;
    let environment: Vec<CString> = environment.iter().map(c).collect::<Result<_, _>>()?;
    Ok(nix::unistd::execve(&CString::new(program)?, &arguments, &environment)?)
}

/// Marks every descriptor above the standard three to be closed by the next execve (Linux 5.11).
pub fn close_on_exec_from(first: u32) -> Result<()> {
    close_range(first, libc::CLOSE_RANGE_CLOEXEC)
}

/// Closes every descriptor from `first` on. Only for a process that has just started and opened none yet.
///
/// What a caller left open by mistake must not reach a container (CVE-2024-21626).
pub fn close_inherited(first: u32) -> Result<()> {
    close_range(first, 0)
}

fn close_range(first: u32, flags: libc::c_uint) -> Result<()> {
    // SAFETY: with CLOEXEC nothing is closed now. Without, the caller has opened nothing yet, so no descriptor that
    // some value owns is among those closed.
    let r = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) };
    if r == 0 { Ok(()) } else { Err(Error::last(format!("close_range({first}.., {flags:#x})"))) }
}

/// Keeps other processes from reading or tracing this one, until it executes something.
pub fn hide() -> Result<()> {
    // SAFETY: a prctl that takes one number.
    let r = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    if r == 0 { Ok(()) } else { Err(Error::last("prctl(SET_DUMPABLE, 0)")) }
}

/// Sets the kernel's idea of the machine: 32-bit x86 guests expect to see `i686`.
pub fn personality_32bit() -> Result<()> {
    const PER_LINUX32: libc::c_ulong = 0x8;
    // SAFETY: takes one number and changes how uname(2) answers.
    let r = unsafe { libc::personality(PER_LINUX32) };
    if r == -1 { Err(Error::last("personality(PER_LINUX32)")) } else { Ok(()) }
}

/// Whether an execve failed for want of an interpreter or of the right machine.
pub fn is_wrong_format(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOEXEC)
}
