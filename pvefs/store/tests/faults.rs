//! A full disk, a file size limit, a locked database: the commit fails, readers go on, later commits work.

mod common;

use common::{child, impatient, open, path, put};
use pvefs_store::{SqliteStore, Store, StoreError};
use rusqlite::Connection;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const FULL: &str = "PVEFS_STORE_FULL";
const LIMITED: &str = "PVEFS_STORE_LIMITED";
const LOCKER: &str = "PVEFS_STORE_LOCKER";

#[test]
fn a_full_disk() {
    if let Some(directory) = std::env::var_os(FULL) {
        return fill_the_disk(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    // The mount is seen by the child alone, and goes away with it.
    let test = child("a_full_disk", FULL, directory.path());
    let script = "mount -t tmpfs -o size=1M tmpfs \"$PVEFS_STORE_FULL\" || exit 77; exec \"$@\"";
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"])
        .arg(test.get_program())
        .args(test.get_args())
        .env(FULL, directory.path())
        .status()
        .unwrap();
    if matches!(status.code(), Some(1 | 77)) && !is_root() {
        eprintln!("SKIPPED: a full disk needs root, to mount one");
        return;
    }
    assert!(status.success(), "{status}");
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .any(|line| line.starts_with("Uid:\t0\t"))
}

fn fill_the_disk(directory: &Path) {
    let store = open(&directory.join("store.db"));
    store.commit(put("kept", "old")).unwrap();
    let mut number = 0;
    let error = loop {
        number += 1;
        match store.commit(put("growing", vec![number as u8; 60_000])) {
            Ok(_) => assert!(number < 100, "1 MB is never full"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::NoSpace(_)), "{error}");
    check_untouched(&store, number);
    for _ in 0..3 {
        let error = store.commit(put("growing", vec![0; 400_000])).unwrap_err();
        assert!(matches!(error, StoreError::NoSpace(_)), "{error}");
    }
    check_untouched(&store, number);
    let big = vec![1; 400_000];
    let failed = std::thread::scope(|scope| {
        let commits = [&big[..], &[2; 10], &big[..], &[3; 10]].map(|data| {
            let store = &store;
            scope.spawn(move || store.commit(put("small", data)))
        });
        commits.map(|commit| commit.join().unwrap().is_err())
    });
    assert!(failed[0] && failed[2], "what does not fit has been stored");
    let remount = ["-o", "remount,size=16M"];
    assert!(Command::new("mount").args(remount).arg(directory).status().unwrap().success());
    let revision = store.commit(put("growing", vec![9; 400_000])).unwrap();
    assert_eq!(store.revision(), revision);
    drop(store);
    let store = open(&directory.join("store.db"));
    assert_eq!(store.read(&path("growing")).unwrap().unwrap().1.len(), 400_000);
    SqliteStore::verify(store.path()).unwrap();
}

/// Nothing shows of a commit that has failed.
fn check_untouched(store: &SqliteStore, failed: i32) {
    assert_eq!(&*store.read(&path("kept")).unwrap().unwrap().1, b"old");
    let growing = store.read(&path("growing")).unwrap().unwrap().1;
    assert_eq!(*growing, *vec![(failed - 1) as u8; 60_000]);
    assert_eq!(store.revision(), failed as u64);
    assert_eq!(store.watch(failed as u64).unwrap().try_recv().unwrap(), None);
}

#[test]
fn an_error_when_writing() {
    if let Some(directory) = std::env::var_os(LIMITED) {
        return write_beyond_the_limit(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let test = child("an_error_when_writing", LIMITED, directory.path());
    // Files of at most 600 KiB; a write beyond fails with EFBIG, which SQLite takes for an I/O error.
    let script = "trap '' XFSZ; exec prlimit --fsize=614400:1000000000 \"$@\"";
    let status = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(test.get_program())
        .args(test.get_args())
        .env(LIMITED, directory.path())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

fn write_beyond_the_limit(directory: &Path) {
    let store = open(&directory.join("store.db"));
    store.commit(put("kept", "old")).unwrap();
    for _ in 0..3 {
        let error = store.commit(put("big", vec![1; 900_000])).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. } | StoreError::NoSpace(_)), "{error}");
        assert_eq!(store.revision(), 1);
        assert_eq!(store.read(&path("big")).unwrap(), None);
        assert_eq!(&*store.read(&path("kept")).unwrap().unwrap().1, b"old");
    }
    let raise = ["--fsize=1000000000", "--pid", &std::process::id().to_string()];
    assert!(Command::new("prlimit").args(raise).status().unwrap().success());
    assert_eq!(store.commit(put("big", vec![1; 900_000])).unwrap(), 2);
    drop(store);
    SqliteStore::verify(&directory.join("store.db")).unwrap();
}

#[test]
fn a_locked_database() {
    if let Some(database) = std::env::var_os(LOCKER) {
        let connection = Connection::open(database).unwrap();
        connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
        println!("locked");
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("store.db"), impatient()).unwrap();
    store.commit(put("a", "1")).unwrap();
    let mut locker = child("a_locked_database", LOCKER, store.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(locker.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("locked")));
    let error = store.commit(put("a", "2")).unwrap_err();
    assert!(
        matches!(&error, StoreError::Io { reason, .. } if reason.contains("locked")),
        "{error}"
    );
    assert_eq!(&*store.read(&path("a")).unwrap().unwrap().1, b"1");
    assert_eq!(store.history(&path("a"), 9).unwrap().len(), 1);
    locker.stdin.take().unwrap().write_all(b"go\n").unwrap();
    locker.wait().unwrap();
    assert_eq!(store.commit(put("a", "3")).unwrap(), 2);
    assert_eq!(&*store.read(&path("a")).unwrap().unwrap().1, b"3");
}
