//! Random sequences of operations against a simple model of an ordinary file system, through a real mount, until they
//! differ. The model differs from an ordinary one as is promised: text that is not closed yet shows to its writer alone,
//! readers keep the text of their open, and a configuration with a bad line is refused. (No bad text is written where a
//! configuration is not there: if it was removed a moment ago, the old one would be back, which `saving` tests.)

mod common;

use common::{Random, errno, seed};
use integration::mounted::Mounted;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

/// Operations of one run, and how many runs.
const LENGTH: usize = 200;
const RUNS: u64 = 12;

/// Files: two containers and two ordinary names, in two folders each.
const NAMES: [&str; 8] = [
    "lxc/100.conf",
    "lxc/101.conf",
    "a.txt",
    "b.txt",
    "d/a.txt",
    "d/b.txt",
    "e/a.txt",
    "lxc/100.conf.bak",
];
const DIRS: [&str; 3] = ["d", "e", "d/f"];
const SLOTS: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Op {
    /// `O_TRUNC`, the text in pieces, close.
    Write {
        name: &'static str,
        text: u64,
        pieces: usize,
        bad: bool,
    },
    Append {
        name: &'static str,
        text: u64,
    },
    Truncate {
        name: &'static str,
        lines: usize,
    },
    Rename {
        from: &'static str,
        to: &'static str,
        flags: u32,
    },
    Unlink {
        name: &'static str,
    },
    Mkdir {
        dir: &'static str,
    },
    Rmdir {
        dir: &'static str,
    },
    Chmod {
        name: &'static str,
    },
    Read {
        name: &'static str,
    },
    List {
        dir: &'static str,
    },
    /// A reader that stays open.
    Hold {
        slot: usize,
        name: &'static str,
    },
    ReadHeld {
        slot: usize,
    },
}

fn random_op(random: &mut Random) -> Op {
    let (name, other) = (random.pick(&NAMES), random.pick(&NAMES));
    let dir = random.pick(&DIRS);
    let text = random.next() % 1000;
    let slot = random.below(SLOTS);
    match random.below(24) {
        0..=5 => Op::Write { name, text, pieces: 1 + random.below(4), bad: random.below(4) == 0 },
        6..=8 => Op::Append { name, text },
        9 => Op::Truncate { name, lines: 1 + random.below(3) },
        10..=13 => Op::Rename { from: name, to: other, flags: random.pick(&[0, 0, 0, 1, 2]) },
        14..=15 => Op::Unlink { name },
        16 => Op::Mkdir { dir },
        17 => Op::Rmdir { dir },
        18 => Op::Chmod { name },
        19..=20 => Op::Read { name },
        21 => Op::List { dir },
        22 => Op::Hold { slot, name },
        _ => Op::ReadHeld { slot },
    }
}

/// Only comments and one option: appending to it and cutting it at a line's end keep it a good configuration.
fn text(number: u64, bad: bool) -> String {
    let mut text = format!("memory: {}\n", 512 + number);
    (0..number % 40).for_each(|line| text.push_str(&format!("# {number} line {line}\n")));
    if bad {
        text.push_str("memory: lots\n");
    }
    text
}

fn is_conf(name: &str) -> bool {
    name.ends_with(".conf")
}

fn is_bad(text: &str) -> bool {
    text.contains("lots")
}

/// What an operation shows: its error, or what it read.
type Seen = Result<String, Errno>;

#[derive(Default)]
struct Model {
    files: BTreeMap<&'static str, String>,
    dirs: Vec<&'static str>,
    held: [Option<String>; SLOTS],
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

impl Model {
    fn has_parent(&self, path: &str) -> Result<(), Errno> {
        let parent = parent(path);
        let there = parent.is_empty() || parent == "lxc" || self.dirs.contains(&parent);
        if there { Ok(()) } else { Err(Errno::NOENT) }
    }

    fn get(&self, name: &str) -> Result<&String, Errno> {
        self.files.get(name).ok_or(Errno::NOENT)
    }

    /// Whether an operation would write a bad text to a configuration that is not there.
    fn brings_back(&self, op: Op) -> bool {
        match op {
            Op::Write { name, bad, .. } => bad && is_conf(name) && !self.files.contains_key(name),
            Op::Rename { from, to, .. } => {
                is_conf(to)
                    && !self.files.contains_key(to)
                    && self.files.get(from).is_some_and(|text| is_bad(text))
            }
            _ => false,
        }
    }

