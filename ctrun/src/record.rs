//! What a running container consists of, written below `/run` so that anybody can find it and take it apart.
//!
//! Whoever holds a lock on the directory owns the container: its supervisor while there is one. A record without such
//! an owner is left over from a supervisor that was killed.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use ct_sys::pidfd;
use rustix::fs::FlockOperation;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::ctid::Ctid;
use crate::idmap::IdMap;
use crate::settings::Settings;

/// A container's directory below `/run`, locked.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _lock: OwnedFd,
}

/// Everything that a start has made and a teardown has to undo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Which container.
    pub id: Ctid,
    /// Its configuration file.
    pub config: PathBuf,
    /// Its init, and the moment that started: together they never mean another process.
    pub init: Option<(i32, u64)>,
    /// Its users, if it has its own.
    pub idmap: Option<IdMap>,
    /// The groups to remove, the innermost first.
    pub cgroups: Vec<PathBuf>,
    /// The groups of version 1 that a process enters to be in the container.
    pub join: Vec<PathBuf>,
    /// The group of version 2 in which it is made.
    pub unified: Option<PathBuf>,
    /// Interfaces on the host, with their numbers once they are there.
    pub links: Vec<(String, Option<u32>)>,
    /// Capabilities that its processes may have.
    pub capabilities: u64,
    /// The signal that asks init to shut down, where the configuration names one.
    pub halt_signal: Option<i32>,
    /// The environment of its processes.
    pub environment: Vec<String>,
    /// Whether it has a `/dev/console`.
    pub console: bool,
    /// How many `/dev/ttyN` it has.
    pub ttys: u32,
}

/// Why the records could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing of that number runs.
    #[error("container {0} is not running")]
    NotRunning(Ctid),
    /// Somebody has it already.
    #[error("container {0} is running already")]
    Running(Ctid),
    /// Somebody is starting or stopping it.
    #[error("container {0} is being started or stopped")]
    Busy(Ctid),
    /// A file or directory could not be used.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl Error {
    fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Self + use<'a> {
        move |source| Self::Io { what, path: path.into(), source }
    }
}

impl RunDir {
    /// The directory of container `id`.
    pub fn path_of(settings: &Settings, id: Ctid) -> PathBuf {
        settings.run.join(id.to_string())
    }

    /// Makes the directory and locks it, for a start. A record that is there is what a supervisor that was killed left.
    pub fn create(settings: &Settings, id: Ctid) -> Result<(Self, Option<Record>), Error> {
        let path = Self::path_of(settings, id);
        let make = || fs::DirBuilder::new().mode(0o700).recursive(true).create(&path);
        make().map_err(Error::io("make", &path))?;
        match Self::lock(&path)? {
            Some(dir) => match Record::load(settings, id) {
                Err(Error::NotRunning(_)) => Ok((dir, None)),
                record => Ok((dir, Some(record?))),
            },
            None => Err(Error::Running(id)),
        }
    }

    /// Takes over a directory that has no owner any more. `None` if it has.
    pub fn take(settings: &Settings, id: Ctid) -> Result<Option<Self>, Error> {
        match Self::lock(&Self::path_of(settings, id)) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Err(Error::NotRunning(id))
            }
            other => other,
        }
    }

    fn lock(path: &Path) -> Result<Option<Self>, Error> {
        let lock = fs::File::open(path).map_err(Error::io("open", path))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(e) => return Err(Error::io("lock", path)(e.into())),
        }
        // The previous owner may have removed the directory between our opening and locking it.
        let same = lock
            .metadata()
            .and_then(|ours| fs::metadata(path).map(|there| there.ino() == ours.ino()))
            .map_err(Error::io("open", path))?;
        if !same {
            return Ok(None);
        }
        Ok(Some(Self { path: path.into(), _lock: lock.into() }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the record, whole or not at all.
    pub fn save(&self, record: &Record) -> Result<(), Error> {
        let path = self.path.join("record");
        let new = self.path.join("record.new");
        let text = serde_json::to_vec(record)
            .map_err(|e| Error::io("write", &path)(std::io::Error::other(e)))?;
        fs::write(&new, text).map_err(Error::io("write", &new))?;
        fs::rename(&new, &path).map_err(Error::io("rename", &new))
    }

    /// Keeps the seccomp filter, for programs that are executed in the container later.
    pub fn save_filter(&self, filter: &[u8]) -> Result<(), Error> {
        let path = self.path.join("seccomp");
        fs::write(&path, filter).map_err(Error::io("write", &path))
    }

    /// Removes the directory. The record goes last: while it is there, the container is not gone.
    pub fn remove(self) -> Result<(), Error> {
        for name in ["control", "poke", "seccomp", "record.new", "record"] {
            let path = self.path.join(name);
            match fs::remove_file(&path) {
                Err(e) if e.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("remove", &path)(e));
                }
                _ => {}
            }
        }
        fs::remove_dir(&self.path).map_err(Error::io("remove", &self.path))
    }
}

