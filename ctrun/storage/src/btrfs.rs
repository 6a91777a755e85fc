//! The type `btrfs`: a directory of a btrfs file system, with a subvolume for each disk.
//!
//! The layout is the reference's: `subvol-100-disk-0.subvol` is a subvolume, the image `vm-100-disk-0.raw` is the file
//! `disk.raw` in the subvolume `vm-100-disk-0`; a snapshot of either is a read-only subvolume beside it with `@NAME`.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use pve_config::schema::format_size;
use rustix::fs::{CWD, IFlags, RenameFlags};

use crate::content::{Content, Item};
use crate::dir::{grow, source_of};
use crate::error::{Error, Result, Trying, show};
use crate::features::{Feature, Row, Source, Support};
use crate::freeze::Freeze;
use crate::layout::{self, Layout};
use crate::storage::{Alloc, Fill, Size, Status, Storage, VolumeInfo, Where};
use crate::temp::Temp;
use crate::volid::{Format, Image, Name, VolumeId, check_snapshot_name};
use crate::{image, program, tree};

/// A storage of this type.
#[derive(Clone, Debug)]
pub(crate) struct Btrfs {
    layout: Layout,
    nocow: bool,
}

/// The image in a subvolume.
const DISK: &str = "disk.raw";

/// statfs(2)
const BTRFS_SUPER_MAGIC: u32 = 0x9123_683e;

/// The number of the directory at the top of every subvolume.
const TOP: u64 = 256;

impl Btrfs {
    pub fn new(layout: Layout, nocow: bool) -> Self {
        Self { layout, nocow }
    }

    /// What the subvolume of an image is called.
    fn entry(image: &Image) -> String {
        match image.format {
            Format::Raw => image.file.trim_end_matches(".raw").to_owned(),
            Format::Subvol => image.file.clone(),
        }
    }

    /// The subvolume of an image or of a snapshot of it.
    fn subvolume(&self, image: &Image, snapshot: Option<&str>) -> PathBuf {
        let entry = Self::entry(image);
        self.layout.owner_dir(image.owner).join(match snapshot {
            None => entry,
            Some(snapshot) => format!("{entry}@{snapshot}"),
        })
    }

    /// The file or directory with the data, given the subvolume.
    fn data(image: &Image, subvolume: &Path) -> PathBuf {
        match image.format {
            Format::Raw => subvolume.join(DISK),
            Format::Subvol => subvolume.to_owned(),
        }
    }

    fn existing(&self, volume: &VolumeId, snapshot: Option<&str>) -> Result<(Image, PathBuf)> {
        let image = self.layout.image(volume)?;
        if !is_subvolume(&self.subvolume(&image, None)) {
            return Err(Error::NoVolume(volume.to_string()));
        }
        let subvolume = self.subvolume(&image, snapshot);
        if let Some(snapshot) = snapshot {
            check_snapshot_name(snapshot)?;
            if !is_subvolume(&subvolume) {
                return Err(Error::NoSnapshot {
                    volume: volume.to_string(),
                    snapshot: snapshot.into(),
                });
            }
        }
        Ok((image, subvolume))
    }

    fn check_unused(what: &str, image: &Image, subvolume: &Path) -> Result<()> {
        match image.format {
            Format::Raw => image::check_unused(what, &Self::data(image, subvolume)),
            Format::Subvol => Ok(()),
        }
    }

    /// Checks that a volume may get another name, or be changed for good.
    fn check_alone(
        &self,
        what: &str,
        volume: &VolumeId,
        image: &Image,
        subvolume: &Path,
    ) -> Result<()> {
        if image.is_base() {
            return Err(Error::IsBase { what: what.into() });
        }
        Self::check_unused(what, image, subvolume)?;
        let snapshots = self.snapshots(volume)?;
        if snapshots.is_empty() {
            return Ok(());
        }
        Err(Error::HasSnapshots { what: what.into(), snapshots: snapshots.join(", ") })
    }

    /// A writable copy under a temporary name.
    fn branch(&self, from: &Path, owner: u32) -> Result<Temp> {
        self.layout.temp(owner, remove, |path| snapshot_to(from, path, false))
    }

