//! The one error of this crate: a system call with its operands, and the kernel's answer.

use std::io;

/// A system call that failed.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {source}")]
pub struct Error {
    call: String,
    source: io::Error,
}

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Names the call that failed with `source`.
    pub fn new(call: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self { call: call.into(), source: source.into() }
    }

    /// Names the call that left its reason in `errno`.
    pub(crate) fn last(call: impl Into<String>) -> Self {
        Self::new(call, io::Error::last_os_error())
    }

    /// The error number, where the kernel gave one.
    pub fn errno(&self) -> Option<rustix::io::Errno> {
        self.source.raw_os_error().map(rustix::io::Errno::from_raw_os_error)
    }
}

/// Puts the name of the call on an error.
pub trait Call<T> {
    /// Names the call that failed; `call` runs on failure only.
    fn call(self, call: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Call<T> for std::result::Result<T, E> {
    fn call(self, call: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::new(call(), source))
    }
}
