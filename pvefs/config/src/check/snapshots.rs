//! Snapshot sections are records: what a save may change in them, and what not.
//!
//! A save may add or remove a whole section, and change `parent`, `snapstate`, `unusedN`, the description and comments
//! in one. Other lines stay as they were when the snapshot was taken. So a line that a script appends to the end of the
//! file, and that would change a snapshot instead of the container, is refused.
//!
//! A snapshot that is being deleted (`snapstate: delete`) loses its volumes one by one: a `rootfs` or `mpN` line may go
//! when an `unusedN` in the section names its volume.

use super::gives_up;
use crate::diagnostic::{Diagnostic, Report};
use crate::document::{Document, OptionLine, Section};
use crate::properties::Properties;
use crate::schema::{find_option, quote, split_index};
use std::collections::{HashMap, HashSet};

fn may_change(key: &str) -> bool {
    matches!(key, "parent" | "snapstate" | "description") || split_index(key).0 == "unused"
}

fn records<'d>(document: &'d Document, section: &Section) -> Vec<OptionLine<'d>> {
    document.options(section).filter(|option| !may_change(option.key)).collect()
}

fn is_being_deleted(document: &Document, section: &Section) -> bool {
    document.option(section, "snapstate").is_some_and(|state| state.value == "delete")
}

/// The volume that an option names.
fn volume<'v>(key: &str, value: &'v str) -> Option<&'v str> {
    Properties::parse(find_option(key).ok()?, value).get("volume")
}

/// The volumes that the `unusedN` of a section name.
fn unused<'d>(document: &'d Document, section: &Section) -> HashSet<&'d str> {
    let options = document.options(section);
    options
        .filter(|option| split_index(option.key).0 == "unused")
        .filter_map(|option| volume(option.key, option.value))
        .collect()
}

/// The snapshot sections by name and, where a name is there several times, by which of them it is.
fn by_name(document: &Document) -> HashMap<(&str, usize), &Section> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    let sections = document.snapshots().map(|(name, section)| {
        let time = times.entry(name).or_default();
        *time += 1;
        ((name, *time), section)
    });
    sections.collect()
}

/// What `new` changes in snapshot sections that `old` has too, and must not.
pub fn altered_snapshots(old: &Document, new: &Document) -> Vec<Diagnostic> {
    let mut report = Report::default();
    let old_sections = by_name(old);
    let mut sections: Vec<_> = by_name(new).into_iter().collect();
    sections.sort_unstable_by_key(|(_, section)| section.lines.start);
    for (name, section) in sections {
        if let Some(before) = old_sections.get(&name) {
            compare((old, before), (new, section), name.0, &mut report);
        }
    }
    report.diagnostics
}

fn compare(
    (old, before): (&Document, &Section),
    (new, section): (&Document, &Section),
    name: &str,
    report: &mut Report,
) {
    let (then, now) = (records(old, before), records(new, section));
    let mut left: HashMap<(&str, &str), usize> = HashMap::new();
    for option in &then {
        *left.entry((option.key, option.value)).or_default() += 1;
    }
    let was: HashMap<&str, &str> = then.iter().map(|option| (option.key, option.value)).collect();
    let is: HashMap<&str, &str> = now.iter().map(|option| (option.key, option.value)).collect();
    for option in &now {
        if gives_up(report, &new.lines()[option.line].span) {
            return;
        }
        match left.get_mut(&(option.key, option.value)) {
            Some(count) if *count > 0 => *count -= 1,
            _ => report.push(added(new, name, option, was.get(option.key).copied())),
        }
    }
    let is_deleted = is_being_deleted(old, before) && is_being_deleted(new, section);
    let unused = if is_deleted { unused(new, section) } else { HashSet::new() };
    let mut gone: Vec<_> =
        left.into_iter().filter(|(_, count)| *count > 0).map(|(key, _)| key).collect();
    gone.sort_unstable();
    for (key, value) in gone {
        // A changed value was reported where it stands.
        if is.get(key).is_some_and(|now| *now != value) {
            continue;
        }
        let is_mount = matches!(split_index(key), ("rootfs", None) | ("mp", Some(_)));
        if is_mount && volume(key, value).is_some_and(|volume| unused.contains(volume)) {
            continue;
        }
        let span = section.name.clone().unwrap_or_default();
        if gives_up(report, &span) {
            return;
        }
        report.push(
            Diagnostic::error(
                "altered-snapshot",
                span,
                format!(
                    "{} is gone from the snapshot {}",
                    quote(&format!("{key}: {value}")),
                    quote(name)
                ),
            )
            .label("a snapshot is a record and keeps its lines")
            .help("to remove the whole snapshot: pct delsnapshot"),
        );
    }
}

