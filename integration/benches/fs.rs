//! How fast the file system is: each row side by side with the same operations on ext4 on the same disk.
//!
//! The aims are those of the project's issue on the file system. Files have 400 bytes. A durable save is `O_TRUNC`, write
//! and close on pvefs, whose close returns when the text is on disk, and the same with an fsync before the close on ext4.

use integration::mounted::{Mounted, PATIENCE, wait_for};
use integration::programs;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Length of each file.
const LENGTH: usize = 400;
/// Durable saves of one writer, in blocks that take turns with ext4.
const SAVES: usize = 2000;
const BLOCK: usize = 200;

/// A configuration of [`LENGTH`] bytes that differs with `number`.
fn text(number: usize) -> Vec<u8> {
    let mut text = format!(
        "# revision {number:010}\narch: amd64\ncores: 2\nhostname: web.example.com\nmemory: 2048\n\
         net0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:4A:07:5E,ip=dhcp,type=veth\nonboot: 1\n\
         ostype: debian\nrootfs: local:100/vm-100-disk-0.raw,size=8G\nswap: 512\nunprivileged: 1\n# "
    );
    text.extend(std::iter::repeat_n('x', LENGTH - 1 - text.len()));
    text.push('\n');
    text.into_bytes()
}

/// Half of all calls took at most the first, 99 of 100 the second.
#[derive(Clone, Copy)]
struct Times {
    p50: Duration,
    p99: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
        Self { p50: at(50), p99: at(99) }
    }

    fn ratio(self, other: Self) -> f64 {
        self.p50.as_secs_f64() / other.p50.as_secs_f64()
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let both = format!("{:.1?} / {:.1?}", self.p50, self.p99);
        f.pad(&both)
    }
}

fn timed(mut call: impl FnMut()) -> Duration {
    let start = Instant::now();
    call();
    start.elapsed()
}

/// Calls `call` with each of `items`, several rounds; the first round warms up.
fn each(items: &[PathBuf], rounds: usize, mut call: impl FnMut(&Path)) -> Times {
    items.iter().for_each(|item| call(item));
    let all = std::iter::repeat_n(items, rounds).flatten();
    Times::of(all.map(|item| timed(|| call(item))).collect())
}

/// The same folder of configurations twice.
struct Pair {
    pvefs: PathBuf,
    ext4: PathBuf,
    count: usize,
    _ext4: tempfile::TempDir,
    mounted: Mounted,
}

impl Pair {
    /// Folders with `count` files. Paths have equally many components.
    fn new(count: usize) -> Self {
        let ext4 = tempfile::Builder::new().prefix("plain-").tempdir().expect("a folder");
        let source = ext4.path().join("root");
        let folder = source.join("nodes/one/lxc");
        fs::create_dir_all(&folder).expect("folders");
        (0..count).for_each(|number| {
            fs::write(folder.join(format!("{}.conf", 100 + number)), text(number)).expect("a file");
        });
        let mut mounted = Mounted::with().prepare();
        mounted.import(&source);
        mounted.start();
        let pvefs = mounted.root.join("nodes/one/lxc");
        Self { pvefs, ext4: folder, count, _ext4: ext4, mounted }
    }

    fn files(&self, folder: &Path) -> Vec<PathBuf> {
        (100..100 + self.count).map(|id| folder.join(format!("{id}.conf"))).collect()
    }

    /// The same measurement on both.
    fn both(&self, measure: impl Fn(&Path) -> Times) -> (Times, Times) {
        (measure(&self.pvefs), measure(&self.ext4))
    }
}

fn stat(files: &[PathBuf]) -> Times {
    each(files, 10, |path| assert!(fs::metadata(path).is_ok_and(|found| found.len() == 400)))
}

fn read(files: &[PathBuf]) -> Times {
    let mut buffer = [0; 4096];
    each(files, 3, |path| {
        let mut file = File::open(path).expect("open");
        assert_eq!(file.read(&mut buffer).expect("read"), LENGTH);
    })
}

fn readdir(folder: &Path, count: usize) -> Times {
    let list = || assert_eq!(fs::read_dir(folder).expect("list").count(), count);
    list();
    Times::of((0..30).map(|_| timed(list)).collect())
}

fn grep(folder: &Path, rounds: usize) -> Times {
    let search = || {
        let mut command = Command::new("grep");
        command.args(["-rl", "no such line"]).arg(folder).stdout(Stdio::null());
        assert_eq!(command.status().expect("grep runs").code(), Some(1));
    };
    search();
    Times::of((0..rounds).map(|_| timed(search)).collect())
}

fn save(path: &Path, number: usize, sync: bool) {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path).expect("open");
    file.write_all(&text(number)).expect("write");
    if sync {
        file.sync_all().expect("fsync");
    }
    nix::unistd::close(file).expect("close");
}

/// One writer on each side, taking turns.
fn one_writer(pair: &Pair) -> (Times, Times) {
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for block in 0..SAVES / BLOCK {
        for (folder, times, sync) in
            [(&pair.pvefs, &mut ours, false), (&pair.ext4, &mut plain, true)]
        {
            let path = folder.join("100.conf");
            times.extend((0..BLOCK).map(|at| timed(|| save(&path, block * BLOCK + at, sync))));
        }
    }
    (Times::of(ours), Times::of(plain))
}

