//! What can go wrong, and the one place that turns it into an error number.

use crate::fs::Refusal;
use pvefs_store::{PathError, StoreError};
use rustix::io::Errno;

/// The call at which a text is refused. Each has an error number whose message makes sense there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// write, flush, fsync, truncate: `EINVAL`, "Invalid argument".
    Write,
    /// rename: `EBADMSG`, "Bad message". With `EINVAL` mv says "cannot move 'x' to a subdirectory of itself"; with
    /// `EXDEV` or `ETXTBSY` it would delete the target and copy.
    Rename,
}

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsError {
    /// Nothing is there.
    #[error("{0}: no such file or directory")]
    NotFound(String),
    /// What the kernel names went away under its call. It looks the name up again and repeats the call.
    #[error("{0}: is no longer there")]
    Stale(String),
    /// Something is there already.
    #[error("{0}: exists already")]
    Exists(String),
    /// The guest's number is in use elsewhere.
    #[error("{path}: guest {id} exists already as {holder}")]
    GuestExists {
        /// The path that was to be made.
        path: String,
        /// The number.
        id: u32,
        /// Where it is.
        holder: String,
    },
    /// A directory was needed.
    #[error("{0}: not a directory")]
    NotADirectory(String),
    /// A file was needed.
    #[error("{0}: is a directory")]
    IsADirectory(String),
    /// A directory to be removed or replaced has entries.
    #[error("{0}: directory not empty")]
    NotEmpty(String),
    /// The name belongs to the file system, or a lock is not yet free.
    #[error("{0}: permission denied: {1}")]
    Denied(String, &'static str),
    /// Never possible here: hard links, device nodes, emptying a configuration.
    #[error("{0}: operation not permitted: {1}")]
    NotPermitted(String, &'static str),
    /// A virtual file is written to.
    #[error("{0}: cannot be written")]
    Virtual(String),
    /// The name has bytes that no name may have.
    #[error("{0:?}: not a valid name")]
    BadName(String),
    /// The name is longer than 255 bytes.
    #[error("{0:?}: name too long")]
    NameTooLong(String),
    /// The arguments make no sense together.
    #[error("{0}: invalid argument: {1}")]
    Invalid(String, &'static str),
    /// The file would be larger than the limit.
    #[error("{path}: larger than {limit} bytes")]
    TooBig {
        /// Which.
        path: String,
        /// The limit.
        limit: u64,
    },
    /// The file system would hold more than its limit, or the disk is full.
    #[error("{0}: no space left")]
    NoSpace(String),
    /// The text is refused.
    #[error("{path}: refused: {}", refusal.summary)]
    Refused {
        /// Which.
        path: String,
        /// Why.
        refusal: Refusal,
        /// At which call.
        call: Call,
    },
    /// The handle is not open, or not for this.
    #[error("handle {0} is not open for this")]
    BadHandle(u64),
    /// The store failed.
    #[error("{0}: {1}")]
    Store(String, StoreError),
    /// No such extended attribute, and none can be set.
    #[error("extended attributes are not kept")]
    NoXattr,
}

impl FsError {
    /// The error number that the caller sees.
    pub fn errno(&self) -> Errno {
        match self {
            Self::NotFound(_) => Errno::NOENT,
            Self::Stale(_) => Errno::STALE,
            Self::Exists(_) | Self::GuestExists { .. } => Errno::EXIST,
            Self::NotADirectory(_) => Errno::NOTDIR,
            Self::IsADirectory(_) => Errno::ISDIR,
            Self::NotEmpty(_) => Errno::NOTEMPTY,
            Self::Denied(..) => Errno::ACCESS,
            Self::NotPermitted(..) => Errno::PERM,
            Self::Virtual(_) => Errno::IO,
            Self::BadName(_) | Self::Invalid(..) => Errno::INVAL,
            Self::NameTooLong(_) => Errno::NAMETOOLONG,
            Self::TooBig { .. } => Errno::FBIG,
            Self::NoSpace(_) => Errno::NOSPC,
            Self::Refused { call: Call::Write, .. } => Errno::INVAL,
            Self::Refused { call: Call::Rename, .. } => Errno::BADMSG,
            Self::BadHandle(_) => Errno::BADF,
            Self::Store(_, error) => store_errno(error),
            Self::NoXattr => Errno::NODATA,
        }
    }

    /// The same refusal, seen at another call.
    pub(crate) fn at(self, call: Call) -> Self {
        match self {
            Self::Refused { path, refusal, .. } => Self::Refused { path, refusal, call },
            other => other,
        }
    }

    /// Whether the fault is the store's, so that an operator wants to know of it.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Store(_, error) => store_errno(error) == Errno::IO,
            Self::NoSpace(_) => true,
            _ => false,
        }
    }
}

fn store_errno(error: &StoreError) -> Errno {
    match error {
        StoreError::Conflict { .. } => Errno::AGAIN,
        StoreError::NotFound(_) | StoreError::Compacted(_) => Errno::NOENT,
        StoreError::Exists(_) => Errno::EXIST,
        StoreError::NotADirectory(_) => Errno::NOTDIR,
        StoreError::IsADirectory(_) => Errno::ISDIR,
        StoreError::NotEmpty(_) => Errno::NOTEMPTY,
        StoreError::NoSpace(_) => Errno::NOSPC,
        _ => Errno::IO,
    }
}

/// Names from the kernel that are no [`TreePath`](pvefs_store::TreePath).
impl From<PathError> for FsError {
    fn from(error: PathError) -> Self {
        match error {
            PathError::TooLong { name, .. } => Self::NameTooLong(name),
            other => Self::BadName(other.to_string()),
        }
    }
}
