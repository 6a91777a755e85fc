//! Everything that is wrong with a text, found in one pass over all of it.
//!
//! - `syntax`: what a line that is no option was meant to be.
//! - `options`: keys, values, duplicates, sections.
//! - `rules`: what must hold between options.
//! - `snapshots`: what a save may not change.
//! - `forgive`: what was wrong before a save.
//! - `prefix`: a text that is still being written.
//! - `bytes`: text that is no text.

mod bytes;
mod forgive;
mod options;
mod prefix;
mod rules;
mod seen;
mod snapshots;
mod syntax;

pub use prefix::check_prefix;
pub use snapshots::altered_snapshots;

use crate::diagnostic::{Diagnostic, Report, Severity};
use crate::document::Document;
use crate::schema::{DATACENTER, OPTIONS};
use crate::storage;
use std::ops::Range;

/// Which of the files below `/etc/pve` a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `lxc/<CTID>.conf`, with the CTID where it is known.
    Container(Option<u32>),
    /// `storage.cfg`.
    Storage,
    /// `datacenter.cfg`.
    Datacenter,
}

impl FileKind {
    /// The kind of the file with this name or path below `/etc/pve`, if it is one whose content is checked. Virtual
    /// machines have files of the same names, in a directory of their own.
    pub fn of_path(path: &str) -> Option<Self> {
        let mut parts = path.rsplit('/');
        let name = parts.next()?;
        if matches!(parts.next(), Some("qemu-server" | "openvz")) {
            return None;
        }
        match name {
            "storage.cfg" => Some(Self::Storage),
            "datacenter.cfg" => Some(Self::Datacenter),
            _ => parse_ctid(name.strip_suffix(".conf")?).map(|id| Self::Container(Some(id))),
        }
    }
}

/// Reads a container id: 100 to 999999999, without leading zeros.
pub fn parse_ctid(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|id| is_plain && (100..=999_999_999).contains(id))
}

/// Checks a whole file.
pub fn check(kind: FileKind, text: &[u8]) -> Report {
    let mut report = Report::default();
    let clean = bytes::clean(text, &mut report);
    // Bytes that are no text were reported; what else their lines seem to be would only confuse.
    let spoiled: Vec<_> = report.errors().map(|found| found.span.clone()).collect();
    match kind {
        FileKind::Container(id) => {
            let document = Document::parse(clean);
            let known = options::check(&document, OPTIONS, &mut report);
            rules::check(&document, known, id, &mut report);
        }
        FileKind::Datacenter => {
            options::check(&Document::parse(clean), DATACENTER, &mut report);
        }
        FileKind::Storage => storage::check(&clean, &mut report),
    }
    if !spoiled.is_empty() {
        bytes::keep_first_of_each_line(text, &spoiled, &mut report);
    }
    report.sort();
    report
}

/// Checks one complete line of a container's configuration that is being written, without its line ending: the errors
/// that no other line can mend, in whatever section the line stands.
pub fn check_line(kind: FileKind, line: &[u8]) -> Report {
    let mut report = Report::default();
    let clean = bytes::clean(line, &mut report);
    if report.is_refused() {
        return report;
    }
    match kind {
        FileKind::Container(_) => {
            options::check_line(&Document::parse(clean), OPTIONS, &mut report);
        }
        FileKind::Datacenter => {
            options::check_line(&Document::parse(clean), DATACENTER, &mut report);
        }
        FileKind::Storage => {}
    }
    report.diagnostics.retain(|found| found.severity == Severity::Error);
    report.sort();
    report
}

/// Checks a file that is about to take the place of `old`: refused for what is wrong and was not wrong before.
///
/// What was there already becomes a warning, so that a file with old mistakes can still be mended step by step.
pub fn check_save(kind: FileKind, old: Option<&[u8]>, new: &[u8]) -> Report {
    let mut report = check(kind, new);
    let Some(old) = old else { return report };
    if report.is_refused() {
        forgive::forgive(&mut report, new, &check(kind, old), old);
    }
    if let FileKind::Container(_) = kind {
        let parse = |text| Document::parse(bytes::clean(text, &mut Report::default()));
        // Before what else is said of the same line: this is the reason that matters.
        report.diagnostics.splice(0..0, altered_snapshots(&parse(old), &parse(new)));
        report.sort();
    }
    report
}

