//! What several tests use.
#![allow(dead_code)]

use pvefs_store::{Author, Change, Commit, SqliteOptions, SqliteStore, TreePath};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub fn path(text: &str) -> TreePath {
    text.parse().unwrap()
}

pub fn put(at: &str, data: impl AsRef<[u8]>) -> Commit {
    let change = Change::Put { path: path(at), data: data.as_ref().into() };
    let author = Author { uid: Some(0), pid: Some(7), program: "vim".into() };
    Commit { changes: vec![change], author, ..Commit::default() }
}

pub fn remove(at: &str) -> Commit {
    Commit { changes: vec![Change::Remove { path: path(at) }], ..Commit::default() }
}

/// Options that do not wait long for locks.
pub fn impatient() -> SqliteOptions {
    SqliteOptions { busy_timeout: Duration::from_millis(50), ..SqliteOptions::default() }
}

pub fn open(database: &Path) -> SqliteStore {
    SqliteStore::open(database, impatient()).unwrap()
}

/// The test `name` of this very program, to be run as a child with `variable` set to `value`.
pub fn child(name: &str, variable: &str, value: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(variable, value);
    command
}
