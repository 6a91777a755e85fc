//! Trying ways of saving on a mount, and the table of what came of it.

use crate::mounted::{Mounted, wait_for};
use crate::tools::{Outcome, Tells, Text, Texts, Tool};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many mounts are used at the same time.
const MOUNTS: usize = 3;
/// How long a text that was taken away may stay away: the daemon's grace period.
const GRACE: Duration = Duration::from_secs(2);

/// One save to try.
#[derive(Clone, Copy, Debug)]
struct Case {
    title: &'static str,
    text: Text,
    /// Over a configuration that exists.
    exists: bool,
}

/// The columns of the table.
const CASES: &[Case] = &[
    Case { title: "good", text: Text::Good, exists: true },
    Case { title: "bad line", text: Text::BadLine, exists: true },
    Case { title: "bad as a whole", text: Text::BadWhole, exists: true },
    Case { title: "new, good", text: Text::Good, exists: false },
    Case { title: "new, bad line", text: Text::BadLine, exists: false },
];

/// Tries every tool with every text that it can be tried with, and prints the table.
///
/// # Panics
/// When anything is wrong, after all of them were tried.
pub fn try_all(title: &str, tools: &[Tool]) {
    let mut queue = Vec::new();
    for (row, tool) in tools.iter().enumerate().filter(|(_, tool)| tool.missing().is_none()) {
        let cases = CASES.iter().enumerate();
        let cases = cases.filter(|(_, case)| tool.can(case.text) && (case.exists || tool.creates));
        queue.extend(cases.map(|(column, case)| ((row, column), tool, case)));
    }
    queue.reverse();
    let queue = Mutex::new(queue);
    let (cells, wrong) = (Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..MOUNTS {
            scope.spawn(|| {
                let mut bench = Bench::new();
                loop {
                    let next = queue.lock().expect("nothing panics in between").pop();
                    let Some((at, tool, case)) = next else { break };
                    let cell = bench.attempt(tool, case);
                    cells.lock().expect("nothing panics in between").insert(at, cell);
                }
                let found = bench.finish();
                wrong.lock().expect("nothing panics in between").extend(found);
            });
        }
    });
    print_table(title, tools, &cells.into_inner().expect("nothing panics in between"));
    let wrong: Vec<String> = wrong.into_inner().expect("nothing panics in between");
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn print_table(title: &str, tools: &[Tool], cells: &BTreeMap<(usize, usize), String>) {
    println!("\n{title}\n");
    let line = |name: &str, cells: &[&str]| {
        print!("| {name:30} |");
        cells.iter().for_each(|cell| print!(" {cell:15} |"));
        println!();
    };
    let titles: Vec<&str> = CASES.iter().map(|case| case.title).collect();
    line("", &titles);
    line(&"-".repeat(30), &vec!["---------------"; CASES.len()]);
    for (row, tool) in tools.iter().enumerate() {
        if let Some(missing) = tool.missing() {
            println!("| {:30} | skipped: there is no {missing} here", tool.name);
            continue;
        }
        let cell = |column| cells.get(&(row, column)).map_or("", String::as_str);
        line(tool.name, &(0..CASES.len()).map(cell).collect::<Vec<_>>());
    }
    println!();
}

