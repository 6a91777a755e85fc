//! What can go wrong in setting up a guest.

use std::io;
use std::process::ExitStatus;

use crate::detect;
use crate::os::Os;
use crate::root;

/// A guest could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// In the guest's root.
    #[error(transparent)]
    Root(#[from] root::Error),
    /// In finding out what the guest is.
    #[error(transparent)]
    Detect(#[from] detect::Error),
    /// The configuration says something else.
    #[error(
        "got unexpected ostype ({found} != {wanted}): the configuration says {wanted}, the guest is {found}"
    )]
    Mismatch {
        /// `ostype` of the configuration.
        wanted: Os,
        /// What the guest is.
        found: Os,
    },
    /// The root is the caller's own.
    #[error("the root of the guest is the root of this system: refusing to set it up")]
    OwnRoot,
    /// A password that cannot be used.
    #[error("cannot set the password of root: {0}")]
    Password(String),
    /// Something on the host failed.
    #[error("cannot {operation}: {source}")]
    Host {
        /// What was to be done.
        operation: String,
        /// Why it failed.
        source: io::Error,
    },
    /// ssh-keygen failed.
    #[error("ssh-keygen cannot make a host key of type {kind} ({status}): {message}")]
    Keygen {
        /// The type of the key.
        kind: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        message: String,
    },
    /// An argument that makes no sense.
    #[error("{0}")]
    Usage(String),
}
