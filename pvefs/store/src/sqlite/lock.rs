//! One process at a time: a locked file beside the database.

use super::error::io_error;
use crate::types::StoreError;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The lock on a store; let go of when dropped, or by the kernel when the process dies.
///
/// The file itself stays: removing it would let two processes lock two files of one name.
pub(super) struct StoreLock {
    _file: File,
}

/// `path` with `suffix` added to its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// How long to wait for a lock that another process holds, and how often to look.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);

impl StoreLock {
    pub fn take(database: &Path) -> Result<Self, StoreError> {
        let path = beside(database, ".lock");
        let failed = |error: &std::io::Error| io_error("lock", &path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| failed(&error))?;
        // The last thread of a holder that was killed may be ending still.
        let end = Instant::now() + PATIENCE;
        let locked = loop {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) if Instant::now() < end => thread::sleep(LOOK),
                locked => break locked,
            }
        };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // What the file says only serves the message.
                let _ = file.take(200).read_to_string(&mut holder);
                let holder = holder.lines().next().filter(|line| !line.is_empty());
                return Err(StoreError::Busy {
                    path: database.display().to_string(),
                    holder: holder.unwrap_or("another process").to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let program = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
        let program = program.file_name().unwrap_or_default().display().to_string();
        let holder = format!("process {} ({program})\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(|error| failed(&error))?;
        Ok(Self { _file: file })
    }
}