/// A mount, and what must be on it.
struct Bench {
    mounted: Mounted,
    /// What each container's configuration must be, and of which attempt it is.
    expected: BTreeMap<u32, (Option<String>, String)>,
    /// Other names that may be in the folder.
    left: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        Self {
            mounted: Mounted::with().arg("--log").arg("warn").start(),
            expected: BTreeMap::new(),
            left: BTreeSet::new(),
            wrong: Vec::new(),
        }
    }

    /// Tries one save; returns what the table shows.
    fn attempt(&mut self, tool: &Tool, case: &Case) -> String {
        let what = format!("{}, {}", tool.name, case.title);
        let id = 100 + u32::try_from(self.expected.len()).expect("few");
        let texts = tool.texts(case.text);
        let before = case.exists.then(|| texts.old.clone());
        let is_good = case.text == Text::Good;
        let after = if is_good { Some(texts.new.clone()) } else { before.clone() };
        self.expected.insert(id, (after.clone(), what.clone()));
        let name = format!("{id}.conf");
        self.left.extend(tool.leaves.iter().map(|left| left.replace('N', &name)));

        let target = self.mounted.conf(id);
        let work = tempfile::tempdir_in(self.mounted.scratch()).expect("a folder");
        if let Some(before) = &before {
            fs::write(&target, before).expect("the old text is good");
        }
        let allowed: Vec<&String> = before.iter().chain(&after).collect();
        let done = Sampler::watch(&target, &allowed, || tool.run(&target, &texts, work.path()));
        let mut wrong = done.foreign;
        let cell = match done.result {
            Err(error) => {
                wrong.push(format!("cannot be run: {error}"));
                "not run".to_owned()
            }
            Ok(outcome) if is_good => self.after_good(id, &outcome, &texts, &mut wrong),
            Ok(outcome) => self.after_bad(id, tool, case, &outcome, &texts, &mut wrong),
        };
        wrong.extend(self.foreign_names().into_iter().map(|name| format!("{name} is left behind")));
        if let Some(found) = state(&target).filter(|_| after.is_some()) {
            wrong.extend(self.foreign_owner(&found));
        }
        let cell = if wrong.is_empty() { cell } else { format!("WRONG {cell}") };
        self.wrong.extend(wrong.into_iter().map(|wrong| format!("- {what}: {wrong}")));
        cell
    }

    fn after_good(
        &self,
        id: u32,
        outcome: &Outcome,
        texts: &Texts,
        wrong: &mut Vec<String>,
    ) -> String {
        if outcome.told {
            wrong.push(format!("an error with a good text: {outcome:?}"));
        }
        let found = read(&self.mounted.conf(id));
        if found.as_deref() != Some(&texts.new) {
            wrong.push(format!("not the new text, but {found:?}; it said {outcome:?}"));
        }
        "saved".to_owned()
    }

    fn after_bad(
        &self,
        id: u32,
        tool: &Tool,
        case: &Case,
        outcome: &Outcome,
        texts: &Texts,
        wrong: &mut Vec<String>,
    ) -> String {
        let expected = case.exists.then_some(&texts.old);
        let mut found = None;
        let back = wait_for(GRACE * 5, || {
            found = read(&self.mounted.conf(id));
            (found.as_ref() == expected).then_some(())
        });
        if back.is_none() {
            wrong.push(format!("not the old text, but {found:?}; it said {outcome:?}"));
        }
        let can_tell = match tool.tells {
            Tells::Always => true,
            Tells::Writing => case.text == Text::BadLine,
            Tells::Never => false,
        };
        if can_tell && !outcome.told {
            wrong.push(format!("no error was seen: {outcome:?}"));
        }
        // Of an empty text there is nothing to keep.
        if !texts.new.is_empty() {
            let mut kept = None;
            // What is written after the refusal is added when the file is closed, which nobody waits for.
            let is_kept = wait_for(GRACE * 5, || {
                kept = read(&self.mounted.rejected(id));
                let kept = kept.as_ref()?;
                (*kept == texts.new || (!tool.whole && kept.contains(&texts.line))).then_some(())
            });
            if is_kept.is_none() {
                wrong.push(format!("the refused text is not kept, but {kept:?}"));
            }
            let why = PathBuf::from(format!("{}.why", self.mounted.rejected(id).display()));
            if read(&why).is_none_or(|why| !why.contains("error: ")) {
                wrong.push("there are no reasons with the refused text".to_owned());
            }
        }
        match (outcome.told, outcome.status) {
            (false, _) => "refused, silent".to_owned(),
            (true, None) => "refused, shown".to_owned(),
            (true, Some(status)) => format!("refused, rc {status}"),
        }
    }

    /// Names in the folder that nobody asked for, each told once.
    fn foreign_names(&mut self) -> Vec<String> {
        let folder = fs::read_dir(self.mounted.root.join("lxc")).expect("the folder");
        let names: Vec<String> = folder
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| {
                let id = name.strip_suffix(".conf").and_then(|id| id.parse().ok());
                let is_expected = id.is_some_and(|id: u32| self.expected.contains_key(&id));
                !is_expected && !self.left.iter().any(|left| matches(left, name))
            })
            .collect();
        self.left.extend(names.iter().cloned());
        names
    }

    fn foreign_owner(&self, found: &fs::Metadata) -> Option<String> {
        let folder = fs::metadata(self.mounted.root.join("lxc")).expect("the folder");
        let mode = found.mode() & 0o7777;
        let right = mode == 0o640 && found.uid() == 0 && found.gid() == folder.gid();
        (!right).then(|| format!("mode {mode:o}, owner {}:{}", found.uid(), found.gid()))
    }

    /// Checks all configurations once more, when all grace periods are over, and after a restart.
    fn finish(mut self) -> Vec<String> {
        // Only time shows that nothing comes after it.
        std::thread::sleep(GRACE + Duration::from_millis(500));
        self.check_all("a while later");
        self.mounted.stop();
        self.mounted.start();
        self.check_all("after a restart");
        if !self.wrong.is_empty() {
            self.wrong.push(format!("--- what pvefs said:\n{}---", self.mounted.log()));
        }
        self.wrong
    }

    fn check_all(&mut self, when: &str) {
        for (id, (expected, what)) in &self.expected {
            let found = read(&self.mounted.conf(*id));
            if found != *expected {
                self.wrong.push(format!("- {what}: {when} not {expected:?}, but {found:?}"));
            }
        }
    }
}

/// Whether a name is the one of the pattern, which may end with a star.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

fn read(path: &Path) -> Option<String> {
    fs::read(path).ok().map(|text| String::from_utf8_lossy(&text).into_owned())
}

fn state(path: &Path) -> Option<fs::Metadata> {
    fs::metadata(path).ok()
}

/// What a run gave, and the texts seen meanwhile that must not be.
struct Sampled<T> {
    result: T,
    foreign: Vec<String>,
}

/// Reads a file again and again while something is done.
struct Sampler;

impl Sampler {
    fn watch<T>(path: &Path, allowed: &[&String], act: impl FnOnce() -> T) -> Sampled<T> {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let sampler = scope.spawn(|| {
                let mut foreign = BTreeSet::new();
                while !stop.load(Ordering::Relaxed) {
                    match fs::read(path) {
                        Ok(text) => {
                            let text = String::from_utf8_lossy(&text).into_owned();
                            if !allowed.contains(&&text) {
                                foreign.insert(format!("a reader saw {text:?}"));
                            }
                        }
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(error) => drop(foreign.insert(format!("a reader got: {error}"))),
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                foreign.into_iter().collect()
            });
            let result = act();
            stop.store(true, Ordering::Relaxed);
            Sampled { result, foreign: sampler.join().expect("it does not panic") }
        })
    }
}
