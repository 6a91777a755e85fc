//! The type `dir`: a directory of any file system.
//!
//! A snapshot of an image is a file beside it, `vm-100-disk-0.raw@NAME`, that shares its blocks; the reference has none of
//! this for raw images.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use pve_config::schema::format_size;

use crate::content::{Content, Item};
use crate::error::{Error, Result, Trying, show};
use crate::features::{Feature, Row, Source, Support};
use crate::freeze::Freeze;
use crate::layout::{self, Layout};
use crate::storage::{Alloc, Fill, Size, Status, Storage, VolumeInfo, Where};
use crate::volid::{Format, Image, Name, VolumeId, check_snapshot_name};
use crate::{image, tree};

/// A storage of this type.
#[derive(Clone, Debug)]
pub(crate) struct Dir {
    layout: Layout,
}

impl Dir {
    pub fn new(layout: Layout) -> Self {
        Self { layout }
    }

    /// The image of a volume that is there, and its path.
    fn existing(&self, volume: &VolumeId) -> Result<(Image, PathBuf)> {
        let image = self.layout.image(volume)?;
        let path = self.layout.image_path(&image);
        let is_there = match (path.symlink_metadata(), image.format) {
            (Ok(found), Format::Raw) => found.is_file(),
            (Ok(found), Format::Subvol) => found.is_dir(),
            (Err(e), _) if e.kind() == std::io::ErrorKind::NotFound => false,
            (Err(e), _) => return Err(e).trying(|| format!("look at {}", show(&path))),
        };
        if is_there { Ok((image, path)) } else { Err(Error::NoVolume(volume.to_string())) }
    }

    fn snapshot_path(path: &Path, snapshot: &str) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push("@");
        name.push(snapshot);
        name.into()
    }

    fn existing_snapshot(&self, volume: &VolumeId, snapshot: &str) -> Result<(Image, PathBuf)> {
        check_snapshot_name(snapshot)?;
        let (image, path) = self.existing(volume)?;
        let path = Self::snapshot_path(&path, snapshot);
        if path.is_file() {
            return Ok((image, path));
        }
        Err(Error::NoSnapshot { volume: volume.to_string(), snapshot: snapshot.into() })
    }

    /// Checks that a volume may get another name, or be changed for good.
    fn check_alone(&self, what: &str, volume: &VolumeId, image: &Image, path: &Path) -> Result<()> {
        if image.is_base() {
            return Err(Error::IsBase { what: what.into() });
        }
        image::check_unused(what, path)?;
        let snapshots = self.snapshots(volume)?;
        if snapshots.is_empty() {
            return Ok(());
        }
        Err(Error::HasSnapshots { what: what.into(), snapshots: snapshots.join(", ") })
    }

    fn size_at(path: &Path, format: Format) -> Result<Size> {
        if format == Format::Subvol {
            return Ok(Size { size: 0, used: None });
        }
        let found = fs::metadata(path).trying(|| format!("look at {}", show(path)))?;
        Ok(Size { size: found.len(), used: Some(found.blocks() * 512) })
    }

    /// A new volume with the blocks of `from`.
    fn reflink(&self, from: &Path, owner: u32) -> Result<VolumeId> {
        let temp = self.layout.temp(owner, tree::remove, |path| image::reflink(from, path))?;
        let made = self.layout.publish(temp, owner, Format::Raw);
        self.tidy(owner, made)
    }

    /// Leaves no empty directory behind when nothing came of it.
    fn tidy(&self, owner: u32, made: Result<Image>) -> Result<VolumeId> {
        if made.is_err() {
            self.layout.drop_owner_dir(owner);
        }
        made.map(|image| self.layout.id(&image))
    }

    fn make_empty(path: &Path, format: Format) -> Result<()> {
        match format {
            Format::Raw => {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true).mode(0o600);
                options.open(path).trying(|| format!("create {}", show(path))).map(drop)
            }
            Format::Subvol => {
                tree::make_private(path).trying(|| format!("make the directory {}", show(path)))
            }
        }
    }
}

impl Storage for Dir {
    fn name(&self) -> &str {
        &self.layout.storage
    }

