//! Open files.

use crate::fs::inode::Ino;
use crate::fs::stage::Stage;
use parking_lot::{Mutex, RwLock};
use pvefs_store::Author;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Who makes a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// User id.
    pub uid: u32,
    /// Thread id in the daemon's pid namespace; 0 if it is not visible there.
    pub pid: u32,
}

impl Caller {
    /// Who that is, for the history. Reads the program's name: only for calls that change something.
    pub(crate) fn author(self) -> Author {
        let program = match self.pid {
            0 => String::new(),
            pid => std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default(),
        };
        Author {
            uid: Some(self.uid),
            pid: Some(self.pid).filter(|pid| *pid != 0),
            program: program.trim_end().to_owned(),
        }
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenMode {
    /// For writing.
    pub write: bool,
    /// `O_APPEND`.
    pub append: bool,
    /// `O_TRUNC`.
    pub truncate: bool,
    /// `O_EXCL`, at create.
    pub exclusive: bool,
}

/// An open file, as the adapter must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The handle's number.
    pub fh: u64,
    /// Opened for writing.
    pub writes: bool,
}

#[derive(Debug)]
pub(crate) enum Body {
    /// The text as it was at open.
    Snapshot(Arc<[u8]>),
    /// A private copy, or the shared one of a file in memory.
    Stage(Arc<Mutex<Stage>>),
    /// A virtual file opened for writing.
    Unwritable,
    /// Our own, to wake watchers: nothing that is done to it has an effect.
    Nudge(Arc<[u8]>),
}

#[derive(Debug)]
pub(crate) struct Handle {
    pub ino: Ino,
    pub body: Body,
    pub append: bool,
    /// Opened by a call that made or emptied the file.
    pub fresh: bool,
    /// Made over a text that was removed just before.
    pub replaces: bool,
    pub caller: Caller,
    pub(crate) author: OnceLock<Author>,
}

impl Handle {
    pub fn new(ino: Ino, body: Body, caller: Caller) -> Self {
        Self {
            ino,
            body,
            append: false,
            fresh: false,
            replaces: false,
            caller,
            author: OnceLock::new(),
        }
    }

    /// Who opened it. Read once.
    pub fn author(&self) -> &Author {
        self.author.get_or_init(|| self.caller.author())
    }

    pub fn stage(&self) -> Option<&Arc<Mutex<Stage>>> {
        match &self.body {
            Body::Stage(stage) => Some(stage),
            _ => None,
        }
    }

    /// The size that its owner must see, if that can differ from what others see.
    pub fn size(&self) -> Option<u64> {
        match &self.body {
            Body::Snapshot(text) => Some(text.len() as u64),
            Body::Stage(stage) => Some(stage.lock().len() as u64),
            Body::Unwritable | Body::Nudge(_) => None,
        }
    }
}

/// All open files.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    open: RwLock<HashMap<u64, Arc<Handle>>>,
    next: AtomicU64,
}

impl Handles {
    pub fn add(&self, handle: Handle) -> u64 {
        let fh = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        self.open.write().insert(fh, Arc::new(handle));
        fh
    }

    pub fn find(&self, fh: u64) -> Option<Arc<Handle>> {
        self.open.read().get(&fh).cloned()
    }

    pub fn remove(&self, fh: u64) -> Option<Arc<Handle>> {
        self.open.write().remove(&fh)
    }

    pub fn len(&self) -> usize {
        self.open.read().len()
    }

    /// What fstat(2) must see, which comes without a handle: the size of what the thread `pid` itself is writing to `ino`, or
    /// with no `pid`, of what anyone has open.
    pub fn size_for(&self, ino: Ino, pid: Option<u32>) -> Option<u64> {
        let open = self.open.read();
        let mut of_ino = open.values().filter(|handle| handle.ino == ino);
        match pid {
            None => of_ino.find_map(|handle| handle.size()),
            Some(pid) => of_ino.filter(|handle| handle.caller.pid == pid).find_map(|handle| {
                let stage = handle.stage()?.try_lock()?;
                stage.is_dirty().then(|| stage.len() as u64)
            }),
        }
    }

    /// Whether another handle than `fh` writes to `ino`.
    pub fn has_other_writer(&self, ino: Ino, fh: u64) -> bool {
        let open = self.open.read();
        open.iter().any(|(other, handle)| {
            let writes = matches!(handle.body, Body::Stage(_));
            *other != fh && handle.ino == ino && writes
        })
    }

    /// The stages of the handles that write to `ino`.
    pub fn stages_of(&self, ino: Ino) -> Vec<Arc<Mutex<Stage>>> {
        self.open
            .read()
            .values()
            .filter(|handle| handle.ino == ino)
            .filter_map(|handle| handle.stage().cloned())
            .collect()
    }
}
