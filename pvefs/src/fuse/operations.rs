//! One method for each request.

use crate::fs::{FileKind, Fs, FsError, Ino, RenameMode};
use crate::fuse::convert::{LONG, attr, caller, errno, kind, lifetime, open_mode, time};
use crate::fuse::{Adapter, Kernel};
use fuser::{
    BsdFileFlags, Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite,
    ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use parking_lot::Mutex;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

/// Names do not come back with other numbers, so one generation is enough.
const GENERATION: Generation = Generation(0);
/// The longest write in one request: the longest file.
const MAX_WRITE: u32 = 1 << 20;

fn reply_empty(result: Result<(), FsError>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(&error)),
    }
}

fn open_flags(writes: bool) -> FopenFlags {
    let flags = FopenFlags::FOPEN_DIRECT_IO;
    // A reader has nothing to flush: its close costs no round trip (5.16).
    if writes { flags } else { flags | FopenFlags::FOPEN_NOFLUSH }
}

impl Adapter {
    /// Does what may wait for the disk where it holds up nobody else.
    fn later(&self, job: impl FnOnce(&Fs, &Kernel) + Send + 'static) {
        let (fs, kernel) = (self.fs.clone(), self.kernel.clone());
        self.pool.run(move || job(&fs, &kernel));
    }

    /// Commits a handle. If that changed the file's size, the kernel must ask for it before the caller goes on.
    fn commit(
        &self,
        commit: impl FnOnce(&Fs) -> Result<Option<Ino>, FsError> + Send + 'static,
        reply: ReplyEmpty,
    ) {
        self.later(move |fs, kernel| {
            let result = commit(fs);
            if let Ok(Some(ino)) = &result {
                kernel.forget_attr(*ino);
            }
            reply_empty(result.map(drop), reply);
        });
    }
}

