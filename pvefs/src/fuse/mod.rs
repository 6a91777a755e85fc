//! The thin adapter between the kernel's protocol and [`crate::fs`]. All types of `fuser` stay in here.
//!
//! # What the kernel must not do for us
//! Page cache and size belong to the inode, not to the handle. A staged text must not show through them:
//! - no writeback cache; every handle is `FOPEN_DIRECT_IO`, so a reader gets the text of its own open, whole, whatever
//!   the kernel believes the size to be while someone writes;
//! - `FUSE_ATOMIC_O_TRUNC`, so that a SETATTR of the size without a handle is truncate(2) and nothing else;
//! - a handle's own attributes (fstat of what it wrote) are answered with a lifetime of zero.
//!
//! Names and attributes are cached for long. What a call changes the kernel knows by itself, except that a commit at
//! flush or fsync changes an inode's size: that is told before the call returns. Only the attributes are told there; an
//! invalidation of pages or names waits for locks which the call's own thread may hold, so these are left to the thread
//! in [`effects`].

mod convert;
pub mod effects;
pub mod mount;
mod operations;
mod pool;
mod trap;

use crate::fs::{Fs, Ino, Listing};
use crate::fuse::pool::Pool;
use fuser::{INodeNo, Notifier};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

pub use trap::Trap;

/// Event loop threads. What waits for the disk is done by the [`pool`].
pub const THREADS: usize = 2;

/// Answers the kernel's requests from an [`Fs`].
#[derive(Debug)]
pub struct Adapter {
    fs: Arc<Fs>,
    kernel: Kernel,
    pool: Pool,
    listings: RwLock<HashMap<u64, Arc<Mutex<Listing>>>>,
    next_listing: AtomicU64,
    trap: Trap,
}

impl Adapter {
    /// An adapter for `fs`. The notifier can be set once the session exists.
    pub fn new(fs: Arc<Fs>, notifier: Arc<OnceLock<Notifier>>, trap: Trap) -> Self {
        Self {
            fs,
            kernel: Kernel(notifier),
            pool: Pool::new(),
            listings: RwLock::default(),
            next_listing: AtomicU64::new(1),
            trap,
        }
    }
}

/// The way to tell the kernel something from within a request.
#[derive(Clone, Debug)]
struct Kernel(Arc<OnceLock<Notifier>>);

impl Kernel {
    /// What it knows of the attributes of `ino` is old: it must ask again. That takes no lock of the kernel's.
    fn forget_attr(&self, ino: Ino) {
        if let Some(notifier) = self.0.get()
            && let Err(error) = notifier.inval_inode(INodeNo(ino), -1, 0)
        {
            tracing::debug!("telling that inode {ino} changed: {error}");
        }
    }
}
