//! A way for tests to make a handler panic.

use std::ffi::OsStr;

/// A name whose lookup panics. Set when the daemon starts, from `PVEFS_TEST_PANIC_ON`; never set otherwise.
#[derive(Clone, Debug, Default)]
pub struct Trap(Option<Box<OsStr>>);

impl Trap {
    /// What the environment says.
    pub fn from_env() -> Self {
        Self(std::env::var_os("PVEFS_TEST_PANIC_ON").map(Into::into))
    }

    /// Panics if `name` is the one.
    pub(crate) fn check(&self, name: &OsStr) {
        assert!(self.0.as_deref() != Some(name), "{name:?} is looked up: a test asked for this");
    }
}
