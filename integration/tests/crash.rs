//! kill -9 of the daemon at any moment, under many writers: every acknowledged save is there after the restart, none is
//! torn, and the mount comes back by itself.

mod common;

use common::{Random, seed};
use integration::mounted::{Mounted, PATIENCE, wait_for};
use pvefs_store::{SqliteOptions, SqliteStore, Store, TreePath};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the daemon is killed.
const KILLS: usize = 200;
/// Every so many kills it is the whole daemon, not the worker alone. (After more quick deaths the monitor would wait.)
const WHOLE: usize = 4;
/// Whether a file is there, and which text it has.
type State = Option<u64>;

/// A way to change a file. What counts as acknowledged is the call that is said here.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    /// `O_TRUNC`, write, close.
    Overwrite,
    /// `O_TRUNC`, writes in pieces, fsync.
    Sync,
    /// A temporary file, and rename.
    Replace,
    /// `O_APPEND`, one line; now and then overwritten.
    Append,
    /// Create with `O_EXCL` and close, then unlink, by turns.
    Create,
    /// As vim: the old file renamed away, created anew, fsync, the old one unlinked.
    Backup,
    /// Refused saves; now and then a good one.
    Refused,
}

const METHODS: [Method; 7] = [
    Method::Overwrite,
    Method::Sync,
    Method::Replace,
    Method::Append,
    Method::Create,
    Method::Backup,
    Method::Refused,
];

/// The text of one save: each line tells whose and which.
fn text(name: &str, number: u64) -> String {
    let mut text = format!("# {number}\nmemory: {}\n", 16 + number);
    let lines = 1 + number % 90;
    (0..lines).for_each(|line| text.push_str(&format!("# {name} {number} {line}\n")));
    text
}

/// The text after `number` rounds of appending: a line for each round since the last overwriting.
fn appended(name: &str, number: u64) -> String {
    let first = number - number % 50;
    (first..=number).map(|line| format!("# {line} {name}\n")).collect()
}

fn refused(name: &str, number: u64) -> String {
    format!("# {number}\n# {name}\nmemory: lots\n")
}

fn number_in(text: &str) -> Option<u64> {
    text.split_whitespace().nth(1)?.parse().ok()
}

/// One file and whoever changes it.
struct Writer {
    name: String,
    method: Method,
    folder: PathBuf,
    /// What was acknowledged, or found after a crash.
    state: State,
    /// What is being done: it may or may not have happened if it fails.
    trying: Option<State>,
    /// For [`Method::Create`]: what the last removal removed.
    removed: State,
    /// For [`Method::Refused`]: the last refused text.
    refused: u64,
    number: u64,
    acknowledged: usize,
}

impl Writer {
    fn expected(&self, number: u64) -> String {
        match self.method {
            Method::Append => appended(&self.name, number),
            _ => text(&self.name, number),
        }
    }