    fn children(&self, dir: &str) -> Vec<String> {
        let all = self.files.keys().chain(&self.dirs);
        let mut names: Vec<_> = all
            .filter(|path| parent(path) == dir)
            .map(|path| path.rsplit('/').next().expect("a name").to_owned())
            .collect();
        names.sort();
        names
    }

    fn apply(&mut self, op: Op) -> Seen {
        let done = Ok(String::new());
        match op {
            Op::Write { name, text: number, bad, .. } => {
                self.has_parent(name)?;
                if bad && is_conf(name) {
                    return Err(Errno::INVAL);
                }
                self.files.insert(name, text(number, bad));
                done
            }
            Op::Append { name, text: number } => {
                let text = format!("# appended {number}\n");
                self.files.get_mut(name).ok_or(Errno::NOENT)?.push_str(&text);
                done
            }
            Op::Truncate { name, lines } => {
                let cut = cut(self.get(name)?, lines);
                self.files.insert(name, cut);
                done
            }
            Op::Rename { from, to, flags } => {
                let text = self.get(from)?.clone();
                if from != to {
                    self.has_parent(to)?;
                }
                if flags == 1 && self.files.contains_key(to) {
                    return Err(Errno::EXIST);
                }
                let other = if flags == 2 { Some(self.get(to)?.clone()) } else { None };
                if from == to {
                    return done;
                }
                let refused = is_conf(to) && is_bad(&text);
                if refused || (is_conf(from) && other.as_deref().is_some_and(is_bad)) {
                    return Err(Errno::BADMSG);
                }
                self.files.remove(from);
                self.files.insert(to, text);
                if let Some(other) = other {
                    self.files.insert(from, other);
                }
                done
            }
            Op::Unlink { name } => {
                self.files.remove(name).map(|_| String::new()).ok_or(Errno::NOENT)
            }
            Op::Mkdir { dir } => {
                self.has_parent(dir)?;
                if self.dirs.contains(&dir) {
                    return Err(Errno::EXIST);
                }
                self.dirs.push(dir);
                done
            }
            Op::Rmdir { dir } => {
                if !self.dirs.contains(&dir) {
                    return Err(Errno::NOENT);
                }
                if !self.children(dir).is_empty() {
                    return Err(Errno::NOTEMPTY);
                }
                self.dirs.retain(|other| *other != dir);
                done
            }
            Op::Chmod { name } => self.get(name).map(|_| String::new()),
            Op::Read { name } => self.get(name).cloned(),
            Op::List { dir } => {
                if !self.dirs.contains(&dir) {
                    return Err(Errno::NOENT);
                }
                Ok(self.children(dir).join(" "))
            }
            Op::Hold { slot, name } => {
                self.held[slot] = Some(self.get(name)?.clone());
                done
            }
            Op::ReadHeld { slot } => Ok(self.held[slot].clone().unwrap_or_default()),
        }
    }
}

/// The first lines of a text.
fn cut(text: &str, lines: usize) -> String {
    text.split_inclusive('\n').take(lines).collect()
}

/// The same through the mount.
struct Real<'a> {
    root: &'a Path,
    held: [Option<File>; SLOTS],
}

