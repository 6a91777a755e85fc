//! `/dev/console` and `/dev/ttyN`: terminals of the container's own devpts, whose masters the supervisor holds.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use ct_sys::mount::Mount;
use ct_sys::resolve::{self, Links};
use ct_sys::{Call, Error, Result, pty};
use rustix::fs::OFlags;

use crate::spec::Spec;

/// The file system's magic number (statfs(2)).
const DEVPTS: rustix::fs::FsWord = 0x1cd1;

/// The terminals of a container.
#[derive(Debug)]
pub struct Terminals {
    /// Where further ones come from.
    pub devpts: OwnedFd,
    /// The console's master first, if there is a console; then those of the ttys.
    pub masters: Vec<OwnedFd>,
}

impl Terminals {
    /// Where they are, inside, in the order of their masters.
    pub fn names(console: bool, ttys: u32) -> impl Iterator<Item = String> {
        let console = console.then(|| "dev/console".to_owned());
        console.into_iter().chain((1..=ttys).map(|n| format!("dev/tty{n}")))
    }

    /// Makes them and mounts them on the files that wait in `/dev`.
    pub fn make(root: &OwnedFd, console: bool, ttys: u32) -> Result<Self> {
        let open = |path: &str, flags| resolve::open(root, Path::new(path), flags, Links::Refuse);
        let devpts = open("dev/pts", OFlags::RDONLY | OFlags::DIRECTORY)?;
        // When a container is taken over, the guest may have put anything there. In a devpts, ptmx is what it should be.
        if rustix::fs::fstatfs(&devpts).call(|| "fstatfs(dev/pts)".into())?.f_type != DEVPTS {
            return Err(Error::new("dev/pts is no devpts", rustix::io::Errno::MEDIUMTYPE));
        }
        let mut masters = Vec::new();
        for name in Self::names(console, ttys) {
            let master = pty::open_master(&devpts)?;
            let peer = pty::open_peer(&master)?;
            Mount::copy(&peer, false)?.named(&name).attach(open(&name, OFlags::PATH)?)?;
            masters.push(master);
        }
        Ok(Self { devpts, masters })
    }

    /// The descriptors as they are sent.
    pub fn as_fds(&self) -> Vec<BorrowedFd<'_>> {
        std::iter::once(&self.devpts).chain(&self.masters).map(AsFd::as_fd).collect()
    }

    /// The same, received.
    pub fn from_fds(fds: Vec<OwnedFd>) -> Option<Self> {
        let mut fds = fds.into_iter();
        Some(Self { devpts: fds.next()?, masters: fds.collect() })
    }

    /// Makes the console, or nothing where there is none, what this process reads from and writes to.
    pub fn become_stdio(root: &OwnedFd, spec: &Spec) -> Result<()> {
        // By its name and not by the descriptor, so that the guest sees its standard input called /dev/console.
        let name = if spec.console { "dev/console" } else { "dev/null" };
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let terminal = resolve::open(root, Path::new(name), flags, Links::Refuse)?;
        rustix::stdio::dup2_stdin(&terminal).call(|| "dup2(stdin)".into())?;
        rustix::stdio::dup2_stdout(&terminal).call(|| "dup2(stdout)".into())?;
        rustix::stdio::dup2_stderr(&terminal).call(|| "dup2(stderr)".into())
    }
}
