//! Installing a system call filter that somebody else compiled.

use crate::{Error, Result};

/// Applies a classic BPF program, eight bytes an instruction as libseccomp exports it, to this thread.
///
/// Needs CAP_SYS_ADMIN in this user namespace, or `no_new_privs` (seccomp(2)).
pub fn install(program: &[u8]) -> Result<()> {
    let filter: Vec<libc::sock_filter> = program
        .chunks_exact(8)
        .map(|i| libc::sock_filter {
            code: u16::from_ne_bytes([i[0], i[1]]),
            jt: i[2],
            jf: i[3],
            k: u32::from_ne_bytes([i[4], i[5], i[6], i[7]]),
        })
        .collect();
    let len = u16::try_from(filter.len())
        .map_err(|_| Error::new("seccomp(SET_MODE_FILTER)", rustix::io::Errno::TOOBIG))?;
    let fprog = libc::sock_fprog { len, filter: filter.as_ptr().cast_mut() };
    // SAFETY: `fprog` describes `filter`, which outlives the call; the kernel copies and checks the program.
    let r = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const fprog)
    };
    if r == 0 {
        Ok(())
    } else {
        Err(Error::last(format!("seccomp(SET_MODE_FILTER, {len} instructions)")))
    }
}
