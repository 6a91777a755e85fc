//! Kernel keyrings.

use crate::{Error, Result};

/// Gives this process a new, empty session keyring, so that it has none of its parent's keys.
pub fn new_session() -> Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: a null name asks for an anonymous keyring (keyctl_join_session_keyring(3)).
    let r = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            KEYCTL_JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        )
    };
    if r == -1 { Err(Error::last("keyctl(JOIN_SESSION_KEYRING)")) } else { Ok(()) }
}
