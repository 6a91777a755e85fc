//! Names of volumes: `storage:name`, where the form of the name belongs to the type of the storage.

use std::fmt;
use std::str::FromStr;

use pve_config::Volume;
use serde::{Deserialize, Serialize};

use crate::content::Content;

/// A text that names no volume.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No `storage:name`.
    #[error("{0:?} is no volume: expected STORAGE:NAME, as in local:100/vm-100-disk-0.raw")]
    NoVolumeId(String),
    /// The name does not have the form that files of a storage have.
    #[error("{0:?} is no name of a volume: {1}")]
    Name(String, &'static str),
    /// The volume belongs to another container, or to none.
    #[error("the volume {volume} belongs to {owner}, not to {wanted}")]
    Owner {
        /// The volume.
        volume: String,
        /// `container N` or `no container`.
        owner: String,
        /// The container that wants it.
        wanted: u32,
    },
    /// A name of a snapshot that cannot be one.
    #[error(
        "{0:?} cannot name a snapshot: expected a letter, then letters, digits, `_` and `-`, 2 to 40 in all"
    )]
    Snapshot(String),
}

/// A volume of a storage.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct VolumeId {
    storage: String,
    name: String,
}

/// How the data of a volume is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// An image of a file system.
    Raw,
    /// A directory or subvolume with the files themselves.
    Subvol,
}

/// The name of a volume in a storage that keeps files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A disk of a guest.
    Image(Image),
    /// A template, backup and so on.
    File(Content, String),
}

/// A disk: `100/vm-100-disk-0.raw`, or `9000/base-9000-disk-0.raw/100/vm-100-disk-0.raw` for one that was cloned from a base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The base it was cloned from: the base's owner and file.
    pub base: Option<(u32, String)>,
    /// The guest that it belongs to.
    pub owner: u32,
    /// The last part of the name.
    pub file: String,
    /// What it is.
    pub format: Format,
}

impl VolumeId {
    /// The volume `name` of `storage`.
    pub fn new(storage: impl Into<String>, name: impl Into<String>) -> Self {
        Self { storage: storage.into(), name: name.into() }
    }

    /// The volume that a configuration names, if it is one of a storage.
    pub fn of(volume: &Volume) -> Option<Self> {
        match volume {
            Volume::Storage { storage, name } => Some(Self::new(storage, name)),
            Volume::Directory(_) | Volume::Device(_) => None,
        }
    }

    /// The storage.
    pub fn storage(&self) -> &str {
        &self.storage
    }

    /// The name in the storage.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The guest that the volume belongs to, as its name says; also for types that keep block devices.
    pub fn owner(&self) -> Option<u32> {
        match Name::parse(&self.name) {
            Ok(name) => name.owner(),
            Err(_) => disk_owner(self.name.rsplit('/').next()?),
        }
    }

    /// Checks that the volume belongs to `vmid`.
    pub fn check_owner(&self, vmid: u32) -> Result<(), Error> {
        let owner = self.owner();
        if owner == Some(vmid) {
            return Ok(());
        }
        Err(Error::Owner {
            volume: self.to_string(),
            owner: owner.map_or("no container".into(), |id| format!("container {id}")),
            wanted: vmid,
        })
    }
}

impl FromStr for VolumeId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (storage, name) =
            text.split_once(':').ok_or_else(|| Error::NoVolumeId(text.to_owned()))?;
        if !is_storage_id(storage) || name.is_empty() || name.contains(char::is_control) {
            return Err(Error::NoVolumeId(text.to_owned()));
        }
        Ok(Self::new(storage, name))
    }
}

impl fmt::Display for VolumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.storage, self.name)
    }
}

impl From<VolumeId> for String {
    fn from(id: VolumeId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for VolumeId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl Format {
    /// `raw` or `subvol`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Subvol => "subvol",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Name {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |why| Error::Name(text.to_owned(), why);
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty() || part.starts_with('.')) {
            return Err(bad("a part of it is empty or starts with a dot"));
        }
        match parts[..] {
            [owner, file] if is_number(owner) => Image::parse(None, owner, file).map(Self::Image),
            [base_owner, base, owner, file] if is_number(base_owner) && is_number(owner) => {
                let base = Image::parse(None, base_owner, base)?;
                if !base.is_base() {
                    return Err(bad("what it was cloned from is no base-… volume"));
                }
                let base = Some((base.owner, base.file));
                Image::parse(base, owner, file).map(Self::Image)
            }
            [kind, file] => {
                let content = Content::ALL
                    .into_iter()
                    .find(|content| content.prefix() == Some(kind))
                    .ok_or_else(|| {
                        bad("expected VMID/FILE, vztmpl/FILE, backup/FILE or the like")
                    })?;
                if !content.accepts(file) {
                    return Err(bad(content.expected()));
                }
                Ok(Self::File(content, file.to_owned()))
            }
            _ => Err(bad("expected VMID/FILE, vztmpl/FILE, backup/FILE or the like")),
        }
    }

