//! What each type of storage does.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::content::{Content, Item};
use crate::error::{Error, Result};
use crate::features::{Feature, Source};
use crate::freeze::Freeze;
use crate::volid::{Format, VolumeId};

/// A volume to be made.
#[derive(Clone, Copy, Debug)]
pub struct Alloc {
    /// The container that it is for.
    pub owner: u32,
    /// Its size in bytes; 0 for a directory that has no limit of its own.
    pub size: u64,
    /// How it keeps its data; if nothing is said, `raw` with a size and `subvol` without.
    pub format: Option<Format>,
    /// User and group on the host that own its root directory.
    pub root: (u32, u32),
}

/// How large a volume is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// What it can hold; 0 for a directory without limit.
    pub size: u64,
    /// What it takes; for directories only where the file system counts it.
    pub used: Option<u64>,
}

/// A disk of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeInfo {
    /// What it is called.
    pub volume: VolumeId,
    /// The container that it belongs to.
    pub owner: u32,
    /// How it keeps its data.
    pub format: Format,
    /// How large it is.
    #[serde(flatten)]
    pub size: Size,
    /// Whether it is a base.
    pub base: bool,
}

/// How much room there is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// All of it.
    pub total: u64,
    /// What is taken.
    pub used: u64,
    /// What may still be taken.
    pub available: u64,
}

/// Where the data of a volume is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// In an image of a file system.
    Image {
        /// The file.
        path: PathBuf,
        /// Whether it never changes: a base or a snapshot.
        fixed: bool,
    },
    /// In a directory.
    Tree {
        /// The directory.
        path: PathBuf,
        /// Whether it never changes.
        fixed: bool,
    },
}

impl Where {
    /// The file or directory.
    pub fn path(&self) -> &Path {
        match self {
            Self::Image { path, .. } | Self::Tree { path, .. } => path,
        }
    }
}

/// Fills what a new volume is made from: an empty file for `raw`, an empty directory for `subvol`.
pub type Fill<'a> = &'a mut dyn FnMut(&Path) -> Result<()>;

/// A storage that keeps volumes of containers.
///
/// Every operation either does all or leaves things as they were; one that is killed leaves at most things with a
/// temporary name, which [`Self::clean`] removes.
pub trait Storage: std::fmt::Debug + Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// Its type.
    fn kind(&self) -> &'static str;

    /// Checks that it is there, and makes its directories.
    fn activate(&self) -> Result<()>;

    /// How much room there is.
    fn status(&self) -> Result<Status>;

    /// Whether `feature` is possible here, from `source` of a volume that keeps its data as `format`. Unlike the table it
    /// knows what the file system below can do.
    fn can(&self, feature: Feature, format: Format, source: Source) -> bool;

    /// The format of new volumes, if nothing else is asked for.
    fn default_format(&self, size: u64) -> Format;

    /// Where a volume or one of its snapshots, a template or a backup is, whether it is there or not.
    fn path(&self, volume: &VolumeId, snapshot: Option<&str>) -> Result<PathBuf>;

    /// Where the data of a volume is, to be mounted or copied. The volume has to be there.
    fn locate(&self, volume: &VolumeId, snapshot: Option<&str>) -> Result<Where>;

    /// Makes a volume with an empty file system.
    fn alloc(&self, request: &Alloc) -> Result<VolumeId>;

    /// Makes a volume with what `fill` puts into it. Under its name it appears when it is whole.
    fn create_with(&self, owner: u32, format: Format, fill: Fill<'_>) -> Result<VolumeId>;

    /// Removes a volume and its snapshots; or a template or backup.
    fn free(&self, volume: &VolumeId) -> Result<()>;

    /// The disks in it, of one container or of all, by name.
    fn list(&self, owner: Option<u32>) -> Result<Vec<VolumeInfo>>;

    /// The templates, backups and so on in it, by name.
    fn items(&self, content: Content) -> Result<Vec<Item>>;

    /// How large a volume is.
    fn size(&self, volume: &VolumeId) -> Result<Size>;

    /// Makes a volume larger, its file system included; gives the new size in bytes. The same size again finishes what was
    /// interrupted.
    fn resize(&self, volume: &VolumeId, size: u64) -> Result<u64>;

    /// Makes a volume a base, which never changes and has another name.
    fn to_base(&self, volume: &VolumeId) -> Result<VolumeId>;

    /// Keeps the state of a volume as `snapshot`. If its file system is mounted, `freeze` keeps it still meanwhile.
    fn snapshot(&self, volume: &VolumeId, snapshot: &str, freeze: &dyn Freeze) -> Result<()>;

    /// The snapshots of a volume, by name.
    fn snapshots(&self, volume: &VolumeId) -> Result<Vec<String>>;

    /// Removes a snapshot. One that is not there is an error; what is left of one that was being removed is not.
    fn delete_snapshot(&self, volume: &VolumeId, snapshot: &str) -> Result<()>;

    /// Checks that [`Self::rollback`] will be possible.
    fn rollback_possible(&self, volume: &VolumeId, snapshot: &str) -> Result<()>;

    /// Returns a volume to a snapshot. It must not be in use.
    fn rollback(&self, volume: &VolumeId, snapshot: &str) -> Result<()>;

    /// Makes a volume for `owner` that shares the data of a base or a snapshot ("linked clone").
    fn clone_linked(
        &self,
        volume: &VolumeId,
        snapshot: Option<&str>,
        owner: u32,
    ) -> Result<VolumeId>;

    /// Makes an independent copy within this storage without copying data, where that is possible.
    fn clone_full(
        &self,
        volume: &VolumeId,
        snapshot: Option<&str>,
        owner: u32,
    ) -> Result<Option<VolumeId>>;

    /// Gives a volume to another container, under a new name.
    fn rename(&self, volume: &VolumeId, owner: u32) -> Result<VolumeId>;

    /// Removes what killed processes left of volumes of `owner`.
    fn clean(&self, owner: u32) -> Result<()>;

    /// Makes a volume ready to be mounted. Types that keep files have nothing to do but look whether it is there.
    fn activate_volume(&self, volume: &VolumeId, snapshot: Option<&str>) -> Result<()> {
        self.activate()?;
        self.locate(volume, snapshot).map(drop)
    }

    /// The reverse, once nothing uses the volume.
    fn deactivate_volume(&self, volume: &VolumeId, snapshot: Option<&str>) -> Result<()> {
        self.locate(volume, snapshot).map(drop)
    }

    /// Whether `feature` is possible, or why not.
    fn check(
        &self,
        feature: Feature,
        volume: &VolumeId,
        format: Format,
        source: Source,
    ) -> Result<()> {
        if self.can(feature, format, source) {
            return Ok(());
        }
        let from = match source {
            Source::Current => "a volume",
            Source::Snapshot => "a snapshot",
            Source::Base => "a base",
        };
        let reflink = crate::features::Row::find(self.kind(), format, feature)
            .is_some_and(|row| row.from(source) == crate::features::Support::Reflink);
        Err(Error::NotPossible {
            what: format!("{} {volume}", feature.name()),
            why: if reflink {
                format!(
                    "the file system of the storage `{}` cannot share blocks between files (xfs and btrfs can)",
                    self.name()
                )
            } else {
                format!(
                    "a storage of type `{}` cannot do this with {from} in the format `{format}`",
                    self.kind()
                )
            },
        })
    }
}
