//! Prints the planned changes of a [`Root`].

use std::fmt::Write as _;
use std::time::Duration;

use similar::{Algorithm, TextDiff};

use crate::root::{Change, Node, Root};

impl Root {
    /// All planned changes as unified diffs, which patch(1) with `-p1` takes, with a line for each link and directory.
    pub fn diff(&self) -> String {
        let mut out = String::new();
        for change in self.changes.iter().filter(|change| change.is_real()) {
            describe(change, &mut out);
        }
        out
    }
}

fn describe(change: &Change, out: &mut String) {
    let path = &change.path;
    // Writing to a string does not fail.
    let _ = match (&change.before, &change.after) {
        (_, Some(Node::Directory { mode })) => {
            writeln!(out, "make directory {path} mode {mode:04o}")
        }
        (Some(Node::Link(old)), Some(Node::Link(new))) => {
            writeln!(out, "change link {path} -> {old} to {new}")
        }
        (_, Some(Node::Link(new))) => writeln!(out, "make link {path} -> {new}"),
        (Some(Node::Link(old)), None) => writeln!(out, "remove link {path} -> {old}"),
        (Some(Node::Link(old)), _) => writeln!(out, "replace link {path} -> {old} by a file"),
        (Some(Node::File { mode: old, .. }), Some(Node::File { mode: new, .. })) if old != new => {
            writeln!(out, "change mode of {path} from {old:04o} to {new:04o}")
        }
        (None, Some(Node::File { mode, .. })) => writeln!(out, "make file {path} mode {mode:04o}"),
        (_, None) => writeln!(out, "remove file {path}"),
        _ => Ok(()),
    };
    let new = match &change.after {
        Some(Node::File { data, .. }) => data.as_slice(),
        None if matches!(change.before, Some(Node::File { .. })) => b"",
        _ => return,
    };
    let old = change.content.as_deref().unwrap_or_default();
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let name = |here: bool, side: &str| {
        if here { format!("{side}{path}") } else { "/dev/null".to_owned() }
    };
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .timeout(Duration::from_secs(2))
        .diff_lines(&*old, &*new);
    let mut unified = diff.unified_diff();
    unified
        .context_radius(3)
        .header(&name(change.content.is_some(), "a"), &name(change.after.is_some(), "b"));
    out.push_str(&unified.to_string());
}