    /// The guest that it belongs to.
    pub fn owner(&self) -> Option<u32> {
        match self {
            Self::Image(image) => Some(image.owner),
            Self::File(Content::Backup, file) => {
                let rest = file
                    .strip_prefix("vzdump-lxc-")
                    .or_else(|| file.strip_prefix("vzdump-qemu-"))?;
                rest.split('-').next()?.parse().ok()
            }
            Self::File(..) => None,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(image) => image.fmt(f),
            Self::File(content, file) => {
                write!(f, "{}/{file}", content.prefix().unwrap_or_default())
            }
        }
    }
}

impl Image {
    /// Disk number `n` of `owner` in `format`, as a fresh one is called.
    pub fn disk(owner: u32, n: u32, format: Format) -> Self {
        let (prefix, suffix) = match format {
            Format::Raw => ("vm", "raw"),
            Format::Subvol => ("subvol", "subvol"),
        };
        Self { base: None, owner, file: format!("{prefix}-{owner}-disk-{n}.{suffix}"), format }
    }

    fn parse(base: Option<(u32, String)>, owner: &str, file: &str) -> Result<Self, Error> {
        let bad = |why| Error::Name(format!("{owner}/{file}"), why);
        let owner: u32 = owner.parse().map_err(|_| bad("the number of the guest is too large"))?;
        if !file.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c)) {
            return Err(bad("expected letters, digits, `-`, `_`, `.` and `+`"));
        }
        let format = match file.rsplit_once('.').map(|(_, extension)| extension) {
            Some("raw") => Format::Raw,
            Some("subvol") => Format::Subvol,
            Some("qcow2" | "vmdk") => {
                return Err(bad(
                    "its format is for virtual machines; containers take raw and subvol",
                ));
            }
            _ => return Err(bad("expected the ending .raw or .subvol")),
        };
        Ok(Self { base, owner, file: file.to_owned(), format })
    }

    /// Whether it is a base, which is never changed again.
    pub fn is_base(&self) -> bool {
        self.file.starts_with("base-") || self.file.starts_with("basevol-")
    }

    /// What it is called as a base: `base-100-disk-0.raw`.
    #[must_use]
    pub fn as_base(&self) -> Self {
        let rest = self.file.split_once('-').map_or(self.file.as_str(), |(_, rest)| rest);
        Self { base: None, file: format!("base-{rest}"), ..self.clone() }
    }

    /// The same disk as a clone of `base`, which its name then tells.
    #[must_use]
    pub fn linked_to(&self, base: &Self) -> Self {
        Self { base: Some((base.owner, base.file.clone())), ..self.clone() }
    }

    /// Its number, if it is called as a fresh one is.
    pub fn number(&self) -> Option<u32> {
        disk_number(&self.file, self.owner)
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((owner, file)) = &self.base {
            write!(f, "{owner}/{file}/")?;
        }
        write!(f, "{}/{}", self.owner, self.file)
    }
}

/// The number of a disk of `owner` that is called `vm-100-disk-3.raw`, or the same without or with another ending.
pub(crate) fn disk_number(file: &str, owner: u32) -> Option<u32> {
    let (kind, rest) = file.split_once('-')?;
    if !matches!(kind, "vm" | "subvol" | "base" | "basevol") {
        return None;
    }
    let rest = rest.strip_prefix(&owner.to_string())?.strip_prefix("-disk-")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The owner in a name like `vm-100-disk-0`, as types that keep block devices have it.
fn disk_owner(name: &str) -> Option<u32> {
    let (kind, rest) = name.split_once('-')?;
    matches!(kind, "vm" | "subvol" | "base" | "basevol").then_some(())?;
    rest.split('-').next()?.parse().ok()
}

/// Checks a name of a snapshot: it becomes part of a file's name.
pub fn check_snapshot_name(name: &str) -> Result<(), Error> {
    let rest = name.strip_prefix(|c: char| c.is_ascii_alphabetic());
    let is_good = rest.is_some_and(|rest| {
        (1..40).contains(&rest.len())
            && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    });
    if is_good { Ok(()) } else { Err(Error::Snapshot(name.to_owned())) }
}

pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0')
}