    /// Makes a volume of `owner` from what is under a temporary name.
    fn publish(&self, temp: Result<Temp>, owner: u32, format: Format) -> Result<VolumeId> {
        let made = temp.and_then(|temp| {
            let image = self.layout.publish_from(temp.path(), owner, format, Self::entry)?;
            temp.keep();
            Ok(image)
        });
        if made.is_err() {
            self.layout.drop_owner_dir(owner);
        }
        made.map(|image| self.layout.id(&image))
    }

    fn make_empty(&self, path: &Path, format: Format) -> Result<()> {
        let what = format!("make the subvolume {}", show(path));
        let mut btrfs = Command::new("btrfs");
        program::run(&what, btrfs.args(["-q", "subvolume", "create", "--"]).arg(path))?;
        if format == Format::Subvol {
            return Ok(());
        }
        let disk = path.join(DISK);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(&disk).trying(|| format!("create {}", show(&disk)))?;
        if self.nocow {
            rustix::fs::ioctl_setflags(&file, IFlags::NOCOW)
                .trying(|| format!("turn off copy on write for {}", show(&disk)))?;
        }
        Ok(())
    }

    fn size_at(image: &Image, subvolume: &Path, has_quota: bool) -> Result<Size> {
        if image.format == Format::Subvol {
            return if has_quota { quota(subvolume) } else { Ok(Size { size: 0, used: None }) };
        }
        let path = Self::data(image, subvolume);
        let found = fs::metadata(&path).trying(|| format!("look at {}", show(&path)))?;
        Ok(Size { size: found.len(), used: Some(found.blocks() * 512) })
    }

    fn has_quota(&self) -> bool {
        let mut btrfs = Command::new("btrfs");
        btrfs.args(["qgroup", "show", "--raw", "--"]).arg(&self.layout.root);
        program::run("ask for quotas", &mut btrfs).is_ok()
    }

    fn check_quota(&self, what: String) -> Result<()> {
        if self.has_quota() {
            return Ok(());
        }
        let root = show(&self.layout.root);
        let why = format!("quotas are off: `btrfs quota enable {root}` turns them on");
        Err(Error::NotPossible { what, why })
    }
}

impl Storage for Btrfs {
    fn name(&self) -> &str {
        &self.layout.storage
    }