/// Saves per second of `writers` threads, each on a file of its own, and how long each save took.
fn writers(folder: &Path, writers: usize, saves: usize, sync: bool) -> (f64, Times) {
    let start = Instant::now();
    let times = std::thread::scope(|scope| {
        let running: Vec<_> = (0..writers)
            .map(|writer| {
                let path = folder.join(format!("{}.conf", 200 + writer));
                scope.spawn(move || {
                    (0..saves)
                        .map(|at| timed(|| save(&path, at * writers + writer, sync)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        running.into_iter().flat_map(|thread| thread.join().expect("a writer")).collect()
    });
    ((writers * saves) as f64 / start.elapsed().as_secs_f64(), Times::of(times))
}

/// From exec to the notification that the first access works.
fn ready(pair: &mut Pair) -> Times {
    let times = (0..15).map(|_| {
        pair.mounted.stop();
        timed(|| pair.mounted.start())
    });
    Times::of(times.collect())
}

/// A number from a file in /proc, by the name before it.
fn number_of(process: &str, file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).expect("a file in /proc");
    let value = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    value.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
}

fn worker(pair: &Pair) -> String {
    wait_for(PATIENCE, || pair.mounted.worker()).expect("a worker").to_string()
}

/// Bytes that the process gave to the disk for each save. The saves are enough for the log to be put into the database
/// several times.
fn bytes_per_save(process: &str, folder: &Path, sync: bool) -> f64 {
    let saves = 6000;
    let before = number_of(process, "io", "write_bytes:");
    let path = folder.join("150.conf");
    (0..saves).for_each(|number| save(&path, number, sync));
    (number_of(process, "io", "write_bytes:") - before) as f64 / saves as f64
}

fn row(name: &str, ours: impl std::fmt::Display, plain: impl std::fmt::Display, aim: &str) {
    print!("| {name:<34} | {ours:<22} | {plain:<22} | {aim:<38} |");
}

fn verdict(met: bool, note: &str) {
    println!(" {:<6} {note}", if met { "met" } else { "MISSED" });
}

fn main() {
    // Nothing that is mounted here is seen elsewhere, and all of it is on the disk of the target folder.
    unshare(CloneFlags::CLONE_NEWNS).expect("root, for a mount namespace");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("private mounts");
    let base = tempfile::tempdir_in(programs()).expect("a folder on the disk");
    tempfile::env::override_temp_dir(base.path()).expect("set once");

    row("400-byte files, p50 / p99", "pvefs", "ext4", "aim");
    println!();
    let thousand = Pair::new(1000);
    let mut many = Pair::new(10_000);
    let micros = |times: Times| times.p50.as_secs_f64() * 1e6;

    let few = &many.files(&many.pvefs)[..1000].to_vec();
    let plain = &many.files(&many.ext4)[..1000].to_vec();
    let (ours, theirs) = (stat(few), stat(plain));
    row("stat, cached", ours, theirs, "<= 1.3 x ext4");
    verdict(ours.ratio(theirs) <= 1.3, &format!("{:.2} x", ours.ratio(theirs)));

    let (ours, theirs) = (read(few), read(plain));
    row("open+read+close", ours, theirs, "<= 20 us, reference 42..81 us / 3 = 14");
    verdict(micros(ours) <= 14.0, &format!("aim of 20: {}", micros(ours) <= 20.0));

    let small = readdir(&thousand.pvefs, 1000);
    let (ours, theirs) = many.both(|folder| readdir(folder, 10_000));
    row("readdir of 10,000", ours, theirs, "<= 5 ms, flat per entry");
    let growth = micros(ours) / 10.0 / micros(small);
    let note = format!("{growth:.2} x the time for an entry of 1,000 ({:.1?})", small.p50);
    verdict(ours.p50 <= Duration::from_millis(5) && growth <= 1.5, &note);

    let (ours, theirs) = thousand.both(|folder| grep(folder, 15));
    row("grep over 1,000 files", ours, theirs, "<= 20 ms");
    verdict(ours.p50 <= Duration::from_millis(20), "");
    let (ours, theirs) = many.both(|folder| grep(folder, 7));
    row("grep over 10,000 files", ours, theirs, "<= 250 ms");
    verdict(ours.p50 <= Duration::from_millis(250), "");

    // Everything has been listed, looked up and read.
    let resident = number_of(&worker(&many), "status", "VmRSS:") as f64 / 1000.0;
    row("memory, 10,000 files", format!("{resident:.1} MB"), "", "<= 15 MB");
    verdict(resident <= 15.0, "");

    let (ours, theirs) = one_writer(&thousand);
    row("durable overwrite, one writer", ours, theirs, "<= 1.5 x ext4 with fsync");
    verdict(ours.ratio(theirs) <= 1.5, &format!("{:.2} x", ours.ratio(theirs)));
    let (one, _) = writers(&thousand.pvefs, 1, 2000, false);
    let (rate, ours) = writers(&thousand.pvefs, 16, 500, false);
    let (plain_one, _) = writers(&thousand.ext4, 1, 2000, true);
    let (plain_rate, theirs) = writers(&thousand.ext4, 16, 500, true);
    row("durable overwrite, 16 writers", ours, theirs, ">= 4 x one writer's rate");
    let note = format!(
        "{:.1} x: {one:.0}/s -> {rate:.0}/s; ext4 {plain_one:.0}/s -> {plain_rate:.0}/s",
        rate / one
    );
    verdict(rate >= 4.0 * one, &note);

    let ours = bytes_per_save(&worker(&thousand), &thousand.pvefs, false);
    let theirs = bytes_per_save("self", &thousand.ext4, true);
    let aim = "<= 3 x ext4 (its journal not counted)";
    row("bytes written per durable save", format!("{ours:.0}"), format!("{theirs:.0}"), aim);
    verdict(ours <= 3.0 * theirs, &format!("{:.2} x", ours / theirs));

    let times = ready(&mut many);
    row("ready after exec, 10,000 files", times, "", "<= 100 ms");
    verdict(times.p50 <= Duration::from_millis(100), "");
    let resident = number_of(&worker(&many), "status", "VmRSS:") as f64 / 1000.0;
    println!("memory with 10,000 files before anything was read: {resident:.1} MB");
}
