//! Opening: one process at a time, and nothing that is no sound store of ours.

mod common;

use common::{child, open, path, put, remove};
use pvefs_store::{SqliteOptions, SqliteStore, Store, StoreError};
use rusqlite::Connection;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const HOLDER: &str = "PVEFS_STORE_HOLDER";

fn unusable(database: &Path, options: SqliteOptions) -> String {
    let before = fs::read(database).unwrap();
    let read_only = SqliteStore::open_read_only(database, &options).err();
    assert!(matches!(read_only, Some(StoreError::Unusable { .. })), "{read_only:?}");
    let error = SqliteStore::open(database, options).err();
    assert!(matches!(error, Some(StoreError::Unusable { .. })), "{error:?}");
    assert!(fs::read(database).unwrap() == before, "the file has been touched");
    error.unwrap().to_string()
}

#[test]
fn refuses_what_is_no_store_and_leaves_it_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    let check = |what: &str| {
        let error = unusable(&file, SqliteOptions::default());
        assert!(error.contains(what), "{error}");
    };
    fs::write(&file, "").unwrap();
    check("is empty");
    fs::write(&file, "hostname: web\n").unwrap();
    check("no SQLite database");
    fs::write(&file, "SQLite format 3\0short").unwrap();
    check("cut short");
    fs::remove_file(&file).unwrap();
    let foreign = Connection::open(&file).unwrap();
    foreign.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE tree (x)").unwrap();
    check("of another program");
    drop(foreign);
    fs::remove_file(&file).unwrap();
    drop(open(&file));
    let newer = Connection::open(&file).unwrap();
    newer.pragma_update(None, "user_version", 2).unwrap();
    drop(newer);
    check("use a newer pvefs");
}

#[test]
fn tells_damage() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("store.db");
    let store = open(&database);
    for number in 0..200 {
        store.commit(put(&format!("{number}.conf"), vec![b'x'; 400])).unwrap();
    }
    drop(store);
    let sound = fs::read(&database).unwrap();
    SqliteStore::verify(&database).unwrap();
    let checked = SqliteOptions { check: true, ..SqliteOptions::default() };

    // Every page in turn: the checks find all of them, and nothing panics without.
    let (page, mut unchecked) = (1024, 0);
    for damaged in 1..sound.len() / page {
        let mut bytes = sound.clone();
        bytes[damaged * page..(damaged + 1) * page].fill(0xa5);
        fs::write(&database, &bytes).unwrap();
        unusable(&database, checked.clone());
        let verdict = SqliteStore::verify(&database);
        assert!(matches!(verdict, Err(StoreError::Unusable { .. })), "page {damaged}: {verdict:?}");
        if let Ok(store) = SqliteStore::open(&database, SqliteOptions::default()) {
            let broken =
                (0..200).any(|number| store.read(&path(&format!("{number}.conf"))).is_err());
            unchecked += u32::from(broken);
        }
    }
    assert!(unchecked > 0, "damaged contents are told when they are read");
    fs::write(&database, &sound[..sound.len() / 2]).unwrap();
    unusable(&database, checked);
    fs::write(&database, &sound).unwrap();
    assert_eq!(open(&database).revision(), 200);
}

#[test]
fn a_lost_database_with_its_log_left_is_not_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("store.db");
    let store = open(&database);
    store.commit(put("a", "1")).unwrap();
    fs::rename(&database, directory.path().join("away")).unwrap();
    let second = directory.path().join("second");
    fs::create_dir(&second).unwrap();
    let log = second.join("store.db-wal");
    fs::copy(directory.path().join("store.db-wal"), &log).unwrap();
    let error = SqliteStore::open(second.join("store.db"), SqliteOptions::default()).err().unwrap();
    assert!(error.to_string().contains("holds commits of it"), "{error}");
    fs::remove_file(log).unwrap();
    assert_eq!(open(&second.join("store.db")).revision(), 0);
}

