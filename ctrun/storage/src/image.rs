//! Images of file systems.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::error::{Error, Result, Trying, show};
use crate::layout::Preallocation;
use crate::program;

/// A file system that an image or device may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// What we make.
    Ext4,
    /// XFS
    Xfs,
    /// Btrfs
    Btrfs,
    /// SquashFS
    Squashfs,
    /// EROFS
    Erofs,
    /// An optical disc.
    Iso9660,
}

impl FileSystem {
    /// Looks at what a file or device begins with.
    pub fn detect(file: &File) -> io::Result<Option<Self>> {
        const MAGIC: [(FileSystem, u64, &[u8]); 6] = [
            (FileSystem::Ext4, 0x438, &[0x53, 0xef]),
            (FileSystem::Xfs, 0, b"XFSB"),
            (FileSystem::Btrfs, 0x10040, b"_BHRfS_M"),
            (FileSystem::Squashfs, 0, b"hsqs"),
            (FileSystem::Erofs, 0x400, &[0xe2, 0xe1, 0xf5, 0xe0]),
            (FileSystem::Iso9660, 0x8001, b"CD001"),
        ];
        for (kind, offset, magic) in MAGIC {
            let mut found = [0; 8];
            let found = &mut found[..magic.len()];
            match file.read_exact_at(found, offset) {
                Ok(()) if found == magic => return Ok(Some(kind)),
                Err(e) if e.kind() != ErrorKind::UnexpectedEof => return Err(e),
                _ => {}
            }
        }
        Ok(None)
    }

    /// What the kernel calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Squashfs => "squashfs",
            Self::Erofs => "erofs",
            Self::Iso9660 => "iso9660",
        }
    }
}

/// Makes an ext4 file system of `size` bytes in the empty file `path`, with a root directory that belongs to `root`.
pub(crate) fn make(path: &Path, size: u64, root: (u32, u32), how: Preallocation) -> Result<()> {
    let what = || format!("make a file system in {}", show(path));
    let file = OpenOptions::new().write(true).open(path).trying(what)?;
    file.set_len(size).trying(|| format!("make {} {size} bytes long", show(path)))?;
    if how != Preallocation::Off {
        let mode = FallocateFlags::empty();
        rustix::fs::fallocate(&file, mode, 0, size)
            .trying(|| format!("set {size} bytes aside for {}", show(path)))?;
    }
    if how == Preallocation::Write {
        write_zeros(&file, size).trying(|| format!("write {size} bytes to {}", show(path)))?;
    }
    // MMP keeps two hosts from mounting it at once. The journal of a new file needs no zeros written to it; discarding
    // would give back what was set aside.
    let extended = format!(
        "root_owner={}:{},lazy_itable_init=1,lazy_journal_init=1{}",
        root.0,
        root.1,
        if how == Preallocation::Off { "" } else { ",nodiscard" }
    );
    program::run(
        &what(),
        Command::new("mkfs.ext4").args(["-q", "-F", "-O", "mmp", "-E", &extended]).arg(path),
    )?;
    file.sync_all().trying(|| format!("sync {}", show(path)))
}

fn write_zeros(file: &File, size: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 20];
    let mut at = 0;
    while at < size {
        let n = (size - at).min(zeros.len() as u64) as usize;
        file.write_all_at(&zeros[..n], at)?;
        at += n as u64;
    }
    Ok(())
}

/// Makes `to`, which is empty or missing, the same as `from`: with shared blocks where the file system can, else by copying
/// what is not a hole.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let what = || format!("copy {} to {}", show(from), show(to));
    let source = File::open(from).trying(what)?;
    let target = create(to)?;
    match rustix::fs::ioctl_ficlone(&target, &source) {
        Ok(()) => {}
        Err(e) if is_not_shareable(e) => copy_data(&source, &target).trying(what)?,
        Err(e) => return Err(e).trying(what),
    }
    target.sync_all().trying(|| format!("sync {}", show(to)))
}

/// Makes `to` share all blocks of `from`.
pub(crate) fn reflink(from: &Path, to: &Path) -> Result<()> {
    let what = || format!("share the blocks of {} with {}", show(from), show(to));
    let source = File::open(from).trying(what)?;
    let target = create(to)?;
    rustix::fs::ioctl_ficlone(&target, &source).trying(what)
}

fn create(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).trying(|| format!("create {}", show(path)))
}

/// Whether the file system is the reason, and not this one file. EXDEV: another file system; EINVAL: NFS and others.
fn is_not_shareable(errno: Errno) -> bool {
    matches!(errno, Errno::OPNOTSUPP | Errno::XDEV | Errno::INVAL | Errno::NOTTY | Errno::NOSYS)
}