impl Record {
    /// Reads the record of container `id`.
    pub fn load(settings: &Settings, id: Ctid) -> Result<Self, Error> {
        let path = RunDir::path_of(settings, id).join("record");
        let text = match fs::read(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(Error::NotRunning(id)),
            other => other.map_err(Error::io("read", &path))?,
        };
        serde_json::from_slice(&text)
            .map_err(|e| Error::io("read", &path)(std::io::Error::other(e)))
    }

    /// All containers that have one, in order.
    pub fn list(settings: &Settings) -> Result<Vec<Ctid>, Error> {
        let entries = match fs::read_dir(&settings.run) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(Error::io("read", &settings.run))?,
        };
        let mut ids: Vec<Ctid> =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// The seccomp filter of its programs.
    pub fn filter(&self, settings: &Settings) -> Result<Vec<u8>, Error> {
        let path = RunDir::path_of(settings, self.id).join("seccomp");
        fs::read(&path).map_err(Error::io("read", &path))
    }

    /// Opens init, if it is still the process that was started. `None` if it is gone.
    pub fn open_init(&self) -> ct_sys::Result<Option<OwnedFd>> {
        let Some((pid, started)) = self.init else { return Ok(None) };
        let Some(number) = Pid::from_raw(pid) else { return Ok(None) };
        // Opened first: if the start is right afterwards, the descriptor means the right process.
        let fd = match pidfd::open(number) {
            Err(e) if e.errno() == Some(rustix::io::Errno::SRCH) => return Ok(None),
            other => other?,
        };
        Ok((pidfd::start_time(pid).ok() == Some(started)).then_some(fd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        use std::sync::atomic::{AtomicU32, Ordering};
        static N: AtomicU32 = AtomicU32::new(0);
        let n = N.fetch_add(1, Ordering::Relaxed);
        let run = std::env::temp_dir().join(format!("ctrun-record-{}-{n}", std::process::id()));
        Settings { run, ..Settings::default() }
    }

    #[test]
    fn one_owner_at_a_time() {
        let settings = settings();
        let id = "100".parse().unwrap();
        let (dir, _) = RunDir::create(&settings, id).unwrap();
        assert!(matches!(RunDir::create(&settings, id), Err(Error::Running(_))));
        assert!(RunDir::take(&settings, id).unwrap().is_none());
        dir.remove().unwrap();
        assert!(matches!(RunDir::take(&settings, id), Err(Error::NotRunning(_))));
        fs::remove_dir(&settings.run).unwrap();
    }

    #[test]
    fn keeps_what_it_is_told() {
        let settings = settings();
        let id = "100".parse().unwrap();
        let record = Record {
            id,
            config: "/x".into(),
            init: Some((std::process::id().cast_signed(), 1)),
            idmap: Some(IdMap::unprivileged()),
            cgroups: vec!["/a".into()],
            join: Vec::new(),
            unified: None,
            links: vec![("veth100i0".into(), None)],
            capabilities: 3,
            halt_signal: None,
            environment: Vec::new(),
            console: true,
            ttys: 2,
        };
        let (dir, _) = RunDir::create(&settings, id).unwrap();
        dir.save(&record).unwrap();
        drop(dir);
        let read = Record::load(&settings, id).unwrap();
        assert_eq!((read.links, read.idmap), (record.links, record.idmap));
        assert!(read.init.is_some());
        assert_eq!(Record::list(&settings).unwrap(), [id]);
        assert!(RunDir::create(&settings, id).unwrap().1.is_some(), "it is left over");
        let other = Record {
            init: Some((std::process::id().cast_signed(), 1)),
            ..Record::load(&settings, id).unwrap()
        };
        assert!(other.open_init().unwrap().is_none(), "a process of that number, but a later one");
        RunDir::take(&settings, id).unwrap().unwrap().remove().unwrap();
        fs::remove_dir(&settings.run).unwrap();
    }
}
