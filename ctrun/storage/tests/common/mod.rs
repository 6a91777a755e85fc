//! File systems of every kind to try storages on, in mount namespaces of their own.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use ct_storage::{Settings, Storage, Storages};
use ct_sys::loopdev::Loop;
use ct_sys::mount::{Attr, Mount};
use rustix::mount::{UnmountFlags, unmount};
use rustix::thread::UnshareFlags;
use tempfile::TempDir;

pub const MIB: u64 = 1 << 20;

/// Gives this thread, and what it starts, a mount namespace of its own. False if this user may not, which is said.
pub fn isolate() -> bool {
    if !rustix::process::geteuid().is_root() {
        skip("it needs root");
        return false;
    }
    ct_sys::clone::unshare(UnshareFlags::NEWNS).unwrap();
    ct_sys::mount::make_private().unwrap();
    true
}

pub fn skip(why: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    // Not eprintln!, which the test runner hides when nothing fails.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Whether a program is there; says so if not.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|dir| dir.join(program).exists());
    if !found {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// A directory on a file system of some kind.
pub struct Host {
    pub kind: &'static str,
    pub dir: PathBuf,
    mounted: bool,
    _device: Option<Loop>,
    _temp: TempDir,
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.mounted {
            let _ = unmount(&self.dir, UnmountFlags::DETACH);
        }
    }
}

impl Host {
    /// `ext4` is the disk that the target directory is on.
    pub fn new(kind: &'static str, size: u64) -> Option<Self> {
        if kind == "ext4" {
            let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let dir = temp.path().to_owned();
            return Some(Self { kind, dir, mounted: false, _device: None, _temp: temp });
        }
        let temp = tempfile::Builder::new().prefix("ct-storage-").tempdir_in("/dev/shm").unwrap();
        let dir = temp.path().join("fs");
        fs::create_dir(&dir).unwrap();
        let (device, mount) = if kind == "tmpfs" {
            (None, Mount::new("tmpfs", &[&format!("size={size}")], Attr::empty()).unwrap())
        } else {
            let mkfs = format!("mkfs.{}", if kind == "small-ext4" { "ext4" } else { kind });
            if !has(&mkfs) {
                return None;
            }
            let image = temp.path().join("fs.img");
            File::create(&image).unwrap().set_len(size).unwrap();
            let quiet = if kind == "small-ext4" { "-Fq" } else { "-q" };
            run(Command::new(mkfs).arg(quiet).arg(&image));
            let device = Loop::attach(&image, false).unwrap();
            let fstype = if kind == "small-ext4" { "ext4" } else { kind };
            let source = device.path().to_str().unwrap().to_owned();
            match Mount::with_source(fstype, &source, &[], Attr::empty()) {
                Ok(mount) => (Some(device), mount),
                Err(e) => {
                    skip(&format!("this kernel mounts no {kind}: {e}"));
                    return None;
                }
            }
        };
        mount.attach(File::open(&dir).unwrap()).unwrap();
        Some(Self { kind, dir, mounted: true, _device: device, _temp: temp })
    }

    /// One of each kind.
    pub fn all() -> Vec<Self> {
        let size = |kind| if kind == "tmpfs" { 512 * MIB } else { 1024 * MIB };
        ["ext4", "tmpfs", "xfs", "btrfs"]
            .into_iter()
            .filter_map(|kind| Self::new(kind, size(kind)))
            .collect()
    }

    /// A storage of type `kind` here.
    pub fn storage(&self, kind: &str, more: &str) -> Box<dyn Storage> {
        storage_at(&self.dir, kind, more)
    }

    /// Everything below, temporary names too.
    pub fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.dir, &self.dir, &mut found);
        found.retain(|path| path != "lost+found");
        found.sort();
        found
    }

    /// Fails if a loop device is still attached to a file here.
    pub fn check_no_loops(&self) {
        let end = Instant::now() + Duration::from_secs(3);
        loop {
            let left = self.loops();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "{}: still attached: {left:?}", self.kind);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn loops(&self) -> Vec<String> {
        let mut left = Vec::new();
        for entry in fs::read_dir("/sys/block").unwrap().flatten() {
            let Ok(file) = fs::read_to_string(entry.path().join("loop/backing_file")) else {
                continue;
            };
            if Path::new(file.trim_end()).starts_with(&self.dir) {
                left.push(file.trim_end().to_owned());
            }
        }
        left
    }
}

fn walk(root: &Path, dir: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        if entry.file_type().unwrap().is_dir() {
            walk(root, &path, found);
        }
    }
}

pub fn storage_at(dir: &Path, kind: &str, more: &str) -> Box<dyn Storage> {
    named("test", dir, kind, more)
}

pub fn named(name: &str, dir: &Path, kind: &str, more: &str) -> Box<dyn Storage> {
    let text = format!(
        "{kind}: {name}\n\tpath {}\n\tcontent rootdir,vztmpl,backup\n{more}",
        dir.display()
    );
    let settings = Settings { local: "/nowhere".into(), node: "here".into() };
    Storages::parse(text, settings).get(name).unwrap()
}

/// Runs a program that must succeed, and gives what it wrote.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
pub fn sh(script: &str, dir: &Path) -> String {
    run(Command::new("sh").args(["-euc", script]).current_dir(dir).env("LC_ALL", "C.UTF-8"))
}

/// Whether the ext4 file system in an image is whole.
#[track_caller]
pub fn check_ext4(image: &Path) {
    run(Command::new("e2fsck").args(["-f", "-n"]).arg(image));
}

/// Fails with the lines that differ.
#[track_caller]
pub fn same(what: &str, found: &str, wanted: &str) {
    let only = |a: &str, b: &str, sign: char| -> String {
        let theirs: Vec<&str> = b.lines().collect();
        a.lines()
            .filter(|line| !theirs.contains(line))
            .map(|line| format!("{sign} {line}\n"))
            .collect()
    };
    let (more, less) = (only(found, wanted, '+'), only(wanted, found, '-'));
    assert!(
        found == wanted,
        "{what}:\n{more}{less}({} lines, {} wanted)",
        found.lines().count(),
        wanted.lines().count()
    );
}