    fn run(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            match self.round() {
                Ok(()) => self.acknowledged += 1,
                Err(error) => {
                    let known = [Some(Errno::NOTCONN), Some(Errno::CONNABORTED)];
                    assert!(
                        known.contains(&Errno::from_io_error(&error)),
                        "{} ({:?}): {error}",
                        self.name,
                        self.method
                    );
                }
            }
        }
        self.round().expect("a last round, undisturbed");
        self.check(&self.folder.clone()).expect("a last look");
    }

    /// One look at what is there, and one change.
    fn round(&mut self) -> io::Result<()> {
        // One mount from the look to the last call: a folder of it is held open. Nothing else is at its path meanwhile but
        // an empty folder.
        let folder =
            wait_for(PATIENCE, || File::open(&self.folder).ok()).expect("the mount is back");
        let held =
            Path::new("/proc/self/fd").join(std::os::fd::AsRawFd::as_raw_fd(&folder).to_string());
        self.check(&held)?;
        self.number += 1;
        self.change(&held)
    }

    /// What is there must be what was acknowledged last or what was tried since.
    fn check(&mut self, folder: &Path) -> io::Result<()> {
        let found = match fs::read_to_string(folder.join(&self.name)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let number = found.as_deref().map(|text| number_in(text).unwrap_or(u64::MAX));
        let number = match (self.method, &found) {
            // The first line stays; the last one tells how far it got.
            (Method::Append, Some(text)) => text.lines().last().and_then(number_in),
            _ => number,
        };
        let method = self.method;
        // Made anew within the grace period of its removal, the old text comes back until the new one is saved.
        let revived = method == Method::Create
            && self.state.is_none()
            && self.trying.is_some()
            && number == self.removed;
        assert!(
            number == self.state || Some(number) == self.trying || revived,
            "{} ({method:?}) has {number:?}; acknowledged is {:?}, tried {:?}",
            self.name,
            self.state,
            self.trying
        );
        if let (Some(number), Some(text)) = (number, &found) {
            assert_eq!(*text, self.expected(number), "{} ({method:?}) is torn", self.name);
        }
        (self.state, self.trying) = (number, None);
        Ok(())
    }

    fn change(&mut self, folder: &Path) -> io::Result<()> {
        let path = folder.join(&self.name);
        let number = self.number;
        let new = self.expected(number);
        let mut next = Some(number);
        if self.method == Method::Create && self.state.is_some() {
            (next, self.removed) = (None, self.state);
        } else if self.method == Method::Refused && number % 8 != 1 && self.state.is_some() {
            return self.refuse(&path);
        }
        self.trying = Some(next);
        match self.method {
            Method::Overwrite | Method::Refused => overwrite(&path, &new)?,
            Method::Sync => {
                let mut file = truncated(&path)?;
                for piece in new.as_bytes().chunks(700) {
                    file.write_all(piece)?;
                }
                file.sync_all()?;
            }
            Method::Replace => {
                let temporary = folder.join(format!("{}.tmp.77", self.name));
                overwrite(&temporary, &new)?;
                fs::rename(&temporary, &path)?;
            }
            Method::Append if number.is_multiple_of(50) || self.state != Some(number - 1) => {
                overwrite(&path, &new)?;
            }
            Method::Append => {
                let mut file = OpenOptions::new().append(true).open(&path)?;
                file.write_all(format!("# {number} {}\n", self.name).as_bytes())?;
                close(file)?;
            }
            Method::Create if next.is_none() => fs::remove_file(&path)?,
            Method::Create => {
                let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
                file.write_all(new.as_bytes())?;
                close(file)?;
            }
            Method::Backup => {
                let backup = folder.join(format!("{}~", self.name));
                if self.state.is_some() {
                    fs::rename(&path, &backup)?;
                }
                let mut file = truncated(&path)?;
                file.write_all(new.as_bytes())?;
                file.sync_all()?;
                close(file)?;
                if self.state.is_some() {
                    (self.state, self.trying) = (next, None);
                    fs::remove_file(&backup)?;
                }
            }
        }
        (self.state, self.trying) = (next, None);
        Ok(())
    }

    fn refuse(&mut self, path: &Path) -> io::Result<()> {
        let mut file = truncated(path)?;
        let number = self.number;
        match file.write_all(refused(&self.name, number).as_bytes()) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => {
                self.refused = number;
                Ok(())
            }
            Err(error) => Err(error),
            Ok(()) => panic!("{}: a bad text is not refused", self.name),
        }
    }
}

