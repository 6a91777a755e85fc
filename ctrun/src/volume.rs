//! The root and the mount points, opened on the host as mounts that are attached nowhere yet.
//!
//! Volumes of storages will be resolved here as well: whatever they are, they become a [`Mount`].

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ct_sys::Call;
use ct_sys::mount::{Attr, Mount};
use rustix::fs::{FileType, Mode, OFlags};

use crate::failure::{At, Failure, Step};
use crate::idmap::IdMap;
use crate::spec::{Given, Spec, Volume, VolumeIds};

/// A volume, ready to be attached.
#[derive(Debug)]
pub struct Opened {
    /// The mount.
    pub mount: Mount,
    /// Whether its owners have to be mapped.
    map: Map,
}

#[derive(Debug, PartialEq)]
enum Map {
    Not,
    Container { recursive: bool },
    Own(IdMap),
}

/// A volume that cannot be used.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0} does not exist or cannot be opened: {1}")]
    Open(String, rustix::io::Errno),
    #[error("{0} is a device: mounting one is not supported by this runtime yet, use a directory")]
    Device(String),
    #[error(
        "the file system of {0} cannot map owners ({1}); \
         give its files to the container's users (chown) or use another file system"
    )]
    NoIdMap(String, ct_sys::Error),
    #[error("idmap: {0}")]
    IdMap(String),
    #[error(transparent)]
    Sys(#[from] ct_sys::Error),
}

/// Opens the root.
pub fn open_root(spec: &Spec) -> Result<Opened, Failure> {
    // Files that belong to the container's root already (shifted on disk, as the reference keeps them) need no map.
    let shifted = spec.root.value.source.metadata().ok().map(|m| (m.uid(), m.gid()));
    let mut opened = open(spec, &spec.root, false)?;
    if spec.unprivileged() && shifted == Some(spec.root_ids()) {
        opened.map = Map::Not;
    }
    Ok(opened)
}

/// Opens the volume of a mount point.
pub fn open(spec: &Spec, given: &Given<Volume>, recursive: bool) -> Result<Opened, Failure> {
    let ids = spec.idmap.as_ref().map(|map| &map.value);
    open_volume(&given.value, ids, recursive).at_option(Step::Volumes, &given.origin)
}

fn open_volume(volume: &Volume, ids: Option<&IdMap>, recursive: bool) -> Result<Opened, Error> {
    let unprivileged = ids.is_some();
    let name = volume.source.display().to_string();
    let source = open_source(&volume.source)?;
    let kind = rustix::fs::fstat(&source).call(|| format!("fstat({name})"))?;
    if FileType::from_raw_mode(kind.st_mode) == FileType::BlockDevice {
        return Err(Error::Device(name));
    }
    let mount = Mount::copy(source, recursive)?.named(&name);
    let mut attributes = Attr::empty();
    if volume.read_only {
        attributes |= Attr::MOUNT_ATTR_RDONLY;
    }
    if unprivileged {
        // An unprivileged container can make no device nodes; so it shall not find any either.
        attributes |= Attr::MOUNT_ATTR_NODEV;
    }
    for option in &volume.options {
        attributes |= match option.as_str() {
            "noatime" => Attr::MOUNT_ATTR_NOATIME,
            "nodev" => Attr::MOUNT_ATTR_NODEV,
            "noexec" => Attr::MOUNT_ATTR_NOEXEC,
            "nosuid" => Attr::MOUNT_ATTR_NOSUID,
            // discard and lazytime are options of file systems, not of mounts; a directory has none of its own.
            _ => Attr::empty(),
        };
    }
    if !attributes.is_empty() {
        mount.set(attributes, recursive)?;
    }
    let map = match &volume.idmap {
        VolumeIds::Container if unprivileged => Map::Container { recursive },
        VolumeIds::Container | VolumeIds::Passthrough => Map::Not,
        VolumeIds::Own(map) => {
            let container = ids.cloned().unwrap_or_else(IdMap::identity);
            Map::Own(container.onto_disk(map).map_err(Error::IdMap)?)
        }
    };
    Ok(Opened { mount, map })
}

/// Opens a directory or file of the host, of which no part is a link.
fn open_source(path: &Path) -> Result<OwnedFd, Error> {
    use rustix::fs::{ResolveFlags, openat2};
    openat2(
        rustix::fs::CWD,
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    )
    .map_err(|e| match e {
        rustix::io::Errno::LOOP => {
            Error::Open(format!("{} (a part of it is a link)", path.display()), e)
        }
        e => Error::Open(path.display().to_string(), e),
    })
}

impl Opened {
    /// Maps the owners, once the container's user namespace is there. A mount takes this only while it is not attached.
    pub fn map_owners(&self, name: &Given<Volume>, userns: impl AsFd) -> Result<(), Failure> {
        let no_idmap = |e| Error::NoIdMap(name.value.source.display().to_string(), e);
        match &self.map {
            Map::Not => Ok(()),
            Map::Container { recursive } => self.mount.idmap(userns, *recursive).map_err(no_idmap),
            Map::Own(map) => map
                .namespace()
                .map_err(Error::Sys)
                .and_then(|own| self.mount.idmap(own, false).map_err(no_idmap)),
        }
        .at_option(Step::IdMap, &name.origin)
    }
}
