//! Watches: every event in order, from any revision, whatever the watcher's pace.

mod common;

use common::{impatient, path, put, remove};
use pvefs_store::{
    Change, Commit, Event, MemoryStore, Retention, SqliteOptions, SqliteStore, Store, StoreError,
    Watch,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WRITERS: u64 = 4;
const COMMITS: u64 = 600;

fn stores(test: impl Fn(Arc<dyn Store>)) {
    let directory = tempfile::tempdir().unwrap();
    test(Arc::new(MemoryStore::new()));
    // Thinning out ends the watch of one who is far behind; here all are to get everything.
    let retention = Retention { revisions: usize::MAX, ..Retention::default() };
    let options = SqliteOptions { retention, ..impatient() };
    test(Arc::new(SqliteStore::open(directory.path().join("store.db"), options).unwrap()));
}

/// Takes all events up to revision `last`; each revision changes one path.
fn collect(mut watch: Watch, from: u64, last: u64, pause: Duration) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    while events.last().is_none_or(|event| event.revision < last) {
        let event = watch.recv().unwrap();
        let next = events.last().map_or(from, |event| event.revision) + 1;
        assert_eq!(event.revision, next, "a gap, or out of order");
        events.push(event);
        std::thread::sleep(pause);
    }
    events
}

#[test]
fn tells_every_change_once_and_in_order_to_all() {
    stores(|store| {
        for number in 0..50 {
            store.commit(put("early", format!("{number}"))).unwrap();
        }
        let last = 50 + WRITERS * COMMITS;
        let watch = |from| store.watch(from).unwrap();
        let (told, live, slow) = std::thread::scope(|scope| {
            let backlog = watch(0);
            let told = scope.spawn(move || collect(backlog, 0, last, Duration::ZERO));
            let live = watch(50);
            let live = scope.spawn(move || collect(live, 50, last, Duration::ZERO));
            // Falls behind what is kept in memory.
            let slow = watch(10);
            let slow = scope.spawn(move || collect(slow, 10, last, Duration::from_micros(300)));
            for writer in 0..WRITERS {
                let store = Arc::clone(&store);
                scope.spawn(move || {
                    for number in 0..COMMITS {
                        let at = format!("w{writer}");
                        store.commit(put(&at, "x".repeat(1 + number as usize))).unwrap();
                    }
                });
            }
            (told.join().unwrap(), live.join().unwrap(), slow.join().unwrap())
        });
        assert_eq!(
            (told.len(), live.len(), slow.len()),
            (last as usize, (WRITERS * COMMITS) as usize, last as usize - 10)
        );
        assert!(told[50..] == live && told[10..] == slow);
        let mut sizes = BTreeMap::new();
        for event in &live {
            let size: &mut u64 = sizes.entry(event.path.clone()).or_default();
            *size += 1;
            let entry = event.entry.unwrap();
            assert_eq!((entry.size, entry.modified), (*size, event.revision));
        }
    });
}

#[test]
fn tells_all_changes_of_a_commit_with_what_each_left() {
    stores(|store| {
        let changes = vec![
            Change::Mkdir { path: path("d") },
            Change::Put { path: path("d/f"), data: (*b"12").into() },
            Change::Remove { path: path("d/f") },
        ];
        store.commit(Commit { changes, ..Commit::default() }).unwrap();
        let told: Vec<_> = (0..3)
            .scan(store.watch(0).unwrap(), |watch, _| watch.try_recv().unwrap())
            .map(|event| (event.revision, event.path, event.entry.map(|entry| entry.size)))
            .collect();
        let expected = [(1, path("d"), Some(0)), (1, path("d/f"), Some(2)), (1, path("d/f"), None)];
        assert_eq!(told, expected);
    });
}

#[test]
fn waits_wakes_and_ends_with_the_store() {
    stores(|store| {
        let mut watch = store.watch(0).unwrap();
        let started = Instant::now();
        assert_eq!(watch.recv_timeout(Duration::from_millis(30)).unwrap(), None);
        assert!(started.elapsed() >= Duration::from_millis(30));
        let waiting = std::thread::spawn(move || {
            let event = watch.recv_timeout(Duration::MAX).unwrap().unwrap();
            assert_eq!(watch.recv_timeout(Duration::from_millis(1)).unwrap(), None);
            (event.revision, watch)
        });
        std::thread::sleep(Duration::from_millis(20));
        store.commit(put("a", "1")).unwrap();
        let (revision, watch) = waiting.join().unwrap();
        assert_eq!(revision, 1);
        let rest = std::thread::spawn(move || watch.filter(Result::is_ok).count());
        store.commit(put("a", "2")).unwrap();
        store.commit(remove("a")).unwrap();
        drop(store);
        assert_eq!(rest.join().unwrap(), 2, "ends once the store is closed, not before");
    });
}

#[test]
fn a_position_from_the_future_is_refused() {
    stores(|store| {
        store.commit(put("a", "1")).unwrap();
        assert!(matches!(store.watch(2), Err(StoreError::Compacted(2))));
    });
}
