//! The directories of a storage that keeps files, and how a volume appears in them.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustix::fs::{CWD, FlockOperation, RenameFlags, StatxAttributes, StatxFlags};

use crate::content::{Content, Item};
use crate::error::{Error, Result, Trying, show};
use crate::storage::Status;
use crate::temp::{self, Remove, Temp};
use crate::tree;
use crate::volid::{Format, Image, Name, VolumeId, disk_number, is_number};

/// How space for images is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preallocation {
    Off,
    Allocate,
    Write,
}

/// Where things are in a `dir` or `btrfs`.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub storage: String,
    pub root: PathBuf,
    pub content_dirs: Vec<(Content, PathBuf)>,
    pub create_root: bool,
    pub create_dirs: bool,
    pub mountpoint: Option<PathBuf>,
    pub preallocation: Preallocation,
    pub default_format: Option<Format>,
    pub node: String,
    pub shared: bool,
}

/// The most disks that one guest has in a storage (storage.md A2).
const NUMBERS: u32 = 1024;

impl Layout {
    pub fn dir(&self, content: Content) -> PathBuf {
        // `rootdir` lies with `images`, also if that was moved.
        let wanted = if content == Content::RootDir { Content::Images } else { content };
        let moved = self.content_dirs.iter().find(|(known, _)| *known == wanted);
        self.root.join(moved.map_or(content.default_dir(), |(_, dir)| dir.as_path()))
    }

    pub fn owner_dir(&self, owner: u32) -> PathBuf {
        self.dir(Content::Images).join(owner.to_string())
    }

    pub fn image_path(&self, image: &Image) -> PathBuf {
        self.owner_dir(image.owner).join(&image.file)
    }

    pub fn id(&self, image: &Image) -> VolumeId {
        VolumeId::new(&self.storage, image.to_string())
    }

    /// The name of one of our volumes.
    pub fn parse(&self, volume: &VolumeId) -> Result<Name> {
        debug_assert_eq!(volume.storage(), self.storage, "{volume} is of another storage");
        Ok(Name::parse(volume.name())?)
    }

    /// The name of a disk.
    pub fn image(&self, volume: &VolumeId) -> Result<Image> {
        match self.parse(volume)? {
            Name::Image(image) => Ok(image),
            Name::File(..) => Err(Error::NotPossible {
                what: format!("use {volume} as a volume"),
                why: "it is a file of the storage, not a container's disk".into(),
            }),
        }
    }

    /// Checks that the storage is there.
    pub fn activate(&self) -> Result<()> {
        if let Some(path) = &self.mountpoint
            && !is_mount_point(path)
        {
            return Err(Error::NotMounted { storage: self.storage.clone(), path: path.clone() });
        }
        if self.create_root {
            let what = || {
                format!("make the directory {} of the storage `{}`", show(&self.root), self.storage)
            };
            fs::create_dir_all(&self.root).trying(what)?;
        }
        let what = || {
            format!("use the storage `{}`: open the directory {}", self.storage, show(&self.root))
        };
        let found = fs::metadata(&self.root).trying(what)?;
        if !found.is_dir() {
            return Err(rustix::io::Errno::NOTDIR).trying(what);
        }
        Ok(())
    }

    pub fn status(&self) -> Result<Status> {
        let found = rustix::fs::statvfs(&self.root)
            .trying(|| format!("ask for the room in {}", show(&self.root)))?;
        Ok(Status {
            total: found.f_blocks * found.f_frsize,
            used: (found.f_blocks - found.f_bfree) * found.f_frsize,
            available: found.f_bavail * found.f_frsize,
        })
    }

    /// What `make` makes, under a temporary name next to where the disks of `owner` are.
    pub fn temp(
        &self,
        owner: u32,
        remove: Remove,
        make: impl Fn(&Path) -> Result<()>,
    ) -> Result<Temp> {
        let mut attempts = 0..5;
        loop {
            let temp = self.temp_name(owner, remove)?;
            match make(temp.path()) {
                Ok(()) => return Ok(temp),
                // Another, who had removed the last disk in the directory, removed that too.
                Err(_) if !self.owner_dir(owner).is_dir() && attempts.next().is_some() => {}
                Err(error) => {
                    drop(temp);
                    self.drop_owner_dir(owner);
                    return Err(error);
                }
            }
        }
    }