    fn kind(&self) -> &'static str {
        "dir"
    }

    fn activate(&self) -> Result<()> {
        self.layout.activate()
    }

    fn status(&self) -> Result<Status> {
        self.layout.status()
    }

    fn can(&self, feature: Feature, format: Format, source: Source) -> bool {
        match Row::find(self.kind(), format, feature).map(|row| row.from(source)) {
            Some(Support::Yes) => true,
            Some(Support::Reflink) => {
                let images = self.layout.dir(Content::Images);
                image::can_reflink(if images.is_dir() { &images } else { &self.layout.root })
            }
            Some(Support::No | Support::Quota) | None => false,
        }
    }

    fn default_format(&self, size: u64) -> Format {
        // A directory has no size of its own here, whatever `format` says.
        if size == 0 { Format::Subvol } else { Format::Raw }
    }

    fn path(&self, volume: &VolumeId, snapshot: Option<&str>) -> Result<PathBuf> {
        match (self.layout.parse(volume)?, snapshot) {
            (Name::Image(image), None) => Ok(self.layout.image_path(&image)),
            (Name::Image(image), Some(snapshot)) => {
                check_snapshot_name(snapshot)?;
                Ok(Self::snapshot_path(&self.layout.image_path(&image), snapshot))
            }
            (Name::File(content, file), None) => Ok(self.layout.dir(content).join(file)),
            (Name::File(..), Some(snapshot)) => {
                Err(Error::NoSnapshot { volume: volume.to_string(), snapshot: snapshot.into() })
            }
        }
    }

    fn locate(&self, volume: &VolumeId, snapshot: Option<&str>) -> Result<Where> {
        let (image, path) = match snapshot {
            None => self.existing(volume)?,
            Some(snapshot) => self.existing_snapshot(volume, snapshot)?,
        };
        let fixed = snapshot.is_some() || image.is_base();
        Ok(match image.format {
            Format::Raw => Where::Image { path, fixed },
            Format::Subvol => Where::Tree { path, fixed },
        })
    }

    fn alloc(&self, request: &Alloc) -> Result<VolumeId> {
        let format = request.format.unwrap_or(self.default_format(request.size));
        if format == Format::Subvol && request.size > 0 {
            return Err(Error::NotPossible {
                what: format!(
                    "make a directory of {} in the storage `{}`",
                    format_size(request.size),
                    self.name()
                ),
                why: "a directory has no limit of its own; take the size 0, or the format raw"
                    .into(),
            });
        }
        if format == Format::Raw && request.size == 0 {
            return Err(Error::NotPossible {
                what: format!("make an image in the storage `{}`", self.name()),
                why: "it has the size 0".into(),
            });
        }
        self.create_with(request.owner, format, &mut |path| match format {
            Format::Raw => image::make(path, request.size, request.root, self.layout.preallocation),
            Format::Subvol => tree::give(path, request.root),
        })
    }

    fn create_with(&self, owner: u32, format: Format, fill: Fill<'_>) -> Result<VolumeId> {
        let temp = self.layout.temp(owner, tree::remove, |path| Self::make_empty(path, format))?;
        let made = fill(temp.path()).and_then(|()| self.layout.publish(temp, owner, format));
        self.tidy(owner, made)
    }

    fn free(&self, volume: &VolumeId) -> Result<()> {
        if let Name::File(content, file) = self.layout.parse(volume)? {
            return self.layout.free_file(volume, content, &file);
        }
        let (image, path) = self.existing(volume)?;
        let what = format!("remove the volume {volume}");
        image::check_unused(&what, &path)?;
        for snapshot in self.snapshots(volume)? {
            self.delete_snapshot(volume, &snapshot)?;
        }
        match image.format {
            Format::Raw => tree::remove(&path)?,
            // It is gone at once, even if removing what is in it takes long or is cut short.
            Format::Subvol => {
                let temp = self.layout.temp_name(image.owner, tree::remove)?;
                layout::rename_new(&path, temp.path())?;
                temp.remove()?;
            }
        }
        self.layout.clean(image.owner, tree::remove)
    }

    fn list(&self, owner: Option<u32>) -> Result<Vec<VolumeInfo>> {
        let mut found = Vec::new();
        for (owner, names) in self.layout.owners(owner)? {
            for name in names {
                let Ok(Name::Image(image)) = Name::parse(&format!("{owner}/{name}")) else {
                    continue;
                };
                let volume = self.layout.id(&image);
                let Ok((image, path)) = self.existing(&volume) else { continue };
                found.push(VolumeInfo {
                    volume,
                    owner,
                    format: image.format,
                    size: Self::size_at(&path, image.format)?,
                    base: image.is_base(),
                });
            }
        }
        Ok(found)
    }

    fn items(&self, content: Content) -> Result<Vec<Item>> {
        self.layout.items(content)
    }

    fn size(&self, volume: &VolumeId) -> Result<Size> {
        let (image, path) = self.existing(volume)?;
        Self::size_at(&path, image.format)
    }

    fn resize(&self, volume: &VolumeId, size: u64) -> Result<u64> {
        let (image, path) = self.existing(volume)?;
        if image.is_base() {
            return Err(Error::IsBase { what: format!("resize {volume}") });
        }
        self.check(Feature::Resize, volume, image.format, Source::Current)?;
        grow(volume, &path, size, self.layout.shared)
    }

    fn to_base(&self, volume: &VolumeId) -> Result<VolumeId> {
        let (image, path) = self.existing(volume)?;
        self.check_alone(&format!("make {volume} a base"), volume, &image, &path)?;
        let base = image.as_base();
        let _lock = layout::lock(&self.layout.owner_dir(image.owner))?;
        if image.format == Format::Raw {
            layout::chmod(&path, 0o400)?;
        }
        layout::rename_new(&path, &self.layout.image_path(&base))?;
        layout::sync_dir(&self.layout.owner_dir(image.owner))?;
        Ok(self.layout.id(&base))
    }

    fn snapshot(&self, volume: &VolumeId, snapshot: &str, freeze: &dyn Freeze) -> Result<()> {
        check_snapshot_name(snapshot)?;
        let (image, path) = self.existing(volume)?;
        if image.is_base() {
            return Err(Error::IsBase { what: format!("snapshot {volume}") });
        }
        self.check(Feature::Snapshot, volume, image.format, Source::Current)?;
        let to = Self::snapshot_path(&path, snapshot);
        let exists =
            || Error::SnapshotExists { volume: volume.to_string(), snapshot: snapshot.into() };
        if to.symlink_metadata().is_ok() {
            return Err(exists());
        }
        if !freeze.is_for_mounted() {
            image::check_unused(&format!("snapshot {volume}"), &path)?;
        }
        let temp = self.layout.temp_name(image.owner, tree::remove)?;
        freeze.frozen(volume, &mut || image::reflink(&path, temp.path()))?;
        image::clear_in_use(temp.path())?;
        let file = File::open(temp.path()).trying(|| format!("open {}", show(temp.path())))?;
        file.sync_all().trying(|| format!("sync {}", show(temp.path())))?;
        layout::chmod(temp.path(), 0o400)?;
        layout::rename_new(temp.path(), &to)?;
        temp.keep();
        layout::sync_dir(&self.layout.owner_dir(image.owner))
    }

    fn snapshots(&self, volume: &VolumeId) -> Result<Vec<String>> {
        let image = self.layout.image(volume)?;
        let prefix = format!("{}@", image.file);
        let names = layout::names(&self.layout.owner_dir(image.owner))?;
        Ok(names.iter().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect())
    }

    fn delete_snapshot(&self, volume: &VolumeId, snapshot: &str) -> Result<()> {
        let (_, path) = self.existing_snapshot(volume, snapshot)?;
        image::check_unused(&format!("remove the snapshot `{snapshot}` of {volume}"), &path)?;
        tree::remove(&path)
    }

    fn rollback_possible(&self, volume: &VolumeId, snapshot: &str) -> Result<()> {
        self.existing_snapshot(volume, snapshot)?;
        let (image, path) = self.existing(volume)?;
        self.check(Feature::Snapshot, volume, image.format, Source::Current)?;
        image::check_unused(&format!("return {volume} to `{snapshot}`"), &path)
    }

    fn rollback(&self, volume: &VolumeId, snapshot: &str) -> Result<()> {
        self.rollback_possible(volume, snapshot)?;
        let (image, from) = self.existing_snapshot(volume, snapshot)?;
        let path = self.layout.image_path(&image);
        let temp = self.layout.temp_name(image.owner, tree::remove)?;
        image::reflink(&from, temp.path())?;
        fs::rename(temp.path(), &path)
            .trying(|| format!("rename {} to {}", show(temp.path()), show(&path)))?;
        temp.keep();
        layout::sync_dir(&self.layout.owner_dir(image.owner))
    }

    fn clone_linked(
        &self,
        volume: &VolumeId,
        snapshot: Option<&str>,
        owner: u32,
    ) -> Result<VolumeId> {
        let place = self.locate(volume, snapshot)?;
        let image = self.layout.image(volume)?;
        let source = source_of(&image, snapshot);
        self.check(Feature::Clone, volume, image.format, source)?;
        self.reflink(place.path(), owner)
    }

    fn clone_full(&self, _: &VolumeId, _: Option<&str>, _: u32) -> Result<Option<VolumeId>> {
        // Copying an image shares its blocks by itself, where that is possible.
        Ok(None)
    }

    fn rename(&self, volume: &VolumeId, owner: u32) -> Result<VolumeId> {
        let (image, path) = self.existing(volume)?;
        let what = format!("give {volume} to container {owner}");
        self.check_alone(&what, volume, &image, &path)?;
        self.check(Feature::Rename, volume, image.format, Source::Current)?;
        self.layout.temp_name(owner, tree::remove)?;
        let made = self.layout.publish_from(&path, owner, image.format, |image| image.file.clone());
        let made = self.tidy(owner, made)?;
        self.layout.drop_owner_dir(image.owner);
        Ok(made)
    }

    fn clean(&self, owner: u32) -> Result<()> {
        self.layout.clean(owner, tree::remove)
    }
}

/// What a clone of `image` starts from.
pub(crate) fn source_of(image: &Image, snapshot: Option<&str>) -> Source {
    match snapshot {
        Some(_) => Source::Snapshot,
        None if image.is_base() => Source::Base,
        None => Source::Current,
    }
}

/// Makes the image of `volume` larger.
pub(crate) fn grow(volume: &VolumeId, path: &Path, size: u64, shared: bool) -> Result<u64> {
    let now = fs::metadata(path).trying(|| format!("look at {}", show(path)))?.len();
    if size < now {
        return Err(Error::Shrink {
            volume: volume.to_string(),
            from: format_size(now),
            to: format_size(size),
        });
    }
    image::grow(path, size, shared)?;
    Ok(size)
}
