//! What each type of storage can do for containers: the one table that the code, `pct` and the documentation read.

use serde::Serialize;

use crate::volid::Format;

/// Something that may be done with a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Feature {
    /// Keep its state under a name, return to it, delete it.
    Snapshot,
    /// Make a new volume that shares its data ("linked clone").
    Clone,
    /// Make a new volume with a copy of its data.
    Copy,
    /// Make it a base, to be cloned from.
    Template,
    /// Give it to another container.
    Rename,
    /// Make it larger.
    Resize,
}

/// What a feature starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The volume as it is.
    Current,
    /// One of its snapshots.
    Snapshot,
    /// A base.
    Base,
}

/// Whether something can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Support {
    /// Never.
    No,
    /// Always.
    Yes,
    /// Where the file system below can share blocks between files (FICLONE: xfs, btrfs).
    Reflink,
    /// Where quotas are enabled on the file system.
    Quota,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    /// The type of storage.
    pub kind: &'static str,
    /// How the volume keeps its data.
    pub format: Format,
    /// What is to be done.
    pub feature: Feature,
    /// Whether it can be done with a volume as it is.
    pub current: Support,
    /// Whether it can be done with a snapshot.
    pub snapshot: Support,
    /// Whether it can be done with a base.
    pub base: Support,
}

const fn row(
    kind: &'static str,
    format: Format,
    feature: Feature,
    [current, snapshot, base]: [Support; 3],
) -> Row {
    Row { kind, format, feature, current, snapshot, base }
}

use Feature as Can;
use Format::{Raw, Subvol};
use Support::{No, Quota, Reflink, Yes};

/// What each type can do, from a volume as it is, from a snapshot, from a base.
///
/// The reference has no snapshot and no clone of a raw image in a `dir`; with reflinks there is one.
pub static FEATURES: &[Row] = &[
    row("dir", Raw, Can::Snapshot, [Reflink, No, No]),
    row("dir", Raw, Can::Clone, [No, Reflink, Reflink]),
    row("dir", Raw, Can::Copy, [Yes, Reflink, Yes]),
    row("dir", Raw, Can::Template, [Yes, No, No]),
    row("dir", Raw, Can::Rename, [Yes, No, No]),
    row("dir", Raw, Can::Resize, [Yes, No, No]),
    row("dir", Subvol, Can::Snapshot, [No, No, No]),
    row("dir", Subvol, Can::Clone, [No, No, No]),
    row("dir", Subvol, Can::Copy, [Yes, No, Yes]),
    row("dir", Subvol, Can::Template, [Yes, No, No]),
    row("dir", Subvol, Can::Rename, [Yes, No, No]),
    row("dir", Subvol, Can::Resize, [No, No, No]),
    row("btrfs", Raw, Can::Snapshot, [Yes, No, No]),
    row("btrfs", Raw, Can::Clone, [No, Yes, Yes]),
    row("btrfs", Raw, Can::Copy, [Yes, Yes, Yes]),
    row("btrfs", Raw, Can::Template, [Yes, No, No]),
    row("btrfs", Raw, Can::Rename, [Yes, No, No]),
    row("btrfs", Raw, Can::Resize, [Yes, No, No]),
    row("btrfs", Subvol, Can::Snapshot, [Yes, No, No]),
    row("btrfs", Subvol, Can::Clone, [No, Yes, Yes]),
    row("btrfs", Subvol, Can::Copy, [Yes, Yes, Yes]),
    row("btrfs", Subvol, Can::Template, [Yes, No, No]),
    row("btrfs", Subvol, Can::Rename, [Yes, No, No]),
    row("btrfs", Subvol, Can::Resize, [Quota, No, No]),
];

impl Row {
    /// Finds the line for `feature`.
    pub fn find(kind: &str, format: Format, feature: Feature) -> Option<&'static Self> {
        FEATURES
            .iter()
            .find(|row| row.kind == kind && row.format == format && row.feature == feature)
    }

    /// Whether it can be done from `source`.
    pub fn from(&self, source: Source) -> Support {
        match source {
            Source::Current => self.current,
            Source::Snapshot => self.snapshot,
            Source::Base => self.base,
        }
    }
}

impl Feature {
    /// The word for it in messages and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Clone => "clone",
            Self::Copy => "copy",
            Self::Template => "template",
            Self::Rename => "rename",
            Self::Resize => "resize",
        }
    }
}
