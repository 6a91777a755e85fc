//! Between `fuser`'s types and ours.

use crate::fs::{Attr, Caller, FileKind, FsError, OpenMode};
use fuser::{Errno, FileAttr, FileType, INodeNo, OpenAccMode, OpenFlags, Request, TimeOrNow};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the kernel may rely on names and attributes: until it is told otherwise.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// `O_APPEND`, `O_TRUNC` and `O_EXCL` have these values on all architectures we build for.
const O_EXCL: i32 = rustix::fs::OFlags::EXCL.bits() as i32;
const O_TRUNC: i32 = rustix::fs::OFlags::TRUNC.bits() as i32;
const O_APPEND: i32 = rustix::fs::OFlags::APPEND.bits() as i32;

pub(crate) fn errno(error: &FsError) -> Errno {
    if error.is_fault() {
        tracing::error!("{error}");
    } else {
        tracing::trace!("{error}");
    }
    Errno::from_i32(error.errno().raw_os_error())
}

pub(crate) fn kind(kind: FileKind) -> FileType {
    match kind {
        FileKind::File => FileType::RegularFile,
        FileKind::Dir => FileType::Directory,
        FileKind::Link => FileType::Symlink,
    }
}

pub(crate) fn attr(attr: &Attr) -> FileAttr {
    FileAttr {
        ino: INodeNo(attr.ino),
        size: attr.size,
        blocks: attr.size.div_ceil(512),
        atime: attr.mtime,
        mtime: attr.mtime,
        ctime: attr.mtime,
        crtime: UNIX_EPOCH,
        kind: kind(attr.kind),
        perm: attr.perm,
        nlink: attr.nlink,
        uid: 0,
        gid: attr.gid,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

/// How long the kernel may rely on these attributes.
pub(crate) fn lifetime(attr: &Attr) -> Duration {
    if attr.stable { LONG } else { Duration::ZERO }
}

pub(crate) fn caller(request: &Request) -> Caller {
    Caller { uid: request.uid(), pid: request.pid() }
}

pub(crate) fn open_mode(flags: OpenFlags) -> OpenMode {
    OpenMode {
        write: flags.acc_mode() != OpenAccMode::O_RDONLY,
        append: flags.0 & O_APPEND != 0,
        truncate: flags.0 & O_TRUNC != 0,
        exclusive: flags.0 & O_EXCL != 0,
    }
}

pub(crate) fn time(time: TimeOrNow) -> SystemTime {
    match time {
        TimeOrNow::SpecificTime(time) => time,
        TimeOrNow::Now => SystemTime::now(),
    }
}