impl Real<'_> {
    fn apply(&mut self, op: Op) -> Seen {
        let at = |name: &str| self.root.join(name);
        let fail =
            |error: std::io::Error| Errno::from_io_error(&error).expect("an error of the system");
        let done = |result: std::io::Result<()>| result.map(|()| String::new()).map_err(fail);
        match op {
            Op::Write { name, text: number, pieces, bad } => {
                let text = text(number, bad);
                let file =
                    OpenOptions::new().write(true).create(true).truncate(true).open(at(name));
                let file = file.map_err(fail)?;
                let piece = text.len().div_ceil(pieces);
                let mut first = Ok(());
                for (index, bytes) in text.as_bytes().chunks(piece).enumerate() {
                    first = first.and(file.write_all_at(bytes, (index * piece) as u64));
                }
                let closed = nix::unistd::close(file).map_err(Into::into);
                done(first.and(closed))
            }
            Op::Append { name, text } => {
                let file = OpenOptions::new().append(true).open(at(name)).map_err(fail)?;
                let written = std::io::Write::write_all(
                    &mut &file,
                    format!("# appended {text}\n").as_bytes(),
                );
                done(written.and(nix::unistd::close(file).map_err(Into::into)))
            }
            Op::Truncate { name, lines } => {
                let length = cut(&fs::read_to_string(at(name)).map_err(fail)?, lines).len();
                done(nix::unistd::truncate(&at(name), length as i64).map_err(Into::into))
            }
            Op::Rename { from, to, flags } => {
                let flags = RenameFlags::from_bits(flags).expect("flags");
                renameat_with(CWD, at(from), CWD, at(to), flags).map(|()| String::new())
            }
            Op::Unlink { name } => done(fs::remove_file(at(name))),
            Op::Mkdir { dir } => done(fs::create_dir(at(dir))),
            Op::Rmdir { dir } => done(fs::remove_dir(at(dir))),
            Op::Chmod { name } => {
                done(fs::set_permissions(at(name), fs::Permissions::from_mode(0o600)))
            }
            Op::Read { name } => fs::read_to_string(at(name)).map_err(fail),
            Op::List { dir } => {
                let names = fs::read_dir(at(dir)).map_err(fail)?;
                let mut names: Vec<_> = names
                    .map(|entry| {
                        entry.expect("an entry").file_name().to_string_lossy().into_owned()
                    })
                    .collect();
                names.sort();
                Ok(names.join(" "))
            }
            Op::Hold { slot, name } => {
                self.held[slot] = Some(File::open(at(name)).map_err(fail)?);
                Ok(String::new())
            }
            Op::ReadHeld { slot } => {
                let Some(file) = &self.held[slot] else { return Ok(String::new()) };
                let mut bytes = vec![0; 1 << 16];
                let length = file.read_at(&mut bytes, 0).map_err(fail)?;
                Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
            }
        }
    }

    fn clear(&mut self) {
        self.held = Default::default();
        for name in NAMES {
            let _ = fs::remove_file(self.root.join(name));
        }
        for dir in ["d/f", "d", "e"] {
            let _ = fs::remove_dir(self.root.join(dir));
        }
    }
}

/// Runs `ops` on both, from an empty tree; the first difference.
fn difference(root: &Path, ops: &[Op]) -> Option<String> {
    let mut real = Real { root, held: Default::default() };
    real.clear();
    let mut model = Model::default();
    for (index, op) in ops.iter().enumerate() {
        if model.brings_back(*op) {
            continue;
        }
        let (wanted, found) = (model.apply(*op), real.apply(*op));
        if wanted != found {
            return Some(format!(
                "operation {index}, {op:?}: expected {wanted:?}, found {found:?}"
            ));
        }
    }
    let all = model.files.iter().find_map(|(name, text)| {
        let found = fs::read_to_string(root.join(name));
        (found.as_ref().ok() != Some(text))
            .then(|| format!("in the end {name} is {found:?}, expected {text:?}"))
    });
    real.clear();
    all
}

/// Leaves out what is not needed for a difference.
fn shrink(root: &Path, mut ops: Vec<Op>) -> Vec<Op> {
    let mut size = ops.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < ops.len() {
            let mut fewer = ops.clone();
            fewer.drain(at..(at + size).min(ops.len()));
            if difference(root, &fewer).is_some() { ops = fewer } else { at += size }
        }
        size /= 2;
    }
    ops
}

#[test]
fn behaves_as_the_model() {
    let seed = seed();
    let mounted = Mounted::with().arg("--log").arg("error").start();
    let mut refused = 0;
    for run in 0..RUNS {
        let mut random = Random::new(seed.wrapping_add(run));
        let ops: Vec<Op> = (0..LENGTH).map(|_| random_op(&mut random)).collect();
        if let Some(first) = difference(&mounted.root, &ops) {
            let ops = shrink(&mounted.root, ops);
            let least = difference(&mounted.root, &ops).unwrap_or_else(|| first.clone());
            panic!("PVEFS_TEST_SEED={seed}, run {run}: {first}\nsmallest: {least}\n{ops:#?}");
        }
        refused += ops
            .iter()
            .filter(|op| matches!(op, Op::Write { name, bad: true, .. } if is_conf(name)))
            .count();
    }
    assert!(refused > 0, "no bad text was tried");
    assert_eq!(errno(fs::metadata(mounted.root.join("none"))), Some(Errno::NOENT));
}
