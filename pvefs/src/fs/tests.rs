//! The rules of saving, each as the sequence of operations that a tool makes.

mod faults;
mod rules;
mod sequences;
mod tree;

use crate::fs::{
    Attr, Caller, Effect, Fs, FsError, Ino, Judge, OpenMode, Options, ROOT, Refusal, RenameMode,
};
use parking_lot::Mutex;
use pvefs_store::{Author, MemoryStore, Store, TreePath};
use rustix::io::Errno;
use std::sync::Arc;
use std::time::Duration;

const C: &str = "nodes/n1/lxc/100.conf";
const OLD: &str = "ok\nold: 1\n";
const GOOD: &str = "ok\nnew: 2\n";
/// Refused line by line.
const BAD: &str = "ok\nBAD: 3\n";
/// Each line is fine, the whole is not.
const LACKING: &str = "new: 2\n";

/// A line with `BAD` is wrong; a text needs a line `ok`.
struct Tiny;

impl Judge for Tiny {
    fn line(&self, _path: &TreePath, _old: Option<&[u8]>, line: &[u8]) -> Result<(), Refusal> {
        if line.windows(3).any(|word| word == b"BAD") {
            return Err(refusal("a bad line"));
        }
        Ok(())
    }

    fn text(&self, path: &TreePath, _old: Option<&[u8]>, new: &[u8]) -> Result<(), Refusal> {
        self.line(path, None, new)?;
        if new.split(|byte| *byte == b'\n').any(|line| line == b"ok") {
            return Ok(());
        }
        Err(refusal("no line ok"))
    }

    fn judges(&self, path: &TreePath) -> bool {
        path.as_str().contains("/lxc/") && path.as_str().ends_with(".conf")
    }
}

fn refusal(why: &str) -> Refusal {
    Refusal { reasons: format!("{why}\nin detail\n"), summary: why.to_owned() }
}

/// A file system and a process that uses it.
struct Bench {
    fs: Fs,
    effects: Arc<Mutex<Vec<Effect>>>,
    who: Caller,
}

impl Bench {
    fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()), Duration::from_secs(60))
    }

    fn over(store: Arc<dyn Store>, grace: Duration) -> Self {
        let effects = Arc::new(Mutex::new(Vec::new()));
        let seen = effects.clone();
        let options = Options { grace, ..Options::new("n1") };
        let fs = Fs::new(store, Arc::new(Tiny), options, move |effect| seen.lock().push(effect))
            .unwrap();
        Self { fs, effects, who: Caller { uid: 0, pid: std::process::id() } }
    }

    /// One with `C` stored.
    fn with_old() -> Self {
        let bench = Self::new();
        bench.save(C, OLD).unwrap();
        bench.effects.lock().clear();
        bench
    }

    fn ino(&self, path: &str) -> Result<Ino, FsError> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(ROOT, |at, name| {
            self.fs.lookup(at, name.as_bytes(), self.who).map(|attr| attr.ino)
        })
    }

    fn stat(&self, path: &str) -> Result<Attr, FsError> {
        self.fs.getattr(self.ino(path)?, None, Caller::default())
    }

    fn dir<'a>(&self, path: &'a str) -> (Ino, &'a [u8]) {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        (self.ino(dir).unwrap(), name.as_bytes())
    }

    fn open(&self, path: &str, mode: OpenMode) -> Result<u64, FsError> {
        self.fs.open(self.ino(path)?, mode, self.who).map(|opened| opened.fh)
    }

    fn create(&self, path: &str) -> Result<u64, FsError> {
        let (dir, name) = self.dir(path);
        let mode = OpenMode { exclusive: true, ..write() };
        self.fs.create(dir, name, mode, self.who).map(|(_, opened)| opened.fh)
    }

    /// What `open(path, O_WRONLY|O_CREAT|O_TRUNC)` makes the kernel do.
    fn open_for_save(&self, path: &str) -> Result<u64, FsError> {
        match self.open(path, OpenMode { truncate: true, ..write() }) {
            Err(FsError::NotFound(_)) => self.create(path),
            other => other,
        }
    }

    fn put(&self, fh: u64, text: &str) -> Result<(), FsError> {
        self.fs.write(fh, 0, text.as_bytes()).map(drop)
    }

    fn close(&self, fh: u64) -> Result<(), FsError> {
        let flushed = self.fs.flush(fh, self.who).map(drop);
        self.fs.release(fh);
        flushed
    }

    /// `cat > path`.
    fn save(&self, path: &str, text: &str) -> Result<(), FsError> {
        let fh = self.open_for_save(path)?;
        let written = self.put(fh, text);
        let closed = self.close(fh);
        written.and(closed)
    }

    fn read(&self, path: &str) -> Option<String> {
        let fh = self.open(path, OpenMode::default()).ok()?;
        let text = self.read_handle(fh);
        self.fs.release(fh);
        Some(text)
    }

    fn read_handle(&self, fh: u64) -> String {
        self.fs.read(fh, 0, 1 << 20, |read| String::from_utf8(read.unwrap().to_vec()).unwrap())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FsError> {
        self.fs.rename(self.dir(from), self.dir(to), RenameMode::Replace, self.who)
    }

    fn unlink(&self, path: &str) -> Result<(), FsError> {
        let (dir, name) = self.dir(path);
        self.fs.unlink(dir, name, self.who)
    }

    fn mkdir(&self, path: &str) -> Result<(), FsError> {
        let (dir, name) = self.dir(path);
        self.fs.mkdir(dir, name, self.who).map(drop)
    }

    fn rmdir(&self, path: &str) -> Result<(), FsError> {
        let (dir, name) = self.dir(path);
        self.fs.rmdir(dir, name, self.who)
    }

    fn list(&self, path: &str) -> Vec<String> {
        let listing = self.fs.opendir(self.ino(path).unwrap()).unwrap();
        listing.items.iter().map(|item| item.name.to_string()).collect()
    }

    /// A daemon on the same store after this one was killed.
    fn killed(self) -> Self {
        Self::over(self.fs.store().clone(), Duration::from_secs(60))
    }

    /// Ends the grace periods.
    fn later(&self) {
        self.fs.settle_all();
    }

    fn pokes(&self) -> usize {
        self.effects.lock().iter().filter(|effect| **effect == Effect::Poke(100)).count()
    }

    fn history(&self) -> usize {
        self.fs.store().history(&C.parse().unwrap(), 1000).unwrap().len()
    }

    fn rejected(&self) -> Vec<(String, String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let kept = crate::fs::reject::rejected_in(&**self.fs.store()).unwrap();
        kept.iter().map(|r| (r.path.to_string(), text(&r.text), r.reasons.clone())).collect()
    }
}

fn write() -> OpenMode {
    OpenMode { write: true, ..OpenMode::default() }
}

fn append() -> OpenMode {
    OpenMode { append: true, ..write() }
}

fn errno<T: std::fmt::Debug>(result: Result<T, FsError>) -> Errno {
    result.unwrap_err().errno()
}

fn author() -> Author {
    Author { program: "test".to_owned(), ..Author::default() }
}