/// storage.md A2: a letter, then letters, digits, `-`, `_` and `.`, a letter or digit at the end; two at least.
fn is_storage_id(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_back() {
        for (text, owner) in [
            ("100/vm-100-disk-0.raw", Some(100)),
            ("100/subvol-100-disk-1.subvol", Some(100)),
            ("9000/base-9000-disk-0.raw", Some(9000)),
            ("9000/base-9000-disk-0.raw/101/vm-101-disk-2.raw", Some(101)),
            ("100/vm-100-my_data.raw", Some(100)),
            ("vztmpl/debian-13-standard_13.1-1_amd64.tar.zst", None),
            ("vztmpl/plain.tar", None),
            ("backup/vzdump-lxc-104-2026_11_24-10_00_00.tar.zst", Some(104)),
            ("iso/debian.iso", None),
            ("snippets/hook.sh", None),
        ] {
            let name = Name::parse(text).unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(name.owner(), owner, "{text}");
            let id: VolumeId = format!("local:{text}").parse().unwrap();
            assert_eq!((id.storage(), id.name(), id.owner()), ("local", text, owner));
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        for text in [
            "",
            "100",
            "100/",
            "/100/vm-100-disk-0.raw",
            "100/../101/vm-101-disk-0.raw",
            "100/../../../etc/passwd.raw",
            "100/.hidden.raw",
            "100/vm-100-disk-0.raw@snap",
            "100/vm 100.raw",
            "100/vm-100-disk-0.qcow2",
            "100/vm-100-disk-0",
            "99999999999/vm-1-disk-0.raw",
            "0100/vm-100-disk-0.raw",
            "100/vm-100-disk-0.raw/101/vm-101-disk-0.raw",
            "vztmpl/evil.sh",
            "vztmpl/../x.tar",
            "vztmpl/a/b.tar",
            "vztmpl/a\nb.tar",
            "bogus/x.tar",
        ] {
            Name::parse(text).unwrap_err();
        }
        for text in ["local", ":x", "l:x", "local:", "-a:x", "loc al:x", "local-:x", "local:a\nb"] {
            text.parse::<VolumeId>().unwrap_err();
        }
    }

    #[test]
    fn the_owner_is_checked() {
        let id: VolumeId = "local:100/vm-100-disk-0.raw".parse().unwrap();
        id.check_owner(100).unwrap();
        assert_eq!(
            id.check_owner(101).unwrap_err().to_string(),
            "the volume local:100/vm-100-disk-0.raw belongs to container 100, not to 101"
        );
        let configured = Volume::parse("local:100/vm-100-disk-0.raw").unwrap();
        assert_eq!(VolumeId::of(&configured), Some(id));
        assert_eq!(VolumeId::of(&Volume::parse("/srv").unwrap()), None);
        let block: VolumeId = "tank:base-9000-disk-0/subvol-101-disk-0".parse().unwrap();
        assert_eq!(block.owner(), Some(101));
        let template: VolumeId = "local:vztmpl/a.tar".parse().unwrap();
        assert!(template.check_owner(100).unwrap_err().to_string().contains("no container"));
    }

    #[test]
    fn bases_and_clones_are_named() {
        let disk = Image::disk(100, 3, Format::Raw);
        assert_eq!(disk.to_string(), "100/vm-100-disk-3.raw");
        assert_eq!(disk.number(), Some(3));
        let base = disk.as_base();
        assert_eq!(base.to_string(), "100/base-100-disk-3.raw");
        assert!(base.is_base() && !disk.is_base());
        let clone = Image::disk(101, 0, Format::Raw).linked_to(&base);
        assert_eq!(clone.to_string(), "100/base-100-disk-3.raw/101/vm-101-disk-0.raw");
        assert_eq!(Name::parse(&clone.to_string()), Ok(Name::Image(clone)));
        assert_eq!(Image::disk(100, 1, Format::Subvol).as_base().file, "base-100-disk-1.subvol");
    }

    #[test]
    fn snapshots_have_names_that_are_safe_in_files() {
        for name in ["ab", "before-update_2", "A1"] {
            check_snapshot_name(name).unwrap();
        }
        for name in ["", "a", "1a", "a/b", "a.b", "a b", "..", &"a".repeat(41), "ä1"] {
            check_snapshot_name(name).unwrap_err();
        }
    }
}
