//! Everything that is wrong with a text, found in one pass over all of it.
//!
//! - `syntax`: what a line that is no option was meant to be.
//! - `options`: keys, values, duplicates, sections.
//! - `rules`: what must hold between options.
//! - `snapshots`: what a save may not change.
//! - `bytes`: text that is no text.

mod bytes;
mod options;
mod rules;
mod seen;
mod snapshots;
mod syntax;

pub use snapshots::altered_snapshots;

use crate::diagnostic::{Diagnostic, Report, Severity};
use crate::document::Document;
use crate::schema::{DATACENTER, OPTIONS};
use crate::storage;
use std::collections::HashMap;

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
    /// The kind of the file with this name or path below `/etc/pve`, if it is one whose content is checked.
    pub fn of_path(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next()?;
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
            let entries = options::check(&document, OPTIONS, &mut report);
            rules::check(&document, entries, id, &mut report);
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
    report
}

/// Checks a file that is about to take the place of `old`: refused for what is wrong and was not wrong before.
///
/// What was there already becomes a warning, so that a file with old mistakes can still be mended step by step.
pub fn check_save(kind: FileKind, old: Option<&[u8]>, new: &[u8]) -> Report {
    let mut report = check(kind, new);
    let Some(old) = old else { return report };
    if report.is_refused() {
        let before = check(kind, old);
        forgive(&mut report, new, &before, old);
    }
    if let (FileKind::Container(_), Ok(old), Ok(new)) =
        (kind, std::str::from_utf8(old), std::str::from_utf8(new))
    {
        report.diagnostics.extend(altered_snapshots(&Document::parse(old), &Document::parse(new)));
        report.sort();
    }
    report
}

/// What makes two errors of two texts the same one: the rule and the line.
fn identity<'t>(found: &Diagnostic, text: &'t [u8]) -> (&'static str, &'t [u8]) {
    let start =
        text[..found.span.start].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let line = text[start..].split(|&byte| byte == b'\n').next().unwrap_or_default();
    (found.code, line.trim_ascii_end())
}

fn forgive(report: &mut Report, new: &[u8], before: &Report, old: &[u8]) {
    let mut known: HashMap<_, usize> = HashMap::new();
    for found in before.errors() {
        *known.entry(identity(found, old)).or_default() += 1;
    }
    for found in &mut report.diagnostics {
        if found.severity != Severity::Error {
            continue;
        }
        if let Some(left) = known.get_mut(&identity(found, new))
            && *left > 0
        {
            *left -= 1;
            found.severity = Severity::Warning;
            found
                .help
                .get_or_insert_with(|| "this was here before, so the save is not refused".into());
        }
    }
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
