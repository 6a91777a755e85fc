//! Kinds of content, and the files of each.

use std::path::Path;

use serde::Serialize;

use crate::volid::VolumeId;

/// What a storage may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Disks of virtual machines.
    Images,
    /// Volumes of containers.
    RootDir,
    /// Templates of containers.
    VzTmpl,
    /// Images of optical discs.
    Iso,
    /// Backups.
    Backup,
    /// Hook scripts and the like.
    Snippets,
    /// Disks to be imported.
    Import,
}

/// A template, backup or other file of a storage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Item {
    /// What it is called.
    pub volume: VolumeId,
    /// What it is.
    pub content: Content,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed, in seconds since 1970.
    pub modified: i64,
    /// The guest that it belongs to.
    pub owner: Option<u32>,
}

impl Content {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Images,
        Self::RootDir,
        Self::VzTmpl,
        Self::Iso,
        Self::Backup,
        Self::Snippets,
        Self::Import,
    ];

    /// As `storage.cfg` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::RootDir => "rootdir",
            Self::VzTmpl => "vztmpl",
            Self::Iso => "iso",
            Self::Backup => "backup",
            Self::Snippets => "snippets",
            Self::Import => "import",
        }
    }

    /// The kind called `name`.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|content| content.name() == name)
    }

    /// Where it lies below the directory of a storage, unless `content-dirs` says otherwise.
    pub fn default_dir(self) -> &'static Path {
        Path::new(match self {
            // Volumes of containers lie with the disks of machines, as in the reference; `private` was OpenVZ's.
            Self::Images | Self::RootDir => "images",
            Self::VzTmpl => "template/cache",
            Self::Iso => "template/iso",
            Self::Backup => "dump",
            Self::Snippets => "snippets",
            Self::Import => "import",
        })
    }

    /// The first part of names of such files; disks start with their owner instead.
    pub fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Images | Self::RootDir => None,
            other => Some(other.name()),
        }
    }

    /// Whether a file of this kind may have this name.
    pub fn accepts(self, file: &str) -> bool {
        let is_plain = !file.is_empty()
            && file.len() <= 255
            && !file.starts_with('.')
            && !file.contains(|c: char| c == '/' || c.is_control());
        let ends = |endings: &[&str]| {
            endings.iter().any(|end| file.strip_suffix(end).is_some_and(|stem| !stem.is_empty()))
        };
        is_plain
            && match self {
                Self::Images | Self::RootDir => false,
                Self::VzTmpl => ends(&[".tar", ".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2"]),
                Self::Iso => ends(&[".iso", ".img"]),
                Self::Backup => ends(&[
                    ".tar", ".tar.gz", ".tar.lzo", ".tar.zst", ".tar.bz2", ".tar.xz", ".tgz",
                    ".vma", ".vma.gz", ".vma.lzo", ".vma.zst",
                ]),
                Self::Snippets => true,
                Self::Import => ends(&[".ova", ".ovf", ".qcow2", ".raw", ".vmdk"]),
            }
    }

    /// What [`Self::accepts`] wants, in words.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::VzTmpl => "a template ends in .tar, .tar.gz, .tar.xz, .tar.zst or .tar.bz2",
            Self::Iso => "expected the ending .iso or .img",
            Self::Backup => "a backup ends in .tar, .tar.zst, .tar.gz, .tar.lzo or the like",
            Self::Snippets => "expected a plain file name",
            Self::Import => "expected the ending .ova, .ovf, .qcow2, .raw or .vmdk",
            Self::Images | Self::RootDir => "expected VMID/FILE",
        }
    }
}