    /// A temporary name for something of `owner`. What the dead left there is removed first.
    pub fn temp_name(&self, owner: u32, remove: Remove) -> Result<Temp> {
        self.activate()?;
        let dir = self.owner_dir(owner);
        if self.create_dirs {
            let images = self.dir(Content::Images);
            fs::create_dir_all(&images)
                .trying(|| format!("make the directory {}", show(&images)))?;
        }
        // Set-user-id files of a privileged container lie here in the open: nobody but root gets near them.
        match tree::make_private(&dir) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => {
                return Err(e).trying(|| format!("make the directory {}", show(&dir)));
            }
            _ => {}
        }
        temp::sweep(&dir, &self.node, remove)?;
        Temp::new(&dir, &self.node, remove)
    }

    /// Gives something whole the next free name of a disk.
    pub fn publish(&self, temp: Temp, owner: u32, format: Format) -> Result<Image> {
        self.publish_from(temp.path(), owner, format, |image| image.file.clone())
            .inspect(|_| temp.keep())
    }

    /// The same for a `path` that has a name already. `entry` says what the file or directory of an image is called.
    pub fn publish_from(
        &self,
        path: &Path,
        owner: u32,
        format: Format,
        entry: impl Fn(&Image) -> String,
    ) -> Result<Image> {
        let dir = self.owner_dir(owner);
        let _lock = lock(&dir)?;
        let image = Image::disk(owner, self.free_number(owner)?, format);
        rename_new(path, &dir.join(entry(&image)))?;
        sync_dir(&dir)?;
        Ok(image)
    }

    /// The lowest number that no disk of `owner` has, in whatever format.
    pub fn free_number(&self, owner: u32) -> Result<u32> {
        let taken: Vec<u32> = names(&self.owner_dir(owner))?
            .iter()
            .filter_map(|name| disk_number(name, owner))
            .collect();
        (0..NUMBERS)
            .find(|n| !taken.contains(n))
            .ok_or_else(|| Error::NoNumber { storage: self.storage.clone(), owner })
    }

    /// The owners that have a directory here, and the names in it.
    pub fn owners(&self, only: Option<u32>) -> Result<Vec<(u32, Vec<String>)>> {
        let owners = match only {
            Some(owner) => vec![owner],
            None => names(&self.dir(Content::Images))?
                .iter()
                .filter(|name| is_number(name))
                .filter_map(|name| name.parse().ok())
                .collect(),
        };
        let mut found = owners
            .into_iter()
            .map(|owner| Ok((owner, names(&self.owner_dir(owner))?)))
            .collect::<Result<Vec<_>>>()?;
        found.sort();
        Ok(found)
    }

    /// Removes what the dead left of `owner`, and its directory if nothing else is in it.
    pub fn clean(&self, owner: u32, remove: Remove) -> Result<()> {
        let dir = self.owner_dir(owner);
        temp::sweep(&dir, &self.node, remove)?;
        self.drop_owner_dir(owner);
        Ok(())
    }

    /// Removes the directory of `owner` if it is empty.
    pub fn drop_owner_dir(&self, owner: u32) {
        // It fails if anything is in it, which is what is wanted.
        let _ = fs::remove_dir(self.owner_dir(owner));
    }

    pub fn items(&self, content: Content) -> Result<Vec<Item>> {
        let Some(prefix) = content.prefix() else { return Ok(Vec::new()) };
        let dir = self.dir(content);
        let mut items = Vec::new();
        for name in names(&dir)? {
            let path = dir.join(&name);
            // One that was removed meanwhile is not there.
            let Ok(found) = fs::metadata(&path) else { continue };
            if !found.is_file() || !content.accepts(&name) {
                continue;
            }
            let modified =
                found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            items.push(Item {
                owner: Name::File(content, name.clone()).owner(),
                volume: VolumeId::new(&self.storage, format!("{prefix}/{name}")),
                content,
                size: found.len(),
                modified: modified.map_or(0, |time| time.as_secs().cast_signed()),
            });
        }
        items.sort();
        Ok(items)
    }

    /// Removes a template, backup or the like.
    pub fn free_file(&self, volume: &VolumeId, content: Content, file: &str) -> Result<()> {
        let path = self.dir(content).join(file);
        match fs::remove_file(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Err(Error::NoVolume(volume.to_string())),
            other => other.trying(|| format!("remove {}", show(&path))),
        }
    }
}

/// The names in a directory, sorted, without temporary ones; none if it is missing.
pub(crate) fn names(dir: &Path) -> Result<Vec<String>> {
    let what = || format!("list {}", show(dir));
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.trying(what)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.trying(what)?.file_name().into_string()
            && !temp::is_temporary(&name)
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Locks a directory against others that look for a free name in it.
pub(crate) fn lock(dir: &Path) -> Result<File> {
    let what = || format!("lock {}", show(dir));
    let file = File::open(dir).trying(what)?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive).trying(what)?;
    Ok(file)
}

/// Renames onto a name that nobody has.
pub(crate) fn rename_new(from: &Path, to: &Path) -> Result<()> {
    let what = || format!("rename {} to {}", show(from), show(to));
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // NFS and some others know no flags (renameat2(2)); those who look for names hold the lock.
        Err(rustix::io::Errno::INVAL) if to.symlink_metadata().is_err() => {
            fs::rename(from, to).trying(what)
        }
        other => other.trying(what),
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    let what = || format!("sync {}", show(dir));
    File::open(dir).trying(what)?.sync_all().trying(what)
}

/// Sets the mode of a file.
pub(crate) fn chmod(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .trying(|| format!("chmod {mode:o} {}", show(path)))
}

fn is_mount_point(path: &Path) -> bool {
    let flags = rustix::fs::AtFlags::empty();
    match rustix::fs::statx(CWD, path, flags, StatxFlags::BASIC_STATS) {
        Ok(found) if found.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) => {
            found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
        }
        // Before Linux 5.8: another device than the directory above.
        Ok(_) => match (fs::metadata(path), path.parent().map(fs::metadata)) {
            (Ok(here), Some(Ok(above))) => here.dev() != above.dev(),
            (here, _) => here.is_ok(),
        },
        Err(_) => false,
    }
}
