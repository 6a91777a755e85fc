//! A store that fails: saves fail with its error, readers go on, and later saves work.

use super::*;
use pvefs_store::{Commit, CommitRecord, Entry, Revision, StoreError, Usage, Watch};
use std::sync::atomic::{AtomicU8, Ordering};

/// Fails commits: 1 for a full disk, 2 for one that is broken.
struct Faulty {
    inner: MemoryStore,
    fault: AtomicU8,
}

impl Store for Faulty {
    fn revision(&self) -> Revision {
        self.inner.revision()
    }

    fn stat(&self, path: &TreePath) -> Result<Option<Entry>, StoreError> {
        self.inner.stat(path)
    }

    fn read(&self, path: &TreePath) -> Result<Option<(Entry, Arc<[u8]>)>, StoreError> {
        self.inner.read(path)
    }

    fn read_at(&self, path: &TreePath, at: Revision) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.inner.read_at(path, at)
    }

    fn list(&self, path: &TreePath) -> Result<Option<Vec<(Box<str>, Entry)>>, StoreError> {
        self.inner.list(path)
    }

    fn commit(&self, commit: Commit) -> Result<Revision, StoreError> {
        match self.fault.load(Ordering::Relaxed) {
            0 => self.inner.commit(commit),
            1 => Err(StoreError::NoSpace("the database".to_owned())),
            _ => Err(StoreError::Io { operation: "sync".to_owned(), reason: "no".to_owned() }),
        }
    }

    fn history(&self, path: &TreePath, limit: usize) -> Result<Vec<CommitRecord>, StoreError> {
        self.inner.history(path, limit)
    }

    fn paths_named(&self, name: &str) -> Result<Vec<TreePath>, StoreError> {
        self.inner.paths_named(name)
    }

    fn watch(&self, from: Revision) -> Result<Watch, StoreError> {
        self.inner.watch(from)
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}

#[test]
fn each_operation_fails_with_the_stores_error_and_changes_nothing() {
    let store = Arc::new(Faulty { inner: MemoryStore::new(), fault: AtomicU8::new(0) });
    let bench = Bench::over(store.clone(), Duration::from_secs(60));
    bench.save(C, OLD).unwrap();
    bench.save("notes", "x").unwrap();
    for (fault, number) in [(1, Errno::NOSPC), (2, Errno::IO)] {
        store.fault.store(fault, Ordering::Relaxed);
        assert_eq!(errno(bench.save(C, GOOD)), number);
        assert_eq!(errno(bench.unlink(C)), number);
        assert_eq!(errno(bench.mkdir("d")), number);
        bench.save("nodes/n1/lxc/x.tmp", GOOD).unwrap();
        assert_eq!(errno(bench.rename("nodes/n1/lxc/x.tmp", C)), number);
        assert_eq!(errno(bench.rename("notes", "nodes/n1/lxc/101.conf")), Errno::BADMSG);
        assert!(bench.save(C, LACKING).is_err());
        assert_eq!(bench.read(C).unwrap(), OLD);
        bench.rename(C, "nodes/n1/lxc/100.conf~").unwrap();
        bench.later();
        bench.rename("nodes/n1/lxc/100.conf~", C).unwrap_err();
        store.fault.store(0, Ordering::Relaxed);
        bench.rename("nodes/n1/lxc/100.conf~", C).unwrap();
        assert_eq!(bench.read(C).unwrap(), OLD);
        bench.save(C, GOOD).unwrap();
        assert_eq!(bench.read(C).unwrap(), GOOD);
        bench.save(C, OLD).unwrap();
    }
}

#[test]
fn a_number_is_free_again_when_its_rename_failed() {
    let store = Arc::new(Faulty { inner: MemoryStore::new(), fault: AtomicU8::new(0) });
    let bench = Bench::over(store.clone(), Duration::from_secs(60));
    bench.save(C, OLD).unwrap();
    bench.mkdir("nodes/n2").unwrap();
    bench.mkdir("nodes/n2/lxc").unwrap();
    store.fault.store(2, Ordering::Relaxed);
    assert_eq!(errno(bench.rename(C, "nodes/n2/lxc/100.conf")), Errno::IO);
    store.fault.store(0, Ordering::Relaxed);
    bench.save(C, GOOD).unwrap();
    assert_eq!(errno(bench.create("nodes/n2/lxc/100.conf")), Errno::EXIST);
    bench.rename(C, "nodes/n2/lxc/100.conf").unwrap();
}