fn truncated(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

fn overwrite(path: &Path, text: &str) -> io::Result<()> {
    let mut file = truncated(path)?;
    file.write_all(text.as_bytes())?;
    close(file)
}

/// Closing a file saves it, so its error counts.
fn close(file: File) -> io::Result<()> {
    nix::unistd::close(file).map_err(io::Error::from)
}

#[test]
fn every_acknowledged_save_outlives_kill_9() {
    let seed = seed();
    let mut random = Random::new(seed);
    let mut mounted = Mounted::with().arg("--log").arg("error").start();
    let mut writers: Vec<Writer> = (0..14)
        .map(|at| Writer {
            // Some that are configurations, some that are ordinary files.
            name: format!("{}.conf{}", 100 + at, if at % 7 != 6 && at >= 11 { ".bak" } else { "" }),
            method: METHODS[at % 7],
            folder: mounted.root.join("nodes/one/lxc"),
            state: None,
            trying: None,
            removed: None,
            refused: 0,
            number: 0,
            acknowledged: 0,
        })
        .collect();
    let stop = AtomicBool::new(false);
    let back = std::thread::scope(|scope| {
        let running: Vec<_> =
            writers.iter_mut().map(|writer| scope.spawn(|| writer.run(&stop))).collect();
        let back = kill_again_and_again(&mut mounted, &mut random, || {
            running.iter().any(std::thread::ScopedJoinHandle::is_finished)
        });
        stop.store(true, Ordering::Relaxed);
        back
    });
    let mut back = back;
    back.sort();
    let total: usize = writers.iter().map(|writer| writer.acknowledged).sum();
    println!(
        "{total} acknowledged changes, {KILLS} kills; the mount was back after {:?} (half of the kills), at most {:?}",
        back[back.len() / 2],
        back[back.len() - 1]
    );
    for writer in &writers {
        assert!(writer.acknowledged > 10, "{} {:?} did nothing", writer.name, writer.method);
    }
    check_rejected(&mounted, &writers);
    mounted.stop();
    check_history(&mounted, &writers);
}

/// Kills, and gives how long each time the mount took to be back by itself.
fn kill_again_and_again(
    mounted: &mut Mounted,
    random: &mut Random,
    failed: impl Fn() -> bool,
) -> Vec<Duration> {
    let mut back = Vec::new();
    for kill in 1..=KILLS {
        std::thread::sleep(Duration::from_millis(5 + random.next() % 200));
        if failed() {
            break;
        }
        if kill % WHOLE == 0 {
            // It learns of its monitor's death and would stop in good order, which ends grace periods.
            let worker = wait_for(PATIENCE, || mounted.worker()).expect("a worker");
            let _ = nix::sys::signal::kill(worker, nix::sys::signal::Signal::SIGSTOP);
            mounted.kill();
            // Its last thread may still be ending, and hold the store.
            let lock = mounted.store.with_extension("db.lock");
            wait_for(PATIENCE, || File::open(&lock).ok()?.try_lock().ok())
                .expect("the store is free");
            mounted.start();
            continue;
        }
        let killed = Instant::now();
        let old = mounted.kill_worker();
        wait_for(PATIENCE, || {
            let new = mounted.worker().is_some_and(|new| new != old);
            (new && fs::metadata(mounted.root.join(".version")).is_ok()).then_some(())
        })
        .expect("the mount is back by itself");
        back.push(killed.elapsed());
    }
    back
}

/// The last refused text of each is kept, whole, with its reason.
fn check_rejected(mounted: &Mounted, writers: &[Writer]) {
    for writer in writers.iter().filter(|writer| writer.method == Method::Refused) {
        let id = writer.name.split('.').next().and_then(|id| id.parse().ok()).expect("a number");
        let kept = fs::read_to_string(mounted.rejected(id)).expect("the refused text");
        let number = number_in(&kept).expect("a number");
        assert!(number >= writer.refused && number <= writer.number, "{number} is kept");
        assert_eq!(kept, refused(&writer.name, number));
        let why = mounted.rejected(id).with_extension("conf.why");
        let why = fs::read_to_string(why).expect("the reasons");
        assert!(why.contains("memory"), "{why}");
    }
}

/// Every revision that history has is a whole text, in the order in which they were saved.
fn check_history(mounted: &Mounted, writers: &[Writer]) {
    SqliteStore::verify(&mounted.store).expect("a sound store");
    let store = SqliteStore::open_read_only(&mounted.store, &SqliteOptions::default());
    let store = store.expect("the store opens");
    for writer in writers {
        let path: TreePath = format!("nodes/one/lxc/{}", writer.name).parse().expect("a path");
        let history = store.history(&path, 1000).expect("a history");
        assert!(history.len() > 3, "{path} has {} revisions", history.len());
        let mut newer = u64::MAX;
        for record in history {
            let Ok(content) = store.read_at(&path, record.revision) else { continue };
            assert_eq!(content.as_ref().map(|text| text.len() as u64), record.size);
            let Some(content) = content else { continue };
            let text = String::from_utf8_lossy(&content).into_owned();
            let number = match writer.method {
                Method::Append => text.lines().last().and_then(number_in),
                _ => number_in(&text),
            };
            let number = number.expect("a number");
            assert_eq!(text, writer.expected(number), "{path}@{}", record.revision);
            assert!(number <= newer, "{path}: {number} before {newer}");
            newer = number;
        }
    }
}
