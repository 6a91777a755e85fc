//! How the snapshots of a container hang together.

use crate::diagnostic::{Diagnostic, Report};
use crate::document::{Document, Section};
use crate::schema::quote;
use std::collections::HashMap;

struct Snapshot<'a> {
    section: &'a Section,
    parent: Option<&'a str>,
}

pub(super) fn check(document: &Document, report: &mut Report) {
    if document.sections().len() == 1 && document.get("parent").is_none() {
        return;
    }
    let snapshots: HashMap<&str, Snapshot<'_>> = document
        .snapshots()
        .map(|(name, section)| {
            let parent = document.option(section, "parent").map(|option| option.value);
            (name, Snapshot { section, parent })
        })
        .collect();
    let sections =
        std::iter::once(document.main()).chain(document.snapshots().map(|(_, section)| section));
    for section in sections {
        if let Some(parent) = document.option(section, "parent")
            && !snapshots.contains_key(parent.value)
        {
            let start = parent.value.as_ptr() as usize - document.text().as_ptr() as usize;
            report.push(
                Diagnostic::warning(
                    "unknown-parent",
                    start..start + parent.value.len(),
                    format!("there is no snapshot {}", quote(parent.value)),
                )
                .label("expected the name of a section below"),
            );
        }
    }
    for (name, section) in document.snapshots() {
        if document.option(section, "snaptime").is_none() {
            let span = section.name.clone().unwrap_or_default();
            report.push(
                Diagnostic::warning(
                    "no-snaptime",
                    span,
                    format!("the snapshot {} has no `snaptime`", quote(name)),
                )
                .label("when was it taken?"),
            );
        }
    }
    loops(document, &snapshots, report);
}

/// Reports each loop once, at one of its members. Follows each parent once in all.
fn loops(document: &Document, snapshots: &HashMap<&str, Snapshot<'_>>, report: &mut Report) {
    let mut walk_of: HashMap<&str, usize> = HashMap::new();
    for (walk, (start, _)) in document.snapshots().enumerate() {
        let mut at = start;
        while let Some(snapshot) = snapshots.get(at) {
            match walk_of.get(at) {
                Some(&other) if other == walk => {
                    let span = snapshot.section.name.clone().unwrap_or_default();
                    report.push(
                        Diagnostic::warning(
                            "parent-loop",
                            span,
                            format!("the snapshot {} is its own ancestor", quote(at)),
                        )
                        .label("its parents form a loop"),
                    );
                    break;
                }
                Some(_) => break,
                None => walk_of.insert(at, walk),
            };
            let Some(parent) = snapshot.parent else { break };
            at = parent;
        }
    }
}