fn copy_data(source: &File, target: &File) -> io::Result<()> {
    let end = source.metadata()?.len();
    target.set_len(end)?;
    let mut at = 0;
    while at < end {
        let start = match rustix::fs::seek(source, SeekFrom::Data(at)) {
            Ok(start) => start,
            // Nothing but a hole is left (lseek(2)).
            Err(Errno::NXIO) => break,
            Err(e) => return Err(e.into()),
        };
        let stop = rustix::fs::seek(source, SeekFrom::Hole(start))?;
        copy_range(source, target, start, stop)?;
        at = stop;
    }
    Ok(())
}

fn copy_range(source: &File, target: &File, start: u64, stop: u64) -> io::Result<()> {
    let (mut from, mut to) = (start, start);
    let mut buffer = Vec::new();
    while from < stop {
        let left = usize::try_from(stop - from).unwrap_or(usize::MAX).min(1 << 30);
        let result = if buffer.is_empty() {
            rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), left)
        } else {
            Err(Errno::XDEV)
        };
        match result {
            // The file became shorter under our hands.
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(Errno::INTR) => {}
            // Between kinds of file systems since Linux 5.19 not in the kernel (copy_file_range(2)).
            Err(Errno::XDEV | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
                buffer.resize(1 << 20, 0);
                let n = left.min(buffer.len());
                let n = source.read_at(&mut buffer[..n], from)?;
                if n == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                target.write_all_at(&buffer[..n], from)?;
                from += n as u64;
                to = from;
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Whether files in `dir` can share blocks.
pub(crate) fn can_reflink(dir: &Path) -> bool {
    let unnamed = || {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        rustix::fs::open(dir, flags, Mode::from_raw_mode(0o600)).map(File::from)
    };
    let (Ok(from), Ok(to)) = (unnamed(), unnamed()) else { return false };
    from.write_all_at(&[1; 4096], 0).is_ok() && rustix::fs::ioctl_ficlone(&to, &from).is_ok()
}

/// Tells the file system of a copy that nobody has it mounted. The copy of a mounted one would otherwise be taken for in use,
/// and its first mount wait for a sign of life (MMP, ext4(5)).
pub(crate) fn clear_in_use(path: &Path) -> Result<()> {
    let read = || format!("read {}", show(path));
    let file = File::open(path).trying(|| format!("open {}", show(path)))?;
    let kind = FileSystem::detect(&file).trying(read)?;
    if kind != Some(FileSystem::Ext4) || !superblock(&file).trying(read)?.in_use {
        return Ok(());
    }
    let what = format!("mark {} as not in use", show(path));
    program::run(&what, Command::new("tune2fs").args(["-f", "-E", "clear_mmp"]).arg(path)).map(drop)
}

struct Superblock {
    bytes: u64,
    has_mmp: bool,
    in_use: bool,
}

/// The fields of ext4's superblock that matter here (ext4's disk layout in the kernel's documentation).
fn superblock(file: &File) -> io::Result<Superblock> {
    const MMP_SEQ_CLEAN: u32 = 0xff4d_4d50;
    let mut block = [0; 1024];
    file.read_exact_at(&mut block, 1024)?;
    let word =
        |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    let long = |low: usize, high: usize| u64::from(word(high)) << 32 | u64::from(word(low));
    let incompat = word(0x60);
    let blocks = if incompat & 0x80 == 0 { u64::from(word(0x4)) } else { long(0x4, 0x150) };
    let shift = 10 + word(0x18).min(6);
    let has_mmp = incompat & 0x100 != 0;
    let in_use = has_mmp && {
        let mut sequence = [0; 4];
        let at = long(0x168, 0x16c).checked_mul(1 << shift).and_then(|at| at.checked_add(4));
        file.read_exact_at(&mut sequence, at.unwrap_or(u64::MAX >> 1))?;
        u32::from_le_bytes(sequence) != MMP_SEQ_CLEAN
    };
    Ok(Superblock { bytes: blocks.checked_mul(1 << shift).unwrap_or(0), has_mmp, in_use })
}

/// Makes an image and its ext4 file system larger. `size` may be what it has: then a resize that was interrupted is finished.
///
/// On a storage that other nodes see (`shared`) MMP tells whether one of them has it mounted.
pub(crate) fn grow(path: &Path, size: u64, shared: bool) -> Result<()> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let file = opened.trying(|| format!("open {}", show(path)))?;
    let kind = FileSystem::detect(&file).trying(|| format!("read {}", show(path)))?;
    let what = format!("resize the file system in {}", show(path));
    if kind != Some(FileSystem::Ext4) {
        let why = match kind {
            Some(kind) => format!("it is {}; only ext4 can be resized in an image", kind.name()),
            None => "there is no file system that we know in it".into(),
        };
        return Err(Error::NotPossible { what, why });
    }
    match attached(path)?.first() {
        Some(device) => grow_mounted(&what, &file, path, device, size)?,
        None => grow_offline(&what, &file, path, size, shared)?,
    }
    file.sync_all().trying(|| format!("sync {}", show(path)))
}

/// The kernel itself makes a mounted file system larger, through the device.
fn grow_mounted(what: &str, file: &File, path: &Path, device: &Path, size: u64) -> Result<()> {
    file.set_len(size).trying(|| format!("make {} {size} bytes long", show(path)))?;
    program::run(what, Command::new("losetup").arg("--set-capacity").arg(device))?;
    program::run(what, Command::new("resize2fs").arg(device)).map(drop)
}

fn grow_offline(what: &str, file: &File, path: &Path, size: u64, shared: bool) -> Result<()> {
    let look = || superblock(file).trying(|| format!("read {}", show(path)));
    let tune =
        |options: &[&str]| program::run(what, Command::new("tune2fs").args(options).arg(path));
    let before = file.metadata().trying(|| format!("look at {}", show(path)))?.len();
    if !shared {
        // With MMP e2fsck and resize2fs wait 11 seconds each for a sign of life. On this node the loop devices tell, and
        // there is no other. If it does not work they wait.
        let _ = tune(&["-f", "-O", "^mmp"]);
    }
    let grown = check(what, path).and_then(|()| {
        let lengthen =
            |size| file.set_len(size).trying(|| format!("make {} {size} bytes long", show(path)));
        lengthen(size)?;
        program::run(what, Command::new("resize2fs").arg(path)).map(drop).or_else(|error| {
            // Only if nothing of the file system lies in the new part yet.
            if look()?.bytes <= before {
                lengthen(before)?;
            }
            Err(error)
        })
    });
    // Also what an earlier one that was killed took away.
    if !look()?.has_mmp {
        tune(&["-O", "mmp"])?;
    }
    grown
}

/// e2fsck's answers 0 to 2 are good ones: clean, or mended (e2fsck(8)).
fn check(what: &str, path: &Path) -> Result<()> {
    let output = Command::new("e2fsck")
        .args(["-f", "-y"])
        .arg(path)
        .env("LC_ALL", "C")
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|e| program::spawn_failed(what, "e2fsck", e))?;
    match output.status.code() {
        Some(0..=2) => Ok(()),
        _ => {
            let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
            said.push_str(&String::from_utf8_lossy(&output.stdout));
            Err(program::failed(what, "e2fsck", output.status, &said))
        }
    }
}