    fn kind(&self) -> &'static str {
        "btrfs"
    }

    fn activate(&self) -> Result<()> {
        self.layout.activate()?;
        let root = &self.layout.root;
        let found = rustix::fs::statfs(root).trying(|| format!("look at {}", show(root)))?;
        if found.f_type as u32 == BTRFS_SUPER_MAGIC {
            return Ok(());
        }
        Err(Error::NotPossible {
            what: format!("use the storage `{}`", self.name()),
            why: format!("{} is not on a btrfs file system; the type `dir` would do", show(root)),
        })
    }

    fn status(&self) -> Result<Status> {
        self.layout.status()
    }

    fn can(&self, feature: Feature, format: Format, source: Source) -> bool {
        match Row::find(self.kind(), format, feature).map(|row| row.from(source)) {
            Some(Support::Yes | Support::Reflink) => true,
            Some(Support::Quota) => self.has_quota(),
            Some(Support::No) | None => false,
        }
    }

    fn default_format(&self, size: u64) -> Format {
        if size == 0 { Format::Subvol } else { self.layout.default_format.unwrap_or(Format::Raw) }
    }

    fn path(&self, volume: &VolumeId, snapshot: Option<&str>) -> Result<PathBuf> {
        if let Some(snapshot) = snapshot {
            check_snapshot_name(snapshot)?;
        }
        match self.layout.parse(volume)? {
            Name::Image(image) => Ok(Self::data(&image, &self.subvolume(&image, snapshot))),
            Name::File(content, file) => match snapshot {
                None => Ok(self.layout.dir(content).join(file)),
                Some(snapshot) => {
                    Err(Error::NoSnapshot { volume: volume.to_string(), snapshot: snapshot.into() })
                }
            },
        }
    }

    fn locate(&self, volume: &VolumeId, snapshot: Option<&str>) -> Result<Where> {
        let (image, subvolume) = self.existing(volume, snapshot)?;
        let path = Self::data(&image, &subvolume);
        let fixed = snapshot.is_some() || image.is_base();
        Ok(match image.format {
            Format::Raw => Where::Image { path, fixed },
            Format::Subvol => Where::Tree { path, fixed },
        })
    }

    fn alloc(&self, request: &Alloc) -> Result<VolumeId> {
        let format = request.format.unwrap_or(self.default_format(request.size));
        if format == Format::Raw && request.size == 0 {
            return Err(Error::NotPossible {
                what: format!("make an image in the storage `{}`", self.name()),
                why: "it has the size 0".into(),
            });
        }
        let is_limited = format == Format::Subvol && request.size > 0;
        if is_limited {
            let size = format_size(request.size);
            self.check_quota(format!(
                "make a subvolume of {size} in the storage `{}`",
                self.name()
            ))?;
        }
        self.create_with(request.owner, format, &mut |path| match format {
            Format::Raw => image::make(path, request.size, request.root, self.layout.preallocation),
            Format::Subvol => {
                if is_limited {
                    limit(path, request.size)?;
                }
                tree::give(path, request.root)
            }
        })
    }

    fn create_with(&self, owner: u32, format: Format, fill: Fill<'_>) -> Result<VolumeId> {
        self.activate()?;
        let temp = self.layout.temp(owner, remove, |path| self.make_empty(path, format))?;
        let filled = match format {
            Format::Raw => fill(&temp.path().join(DISK)),
            Format::Subvol => fill(temp.path()),
        };
        self.publish(filled.map(|()| temp), owner, format)
    }

    fn free(&self, volume: &VolumeId) -> Result<()> {
        if let Name::File(content, file) = self.layout.parse(volume)? {
            return self.layout.free_file(volume, content, &file);
        }
        let (image, subvolume) = self.existing(volume, None)?;
        Self::check_unused(&format!("remove the volume {volume}"), &image, &subvolume)?;
        for snapshot in self.snapshots(volume)? {
            self.delete_snapshot(volume, &snapshot)?;
        }
        let temp = self.layout.temp_name(image.owner, remove)?;
        layout::rename_new(&subvolume, temp.path())?;
        temp.remove()?;
        self.clean(image.owner)
    }

    fn list(&self, owner: Option<u32>) -> Result<Vec<VolumeInfo>> {
        let has_quota = self.has_quota();
        let mut found = Vec::new();
        for (owner, names) in self.layout.owners(owner)? {
            for name in names {
                let file = if name.ends_with(".subvol") { name } else { format!("{name}.raw") };
                let Ok(Name::Image(image)) = Name::parse(&format!("{owner}/{file}")) else {
                    continue;
                };
                let volume = self.layout.id(&image);
                let Ok((image, subvolume)) = self.existing(&volume, None) else { continue };
                let Ok(size) = Self::size_at(&image, &subvolume, has_quota) else { continue };
                let base = image.is_base();
                found.push(VolumeInfo { volume, owner, format: image.format, size, base });
            }
        }
        Ok(found)
    }

    fn items(&self, content: Content) -> Result<Vec<Item>> {
        self.layout.items(content)
    }

    fn size(&self, volume: &VolumeId) -> Result<Size> {
        let (image, subvolume) = self.existing(volume, None)?;
        let has_quota = image.format == Format::Subvol && self.has_quota();
        Self::size_at(&image, &subvolume, has_quota)
    }

    fn resize(&self, volume: &VolumeId, size: u64) -> Result<u64> {
        let (image, subvolume) = self.existing(volume, None)?;
        if image.is_base() {
            return Err(Error::IsBase { what: format!("resize {volume}") });
        }
        if image.format == Format::Raw {
            return grow(volume, &Self::data(&image, &subvolume), size, self.layout.shared);
        }
        self.check_quota(format!("resize {volume}"))?;
        let now = quota(&subvolume)?.size;
        if size < now {
            return Err(Error::Shrink {
                volume: volume.to_string(),
                from: format_size(now),
                to: format_size(size),
            });
        }
        limit(&subvolume, size)?;
        Ok(size)
    }

    fn to_base(&self, volume: &VolumeId) -> Result<VolumeId> {
        let (image, subvolume) = self.existing(volume, None)?;
        self.check_alone(&format!("make {volume} a base"), volume, &image, &subvolume)?;
        let base = image.as_base();
        let to = self.subvolume(&base, None);
        let _lock = layout::lock(&self.layout.owner_dir(image.owner))?;
        layout::rename_new(&subvolume, &to)?;
        set_read_only(&to)?;
        layout::sync_dir(&self.layout.owner_dir(image.owner))?;
        Ok(self.layout.id(&base))
    }

    fn snapshot(&self, volume: &VolumeId, snapshot: &str, freeze: &dyn Freeze) -> Result<()> {
        check_snapshot_name(snapshot)?;
        let (image, subvolume) = self.existing(volume, None)?;
        if image.is_base() {
            return Err(Error::IsBase { what: format!("snapshot {volume}") });
        }
        let to = self.subvolume(&image, Some(snapshot));
        if to.symlink_metadata().is_ok() {
            return Err(Error::SnapshotExists {
                volume: volume.to_string(),
                snapshot: snapshot.into(),
            });
        }
        let temp = self.layout.temp_name(image.owner, remove)?;
        match image.format {
            // A snapshot of the subvolume is of one moment, also while it is written to.
            Format::Subvol => snapshot_to(&subvolume, temp.path(), true)?,
            Format::Raw => {
                if !freeze.is_for_mounted() {
                    Self::check_unused(&format!("snapshot {volume}"), &image, &subvolume)?;
                }
                freeze.frozen(volume, &mut || snapshot_to(&subvolume, temp.path(), false))?;
                image::clear_in_use(&temp.path().join(DISK))?;
                set_read_only(temp.path())?;
            }
        }
        layout::rename_new(temp.path(), &to)?;
        temp.keep();
        layout::sync_dir(&self.layout.owner_dir(image.owner))
    }

    fn snapshots(&self, volume: &VolumeId) -> Result<Vec<String>> {
        let image = self.layout.image(volume)?;
        let prefix = format!("{}@", Self::entry(&image));
        let names = layout::names(&self.layout.owner_dir(image.owner))?;
        Ok(names.iter().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect())
    }

    fn delete_snapshot(&self, volume: &VolumeId, snapshot: &str) -> Result<()> {
        let (image, subvolume) = self.existing(volume, Some(snapshot))?;
        let what = format!("remove the snapshot `{snapshot}` of {volume}");
        Self::check_unused(&what, &image, &subvolume)?;
        remove(&subvolume)
    }

    fn rollback_possible(&self, volume: &VolumeId, snapshot: &str) -> Result<()> {
        self.existing(volume, Some(snapshot))?;
        let (image, subvolume) = self.existing(volume, None)?;
        Self::check_unused(&format!("return {volume} to `{snapshot}`"), &image, &subvolume)
    }

    fn rollback(&self, volume: &VolumeId, snapshot: &str) -> Result<()> {
        self.rollback_possible(volume, snapshot)?;
        let (image, from) = self.existing(volume, Some(snapshot))?;
        let subvolume = self.subvolume(&image, None);
        let temp = self.branch(&from, image.owner)?;
        // The two change places in one step, so there is a volume at every moment; then the old state goes.
        rustix::fs::renameat_with(CWD, temp.path(), CWD, &subvolume, RenameFlags::EXCHANGE)
            .trying(|| format!("exchange {} and {}", show(temp.path()), show(&subvolume)))?;
        layout::sync_dir(&self.layout.owner_dir(image.owner))?;
        temp.remove()
    }

    fn clone_linked(
        &self,
        volume: &VolumeId,
        snapshot: Option<&str>,
        owner: u32,
    ) -> Result<VolumeId> {
        let (image, from) = self.existing(volume, snapshot)?;
        let source = source_of(&image, snapshot);
        self.check(Feature::Clone, volume, image.format, source)?;
        self.publish(self.branch(&from, owner), owner, image.format)
    }

    fn clone_full(
        &self,
        volume: &VolumeId,
        snapshot: Option<&str>,
        owner: u32,
    ) -> Result<Option<VolumeId>> {
        let (image, from) = self.existing(volume, snapshot)?;
        Self::check_unused(&format!("copy {volume}"), &image, &from)?;
        self.publish(self.branch(&from, owner), owner, image.format).map(Some)
    }

    fn rename(&self, volume: &VolumeId, owner: u32) -> Result<VolumeId> {
        let (image, subvolume) = self.existing(volume, None)?;
        let what = format!("give {volume} to container {owner}");
        self.check_alone(&what, volume, &image, &subvolume)?;
        self.layout.temp_name(owner, remove)?;
        let made = self.layout.publish_from(&subvolume, owner, image.format, Self::entry);
        if made.is_err() {
            self.layout.drop_owner_dir(owner);
        }
        let made = made?;
        self.layout.drop_owner_dir(image.owner);
        Ok(self.layout.id(&made))
    }

    fn clean(&self, owner: u32) -> Result<()> {
        self.layout.clean(owner, remove)
    }
}

