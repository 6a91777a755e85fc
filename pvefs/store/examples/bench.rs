//! Measures a store against plain files on the same disk: `cargo run --release --example bench [DIRECTORY]`.

use pvefs_store::{Author, Change, Commit, SqliteOptions, SqliteStore, Store, TreePath};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const FILES: usize = 10_000;
const SIZE: usize = 400;
const SAVES: usize = 5_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().unwrap_or_else(|| ".".into());
    if let Some(database) = arguments.next() {
        return open(Path::new(&database));
    }
    let directory = tempfile::tempdir_in(parent).expect("a directory for the bench");
    let directory = directory.path();
    let database = directory.join("store.db");

    for round in 1..=2 {
        files(directory, round);
    }
    let store = SqliteStore::open(&database, SqliteOptions::default()).expect("open");
    populate(&store);
    for writers in [1, 4, 16] {
        saves(&store, writers);
    }
    reads(&store);
    let started = Instant::now();
    store.backup(&directory.join("backup.db")).expect("backup");
    println!("backup: {:.1} ms", ms(started.elapsed()));
    drop(store);
    println!("database: {} KiB", fs::metadata(&database).map_or(0, |file| file.len() / 1024));
    // In a process of its own, whose memory is that of the store alone.
    let this = std::env::current_exe().expect("this program");
    let opened = Command::new(this).arg(directory).arg(&database).status().expect("a child");
    assert!(opened.success());
}

fn name(number: usize) -> TreePath {
    format!("nodes/pve1/lxc/{}.conf", 100 + number).parse().expect("a path")
}

fn text(number: usize) -> Vec<u8> {
    let mut text = format!("# save {number}\n").into_bytes();
    text.resize(SIZE, b'x');
    text
}

fn put(number: usize, content: usize) -> Commit {
    Commit {
        changes: vec![Change::Put { path: name(number), data: text(content).into() }],
        author: Author { uid: Some(0), pid: Some(std::process::id()), program: "bench".into() },
        ..Commit::default()
    }
}

fn populate(store: &SqliteStore) {
    let directories = ["nodes", "nodes/pve1", "nodes/pve1/lxc"];
    let mkdir = |path: &str| Change::Mkdir { path: path.parse().expect("a path") };
    let mut changes: Vec<_> = directories.iter().map(|path| mkdir(path)).collect();
    changes.extend((0..FILES).flat_map(|number| put(number, number).changes));
    let started = Instant::now();
    store.commit(Commit { changes, ..Commit::default() }).expect("commit");
    println!("import of {FILES} files in one commit: {:.1} ms", ms(started.elapsed()));
    // What the import leaves to the writer is no part of what follows.
    std::thread::sleep(Duration::from_secs(1));
}

/// Durable overwrites of plain files, for comparison.
fn files(directory: &Path, round: usize) {
    let directory = directory.join("plain");
    fs::create_dir_all(&directory).expect("mkdir");
    let save = |number: usize, content: usize| {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let mut file = options.open(directory.join(number.to_string())).expect("open");
        file.write_all(&text(content)).expect("write");
        file.sync_all().expect("fsync");
    };
    for number in 0..1000 {
        save(number, number);
    }
    let bytes = written();
    let times = (0..SAVES).map(|save_number| timed(|| save(save_number * 7 % 1000, save_number)));
    report(&format!("plain file, write+fsync, round {round}"), times.collect());
    println!("    {} bytes written a save", (written() - bytes) / SAVES as u64);
}

fn saves(store: &SqliteStore, writers: usize) {
    let bytes = written();
    let started = Instant::now();
    let times: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|writer| {
                scope.spawn(move || {
                    let save = |number: usize| {
                        let file = (number * 7 + writer * 613) % FILES;
                        let content = (writers << 40) + (writer << 32) + number;
                        timed(|| assert!(store.commit(put(file, content)).is_ok()))
                    };
                    (0..SAVES).map(save).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a writer")).collect()
    });
    let total = times.len() as f64;
    report(&format!("commit, {writers} writers"), times);
    println!(
        "    {:.0} commits/s, {} bytes written each",
        total / started.elapsed().as_secs_f64(),
        (written() - bytes) / total as u64
    );
}

fn reads(store: &SqliteStore) {
    let read = |number: usize| timed(|| drop(store.read(&name(number * 7 % FILES)).expect("read")));
    report("read", (0..FILES).map(read).collect());
    report("read again", (0..FILES).map(read).collect());
    let one = name(5);
    report("read one file", (0..FILES).map(|_| timed(|| drop(store.read(&one)))).collect());
    report("stat", (0..FILES).map(|_| timed(|| drop(store.stat(&one)))).collect());
    let directory = "nodes/pve1/lxc".parse().expect("a path");
    report("list", (0..100).map(|_| timed(|| drop(store.list(&directory)))).collect());
    let history = |_| timed(|| drop(store.history(&one, 100).expect("history")));
    report("history", (0..100).map(history).collect());
    let named = |_| timed(|| drop(store.paths_named("105.conf").expect("paths")));
    report("paths_named", (0..100).map(named).collect());
}

fn open(database: &Path) {
    for check in [false, false, true] {
        let before = resident();
        let started = Instant::now();
        let options = SqliteOptions { check, ..SqliteOptions::default() };
        let store = SqliteStore::open(database, options).expect("open");
        println!(
            "open, check {check}: {:.1} ms, memory {before} -> {} KiB",
            ms(started.elapsed()),
            resident()
        );
        drop(store);
    }
    let read_only = |_| {
        let options = SqliteOptions::default();
        timed(|| drop(SqliteStore::open_read_only(database, &options).expect("open")))
    };
    report("open read-only", (0..5).map(read_only).collect());
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!("{what}: p50 {:.1} µs, p99 {:.1} µs", at(0.5), at(0.99));
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn written() -> u64 {
    proc_number("/proc/self/io", "write_bytes:")
}

/// Resident memory in KiB.
fn resident() -> u64 {
    proc_number("/proc/self/status", "VmRSS:")
}

fn proc_number(file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(file).expect("a file of /proc");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("a line of it");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}
