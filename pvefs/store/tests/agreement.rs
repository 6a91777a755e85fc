//! The same random operations give the same results in memory and in SQLite, also after SQLite has been reopened.

use proptest::prelude::*;
use pvefs_store::{
    Author, Change, Commit, Entry, MemoryStore, Precondition, SqliteOptions, SqliteStore, Store,
    StoreError, TreePath,
};
use std::time::{Duration, SystemTime};

const PATHS: [&str; 9] = ["a", "b", "a/x", "a/y", "a-x", "a/x/deep", "b/x", "b/x/deep", ""];

#[derive(Clone, Debug)]
enum Step {
    Commit(Commit),
    Reopen,
}

fn path() -> impl Strategy<Value = TreePath> {
    prop::sample::select(&PATHS[..]).prop_map(|path| path.parse().unwrap())
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (path(), prop::sample::select(vec!["", "1", "2", "longer"]))
            .prop_map(|(path, data)| Change::Put { path, data: data.as_bytes().into() }),
        3 => path().prop_map(|path| Change::Mkdir { path }),
        3 => path().prop_map(|path| Change::Remove { path }),
        1 => (path(), any::<u32>()).prop_map(|(path, seconds)| Change::Touch {
            path,
            mtime: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into()),
        }),
    ]
}

fn precondition() -> impl Strategy<Value = Precondition> {
    prop_oneof![
        (path(), 0..8u64).prop_map(|(path, revision)| Precondition::At { path, revision }),
        path().prop_map(|path| Precondition::Absent { path }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let preconditions =
        prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(precondition(), 1)];
    let commit = (preconditions, prop::collection::vec(change(), 0..4), any::<u32>()).prop_map(
        |(preconditions, changes, id)| {
            let author =
                Author { uid: Some(id), pid: id.checked_sub(9), program: format!("p{id}") };
            Step::Commit(Commit { preconditions, changes, author })
        },
    );
    prop_oneof![15 => commit, 1 => Just(Step::Reopen)]
}

/// An entry without the time of the commit, which differs.
fn timeless(entry: Entry) -> Entry {
    let set = entry.mtime < SystemTime::now() - Duration::from_secs(60)
        || entry.mtime > SystemTime::now() + Duration::from_secs(60);
    Entry { mtime: if set { entry.mtime } else { SystemTime::UNIX_EPOCH }, ..entry }
}

/// All that a store tells.
fn picture(store: &dyn Store) -> String {
    let mut picture = format!("{} {:?}\n", store.revision(), store.usage());
    for path in PATHS {
        let path: TreePath = path.parse().unwrap();
        let entry = store.stat(&path).unwrap().map(timeless);
        let content = store.read(&path).unwrap().map(|(entry, data)| (timeless(entry), data));
        let list = store.list(&path).unwrap().map(|list| {
            list.into_iter().map(|(name, entry)| (name, timeless(entry))).collect::<Vec<_>>()
        });
        let history: Vec<_> = store
            .history(&path, 1000)
            .unwrap()
            .into_iter()
            .map(|record| (record.revision, record.author, record.path, record.size))
            .collect();
        let recent = store.history(&path, 2).unwrap().len();
        let contents: Vec<_> =
            (0..=store.revision() + 1).map(|at| store.read_at(&path, at).unwrap()).collect();
        picture +=
            &format!("{path}: {entry:?} {content:?} {list:?} {history:?} {recent} {contents:?}\n");
    }
    for name in ["a", "x", "deep", "none", ""] {
        picture += &format!("{name}: {:?}\n", store.paths_named(name).unwrap());
    }
    for from in 0..=store.revision() + 1 {
        let mut events = Vec::new();
        match store.watch(from) {
            Ok(mut watch) => {
                while let Some(mut event) = watch.try_recv().unwrap() {
                    event.entry = event.entry.map(timeless);
                    events.push(event);
                }
                picture += &format!("after {from}: {events:?}\n");
            }
            Err(error) => picture += &format!("after {from}: {error}\n"),
        }
    }
    picture
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_sqlite_agree(steps in prop::collection::vec(step(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("store.db");
        let open = || SqliteStore::open(&database, SqliteOptions::default()).unwrap();
        let memory = MemoryStore::new();
        let mut sqlite = Some(open());
        for step in steps {
            match step {
                Step::Reopen => {
                    drop(sqlite.take());
                    sqlite = Some(open());
                }
                Step::Commit(commit) => {
                    let describe = |result: Result<u64, StoreError>| format!("{result:?}");
                    let one = describe(memory.commit(commit.clone()));
                    let other = describe(sqlite.as_ref().unwrap().commit(commit));
                    prop_assert_eq!(one, other);
                }
            }
        }
        prop_assert_eq!(picture(&memory), picture(sqlite.as_ref().unwrap()));
        drop(sqlite.take());
        prop_assert_eq!(picture(&memory), picture(&open()));
    }
}
