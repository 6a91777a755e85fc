//! `/dev/console` and `/dev/ttyN`: terminals of the container's own devpts, whose masters the supervisor holds.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use ct_sys::mount::Mount;
use ct_sys::resolve::{self, Links};
use ct_sys::{Call, Result, pty};
use rustix::fs::OFlags;

use crate::spec::Spec;

/// The terminals of a container.
#[derive(Debug)]
pub struct Terminals {
    /// Where further ones come from.
    pub devpts: OwnedFd,
    /// The console's master first, if there is a console; then those of the ttys.
    pub masters: Vec<OwnedFd>,
}

impl Terminals {
    /// Makes them and mounts them on the files that wait in `/dev`.
    pub fn make(root: &OwnedFd, spec: &Spec) -> Result<Self> {
        let open = |path: &str, flags| resolve::open(root, Path::new(path), flags, Links::Refuse);
        let devpts = open("dev/pts", OFlags::RDONLY | OFlags::DIRECTORY)?;
        let names = spec
            .console
            .then(|| "dev/console".to_owned())
            .into_iter()
            .chain((1..=spec.ttys.value).map(|n| format!("dev/tty{n}")));
        let mut masters = Vec::new();
        for name in names {
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
