//! Errors that were there before.
//!
//! A save is refused for the errors that it brings, so an error of the new text that the old one has too weighs less.
//! Two errors are the same if rule and line agree, or rule, key and message: who changes the tag of an interface line
//! with an old mistake in it has not made that mistake. A snapshot copies the lines of the container, and a rollback
//! copies them back, with their mistakes.

use super::TOO_MANY_ERRORS;
use crate::diagnostic::{Diagnostic, Report, Severity};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Makes warnings of those errors in `report` on `new` that `before` has on `old`, each as often as it was there.
pub(super) fn forgive(report: &mut Report, new: &[u8], before: &Report, old: &[u8]) {
    copied(report, new, before, old);
    let mut left: Vec<&Diagnostic> = before.errors().collect();
    settle(report, &mut left, |found, is_new| {
        (found.code, beginning(line_of(found, text_of(is_new, new, old))))
    });
    settle(report, &mut left, |found, is_new| {
        (found.code, key_of(found, text_of(is_new, new, old)), found.message.clone())
    });
}

fn text_of<'t>(is_new: bool, new: &'t [u8], old: &'t [u8]) -> &'t [u8] {
    if is_new { new } else { old }
}

fn is_error(found: &&mut Diagnostic) -> bool {
    found.severity == Severity::Error
}

fn weaken(found: &mut Diagnostic) {
    found.severity = Severity::Warning;
    found.help.get_or_insert_with(|| "this was here before, so the save is not refused".into());
}

/// Lets pass a line that stood in another section of `old`, with a mistake of its own. A mistake between two lines is
/// new.
fn copied(report: &mut Report, new: &[u8], before: &Report, old: &[u8]) {
    let identity = |found: &Diagnostic, is_new| {
        (found.code, beginning(line_of(found, text_of(is_new, new, old))))
    };
    let is_of_one_line =
        |found: &Diagnostic| found.related.is_none() && found.code != TOO_MANY_ERRORS;
    let (old_headers, new_headers) = (headers(old), headers(new));
    let mut known: HashMap<_, HashSet<&[u8]>> = HashMap::new();
    for found in before.errors().filter(|found| is_of_one_line(found)) {
        let section = section_of(&old_headers, found.span.start);
        known.entry(identity(found, false)).or_default().insert(section);
    }
    for found in report.diagnostics.iter_mut().filter(is_error) {
        let section = section_of(&new_headers, found.span.start);
        if is_of_one_line(found)
            && let Some(sections) = known.get(&identity(found, true))
            && sections.iter().any(|other| *other != section)
        {
            weaken(found);
        }
    }
}

/// Where sections begin, and their header lines.
fn headers(text: &[u8]) -> Vec<(usize, &[u8])> {
    let mut start = 0;
    let lines = text.split_inclusive(|&byte| byte == b'\n').map(|line| {
        start += line.len();
        (start - line.len(), line.trim_ascii_end())
    });
    lines.filter(|(_, line)| line.starts_with(b"[")).collect()
}

/// The header of the section in which a byte is; empty for the first part.
fn section_of<'t>(headers: &[(usize, &'t [u8])], at: usize) -> &'t [u8] {
    let after = headers.partition_point(|(start, _)| *start <= at);
    after.checked_sub(1).map_or(b"", |index| headers[index].1)
}

/// Pairs the errors of `report` with those of `left` that have the same identity; `left` keeps the others.
fn settle<I: Hash + Eq>(
    report: &mut Report,
    left: &mut Vec<&Diagnostic>,
    identity: impl Fn(&Diagnostic, bool) -> I,
) {
    if left.is_empty() {
        return;
    }
    let mut known: HashMap<I, Vec<&Diagnostic>> = HashMap::new();
    for found in left.drain(..) {
        known.entry(identity(found, false)).or_default().push(found);
    }
    for found in report.diagnostics.iter_mut().filter(is_error) {
        let Some(same) = known.get_mut(&identity(found, true)) else { continue };
        if same.pop().is_some() {
            weaken(found);
        }
    }
    left.extend(known.into_values().flatten());
}

fn line_of<'t>(found: &Diagnostic, text: &'t [u8]) -> &'t [u8] {
    let start =
        text[..found.span.start].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let line = text[start..].split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.trim_ascii_end()
}

/// Enough of a line to tell it from others, so that many errors in a long one cost no more than one.
fn beginning(line: &[u8]) -> (&[u8], usize) {
    (&line[..line.len().min(1024)], line.len())
}

fn key_of<'t>(found: &Diagnostic, text: &'t [u8]) -> &'t [u8] {
    if found.code == TOO_MANY_ERRORS {
        return b"";
    }
    let line = line_of(found, text);
    // What is no text is told from its place, not from a key.
    let end = line.iter().position(|byte| matches!(byte, b':' | b'=')).unwrap_or(line.len());
    line[..end].trim_ascii()
}
