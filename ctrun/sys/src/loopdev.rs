//! Loop devices: an image file as a block device, which goes away with its last user.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::{Call, Error, Result};

const CTL_GET_FREE: libc::Ioctl = 0x4C82;
const CONFIGURE: libc::Ioctl = 0x4C0A;
const CLR_FD: libc::Ioctl = 0x4C01;

const READ_ONLY: u32 = 1;
const AUTOCLEAR: u32 = 4;

/// An attached loop device. It is detached when this and every mount of it are gone.
#[derive(Debug)]
pub struct Loop {
    path: PathBuf,
    device: OwnedFd,
}

/// The kernel's `struct loop_info64`.
#[repr(C)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// The kernel's `struct loop_config`.
#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

impl Loop {
    /// Attaches `image` to a free device (LOOP_CONFIGURE, Linux 5.8).
    pub fn attach(image: &Path, read_only: bool) -> Result<Self> {
        let access = if read_only { OFlags::RDONLY } else { OFlags::RDWR };
        let file = rustix::fs::open(image, access | OFlags::CLOEXEC, Mode::empty())
            .call(|| format!("open({})", image.display()))?;
        let control =
            rustix::fs::open("/dev/loop-control", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
                .call(|| "open(/dev/loop-control)".into())?;
        loop {
            // SAFETY: this ioctl takes no argument and answers with a number.
            let number = unsafe { libc::ioctl(control.as_raw_fd(), CTL_GET_FREE) };
            if number < 0 {
                return Err(Error::last("ioctl(LOOP_CTL_GET_FREE)"));
            }
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = rustix::fs::open(&path, access | OFlags::CLOEXEC, Mode::empty())
                .call(|| format!("open({})", path.display()))?;
            match configure(&device, &file, image, read_only) {
                Ok(()) => return Ok(Self { path, device }),
                // Somebody else took it between the two calls.
                Err(e) if e.errno() == Some(Errno::BUSY) => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Where the block device is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Detaches the device, at once or as soon as it is not mounted.
    pub fn detach(self) -> Result<()> {
        // SAFETY: this ioctl takes no argument.
        let r = unsafe { libc::ioctl(self.device.as_raw_fd(), CLR_FD, 0) };
        if r == 0 {
            Ok(())
        } else {
            Err(Error::last(format!("ioctl({}, LOOP_CLR_FD)", self.path.display())))
        }
    }
}

fn configure(device: &OwnedFd, file: &OwnedFd, image: &Path, read_only: bool) -> Result<()> {
    let mut file_name = [0; 64];
    let name = CString::new(image.as_os_str().as_bytes()).unwrap_or_default();
    let shown = name.as_bytes().len().min(63);
    file_name[..shown].copy_from_slice(&name.as_bytes()[..shown]);
    let config = Config {
        fd: file.as_fd().as_raw_fd().cast_unsigned(),
        block_size: 0,
        info: Info {
            device: 0,
            inode: 0,
            rdevice: 0,
            offset: 0,
            sizelimit: 0,
            number: 0,
            encrypt_type: 0,
            encrypt_key_size: 0,
            flags: AUTOCLEAR | if read_only { READ_ONLY } else { 0 },
            file_name,
            crypt_name: [0; 64],
            encrypt_key: [0; 32],
            init: [0; 2],
        },
        reserved: [0; 8],
    };
    // SAFETY: `config` is the kernel's structure for this ioctl and outlives the call.
    let r = unsafe { libc::ioctl(device.as_raw_fd(), CONFIGURE, &raw const config) };
    if r == 0 {
        Ok(())
    } else {
        Err(Error::last(format!("ioctl(LOOP_CONFIGURE, {})", image.display())))
    }
}
