//! Faults of the store: the save fails, readers go on, later saves work once the fault is gone. No restart is needed.

mod common;

use common::{conf, errno, save};
use integration::mounted::{Mounted, PATIENCE, wait_for};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use rustix::io::Errno;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// A configuration of about `size` bytes.
fn long(size: usize) -> String {
    let line = format!("# {}\n", "x".repeat(97));
    conf(512) + &line.repeat(size / line.len())
}

fn read(mounted: &Mounted, id: u32) -> String {
    fs::read_to_string(mounted.conf(id)).expect("readers go on")
}

/// That everything works as if nothing had happened, in the same worker.
fn check_recovered(mounted: &Mounted, worker: nix::unistd::Pid) {
    wait_for(PATIENCE, || save(mounted.conf(100), conf(2048)).ok()).expect("saves work again");
    assert_eq!(read(mounted, 100), conf(2048));
    save(mounted.conf(300), conf(300)).expect("new files work again");
    assert_eq!(read(mounted, 300), conf(300));
    assert_eq!(mounted.worker(), Some(worker), "no restart was needed");
}

fn worker(mounted: &Mounted) -> nix::unistd::Pid {
    wait_for(PATIENCE, || mounted.worker()).expect("a worker")
}

/// A file system of its own for the store, unmounted at the end.
struct Small<'a>(&'a Path);

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = umount2(self.0, MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_full_disk() {
    let mut mounted = Mounted::with().prepare();
    let folder = mounted.store.parent().expect("a folder").to_owned();
    fs::create_dir_all(&folder).expect("a folder");
    mount(Some("tmpfs"), &folder, Some("tmpfs"), MsFlags::empty(), Some("size=4m"))
        .expect("a tmpfs; this test runs as root");
    let small = Small(&folder);
    mounted.start();
    let worker = worker(&mounted);
    save(mounted.conf(100), conf(512)).expect("a save");
    save(folder.join("filler"), vec![1; 1 << 20]).expect("a file that can be removed");
    let mut saved = 0;
    let error = (200..260).find_map(|id| {
        let error = errno(save(mounted.conf(id), long(200_000)));
        saved += u32::from(error.is_none());
        error
    });
    assert_eq!(error, Some(Errno::NOSPC), "after {saved} saves");
    assert!(saved > 0);
    for number in 0..5 {
        let error = errno(save(mounted.conf(100), long(500_000 + number)));
        assert_eq!(error, Some(Errno::NOSPC));
        assert_eq!(read(&mounted, 100), conf(512), "the old text stays");
    }
    for id in 200..200 + saved {
        assert_eq!(read(&mounted, id), long(200_000));
    }
    fs::remove_file(folder.join("filler")).expect("space again");
    check_recovered(&mounted, worker);
    mounted.stop();
    mounted.start();
    assert_eq!(read(&mounted, 100), conf(2048));
    mounted.stop();
    drop(small);
}

#[test]
fn an_error_when_writing() {
    let mounted = Mounted::new();
    let worker = worker(&mounted);
    save(mounted.conf(100), conf(512)).expect("a save");
    let limit = |bytes: &str| {
        let pid = worker.to_string();
        let limit = format!("--fsize={bytes}");
        let status = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        assert!(status.expect("prlimit runs").success());
    };
    // The store's log may not grow: to SQLite that is an I/O error. SIGXFSZ is ignored as Rust programs do not ask for it.
    limit("65536:unlimited");
    let error = errno(save(mounted.conf(100), long(300_000)));
    assert!(
        matches!(
            error,
            Some(Errno::IO | Errno::NOSPC | Errno::FBIG | Errno::CONNABORTED | Errno::NOTCONN)
        ),
        "{error:?}"
    );
    if mounted.worker() != Some(worker) {
        panic!("the worker died of a limit on its files: {}", mounted.log());
    }
    assert_eq!(read(&mounted, 100), conf(512), "the old text stays");
    limit("unlimited:unlimited");
    check_recovered(&mounted, worker);
}

#[test]
fn a_locked_database() {
    let mounted = Mounted::new();
    let worker = worker(&mounted);
    save(mounted.conf(100), conf(512)).expect("a save");
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                  c.execute('BEGIN IMMEDIATE')\nprint('locked', flush=True)\nsys.stdin.read()\nc.execute('ROLLBACK')";
    let mut locker = Command::new("python3")
        .args(["-c", script])
        .arg(&mounted.store)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut line = String::new();
    BufReader::new(locker.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    assert_eq!(line, "locked\n");
    let error = errno(save(mounted.conf(100), conf(1024)));
    assert!(matches!(error, Some(Errno::IO | Errno::BUSY)), "{error:?}");
    assert_eq!(read(&mounted, 100), conf(512), "the old text stays");
    drop(locker.stdin.take());
    assert!(locker.wait().expect("its end").success());
    check_recovered(&mounted, worker);
}