/// The loop devices that an image is attached to.
pub(crate) fn attached(path: &Path) -> Result<Vec<PathBuf>> {
    let what = || "list the loop devices".to_owned();
    let Ok(wanted) = fs::metadata(path) else { return Ok(Vec::new()) };
    let mut devices = Vec::new();
    let blocks = match fs::read_dir("/sys/block") {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(devices),
        other => other.trying(what)?,
    };
    for entry in blocks {
        let entry = entry.trying(what)?;
        let Ok(backing) = fs::read_to_string(entry.path().join("loop/backing_file")) else {
            continue;
        };
        let backing = backing.trim_end_matches('\n');
        // Another mount namespace may see the file under another path; then its name has to do.
        let is_same = match fs::metadata(backing) {
            Ok(found) => (found.dev(), found.ino()) == (wanted.dev(), wanted.ino()),
            Err(_) => Path::new(backing) == path,
        };
        if is_same {
            devices.push(Path::new("/dev").join(entry.file_name()));
        }
    }
    Ok(devices)
}

/// Refuses while an image is attached to a loop device.
pub(crate) fn check_unused(what: &str, path: &Path) -> Result<()> {
    let end = Instant::now() + SETTLE;
    loop {
        match attached(path)?.first() {
            None => return Ok(()),
            Some(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
            Some(device) => {
                let device = device.display().to_string();
                return Err(Error::Busy { what: what.to_owned(), device });
            }
        }
    }
}

/// How long a device may stay attached after its last mount is gone: a child that another thread has just made holds
/// our descriptors until it executes something.
const SETTLE: Duration = Duration::from_millis(500);