/// Checks one complete line that is being written into a file that holds `old`: as [`check_line`], but what is wrong with
/// it and was wrong with a line of `old` is let pass, as [`check_save`] would let it pass.
pub fn check_written_line(kind: FileKind, old: Option<&[u8]>, line: &[u8]) -> Report {
    let mut report = check_line(kind, line);
    if let (true, Some(old)) = (report.is_refused(), old) {
        forgive::forgive(&mut report, line, &check(kind, old), old);
        report.diagnostics.retain(|found| found.severity == Severity::Error);
    }
    report
}

/// The code of the error that stands for all those that were not looked for any more.
const TOO_MANY_ERRORS: &str = "too-many-errors";

/// Whether there are so many errors that no more are looked for; says so at `span`, the first place that is left out.
pub(crate) fn gives_up(report: &mut Report, span: &Range<usize>) -> bool {
    if !report.is_full() {
        return false;
    }
    if report.diagnostics.last().is_some_and(|last| last.code == TOO_MANY_ERRORS) {
        return true;
    }
    report.diagnostics.push(
        Diagnostic::error(TOO_MANY_ERRORS, span.clone(), "there are too many errors in this file")
            .label("not checked from here on"),
    );
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctids() {
        assert_eq!(parse_ctid("100"), Some(100));
        assert_eq!(parse_ctid("999999999"), Some(999_999_999));
        for wrong in ["99", "0100", "1000000000", "", "1e3", "+100", "99999999999999999999"] {
            assert_eq!(parse_ctid(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn files_are_told_by_their_names() {
        let of = FileKind::of_path;
        assert_eq!(of("nodes/a/lxc/100.conf"), Some(FileKind::Container(Some(100))));
        assert_eq!(of("storage.cfg"), Some(FileKind::Storage));
        assert_eq!(of("100.conf.bak"), None);
        assert_eq!(of("99.conf"), None);
        assert_eq!(of("100.conf"), Some(FileKind::Container(Some(100))));
        assert_eq!(of("nodes/a/qemu-server/100.conf"), None);
    }

    #[test]
    fn a_save_is_refused_only_for_new_errors() {
        let kind = FileKind::Container(Some(100));
        let old = b"bogus: 1\nmemory: 512\n";
        let report = check_save(kind, Some(old), b"bogus: 1\nmemory: 600\n");
        assert!(!report.is_refused());
        assert_eq!(report.diagnostics[0].severity, Severity::Warning);
        assert!(check_save(kind, Some(old), b"bogus: 1\nbogus: 1\nmemory: 600\n").is_refused());
        assert!(check_save(kind, Some(old), b"bogus: 1\nmemory: 6\n").is_refused());
        assert!(check_save(kind, None, old).is_refused());
    }

    #[test]
    fn a_snapshot_of_an_old_mistake_is_no_new_one() {
        let kind = FileKind::Container(Some(100));
        let old = "ostype: redhat\nnet0: name=e,tag=9999\n";
        let new = format!("{old}parent: one\n\n[one]\n{old}snaptime: 1\n");
        assert!(!check_save(kind, Some(old.as_bytes()), new.as_bytes()).is_refused());
        let other = new.replace("[one]\nostype: redhat", "[one]\nostype: suse");
        assert!(check_save(kind, Some(old.as_bytes()), other.as_bytes()).is_refused());
        let twice = format!("{old}{old}");
        assert!(check_save(kind, Some(old.as_bytes()), twice.as_bytes()).is_refused());
    }

    #[test]
    fn a_line_is_judged_alone() {
        let refused = |line: &[u8]| check_line(FileKind::Container(None), line).is_refused();
        for line in
            ["memory: 512", "# x", "", "[one]", "delete: net0", "snapstate: prepare", "gw: "]
        {
            assert_eq!(refused(line.as_bytes()), line == "gw: ", "{line}");
        }
        assert!(refused(b"memroy: 512"));
        assert!(refused(b"net0: name=eth0,bridge=vmbr0,tag=9999"));
        assert!(refused(b"what is this"));
        assert!(refused(b"memory: 512\0"));
    }
}