fn added(new: &Document, name: &str, option: &OptionLine<'_>, was: Option<&str>) -> Diagnostic {
    let span = new.lines()[option.line].span.clone();
    let (key, name) = (quote(option.key), quote(name));
    let error = |what| {
        Diagnostic::error("altered-snapshot", span, format!("{key} is {what} the snapshot {name}"))
    };
    let diagnostic = match was {
        Some(was) => {
            error("changed in").label(format!("it was {} when the snapshot was taken", quote(was)))
        }
        None => error("added to")
            .label(format!("this line is below its header and belongs to the snapshot {name}")),
    };
    let first = new.sections().get(1).map_or(1, |section| section.lines.start);
    diagnostic.help(format!(
        "to change the container itself, write the option above line {first}, or use: pct set"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "memory: 512\nparent: one\n\n[one]\n#first\nmemory: 256\nsnaptime: 1\n";

    fn codes(new: &str) -> Vec<String> {
        altered_snapshots(&Document::parse(OLD), &Document::parse(new))
            .into_iter()
            .map(|found| found.message)
            .collect()
    }

    #[test]
    fn an_appended_line_is_refused() {
        let new = format!("{OLD}memory: 1024\n");
        assert_eq!(codes(&new), ["`memory` is changed in the snapshot `one`"]);
        let new = format!("{OLD}onboot: 1\n");
        assert_eq!(codes(&new), ["`onboot` is added to the snapshot `one`"]);
        let found = altered_snapshots(&Document::parse(OLD), &Document::parse(new));
        assert_eq!(
            found[0].help.as_deref(),
            Some("to change the container itself, write the option above line 4, or use: pct set")
        );
    }

    #[test]
    fn a_changed_or_removed_line_is_refused() {
        assert_eq!(
            codes(&OLD.replace("256", "257")),
            ["`memory` is changed in the snapshot `one`"]
        );
        assert_eq!(
            codes(&OLD.replace("memory: 256\n", "")),
            ["`memory: 256` is gone from the snapshot `one`"]
        );
    }

    #[test]
    fn whole_sections_and_the_free_keys_may_change() {
        let none: [&str; 0] = [];
        assert_eq!(codes("memory: 512\n"), none);
        assert_eq!(codes(&format!("{OLD}\n[two]\nmemory: 9\nsnaptime: 2\n")), none);
        let freely = OLD.replace("#first", "# second\n\n").replace(
            "snaptime: 1",
            "snaptime: 1\nparent: zero\nsnapstate: delete\nunused3: local:1/x",
        );
        assert_eq!(codes(&freely), none);
        assert_eq!(
            codes(&OLD.replace("memory: 256\nsnaptime: 1", "snaptime:  1\nmemory: 256")),
            none
        );
        assert_eq!(codes(&OLD.replace("memory: 512", "memory: 600")), none);
    }

    #[test]
    fn a_snapshot_that_is_being_deleted_loses_its_volumes() {
        let of = |state: &str, lines: &str| {
            format!("memory: 1\n\n[one]\nsnaptime: 1\nmemory: 2\n{state}{lines}")
        };
        let (delete, mounts) = ("snapstate: delete\n", "rootfs: l1:a,size=1G\nmp0: l1:b,mp=/b\n");
        let alters = |state: (&str, &str), lines: &str| {
            let (old, new) = (of(state.0, mounts), of(state.1, lines));
            !altered_snapshots(&Document::parse(old), &Document::parse(new)).is_empty()
        };
        let deleting = (delete, delete);
        assert!(!alters(deleting, "mp0: l1:b,mp=/b\nunused0: l1:a\n"));
        assert!(!alters(deleting, "unused0: l1:a\nunused3: volume=l1:b\n"));
        assert!(alters(deleting, "mp0: l1:b,mp=/b\n"), "the volume would be forgotten");
        assert!(alters(deleting, "mp0: l1:b,mp=/c\nunused0: l1:a\n"));
        assert!(alters(deleting, "mp0: l1:b,mp=/b\nunused0: l1:c\n"));
        for state in [("", ""), (delete, ""), ("", delete)] {
            assert!(alters(state, "mp0: l1:b,mp=/b\nunused0: l1:a\n"), "{state:?}");
        }
    }
}
