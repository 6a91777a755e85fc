//! Snapshot sections are records: what a save may change in them, and what not.
//!
//! A save may add or remove a whole section, and change `parent`, `snapstate`, `unusedN`, the description and comments
//! in one. Other lines stay as they were when the snapshot was taken. So a line that a script appends to the end of the
//! file, and that would change a snapshot instead of the container, is refused.

use crate::diagnostic::Diagnostic;
use crate::document::{Document, OptionLine, Section};
use crate::schema::split_index;
use std::collections::HashMap;

fn may_change(key: &str) -> bool {
    matches!(key, "parent" | "snapstate" | "description") || split_index(key).0 == "unused"
}

fn records<'d>(document: &'d Document, section: &Section) -> Vec<OptionLine<'d>> {
    document.options(section).filter(|option| !may_change(option.key)).collect()
}

/// What `new` changes in snapshot sections that `old` has too, and must not.
pub fn altered_snapshots(old: &Document, new: &Document) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let old_sections: HashMap<&str, &Section> = old.snapshots().collect();
    for (name, section) in new.snapshots() {
        let Some(&before) = old_sections.get(name) else { continue };
        let mut left: HashMap<(&str, &str), usize> = HashMap::new();
        for option in records(old, before) {
            *left.entry((option.key, option.value)).or_default() += 1;
        }
        for option in records(new, section) {
            match left.get_mut(&(option.key, option.value)) {
                Some(count) if *count > 0 => *count -= 1,
                _ => found.push(added(new, name, &option, old.option(before, option.key))),
            }
        }
        let mut gone: Vec<_> =
            left.into_iter().filter(|(_, count)| *count > 0).map(|(key, _)| key).collect();
        gone.sort_unstable();
        for (key, value) in gone {
            // A changed value was reported where it stands.
            if new.option(section, key).is_some_and(|now| now.value != value) {
                continue;
            }
            let span = section.name.clone().unwrap_or_default();
            found.push(
                Diagnostic::error(
                    "altered-snapshot",
                    span,
                    format!("`{key}: {value}` is gone from the snapshot `{name}`"),
                )
                .label("a snapshot is a record and keeps its lines")
                .help("to remove the whole snapshot: pct delsnapshot"),
            );
        }
    }
    found
}

fn added(
    new: &Document,
    name: &str,
    option: &OptionLine<'_>,
    before: Option<OptionLine<'_>>,
) -> Diagnostic {
    let span = new.lines()[option.line].span.clone();
    let key = option.key;
    let diagnostic = match before {
        Some(before) => Diagnostic::error(
            "altered-snapshot",
            span,
            format!("`{key}` is changed in the snapshot `{name}`"),
        )
        .label(format!("it was `{}` when the snapshot was taken", before.value)),
        None => Diagnostic::error(
            "altered-snapshot",
            span,
            format!("`{key}` is added to the snapshot `{name}`"),
        )
        .label(format!("this line is below [{name}] and belongs to the snapshot")),
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
}
