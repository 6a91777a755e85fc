//! Control groups, of either version or both at once, by looking at what is mounted.
//!
//! A container gets a group of its own in *every* hierarchy: in one that were left out, the guest's init would find and use
//! the host's root group. Limits are set on the outer group `<base>/<id>`; processes live in the inner one,
//! `<base>/<id>/ns`, which is the root of what the guest sees, so that no limit is within its reach.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use crate::failure::{At, Failure, Step};
use crate::settings::Settings;
use crate::spec::Spec;

pub mod devices;
mod layout;
pub mod limits;
pub mod state;

pub use layout::{Hierarchy, Layout, Version};

/// The groups of one container.
#[derive(Debug)]
pub struct Groups {
    groups: Vec<Group>,
}

/// The group in one hierarchy.
#[derive(Debug)]
pub struct Group {
    hierarchy: Hierarchy,
    outer: PathBuf,
    /// Where the processes are: the outer group itself where nothing in it needs guarding.
    inner: PathBuf,
}

/// A group that cannot be made or set.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is mounted.
    #[error("no cgroup hierarchy is mounted on this host")]
    NoCgroups,
    /// A file or directory of a group.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The host has no such controller.
    #[error("this host has no cgroup controller for {0}")]
    NoController(String),
    /// A value that does not fit.
    #[error("{0}")]
    Value(String),
}

impl Groups {
    /// Makes them, with their limits. They may exist in part: what is left of an earlier run is replaced.
    pub fn make(
        &self,
        spec: &Spec,
        settings: &Settings,
        allow: &[devices::Allow],
    ) -> Result<(), Failure> {
        for group in &self.groups {
            group.make_outer(settings).at(Step::Cgroups)?;
        }
        limits::apply(self, &spec.limits)?;
        limits::apply_raw(self, &spec.lxc.cgroups)?;
        devices::apply(self, spec, allow)?;
        let owner = spec.root_ids();
        self.groups.iter().try_for_each(|g| g.make_inner(owner)).at(Step::Cgroups)
    }

    /// The groups that container `spec` has or would have.
    pub fn plan(layout: &Layout, settings: &Settings, spec: &Spec) -> Self {
        let groups = layout
            .hierarchies
            .iter()
            .map(|hierarchy| {
                let outer = hierarchy.mount.join(&settings.cgroup).join(spec.id.to_string());
                let inner =
                    if hierarchy.limits_something() { outer.join("ns") } else { outer.clone() };
                Group { hierarchy: hierarchy.clone(), outer, inner }
            })
            .collect();
        Self { groups }
    }

    /// Every directory, those inside before those around them.
    pub fn directories(&self) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = Vec::new();
        for group in &self.groups {
            if group.inner != group.outer {
                all.push(group.inner.clone());
            }
            all.push(group.outer.clone());
        }
        all
    }

    /// The directories of version 1 that a process of the container is in.
    pub fn inner_v1(&self) -> Vec<PathBuf> {
        let v1 = self.groups.iter().filter(|g| g.hierarchy.version == Version::V1);
        v1.map(|g| g.inner.clone()).collect()
    }

    /// The one of version 2, into which clone3 puts a process.
    pub fn inner_unified(&self) -> Option<PathBuf> {
        let group = self.groups.iter().find(|g| g.hierarchy.version == Version::V2)?;
        Some(group.inner.clone())
    }

    /// Opens the groups of version 1 for [`enter_v1`].
    pub fn open_v1(&self) -> Result<Vec<File>, Error> {
        open_v1(&self.inner_v1())
    }

    /// The outer group that the controller of `file` (`memory.max`) is in.
    fn outer_of(&self, controller: &str) -> Option<&Group> {
        self.groups.iter().find(|g| g.hierarchy.has(controller))
    }
}

/// Opens groups of version 1 for [`enter_v1`].
pub fn open_v1(directories: &[PathBuf]) -> Result<Vec<File>, Error> {
    let open = |directory: &PathBuf| {
        let path = directory.join("tasks");
        File::options().write(true).open(&path).map_err(io("open", &path))
    };
    directories.iter().map(open).collect()
}

/// Moves this process, which has one thread, into groups of version 1.
///
/// A thread that moves itself, by writing 0 to `tasks`, takes no lock; moving a process by writing its number to
/// `cgroup.procs` waits for an RCU grace period of the whole machine, milliseconds where it is busy.
pub fn enter_v1(tasks: &[File]) -> Result<(), Error> {
    tasks.iter().try_for_each(|mut file| {
        file.write_all(b"0").map_err(io("enter", Path::new("the cgroup by tasks")))
    })
}

impl Group {
    fn make_outer(&self, settings: &Settings) -> Result<(), Error> {
        let mut path = self.hierarchy.mount.clone();
        for part in Path::new(&settings.cgroup) {
            self.hierarchy.delegate(&path)?;
            path.push(part);
            self.make_one(&path, true)?;
        }
        self.hierarchy.delegate(&path)?;
        self.make_one(&self.outer, false)
    }

    fn make_inner(&self, owner: (u32, u32)) -> Result<(), Error> {
        if self.inner != self.outer {
            self.hierarchy.delegate(&self.outer)?;
            self.make_one(&self.inner, false)?;
        }
        if owner == (0, 0) {
            return Ok(());
        }
        // What a delegatee needs to make groups of its own and to move its processes (cgroups(7)), and no limit.
        let files: &[&str] = match self.hierarchy.version {
            Version::V1 => &["", "cgroup.procs", "tasks"],
            Version::V2 => &["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"],
        };
        for file in files {
            let path = self.inner.join(file);
            chown(&path, Some(owner.0), Some(owner.1)).map_err(io("chown", &path))?;
        }
        Ok(())
    }

    fn make_one(&self, path: &Path, shared: bool) -> Result<(), Error> {
        match fs::create_dir(path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                // An outer group of our number that is there already is empty, or the container would be running.
                return if shared {
                    Ok(())
                } else {
                    state::remove(path).and_then(|()| self.make_one_new(path))
                };
            }
            other => other.map_err(io("make", path))?,
        }
        self.hierarchy.init_cpuset(path)
    }

    fn make_one_new(&self, path: &Path) -> Result<(), Error> {
        fs::create_dir(path).map_err(io("make", path))?;
        self.hierarchy.init_cpuset(path)
    }
}

pub(crate) fn io<'a>(
    what: &'a str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> Error + use<'a> {
    move |source| Error::Io { what: what.to_owned(), path: path.into(), source }
}

pub(crate) fn write(path: &Path, value: &str) -> Result<(), Error> {
    fs::write(path, value).map_err(|source| Error::Io {
        what: format!("write {value:?} to"),
        path: path.into(),
        source,
    })
}

pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map(|t| t.trim_end().to_owned()).map_err(io("read", path))
}
