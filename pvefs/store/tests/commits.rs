//! Commits of many threads at once.

mod common;

use common::{open, path, put};
use pvefs_store::{Commit, MemoryStore, Precondition, Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const THREADS: u64 = 8;
const ROUNDS: u64 = 60;

fn stores(test: impl Fn(&dyn Store)) {
    let directory = tempfile::tempdir().unwrap();
    test(&MemoryStore::new());
    test(&open(&directory.path().join("store.db")));
}

/// The number in the file "counter" plus one, if nobody has changed it since it was read.
fn increment(store: &dyn Store) -> Result<u64, StoreError> {
    let (entry, data) = store.read(&path("counter")).unwrap().unwrap();
    let number: u64 = str::from_utf8(&data).unwrap().parse().unwrap();
    let unchanged = Precondition::At { path: path("counter"), revision: entry.modified };
    let next = put("counter", (number + 1).to_string());
    store.commit(Commit { preconditions: vec![unchanged], ..next })
}

#[test]
fn compare_and_swap_loses_no_update_and_fails_no_neighbour() {
    stores(|store| {
        store.commit(put("counter", "0")).unwrap();
        let conflicts = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let conflicts = &conflicts;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        while let Err(error) = increment(store) {
                            assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
                            conflicts.fetch_add(1, Ordering::Relaxed);
                        }
                        // In the same transactions as commits that fail.
                        store.commit(put(&format!("{thread}"), format!("{round}"))).unwrap();
                    }
                });
            }
        });
        let counter = store.read(&path("counter")).unwrap().unwrap().1;
        assert_eq!(str::from_utf8(&counter).unwrap(), (THREADS * ROUNDS).to_string());
        assert_eq!(
            store.revision(),
            1 + 2 * THREADS * ROUNDS,
            "a failed commit has used a revision"
        );
        for thread in 0..THREADS {
            let last = store.read(&path(&format!("{thread}"))).unwrap().unwrap().1;
            assert_eq!(str::from_utf8(&last).unwrap(), (ROUNDS - 1).to_string());
        }
    });
}

#[test]
fn a_commit_is_visible_once_it_is_acknowledged_and_as_a_whole() {
    stores(|store| {
        let pair = |number: u64| {
            let changes = ["one", "two"].map(|at| put(at, number.to_string()).changes.remove(0));
            Commit { changes: changes.to_vec(), ..Commit::default() }
        };
        store.commit(pair(0)).unwrap();
        let done = Arc::new(AtomicU64::new(0));
        std::thread::scope(|scope| {
            let writer = Arc::clone(&done);
            scope.spawn(move || {
                for number in 1..300 {
                    let revision = store.commit(pair(number)).unwrap();
                    let entry = store.stat(&path("one")).unwrap().unwrap();
                    assert_eq!(entry.modified, revision, "acknowledged, but not visible");
                }
                writer.store(1, Ordering::SeqCst);
            });
            while done.load(Ordering::SeqCst) == 0 {
                // A list is one look at the tree.
                let list = store.list(&path("")).unwrap().unwrap();
                assert_eq!(list[0].1.modified, list[1].1.modified, "half a commit shows");
                assert!(list[0].1.modified <= store.revision());
            }
        });
    });
}