#[test]
fn the_second_process_learns_who_has_the_store() {
    if let Some(database) = std::env::var_os(HOLDER) {
        let _store = open(Path::new(&database));
        println!("open");
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("store.db");
    let mut holder = child("the_second_process_learns_who_has_the_store", HOLDER, &database)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("open")));
    let error = SqliteStore::open(&database, SqliteOptions::default()).err().unwrap();
    assert!(matches!(error, StoreError::Busy { .. }));
    let named = format!("in use by process {} (opening-", holder.id());
    assert!(error.to_string().contains(&named), "{error}");
    let backup = directory.path().join("backup");
    SqliteStore::open_read_only(&database, &SqliteOptions::default())
        .unwrap()
        .backup(&backup)
        .unwrap();
    assert!(matches!(SqliteStore::restore(&backup, &database), Err(StoreError::Busy { .. })));
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(open(&database).commit(put("a", "1")).unwrap(), 1, "a dead holder is in the way");
}

#[test]
fn read_only_beside_the_writer_and_without() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("store.db");
    let store = open(&database);
    store.commit(put("a", "1")).unwrap();
    let reader = SqliteStore::open_read_only(&database, &SqliteOptions::default()).unwrap();
    store.commit(put("a", "2")).unwrap();
    assert_eq!(&*reader.read(&path("a")).unwrap().unwrap().1, b"1");
    assert_eq!((reader.revision(), reader.history(&path("a"), 9).unwrap().len()), (1, 1));
    assert!(matches!(reader.commit(put("a", "3")), Err(StoreError::ReadOnly(_))));
    assert_eq!(reader.watch(0).unwrap().count(), 1, "ends after what there is");
    drop(reader);
    drop(store);
    let reader = SqliteStore::open_read_only(&database, &SqliteOptions::default()).unwrap();
    assert_eq!(&*reader.read(&path("a")).unwrap().unwrap().1, b"2");
    let missing =
        SqliteStore::open_read_only(directory.path().join("x"), &SqliteOptions::default());
    assert!(matches!(missing, Err(StoreError::Io { .. })));
    assert!(!directory.path().join("x").exists());
}

#[test]
fn backs_up_in_use_and_restores() {
    let directory = tempfile::tempdir().unwrap();
    let (database, backup) = (directory.path().join("store.db"), directory.path().join("backup"));
    let store = open(&database);
    store.commit(put("a", "1")).unwrap();
    store.commit(put("a", "2")).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                store.commit(put("busy", format!("{number}"))).unwrap();
            }
        });
        for _ in 0..5 {
            store.backup(&backup).unwrap();
            let verified = SqliteStore::verify(&backup).unwrap();
            assert!(verified.revision >= 2 && verified.revision <= store.revision());
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&database).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(store.backup(&database).is_err(), "the store has been overwritten by its backup");
    assert!(store.backup(&directory.path().join("no/such")).is_err());
    store.backup(&backup).unwrap();
    let at_backup = store.revision();
    store.commit(remove("a")).unwrap();
    drop(store);

    let verified = SqliteStore::restore(&backup, &database).unwrap();
    assert_eq!(verified.revision, at_backup);
    let store = open(&database);
    assert_eq!((store.revision(), store.usage()), (at_backup, verified.usage));
    assert_eq!(&*store.read_at(&path("a"), 1).unwrap().unwrap(), b"1");
    let old = SqliteStore::open_read_only(
        directory.path().join("store.db.before-restore"),
        &SqliteOptions::default(),
    );
    assert_eq!(old.unwrap().revision(), at_backup + 1);
    assert!(matches!(store.watch(at_backup + 1), Err(StoreError::Compacted(_))));
    drop(store);

    // A backup takes the place of what is no store as well, and that is kept.
    fs::write(&database, "wreck").unwrap();
    fs::write(directory.path().join("store.db-wal"), "its log").unwrap();
    SqliteStore::restore(&backup, &database).unwrap();
    assert_eq!(open(&database).revision(), at_backup);
    let kept = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!(kept("store.db.before-restore"), "wreck");
    assert_eq!(kept("store.db.before-restore-wal"), "its log");

    let mut damaged = fs::read(&backup).unwrap();
    damaged[2048..3072].fill(7);
    fs::write(&backup, damaged).unwrap();
    let before = fs::read(&database).unwrap();
    assert!(matches!(SqliteStore::restore(&backup, &database), Err(StoreError::Unusable { .. })));
    assert_eq!(fs::read(&database).unwrap(), before);
    let left = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains(".new")).collect();
    assert!(left.is_empty(), "{left:?}");
}
