//! What holds for any container, any storage and any failure.

use std::collections::BTreeSet;

use pve_config::{Document, FileKind, altered_snapshots, check, diff};

use super::*;

/// A small generator of choices (xorshift64*), so that a failure can be run again from its number.
struct Choices(u64);

impl Choices {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % limit
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

const VOLUMES: [&str; 6] = ["l1:a", "l1:b", "l2:c", "l2:d", "l1:e", "l1:f"];
const NAMES: [&str; 4] = ["base", "four", "one", "two"];

/// Lines of a section that describes a container: some of them, in some order, with comments between.
fn lines(choices: &mut Choices, is_main: bool) -> Vec<String> {
    let mut volumes = VOLUMES.to_vec();
    let mut volume = |choices: &mut Choices| volumes.remove(choices.below(volumes.len()));
    let mut lines = vec![format!("rootfs: {},size=1G", volume(choices))];
    for index in [0, 2, 10] {
        let line = match choices.below(4) {
            0 => format!("mp{index}: {},mp=/m{index}", volume(choices)),
            1 => format!("mp{index}:\t/host/{index},mp=/m{index} "),
            2 if is_main && index == 2 => format!("unused7: {}", volume(choices)),
            _ => continue,
        };
        lines.push(line);
    }
    let memory = format!("memory: {}", 64 + choices.below(3));
    for line in [
        memory.as_str(),
        "arch:  amd64",
        "onboot: 1",
        "hostname: a.b",
        "lxc.cap.drop: sys_time",
        "lxc.cap.drop = ",
        "lxc.init_cmd = /sbin/x",
        "net0: name=eth0,bridge=vmbr0",
    ] {
        if choices.one_in(2) {
            lines.push(line.to_owned());
        }
    }
    if choices.one_in(2) {
        lines.sort();
    } else {
        for at in (1..lines.len()).rev() {
            lines.swap(at, choices.below(at + 1));
        }
    }
    for comment in ["# head", "", "#50%25 é"] {
        if is_main && choices.one_in(3) {
            lines.insert(choices.below(lines.len() + 1), comment.to_owned());
        }
    }
    lines
}

/// A valid file, mostly without a lock; snapshots that may be complete or not, in any tree.
fn document(choices: &mut Choices) -> String {
    let mut names: Vec<&str> = NAMES.into_iter().filter(|_| choices.one_in(2)).collect();
    if choices.one_in(3) {
        names.reverse();
    }
    let parent = |choices: &mut Choices, lines: &mut Vec<String>| {
        if !names.is_empty() && choices.one_in(2) {
            lines.push(format!("parent: {}", choices.pick(&names)));
        }
    };
    let mut all = lines(choices, true);
    parent(choices, &mut all);
    if choices.one_in(12) {
        all.push(format!("lock: {}", choices.pick(&["backup", "snapshot", "snapshot-delete"])));
    }
    if choices.one_in(3) {
        all.extend(["", "[pve:pending]", "memory: 99", "delete: onboot"].map(str::to_owned));
    }
    for name in &names {
        if choices.one_in(4) {
            all.push("# about the next".to_owned());
        }
        if !choices.one_in(3) {
            all.push(String::new());
        }
        all.push(format!("[{name}]"));
        all.extend(lines(choices, false));
        parent(choices, &mut all);
        all.push("snaptime: 1".to_owned());
        if choices.one_in(8) {
            all.push(format!("snapstate: {}", choices.pick(&["prepare", "delete"])));
        }
    }
    let newline = if choices.one_in(4) { "\r\n" } else { "\n" };
    let mut text = all.join(newline);
    if !choices.one_in(4) {
        text.push_str(newline);
    }
    text
}

fn script(choices: &mut Choices) -> String {
    let lines = ["snapshot", "delete", "rollback-possible", "rollback"].map(|operation| {
        let volumes: Vec<_> = VOLUMES.into_iter().filter(|_| !choices.one_in(8)).collect();
        format!("{operation} {}\n", volumes.join(" "))
    });
    lines.concat()
}

fn snapshots(text: &str) -> BTreeSet<String> {
    Document::parse(text).snapshots().map(|(name, _)| name.to_owned()).collect()
}

/// No option twice in a section, `lxc.*` lines aside.
fn no_duplicates(text: &str) {
    let document = Document::parse(text);
    for section in document.sections() {
        let mut seen = BTreeSet::new();
        for option in document.options(section).filter(|option| !option.key.starts_with("lxc.")) {
            assert!(seen.insert(option.key), "{} twice in\n{text}", option.key);
        }
    }
}

#[test]
fn any_operation_on_any_container() {
    let (mut done, mut failed) = (0, 0);
    for seed in 1..1000_u64 {
        let mut choices = Choices(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let text = document(&mut choices);
        let report = check(FileKind::Container(Some(100)), text.as_bytes());
        assert!(!report.is_refused(), "the generator makes valid files: {report:?}\n{text}");
        let operation = [
            Operation::Prepare,
            Operation::Commit,
            Operation::Create,
            Operation::Delete,
            Operation::Rollback,
        ][choices.below(5)];
        let (name, script) = (choices.pick(&NAMES), script(&mut choices));
        // Each save is one that pvefs takes: `Trial::run` looks.
        let mut trial = Trial::new(operation, name, &text, &script);
        trial.request.force = choices.one_in(3);
        trial.request.description = choices.one_in(3).then_some("what: it is\nfor ");
        trial.file.fails_at = choices.one_in(4).then(|| choices.below(4));
        let outcome = trial.run();
        if outcome.result.is_ok() {
            done += 1;
        } else {
            failed += 1;
        }
        let last = trial.file.saved.last().unwrap_or(&text);
        assert_eq!(&outcome.text, last, "seed {seed}");
        let mut before = text.as_str();
        for after in &trial.file.saved {
            let (old, new) = (Document::parse(before), Document::parse(after.as_str()));
            assert_eq!(altered_snapshots(&old, &new), [], "seed {seed}");
            no_duplicates(after);
            before = after;
        }
        // Others' sections stay, but for their parents; so do all comments of the main section.
        let mut names = snapshots(&text);
        names.remove(name);
        assert!(names.is_subset(&snapshots(last)), "seed {seed}");
        let comments = |text: &str| -> Vec<String> {
            let document = Document::parse(text);
            let main = document.main().lines.clone();
            document.lines()[main]
                .iter()
                .map(|line| document.text()[line.span.clone()].to_owned())
                .filter(|line| line.starts_with('#'))
                .collect()
        };
        // The comment above a header belongs to the section before it, which may be the deleted one.
        assert_eq!(comments(&text), comments(last), "seed {seed}");
    }
    assert!(done > 150 && failed > 150, "{done} were done and {failed} failed");
}

#[test]
fn create_then_delete_gives_back_the_bytes() {
    let mut count = 0;
    for seed in 1..500_u64 {
        let mut choices = Choices(seed.wrapping_mul(0xD134_2543_DE82_EF95));
        let text = document(&mut choices);
        let all = format!("snapshot {0}\ndelete {0}\n", VOLUMES.join(" "));
        let mut trial = Trial::new(Operation::Create, choices.pick(&NAMES), &text, &all);
        trial.request.description = choices.one_in(2).then_some("x");
        let made = trial.run();
        if made.result.is_err() {
            assert_eq!(made.text, text, "seed {seed}");
            continue;
        }
        count += 1;
        assert_ne!(made.text, text);
        let mut trial = Trial::new(Operation::Delete, trial.request.name, &made.text, &all);
        trial.request.force = choices.one_in(2);
        assert_eq!(trial.end(), (text, String::new()), "seed {seed}");
    }
    assert!(count > 150, "{count}");
}

#[test]
fn a_failed_create_changes_nothing() {
    for seed in 1..300_u64 {
        let mut choices = Choices(seed.wrapping_mul(0xA076_1D64_78BD_642F));
        let text = document(&mut choices);
        let (name, script) = (choices.pick(&NAMES), script(&mut choices));
        let mut trial = Trial::new(Operation::Create, name, &text, &script);
        let outcome = trial.run();
        if outcome.result.is_err() {
            assert_eq!(outcome.text, text, "seed {seed}");
        }
    }
}

#[test]
fn after_a_rollback_the_container_is_the_snapshot() {
    let mut count = 0;
    for seed in 1..500_u64 {
        let mut choices = Choices(seed.wrapping_mul(0xE703_7ED1_A0B4_28DB));
        let text = document(&mut choices);
        let all = format!("rollback-possible {0}\nrollback {0}\n", VOLUMES.join(" "));
        let name = choices.pick(&NAMES);
        let outcome = Trial::new(Operation::Rollback, name, &text, &all).run();
        if outcome.result.is_err() {
            assert_eq!(outcome.text, text, "seed {seed}");
            continue;
        }
        count += 1;
        let document = Document::parse(outcome.text.as_str());
        let section = document.section(name).unwrap();
        let differs: Vec<String> = diff((&document, section), (&document, document.main()))
            .into_iter()
            .map(|change| change.key)
            .filter(|key| !key.starts_with("unused") && key != "parent" && key != "snaptime")
            .collect();
        assert_eq!(differs, [""; 0], "seed {seed}\n{}", outcome.text);
        assert_eq!(document.get("parent"), Some(name));
        let before = Document::parse(text.as_str());
        let description = |document: &Document| document.description(document.main());
        assert_eq!(description(&before), description(&document), "seed {seed}");
        assert!(document.section("pve:pending").is_none());
        // No volume is forgotten.
        for volume in VOLUMES {
            let is_there = |text: &str| {
                let document = Document::parse(text);
                let mut options = document.options(document.main());
                options.any(|option| option.value.starts_with(volume))
            };
            assert!(!is_there(&text) || is_there(&outcome.text), "seed {seed}: {volume}");
        }
    }
    assert!(count > 100, "{count}");
}
