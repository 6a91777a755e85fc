//! Why an operation was not done.

use std::fmt;

use pve_config::EditError;

use super::Cause;

/// The steps of all operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Locking the container and writing the section.
    Prepare,
    /// Freezing the container.
    Freeze,
    /// Taking the snapshot of a volume.
    Snapshot,
    /// Letting the container go on.
    Thaw,
    /// Writing that the snapshot is complete.
    Commit,
    /// Undoing what a create had done before it failed.
    CleanUp,
    /// Locking the container and writing that the snapshot is being deleted.
    PrepareDelete,
    /// Deleting the snapshot of a volume.
    Delete,
    /// Removing the section.
    RemoveSection,
    /// Asking whether a volume can be rolled back.
    CheckRollback,
    /// Stopping the container.
    Stop,
    /// Locking the container for the rollback.
    Lock,
    /// Rolling a volume back.
    Rollback,
    /// Making the snapshot's configuration the container's.
    Apply,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prepare => "prepare",
            Self::Freeze => "freeze",
            Self::Snapshot => "snapshot",
            Self::Thaw => "thaw",
            Self::Commit => "commit",
            Self::CleanUp => "cleanup",
            Self::PrepareDelete => "prepare-delete",
            Self::Delete => "delete",
            Self::RemoveSection => "remove-section",
            Self::CheckRollback => "rollback-possible",
            Self::Stop => "stop",
            Self::Lock => "lock",
            Self::Rollback => "rollback",
            Self::Apply => "apply",
        })
    }
}

/// A check that failed. The wording is the reference's, where it has one.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Something else is being done with the container.
    #[error("CT is locked ({0})")]
    Locked(String),
    /// Snapshot of a template.
    #[error("you can't take a snapshot if it's a template")]
    SnapshotOfTemplate,
    /// Deletion in a template.
    #[error("you can't delete a snapshot if vm is a template")]
    DeleteInTemplate,
    /// Rollback of a template.
    #[error("you can't rollback if vm is a template")]
    RollbackOfTemplate,
    /// `current` and `vzdump`.
    #[error("unable to use snapshot name '{0}' (reserved name)")]
    Reserved(String),
    /// A name that is none.
    #[error(
        "snapname: invalid format - invalid configuration ID '{0}' \
         (expected letters, digits, '_' and '-', at least two, a letter first)"
    )]
    BadName(String),
    /// More than 40 characters.
    #[error("snapname: value may only be 40 characters long, '{0}' has {count}", count = .0.chars().count())]
    LongName(String),
    /// There is one of this name.
    #[error("snapshot name '{0}' already used")]
    Taken(String),
    /// A volume that cannot have snapshots.
    #[error("snapshot feature is not available: {key}: {volume}: {source}")]
    NotAvailable {
        /// Its option.
        key: String,
        /// The volume.
        volume: String,
        /// The reason.
        source: Cause,
    },
    /// There is none of this name.
    #[error("snapshot '{0}' does not exist")]
    Missing(String),
    /// A commit without a prepare.
    #[error("missing snapshot lock")]
    NoSnapshotLock,
    /// A commit of something else than what prepare left.
    #[error("wrong snapshot state")]
    WrongState,
    /// The lock was taken away while the operation was under way.
    #[error("encountered invalid lock, expected '{0}'")]
    LostLock(&'static str),
    /// The snapshot is being made or deleted.
    #[error("unable to rollback to incomplete snapshot (snapstate = {0})")]
    Incomplete(String),
    /// There is no number left.
    #[error("Too many unused volumes - please delete them first.")]
    TooManyUnused,
    /// The file has something that cannot be written again.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Why an operation ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A check failed, before anything was done.
    #[error(transparent)]
    Refused(Refusal),
    /// A check failed in the middle.
    #[error("{source} (step: {step})")]
    Interrupted {
        /// The step.
        step: Step,
        /// The check.
        source: Refusal,
    },
    /// The storage failed.
    #[error("{key}: {volume}: {source} (step: {step})")]
    Volume {
        /// The step.
        step: Step,
        /// The option.
        key: String,
        /// The volume.
        volume: String,
        /// The reason.
        source: Cause,
    },
    /// The container could not be frozen, thawed or stopped.
    #[error("{source} (step: {step})")]
    Guest {
        /// The step.
        step: Step,
        /// The reason.
        source: Cause,
    },
    /// The configuration could not be read or saved.
    #[error("configuration: {source} (step: {step})")]
    File {
        /// The step.
        step: Step,
        /// The reason.
        source: Cause,
    },
}

impl Error {
    /// The step that failed; `None` for a check before the first one.
    pub fn step(&self) -> Option<Step> {
        match self {
            Self::Refused(_) => None,
            Self::Interrupted { step, .. }
            | Self::Volume { step, .. }
            | Self::Guest { step, .. }
            | Self::File { step, .. } => Some(*step),
        }
    }
}
