//! Archives of root directories: templates and backups.
//!
//! GNU tar does the work, inside the container's id map: Rust's `tar` loses devices, ACLs and sparse files. It refuses `..`,
//! strips a leading `/`, and makes symbolic links that lead out only at the end, so nothing is written through them. What it
//! reads comes through us, counted, so an archive that unpacks to more than it may is stopped.

mod compression;
mod pump;

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ct_sys::resolve::{self, Links};
use rustix::fs::OFlags;

use crate::error::says_full;
use crate::tree::through;
use crate::userns::UserNs;

pub use compression::Compression;

/// An archive that cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened or read.
    #[error("cannot read the archive {path}: {source}")]
    Read {
        /// The archive.
        path: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// Something else.
    #[error("{0} is no archive: expected a tar, plain or packed by gzip, xz, zstd, bzip2 or lzop")]
    NoArchive(String),
    /// The end is missing.
    #[error("the archive {path} is truncated: {message}")]
    Truncated {
        /// The archive.
        path: String,
        /// What was said about it.
        message: String,
    },
    /// It is not what was packed.
    #[error("the archive {path} is damaged: {message}")]
    Damaged {
        /// The archive.
        path: String,
        /// What was said about it.
        message: String,
    },
    /// It unpacks to more than it may.
    #[error(
        "the archive {path} unpacks to more than {limit} bytes, which is all that there is room for"
    )]
    TooLarge {
        /// The archive.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The volume is full.
    #[error("no room for what is in the archive {path}: {message}")]
    Full {
        /// The archive.
        path: String,
        /// What tar said.
        message: String,
    },
    /// A file could not be made.
    #[error("cannot unpack the archive {path}: tar: {message}")]
    Tar {
        /// The archive.
        path: String,
        /// What tar said.
        message: String,
    },
    /// A program cannot be run.
    #[error("cannot unpack the archive {path}: {program}: {source}")]
    Program {
        /// The archive.
        path: String,
        /// The program.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not the root of a system.
    #[error("there is no {init} in {path}: this is not the root of a system that can be started")]
    NoInit {
        /// The first program.
        init: String,
        /// What was unpacked.
        path: String,
    },
}

/// An archive, opened and recognised.
#[derive(Debug)]
pub struct Archive {
    file: File,
    path: String,
    size: u64,
    compression: Compression,
}

/// How far unpacking is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What was read of the archive.
    pub read: u64,
    /// How large the archive is.
    pub size: u64,
    /// What that unpacks to.
    pub unpacked: u64,
}

/// How an archive is unpacked.
pub struct Unpack<'a> {
    /// The namespace of an unprivileged container.
    pub userns: Option<&'a UserNs>,
    /// The most bytes that it may unpack to.
    pub limit: Option<u64>,
    /// Go on when a file cannot be made, as the reference's `--ignore-unpack-errors`.
    pub ignore_errors: bool,
    /// Is told how far it is, every now and then.
    pub progress: &'a mut dyn FnMut(Progress),
}

