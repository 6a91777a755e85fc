//! kill -9 at any moment leaves every acknowledged commit, and none torn.

mod common;

use common::{child, open, path};
use pvefs_store::{Change, Commit, Store, TreePath};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const DATABASE: &str = "PVEFS_STORE_CRASH";
const ROUNDS: u64 = 30;
const WRITERS: u64 = 6;

/// The content of the files of one commit: long enough for several pages, and recognisable in every byte.
fn text(writer: u64, number: u64) -> Vec<u8> {
    let line = format!("{writer}:{number}\n");
    line.repeat(1 + (number % 400) as usize).into_bytes()
}

fn number(text: &[u8]) -> u64 {
    let line = text.split(|byte| *byte == b'\n').next().unwrap();
    str::from_utf8(line).unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
}

/// Two files that one commit always changes together.
fn pair(writer: u64) -> [TreePath; 2] {
    [path(&format!("w{writer}")), path(&format!("d/w{writer}"))]
}

/// Commits until killed; tells each commit that has been acknowledged.
fn commit_for_ever(database: &Path) {
    let store = open(database);
    if store.stat(&path("d")).unwrap().is_none() {
        let changes = vec![Change::Mkdir { path: path("d") }];
        store.commit(Commit { changes, ..Commit::default() }).unwrap();
    }
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                let last = store.read(&pair(writer)[0]).unwrap();
                for number in last.map_or(0, |(_, data)| number(&data)) + 1.. {
                    let data = text(writer, number);
                    let put = |path| Change::Put { path, data: data.clone().into() };
                    let changes = pair(writer).map(put).to_vec();
                    let revision = store.commit(Commit { changes, ..Commit::default() }).unwrap();
                    // One write, so that lines of several threads do not mix.
                    let line = format!("ack {writer} {number} {revision}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

#[test]
fn every_acknowledged_commit_outlives_kill_9() {
    if let Some(database) = std::env::var_os(DATABASE) {
        return commit_for_ever(Path::new(&database));
    }
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("store.db");
    let mut acknowledged = BTreeMap::new();
    let mut total = 0;
    for round in 0..ROUNDS {
        let name = "every_acknowledged_commit_outlives_kill_9";
        let mut running = child(name, DATABASE, &database).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(running.stdout.take().unwrap()).lines();
        let reader = std::thread::spawn(move || {
            let lines = lines.map_while(Result::ok);
            lines
                // The test harness begins a line of its own.
                .filter_map(|line| line.split_once("ack ").map(|(_, ack)| ack.to_owned()))
                .map(|ack| {
                    let numbers: Vec<u64> =
                        ack.split(' ').map(|number| number.parse().unwrap()).collect();
                    (numbers[0], numbers[1], numbers[2])
                })
                .collect::<Vec<_>>()
        });
        // Some die while they open the store, most amid commits.
        std::thread::sleep(Duration::from_millis(5 + round * 7919 % 170));
        running.kill().unwrap();
        running.wait().unwrap();
        for (writer, number, revision) in reader.join().unwrap() {
            acknowledged.insert(writer, (number, revision));
            total += 1;
        }
        check(&database, &mut acknowledged);
    }
    assert!(total > 100, "only {total} commits were acknowledged: nothing has been tested");
}

/// Checks what is there, and takes note of it: the next round must not lose that either.
fn check(database: &Path, acknowledged: &mut BTreeMap<u64, (u64, u64)>) {
    let store = open(database);
    let newest = acknowledged.values().map(|(_, revision)| *revision).max();
    assert!(store.revision() >= newest.unwrap_or(0));
    for (writer, (acked, revision)) in acknowledged {
        let contents = pair(*writer).map(|path| store.read(&path).unwrap().unwrap());
        let found = number(&contents[0].1);
        // The last one may have been on disk before its acknowledgement got out.
        assert!(found == *acked || found == *acked + 1, "{found} is there, {acked} was acked");
        for (path, (entry, data)) in pair(*writer).iter().zip(&contents) {
            assert_eq!(**data, *text(*writer, found), "{path} is torn");
            assert!(entry.modified >= *revision);
            let record = &store.history(path, 1).unwrap()[0];
            assert_eq!((record.revision, record.size), (entry.modified, Some(entry.size)));
        }
        assert_eq!(contents[0].0.modified, contents[1].0.modified, "half a commit");
        (*acked, *revision) = (found, contents[0].0.modified);
    }
    drop(store);
    pvefs_store::SqliteStore::verify(database).unwrap();
}