impl Filesystem for Adapter {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        let wanted = [
            InitFlags::FUSE_ATOMIC_O_TRUNC,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_READDIRPLUS_AUTO,
            InitFlags::FUSE_CACHE_SYMLINKS,
            InitFlags::FUSE_DIRECT_IO_ALLOW_MMAP,
            InitFlags::FUSE_ASYNC_DIO,
        ];
        for flag in wanted {
            if config.add_capabilities(flag).is_err() {
                tracing::info!("this kernel's FUSE has no {flag:?}");
            }
        }
        if let Err(nearest) = config.set_max_write(MAX_WRITE) {
            let _ = config.set_max_write(nearest);
        }
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.trap.check(name);
        match self.fs.lookup(parent.0, name.as_bytes(), caller(request)) {
            Ok(found) => {
                reply.entry_with_ttls(&lifetime(&found), &LONG, &attr(&found), GENERATION);
            }
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn forget(&self, _request: &Request, ino: INodeNo, lookups: u64) {
        self.fs.forget(ino.0, lookups);
    }

    fn getattr(&self, request: &Request, ino: INodeNo, fh: Option<FileHandle>, reply: ReplyAttr) {
        match self.fs.getattr(ino.0, fh.map(|fh| fh.0), caller(request)) {
            Ok(found) => reply.attr(&lifetime(&found), &attr(&found)),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let (fh, mtime, caller) = (fh.map(|fh| fh.0), mtime.map(time), caller(request));
        self.later(move |fs, _| match fs.setattr(ino.0, fh, size, mtime, caller) {
            Ok(found) => reply.attr(&lifetime(&found), &attr(&found)),
            Err(error) => reply.error(errno(&error)),
        });
    }

    fn readlink(&self, _request: &Request, ino: INodeNo, reply: ReplyData) {
        match self.fs.readlink(ino.0) {
            Ok(target) => reply.data(target.as_bytes()),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn mknod(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _mode: u32,
        _umask: u32,
        _rdev: u32,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EPERM);
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let (name, caller) = (name.to_owned(), caller(request));
        self.later(move |fs, _| match fs.mkdir(parent.0, name.as_bytes(), caller) {
            Ok(made) => reply.entry(&LONG, &attr(&made), GENERATION),
            Err(error) => reply.error(errno(&error)),
        });
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (name, caller) = (name.to_owned(), caller(request));
        self.later(move |fs, _| reply_empty(fs.unlink(parent.0, name.as_bytes(), caller), reply));
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (name, caller) = (name.to_owned(), caller(request));
        self.later(move |fs, _| reply_empty(fs.rmdir(parent.0, name.as_bytes(), caller), reply));
    }

    /// emacs tries a link as its lock and takes a file when that is not permitted.
    fn symlink(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _target: &Path,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EPERM);
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let mode = if flags.is_empty() {
            RenameMode::Replace
        } else if flags == RenameFlags::RENAME_NOREPLACE {
            RenameMode::NoReplace
        } else if flags == RenameFlags::RENAME_EXCHANGE {
            RenameMode::Exchange
        } else {
            return reply.error(Errno::EINVAL);
        };
        let (name, newname, caller) = (name.to_owned(), newname.to_owned(), caller(request));
        self.later(move |fs, kernel| {
            let (from, to) = ((parent.0, name.as_bytes()), (newparent.0, newname.as_bytes()));
            let result = fs.rename(from, to, mode, caller);
            if result.is_ok()
                && let Some(ino) = newname.to_str().and_then(|name| fs.ino_of(to.0, name))
            {
                kernel.forget_attr(ino);
            }
            reply_empty(result, reply);
        });
    }

    fn link(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _newparent: INodeNo,
        _newname: &OsStr,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EPERM);
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        match self.fs.open(ino.0, open_mode(flags), caller(request)) {
            Ok(opened) => reply.opened(FileHandle(opened.fh), open_flags(opened.writes)),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn read(
        &self,
        _request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.fs.read(fh.0, offset, size as usize, |read| match read {
            Ok(bytes) => reply.data(bytes),
            Err(error) => reply.error(errno(&error)),
        });
    }

    fn write(
        &self,
        _request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.fs.write(fh.0, offset, data) {
            Ok(length) => reply.written(length as u32),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn flush(
        &self,
        request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        let caller = caller(request);
        self.commit(move |fs| fs.flush(fh.0, caller), reply);
    }

    fn release(
        &self,
        _request: &Request,
        ino: INodeNo,
        fh: FileHandle,
        flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        if !open_mode(flags).write {
            self.fs.release(fh.0);
            return reply.ok();
        }
        self.later(move |fs, kernel| {
            if fs.release(fh.0) {
                kernel.forget_attr(ino.0);
            }
            reply.ok();
        });
    }

    fn fsync(
        &self,
        _request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.commit(move |fs| fs.fsync(fh.0), reply);
    }

    fn opendir(&self, _request: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.fs.opendir(ino.0) {
            Ok(listing) => {
                let fh = self.next_listing.fetch_add(1, Ordering::Relaxed);
                self.listings.write().insert(fh, Arc::new(Mutex::new(listing)));
                reply.opened(FileHandle(fh), FopenFlags::empty());
            }
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn readdir(
        &self,
        _request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let Some(listing) = self.listings.read().get(&fh.0).cloned() else {
            return reply.error(Errno::EBADF);
        };
        let listing = listing.lock();
        for (at, name) in [(0, "."), (1, "..")] {
            let ino = if at == 0 { listing.ino } else { listing.parent };
            if offset <= at && reply.add(INodeNo(ino), at + 1, kind(FileKind::Dir), name) {
                return reply.ok();
            }
        }
        let skip = offset.saturating_sub(2) as usize;
        for (index, item) in listing.items.iter().enumerate().skip(skip) {
            // A number that is not known yet is told as "unknown", as libfuse does.
            let ino = self.fs.ino_of(listing.ino, &item.name).unwrap_or(0xffff_ffff);
            if reply.add(INodeNo(ino), index as u64 + 3, kind(item.kind), &*item.name) {
                break;
            }
        }
        reply.ok();
    }

    fn readdirplus(
        &self,
        request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let Some(listing) = self.listings.read().get(&fh.0).cloned() else {
            return reply.error(Errno::EBADF);
        };
        let listing = listing.lock();
        for (at, name) in [(0, "."), (1, "..")] {
            let ino = if at == 0 { listing.ino } else { listing.parent };
            // The kernel counts no lookup of these two.
            let Ok(mut found) = self.fs.getattr(ino, None, caller(request)) else { continue };
            found.ino = ino;
            if offset <= at
                && reply.add(INodeNo(ino), at + 1, name, &LONG, &attr(&found), GENERATION)
            {
                return reply.ok();
            }
        }
        let skip = offset.saturating_sub(2) as usize;
        for (index, item) in listing.items.iter().enumerate().skip(skip) {
            let Some(found) = self.fs.tell_item(&listing, item) else { continue };
            let ttl = lifetime(&found);
            let ino = INodeNo(found.ino);
            let at = index as u64 + 3;
            if reply.add(ino, at, &*item.name, &ttl, &attr(&found), GENERATION) {
                // It did not fit: the kernel was not told.
                self.fs.forget(found.ino, 1);
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(
        &self,
        _request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        self.listings.write().remove(&fh.0);
        reply.ok();
    }

    fn fsyncdir(
        &self,
        _request: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.later(move |fs, _| reply_empty(fs.fsyncdir(ino.0), reply));
    }

    fn statfs(&self, _request: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        let stat = self.fs.statfs();
        let (blocks, free) = (stat.total / 4096, stat.free / 4096);
        reply.statfs(blocks, free, free, stat.entries, stat.entries_free, 4096, 255, 4096);
    }

    fn setxattr(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _name: &OsStr,
        _value: &[u8],
        _flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EOPNOTSUPP);
    }

    fn getxattr(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _name: &OsStr,
        _size: u32,
        reply: ReplyXattr,
    ) {
        // From the first ENOSYS on the kernel itself answers EOPNOTSUPP: ls -l and cp -p cost no request.
        reply.error(Errno::ENOSYS);
    }

    fn listxattr(&self, _request: &Request, _ino: INodeNo, _size: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn removexattr(&self, _request: &Request, _ino: INodeNo, _name: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EOPNOTSUPP);
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let (name, caller) = (name.to_owned(), caller(request));
        let mode = open_mode(OpenFlags(flags));
        self.later(move |fs, _| match fs.create(parent.0, name.as_bytes(), mode, caller) {
            Ok((made, opened)) => reply.created(
                &lifetime(&made),
                &attr(&made),
                GENERATION,
                FileHandle(opened.fh),
                open_flags(opened.writes),
            ),
            Err(error) => reply.error(errno(&error)),
        });
    }
}
