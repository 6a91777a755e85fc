//! User namespaces for programs that work on a container's files with its own ids.
//!
//! Made with unshare(1) and entered with nsenter(1): making one oneself takes a process with a single thread, which a caller
//! of this crate need not be. unshare's own `--map-users` asks newuidmap, which wants entries in /etc/subuid, so the maps are
//! written directly.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};

/// A user namespace that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody would be root in it.
    #[error("cannot make a user namespace: no range maps {0} 0")]
    NoRoot(&'static str),
    /// A program or file was refused.
    #[error("cannot make a user namespace: {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// unshare(1) failed.
    #[error("cannot make a user namespace: unshare: {0}")]
    Unshare(String),
}

/// A range of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First id inside.
    pub inside: u32,
    /// First id on the host.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// Which users and groups inside are which on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdMap {
    /// Users.
    pub users: Vec<Range>,
    /// Groups.
    pub groups: Vec<Range>,
}

/// A user namespace, kept by a descriptor.
#[derive(Debug)]
pub struct UserNs(OwnedFd);

impl IdMap {
    /// The reference's map of unprivileged containers: 65536 ids from 100000.
    pub fn unprivileged() -> Self {
        let range = Range { inside: 0, outside: 100_000, count: 65536 };
        Self { users: vec![range], groups: vec![range] }
    }
}

impl UserNs {
    /// Makes a namespace with this map.
    pub fn new(map: &IdMap) -> Result<Self, Error> {
        for (ranges, what) in [(&map.users, "user"), (&map.groups, "group")] {
            if !ranges.iter().any(|range| range.inside == 0 && range.count > 0) {
                return Err(Error::NoRoot(what));
            }
        }
        // It lives until its input ends, so also if we are killed.
        let mut child = Command::new("unshare")
            .args(["--user", "--", "sh", "-c", "echo made; read -r _"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Io { what: "start unshare".into(), source })?;
        let pid = child.id();
        let made = match child.stdout.take() {
            Some(mut out) => out.read(&mut [0; 8]).is_ok_and(|n| n > 0),
            None => false,
        };
        let namespace = if made { Some(Self::map(pid, map)) } else { None };
        drop(child.stdin.take());
        let output = child
            .wait_with_output()
            .map_err(|source| Error::Io { what: "wait for unshare".into(), source })?;
        namespace.unwrap_or_else(|| {
            Err(Error::Unshare(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
        })
    }

    /// One that somebody else made.
    pub fn from_fd(namespace: OwnedFd) -> Self {
        Self(namespace)
    }

    fn map(pid: u32, map: &IdMap) -> Result<Self, Error> {
        for (file, ranges) in [("uid_map", &map.users), ("gid_map", &map.groups)] {
            let text: String = ranges
                .iter()
                .map(|range| format!("{} {} {}\n", range.inside, range.outside, range.count))
                .collect();
            // One write: the kernel takes a map once and whole (user_namespaces(7)).
            let path = format!("/proc/{pid}/{file}");
            fs::write(&path, &text).map_err(|source| Error::Io {
                what: format!("write {:?} to {path}", text.trim_end()),
                source,
            })?;
        }
        let path = format!("/proc/{pid}/ns/user");
        let file = File::open(&path)
            .map_err(|source| Error::Io { what: format!("open {path}"), source })?;
        Ok(Self(file.into()))
    }

    /// `program`, as root of this namespace.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let path = format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd());
        command.args([&format!("--user={path}"), "--setuid=0", "--setgid=0", "--", program]);
        command
    }
}

impl AsFd for UserNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