fn is_subvolume(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir() && found.ino() == TOP)
}

fn snapshot_to(from: &Path, to: &Path, read_only: bool) -> Result<()> {
    let mut btrfs = Command::new("btrfs");
    btrfs.args(["-q", "subvolume", "snapshot"]);
    if read_only {
        btrfs.arg("-r");
    }
    let what = format!("make the snapshot {} of {}", show(to), show(from));
    program::run(&what, btrfs.arg("--").arg(from).arg(to)).map(drop)
}

fn set_read_only(path: &Path) -> Result<()> {
    let mut btrfs = Command::new("btrfs");
    btrfs.args(["property", "set", "-ts"]).arg(path).args(["ro", "true"]);
    program::run(&format!("make {} read-only", show(path)), &mut btrfs).map(drop)
}

/// Removes a subvolume with those in it, or whatever else `path` is.
fn remove(path: &Path) -> Result<()> {
    if !is_subvolume(path) {
        return tree::remove(path);
    }
    match delete(path) {
        // A guest may have made subvolumes of its own.
        Err(Error::Program { message, .. }) if message.contains("not empty") => {
            for inner in inner_subvolumes(path)? {
                delete(&inner)?;
            }
            delete(path)
        }
        other => other,
    }
}

fn delete(path: &Path) -> Result<()> {
    let mut btrfs = Command::new("btrfs");
    btrfs.args(["-q", "subvolume", "delete", "--"]).arg(path);
    program::run(&format!("remove the subvolume {}", show(path)), &mut btrfs).map(drop)
}

