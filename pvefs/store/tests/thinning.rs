//! Thinning out history.

mod common;

use common::{impatient, path, put, remove};
use pvefs_store::{
    Change, Commit, Retention, SqliteOptions, SqliteStore, Store, StoreError, TreePath,
};
use std::path::Path;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

fn open(database: &Path, retention: Retention) -> SqliteStore {
    SqliteStore::open(database, SqliteOptions { retention, ..impatient() }).unwrap()
}

fn keep(revisions: usize) -> Retention {
    Retention { revisions, daily: Duration::ZERO, ..Retention::default() }
}

fn revisions(store: &SqliteStore, path: &TreePath) -> Vec<u64> {
    store.history(path, 1000).unwrap().iter().map(|record| record.revision).collect()
}

#[test]
fn keeps_the_newest_and_says_which_are_gone() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("store.db");
    let a = path("a");
    let store = open(&database, keep(3));
    for number in 1..=10 {
        store.commit(put("a", format!("{number}"))).unwrap();
    }
    store.commit(put("b", "only one")).unwrap();
    let early = store.watch(0).unwrap();
    assert_eq!(store.thin().unwrap(), 7);
    let check = |store: &SqliteStore| {
        assert_eq!(revisions(store, &a), [10, 9, 8]);
        assert_eq!(&*store.read_at(&a, 8).unwrap().unwrap(), b"8");
        assert!(matches!(store.read_at(&a, 7), Err(StoreError::Compacted(7))));
        assert!(matches!(store.read_at(&a, 1), Err(StoreError::Compacted(1))));
        assert_eq!(store.read_at(&a, 0).unwrap(), None, "it did not exist then");
        assert_eq!(&*store.read(&path("b")).unwrap().unwrap().1, b"only one");
        assert!(matches!(store.watch(6), Err(StoreError::Compacted(6))));
        assert_eq!(store.watch(7).unwrap().recv().unwrap().revision, 8);
    };
    check(&store);
    // One that is behind gets the events that are still in memory, or is told; it never skips in silence.
    let mut told = 0;
    for event in early.take(11) {
        match event {
            Ok(event) if event.revision == told + 1 => told = event.revision,
            Ok(event) => panic!("{told} is followed by {}", event.revision),
            Err(StoreError::Compacted(_)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(store.thin().unwrap(), 0);
    drop(store);
    let store = open(&database, keep(3));
    check(&store);
    let late = Duration::from_millis(10);
    assert!(matches!(
        store.watch(8).unwrap().recv_timeout(late),
        Ok(Some(event)) if event.revision == 9
    ));
    // A second round joins its gap to that of the first.
    store.commit(put("a", "12")).unwrap();
    store.thin().unwrap();
    assert!(matches!(store.read_at(&a, 5), Err(StoreError::Compacted(5))));
    drop(store);
    SqliteStore::verify(&database).unwrap();
}

#[test]
fn forgets_removed_files_but_never_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("store.db");
    let nothing = Retention {
        all: Duration::ZERO,
        revisions: 0,
        daily: Duration::ZERO,
        touches: Duration::ZERO,
    };
    let store = open(&database, nothing.clone());
    store.commit(put("gone", "1")).unwrap();
    store.commit(remove("gone")).unwrap();
    store.commit(put("kept", "1")).unwrap();
    store.commit(put("kept", "2")).unwrap();
    let touch = |seconds| Change::Touch {
        path: path("kept"),
        mtime: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
    };
    let touches = Commit { changes: vec![touch(1), touch(2)], ..Commit::default() };
    store.commit(touches).unwrap();
    assert_eq!(store.paths_named("gone").unwrap(), [path("gone")]);
    store.thin().unwrap();
    assert!(store.paths_named("gone").unwrap().is_empty());
    assert_eq!(revisions(&store, &path("gone")), [0; 0]);
    assert_eq!(revisions(&store, &path("kept")), [4]);
    // The removal of a file may be the newest change of all, which tells the store's revision.
    store.commit(remove("kept")).unwrap();
    store.thin().unwrap();
    drop(store);
    let store = open(&database, nothing);
    assert_eq!((store.revision(), store.usage().entries), (6, 0));
    assert_eq!(store.commit(put("kept", "3")).unwrap(), 7);
    store.thin().unwrap();
    assert_eq!(&*store.read(&path("kept")).unwrap().unwrap().1, b"3");
    SqliteStore::verify(&database).unwrap();
}

#[test]
fn keeps_one_a_day_of_old_ones() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("store.db");
    let store = open(&database, Retention::default());
    for number in 1..=9 {
        store.commit(put("a", format!("{number}"))).unwrap();
    }
    drop(store);
    // As if revision n had been made at this time before now; noon, so that hours do not change the day.
    let noon = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let noon = Duration::from_secs(noon / 86_400 * 86_400 + 43_200);
    let hour = Duration::from_secs(3600);
    let ages =
        [400 * DAY, 366 * DAY + 2 * hour, 60 * DAY, 60 * DAY - hour, 60 * DAY - 2 * hour, 59 * DAY];
    let connection = rusqlite::Connection::open(&database).unwrap();
    for (index, age) in ages.iter().enumerate() {
        let time = (noon - *age).as_nanos() as i64;
        let revision = index as i64 + 1;
        let update = "UPDATE change SET time = ?1, mtime = ?1 WHERE id >> 20 = ?2";
        connection.execute(update, [time, revision]).unwrap();
    }
    drop(connection);
    let store = open(&database, Retention::default());
    store.thin().unwrap();
    // 1 and 2 are older than a year; of 3, 4 and 5, made on one day, the last is kept; 7 to 9 are new.
    assert_eq!(revisions(&store, &path("a")), [9, 8, 7, 6, 5]);
    assert_eq!(&*store.read_at(&path("a"), 5).unwrap().unwrap(), b"5");
    assert!(matches!(store.read_at(&path("a"), 4), Err(StoreError::Compacted(4))));
}

#[test]
fn the_writer_thins_out_what_changes_often_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("store.db"), keep(5));
    std::thread::scope(|scope| {
        let store = &store;
        scope.spawn(move || {
            for number in 0..1000 {
                store.commit(put("a", format!("{number}"))).unwrap();
            }
        });
        // What is there can be read at every moment.
        scope.spawn(move || {
            while store.revision() < 1000 {
                if let Some((entry, data)) = store.read(&path("a")).unwrap() {
                    let number: u64 = str::from_utf8(&data).unwrap().parse().unwrap();
                    assert_eq!(
                        entry.modified,
                        number + 1,
                        "content and entry do not belong together"
                    );
                }
            }
        });
    });
    assert!(revisions(&store, &path("a")).len() < 80);
}
