//! A text that is still being written: what no further line can make right.

use super::{FileKind, check_save};
use crate::diagnostic::{Diagnostic, Report, Severity};
use crate::document::{Document, PENDING};

/// Checks the beginning of a file that is about to take the place of `old`, up to the end of a line: the errors that
/// stay whatever is written after it. So a tool that writes line by line, and looks at errors of write(2) only, learns of
/// a second `memory:` or of a line in a snapshot where it can still tell.
pub fn check_prefix(kind: FileKind, old: Option<&[u8]>, prefix: &[u8]) -> Report {
    let text = String::from_utf8_lossy(prefix);
    // Only a text without broken bytes has the places of its bytes; the others are refused line by line.
    let document = matches!(kind, FileKind::Container(_)).then(|| Document::parse(text));
    let last = document.as_ref().and_then(|document| document.sections().last().cloned());
    let header = last.and_then(|section| section.name);
    let is_pending = match (&document, &header) {
        (Some(document), Some(name)) => document.text()[name.clone()].eq_ignore_ascii_case(PENDING),
        _ => false,
    };
    let prefix = match &header {
        // Pending changes take effect together: the next line may delete what this one is at odds with.
        Some(name) if is_pending => &prefix[..name.start.saturating_sub(1).min(prefix.len())],
        _ => prefix,
    };
    let mut report = check_save(kind, old, prefix);
    let may_be_mended = |found: &Diagnostic| match found.code {
        // The next lines may have what is missing.
        "missing-option" | "reserved-name" => true,
        // What is gone from the last section may follow.
        "altered-snapshot" => header.as_ref() == Some(&found.span),
        _ => false,
    };
    report.diagnostics.retain(|found| found.severity == Severity::Error && !may_be_mended(found));
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "memory: 512\nnet0: name=eth0,bridge=b\n\n[one]\nmemory: 256\nsnaptime: 1\n";

    fn codes(old: &str, prefix: &str) -> Vec<&'static str> {
        let kind = FileKind::Container(Some(100));
        let report = check_prefix(kind, Some(old.as_bytes()), prefix.as_bytes());
        report.diagnostics.into_iter().map(|found| found.code).collect()
    }

    #[test]
    fn no_beginning_of_a_good_text_is_refused() {
        let pending =
            OLD.replace("[one]", "[pve:pending]\nnet1: name=eth0,bridge=b\ndelete: net0\n\n[one]");
        let backup = "lock: backup\n\n[vzdump]\nsnaptime: 1\nsnapstate: prepare\n";
        for good in [OLD, &pending, backup] {
            for (at, _) in good.match_indices('\n') {
                assert_eq!(codes(OLD, &good[..=at]), [""; 0], "{}", &good[..=at]);
            }
        }
        let storage = b"dir: local\n\tpath /x\n\nnfs: n1\n\tserver a\n\tpath /y\n\texport /z\n";
        for end in (0..storage.len()).filter(|&at| storage[at] == b'\n') {
            let report = check_prefix(FileKind::Storage, None, &storage[..=end]);
            assert_eq!(report.diagnostics, []);
        }
    }

    #[test]
    fn what_no_line_can_mend_is_refused() {
        assert_eq!(codes(OLD, "memory: 1024\nmemory: 2048\n"), ["duplicate-option"]);
        assert_eq!(codes(OLD, &format!("{OLD}onboot: 1\n")), ["altered-snapshot"]);
        assert_eq!(
            codes(OLD, &OLD.replace("\n\n", "\nnet1: name=eth0,bridge=b\n\n")),
            ["same-name"]
        );
        assert_eq!(
            codes(OLD, "memory: 512\n\n[one]\nmemory: 256\n\n[two]\n"),
            ["altered-snapshot"]
        );
        assert_eq!(codes("memory: 1\n", "memory: 1\n"), [""; 0], "it was there before");
    }
}