impl Archive {
    /// Opens an archive and looks at what it is; its name does not matter.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let read = |source| Error::Read { path: shown.clone(), source };
        let file = File::open(path).map_err(read)?;
        let found = file.metadata().map_err(read)?;
        if !found.is_file() {
            return Err(Error::NoArchive(shown));
        }
        let mut head = [0; 512];
        let n = read_head(&file, &mut head).map_err(read)?;
        let compression =
            Compression::detect(&head[..n]).ok_or_else(|| Error::NoArchive(shown.clone()))?;
        let archive = Self { file, path: shown, size: found.len(), compression };
        archive.check_end()?;
        Ok(archive)
    }

    /// How it is packed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A plain tar ends in two blocks of zeros. tar itself does not mind when they are missing, and an archive that was cut
    /// between two files would pass for whole. Packed ones are checked by what unpacks them.
    fn check_end(&self) -> Result<(), Error> {
        if self.compression != Compression::None {
            return Ok(());
        }
        let mut end = [1; 1024];
        let is_whole = self.size.is_multiple_of(512)
            && self.size >= 1024
            && self.file.read_exact_at(&mut end, self.size - 1024).is_ok()
            && end == [0; 1024];
        if is_whole {
            return Ok(());
        }
        let message = "the mark at its end is missing".into();
        Err(Error::Truncated { path: self.path.clone(), message })
    }

    /// Unpacks it into the directory `root`. What could not be made is in the answer if errors are ignored.
    ///
    /// The caller removes what is there after a failure.
    pub fn unpack(&self, root: &File, options: &mut Unpack<'_>) -> Result<Vec<String>, Error> {
        let mut tar = self.tar(options.userns);
        tar.args(EXTRACT).current_dir(through(root));
        let tar = self.start("tar", tar, Stdio::piped(), Stdio::null())?;
        let ended = pump::run(self, tar, options, true)?;
        match self.judge(&ended) {
            Err(Error::Tar { message, .. }) if options.ignore_errors => {
                Ok(message.split("; ").map(str::to_owned).collect())
            }
            other => other.map(|()| Vec::new()),
        }
    }

    /// Reads one file of the archive, of at most `limit` bytes: the configuration in a backup. `None` if it is not in it.
    pub fn member(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        let mut tar = self.tar(None);
        tar.args(["--extract", "--to-stdout", "--occurrence=1", "--file=-", "--"]).arg(name);
        let mut tar = self.start("tar", tar, Stdio::piped(), Stdio::piped())?;
        let reader = tar.stdout.take().map(|out| {
            std::thread::spawn(move || {
                let mut found = Vec::new();
                let _ = out.take(limit as u64 + 1).read_to_end(&mut found);
                found
            })
        });
        let mut options =
            Unpack { userns: None, limit: None, ignore_errors: false, progress: &mut |_| {} };
        let ended = pump::run(self, tar, &mut options, false)?;
        let found = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
        if found.len() > limit {
            return Err(Error::TooLarge { path: self.path.clone(), limit: limit as u64 });
        }
        if ended.tar_said.contains("Not found in archive") {
            return Ok(None);
        }
        self.judge(&ended).map(|()| Some(found))
    }

    fn tar(&self, userns: Option<&UserNs>) -> Command {
        let mut tar = userns.map_or_else(|| Command::new("tar"), |userns| userns.command("tar"));
        // Names in archives are UTF-8; messages are matched.
        tar.env("LC_ALL", "C.UTF-8").env_remove("TAR_OPTIONS").env_remove("TAPE");
        tar
    }

    fn start(
        &self,
        program: &str,
        mut command: Command,
        input: Stdio,
        output: Stdio,
    ) -> Result<Child, Error> {
        command.stdin(input).stdout(output).stderr(Stdio::piped());
        command.spawn().map_err(|source| self.program(program, source))
    }

    fn program(&self, program: &str, source: std::io::Error) -> Error {
        Error::Program { path: self.path.clone(), program: program.into(), source }
    }

    /// What the ends of the programs mean.
    fn judge(&self, ended: &pump::Ended) -> Result<(), Error> {
        let path = self.path.clone();
        let (message, all) = (ended.message(), ended.said());
        if let Some(limit) = ended.over {
            return Err(Error::TooLarge { path, limit });
        }
        let said = |words: &[&str]| words.iter().any(|word| all.contains(word));
        if ended.tar_failed && says_full(&all) {
            return Err(Error::Full { path, message });
        }
        if ended.unpacker_failed {
            let cut = [
                "unexpected end",
                "premature end",
                "Unexpected end",
                "ends unexpectedly",
                "truncated",
            ];
            return Err(if said(&cut) {
                Error::Truncated { path, message }
            } else {
                Error::Damaged { path, message }
            });
        }
        if !ended.tar_failed {
            return Ok(());
        }
        Err(if said(&["does not look like a tar archive"]) {
            Error::NoArchive(path)
        } else if said(&["Unexpected EOF"]) {
            Error::Truncated { path, message }
        } else {
            Error::Tar { path, message }
        })
    }
}

/// The reference's options (pct.md 8): ids as they are in the archive, everything that a file can have, no devices in /dev,
/// which every container gets made at its start.
const EXTRACT: [&str; 14] = [
    "--extract",
    "--file=-",
    "--preserve-permissions",
    "--same-owner",
    "--numeric-owner",
    "--sparse",
    "--acls",
    "--xattrs",
    "--xattrs-include=user.*",
    "--xattrs-include=security.capability",
    "--skip-old-files",
    "--anchored",
    // Both ways in which archives name their files.
    "--exclude=./dev/*",
    "--exclude=dev/*",
];

fn read_head(file: &File, head: &mut [u8]) -> std::io::Result<usize> {
    let mut n = 0;
    while n < head.len() {
        match file.read_at(&mut head[n..], n as u64)? {
            0 => break,
            more => n += more,
        }
    }
    Ok(n)
}

/// Checks that there is a first program in `root`, as the container will see it.
pub fn check_init(root: &File, init: &Path, shown: &Path) -> Result<(), Error> {
    match resolve::open(root, init, OFlags::PATH, Links::Follow) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::NoInit {
            init: init.display().to_string(),
            path: shown.display().to_string(),
        }),
    }
}
