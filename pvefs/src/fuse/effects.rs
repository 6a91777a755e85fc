//! What follows from changes: telling the kernel, waking watchers, poking containers, ending grace periods.
//!
//! All of it happens on threads of its own. Telling the kernel of names and pages waits for locks that a request may
//! hold while its handler runs.

use crate::fs::{Effect, Fs};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use fuser::{INodeNo, Notifier};
use pvefs_store::TreePath;
use rustix::fs::{Mode, OFlags, openat};
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Without anything to wait for, how long to sleep.
const IDLE: Duration = Duration::from_secs(3600);

/// Where containers listen: `{id}` stands for the container's number.
#[derive(Clone, Debug)]
pub struct PokeAt(pub String);

impl PokeAt {
    fn socket(&self, id: u32) -> PathBuf {
        PathBuf::from(self.0.replace("{id}", &id.to_string()))
    }
}

/// Starts the threads. They end when `effects` has no sender any more.
///
/// # Errors
/// When a thread cannot be started.
pub fn start(
    fs: Arc<Fs>,
    effects: Receiver<Effect>,
    notifier: Arc<OnceLock<Notifier>>,
    root: OwnedFd,
    poke_at: PokeAt,
) -> io::Result<()> {
    let (nudge, nudges) = unbounded();
    thread::Builder::new().name("nudge".into()).spawn(move || nudger(&nudges, &root))?;
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    thread::Builder::new().name("effects".into()).spawn(move || {
        let worker = Worker { fs, notifier, nudge, poke_at, socket };
        worker.run(&effects);
    })?;
    Ok(())
}

struct Worker {
    fs: Arc<Fs>,
    notifier: Arc<OnceLock<Notifier>>,
    nudge: Sender<TreePath>,
    poke_at: PokeAt,
    socket: UnixDatagram,
}

impl Worker {
    fn run(&self, effects: &Receiver<Effect>) {
        let mut wait = IDLE;
        loop {
            match effects.recv_timeout(wait) {
                Ok(effect) => {
                    self.apply(effect);
                    while let Ok(effect) = effects.try_recv() {
                        self.apply(effect);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            wait = self.fs.expire().unwrap_or(IDLE);
        }
    }

    fn apply(&self, effect: Effect) {
        match effect {
            Effect::Inode(ino) => self.tell(|kernel| kernel.inval_inode(INodeNo(ino), 0, 0)),
            Effect::Entry(parent, name) => {
                self.tell(|kernel| kernel.inval_entry(INodeNo(parent), OsStr::new(&name)));
            }
            Effect::Gone(parent, 0, name) => {
                self.tell(|kernel| kernel.inval_entry(INodeNo(parent), OsStr::new(&name)));
            }
            // Unlike inval_entry, this wakes watchers with IN_DELETE.
            Effect::Gone(parent, ino, name) => {
                self.tell(|kernel| kernel.delete(INodeNo(parent), INodeNo(ino), OsStr::new(&name)));
            }
            Effect::Nudge(path) => {
                let _ = self.nudge.send(path);
            }
            Effect::Poke(id) => {
                let socket = self.poke_at.socket(id);
                if let Err(error) = self.socket.send_to(&[], &socket) {
                    tracing::debug!("poke {}: {error}", socket.display());
                }
            }
            // The loop asks for what is due anyway.
            Effect::Due => {}
        }
    }

    fn tell(&self, notification: impl FnOnce(&Notifier) -> io::Result<()>) {
        if let Some(notifier) = self.notifier.get()
            && let Err(error) = notification(notifier)
        {
            tracing::debug!("notify the kernel: {error}");
        }
    }
}

/// Wakes watchers of files that changed by no process's system call: the kernel raises inotify events only for system
/// calls, so one is made. What it writes is ignored (see `Fs::set_nudger`), but IN_MODIFY and IN_CLOSE_WRITE are raised.
fn nudger(paths: &Receiver<TreePath>, root: &OwnedFd) {
    Fs::set_nudger(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs());
    for path in paths {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let written = openat(root, path.as_str(), flags, Mode::empty())
            .and_then(|file| rustix::io::write(&file, b"#"));
        if let Err(error) = written {
            tracing::debug!("wake watchers of {path}: {error}");
        }
    }
}