/// The subvolumes in `path`, the innermost first.
fn inner_subvolumes(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut todo = vec![path.to_owned()];
    while let Some(dir) = todo.pop() {
        let what = || format!("list {}", show(&dir));
        for entry in fs::read_dir(&dir).trying(what)? {
            let entry = entry.trying(what)?;
            // DirEntry's own kind and metadata do not follow links.
            if !entry.file_type().trying(what)?.is_dir() {
                continue;
            }
            if entry.metadata().trying(what)?.ino() == TOP {
                found.push(entry.path());
            }
            todo.push(entry.path());
        }
    }
    // Each was found before what is in it.
    found.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    Ok(found)
}

fn limit(path: &Path, size: u64) -> Result<()> {
    let mut btrfs = Command::new("btrfs");
    btrfs.args(["qgroup", "limit", &size.to_string()]).arg(path);
    program::run(&format!("limit {} to {}", show(path), format_size(size)), &mut btrfs).map(drop)
}

/// What a subvolume takes and may take.
fn quota(path: &Path) -> Result<Size> {
    let mut btrfs = Command::new("btrfs");
    // -f: of this subvolume; -r: with the limit of what it refers to.
    btrfs.args(["qgroup", "show", "--sync", "--raw", "-f", "-r", "--"]).arg(path);
    let what = format!("ask for the quota of {}", show(path));
    let table = program::run(&what, &mut btrfs)?;
    // Columns: qgroupid rfer excl max_rfer, after two lines of heading.
    let row = table.lines().find(|line| line.trim_start().starts_with("0/"));
    let columns: Vec<&str> = row.unwrap_or_default().split_whitespace().collect();
    let number = |n: usize| columns.get(n).and_then(|text| text.parse().ok());
    Ok(Size { size: number(3).unwrap_or(0), used: number(1) })
}
