//! What can go wrong with a volume.

use std::io;
use std::path::{Path, PathBuf};

use crate::{archive, mount, storages, userns, volid};

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operation on a storage that failed, with its operands.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried, as in `rename A to B`.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A program of the host failed.
    #[error("cannot {what}: {program}: {message}")]
    Program {
        /// What was tried.
        what: String,
        /// Which program.
        program: String,
        /// What it wrote, or how it ended.
        message: String,
    },
    /// A program is missing.
    #[error("cannot {what}: the program `{program}` is not installed ({package})")]
    NoProgram {
        /// What was tried.
        what: String,
        /// Which program.
        program: String,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// There is no such volume.
    #[error("the volume {0} does not exist")]
    NoVolume(String),
    /// The volume has no such snapshot.
    #[error("the volume {volume} has no snapshot `{snapshot}`")]
    NoSnapshot {
        /// The volume.
        volume: String,
        /// The snapshot.
        snapshot: String,
    },
    /// The volume has that snapshot already.
    #[error("the volume {volume} already has a snapshot `{snapshot}`")]
    SnapshotExists {
        /// The volume.
        volume: String,
        /// The snapshot.
        snapshot: String,
    },
    /// The volume has snapshots, and the operation cannot take them along.
    #[error("cannot {what}: the volume has snapshots ({snapshots})")]
    HasSnapshots {
        /// What was tried.
        what: String,
        /// Their names.
        snapshots: String,
    },
    /// All numbers are taken.
    #[error(
        "the storage {storage} has no free disk number for container {owner}: all of 0 to 1023 are taken"
    )]
    NoNumber {
        /// The storage.
        storage: String,
        /// The owner.
        owner: u32,
    },
    /// The volume is mounted or attached.
    #[error("cannot {what}: the volume is in use ({device})")]
    Busy {
        /// What was tried.
        what: String,
        /// The loop device.
        device: String,
    },
    /// A base is never changed.
    #[error("cannot {what}: the volume is a base, which never changes")]
    IsBase {
        /// What was tried.
        what: String,
    },
    /// The type of storage, or its file system, cannot do this.
    #[error("cannot {what}: {why}")]
    NotPossible {
        /// What was tried.
        what: String,
        /// Why not.
        why: String,
    },
    /// No room is left in a storage whose images promise more than it has.
    #[error("cannot {what}: no room is left in the storage `{storage}`")]
    Full {
        /// What was tried.
        what: String,
        /// The storage.
        storage: String,
    },
    /// A smaller size than the volume has.
    #[error("unable to shrink {volume} from {from} to {to}: the files in it could be lost")]
    Shrink {
        /// The volume.
        volume: String,
        /// The size it has.
        from: String,
        /// The size it was to have.
        to: String,
    },
    /// The storage has a mount point on which nothing is mounted.
    #[error("the storage {storage} is not there: nothing is mounted at {path}")]
    NotMounted {
        /// The storage.
        storage: String,
        /// Where.
        path: PathBuf,
    },
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] volid::Error),
    /// The storage cannot be used.
    #[error(transparent)]
    Storages(#[from] storages::Error),
    /// The volume cannot be mounted.
    #[error(transparent)]
    Mount(#[from] mount::Error),
    /// The archive cannot be unpacked.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// There is no user namespace with these ids.
    #[error(transparent)]
    UserNs(#[from] userns::Error),
}

/// Says what was tried when the kernel refuses.
pub(crate) trait Trying<T> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Trying<T> for Result<T, E> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { what: what(), source: source.into() })
    }
}

impl Error {
    /// Whether there was no room.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Program { message, .. } => says_full(message),
            Self::Full { .. } => true,
            Self::Archive(archive::Error::Full { .. } | archive::Error::TooLarge { .. }) => true,
            _ => false,
        }
    }
}

pub(crate) fn show(path: &Path) -> std::path::Display<'_> {
    path.display()
}

/// Whether a program says that there is no room. tar reports a write that was cut short by what arrived.
pub(crate) fn says_full(message: &str) -> bool {
    ["No space left on device", "Disk quota exceeded", "Wrote only"]
        .iter()
        .any(|words| message.contains(words))
}
