//! Bytes that are no text: broken UTF-8, NUL and other control characters.

use super::{TOO_MANY_ERRORS, gives_up};
use crate::diagnostic::{Diagnostic, Report};
use std::borrow::Cow;
use std::ops::Range;

/// Reports what is no text, and gives a text of the same length in which `?` stands for each such byte, so that the
/// places of everything else stay the same.
pub(super) fn clean<'t>(text: &'t [u8], report: &mut Report) -> Cow<'t, str> {
    // Most texts have nothing to report: a few fast passes find that out.
    if let Ok(valid) = std::str::from_utf8(text)
        && !text.iter().fold(false, |found, &byte| found | is_forbidden(byte))
        && !(text.contains(&b'\r') && text.windows(2).any(is_lone_return))
    {
        return Cow::Borrowed(valid);
    }
    let mut clean = String::with_capacity(text.len());
    // One report for each line is enough, and keeps their number bounded by the number of lines.
    let mut line_is_reported = false;
    let mut report_once = |diagnostic: Diagnostic, line_is_reported: &mut bool| {
        if !std::mem::replace(line_is_reported, true) && !gives_up(report, &diagnostic.span) {
            report.push(diagnostic);
        }
    };
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            let at = clean.len();
            let is_lone = text.get(at..at + 2).is_some_and(is_lone_return);
            if is_lone || c.is_ascii() && is_forbidden(c as u8) {
                report_once(forbidden(at, c), &mut line_is_reported);
                clean.push('?');
            } else {
                line_is_reported &= c != '\n';
                clean.push(c);
            }
        }
        let invalid = chunk.invalid();
        if !invalid.is_empty() {
            let at = clean.len();
            let span = at..at + invalid.len();
            report_once(
                Diagnostic::error(
                    "not-utf-8",
                    span,
                    format!("{} is not UTF-8", hexadecimal(invalid)),
                )
                .label("expected text in UTF-8")
                .help("convert the file: iconv -f latin1 -t utf-8"),
                &mut line_is_reported,
            );
            clean.extend(std::iter::repeat_n('?', invalid.len()));
        }
    }
    Cow::Owned(clean)
}

/// Whether the first of two bytes is a carriage return that ends no line.
fn is_lone_return(pair: &[u8]) -> bool {
    matches!(pair, [b'\r', next] if !matches!(next, b'\r' | b'\n'))
}

/// All control characters but tab, line feed and carriage return; the last one only at the end of a line.
fn is_forbidden(byte: u8) -> bool {
    byte == 0x7f || (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'))
}

fn forbidden(at: usize, c: char) -> Diagnostic {
    let span = at..at + 1;
    match c {
        '\r' => Diagnostic::error(
            "control-character",
            span,
            "a carriage return in the middle of a line",
        )
        .label("expected a line feed, or nothing")
        .help("lines end with LF or CR LF"),
        '\0' => Diagnostic::error("control-character", span, "a NUL byte in the text")
            .label("expected printable text"),
        _ => Diagnostic::error(
            "control-character",
            span,
            format!("control character 0x{:02x} in the text", c as u32),
        )
        .label("expected printable text"),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
    bytes.join(" ")
}

fn line_of(text: &[u8], at: usize) -> Range<usize> {
    let start = text[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |found| found + 1);
    let end =
        text[at..].iter().position(|&byte| byte == b'\n').map_or(text.len(), |found| at + found);
    // With the place of the line feed, where something that is missing is told of.
    start..end + 1
}

/// Leaves one diagnostic for each line that has bytes that are no text, the first of them.
pub(super) fn keep_first_of_each_line(text: &[u8], spoiled: &[Range<usize>], report: &mut Report) {
    let lines: Vec<(Range<usize>, usize)> =
        spoiled.iter().map(|span| (line_of(text, span.start), span.start)).collect();
    report.diagnostics.retain(|found| {
        if found.code == TOO_MANY_ERRORS {
            return true;
        }
        let index = lines.partition_point(|(line, _)| line.end <= found.span.start);
        match lines.get(index) {
            Some((line, first)) if line.contains(&found.span.start) => {
                found.span.start == *first
                    && matches!(found.code, "not-utf-8" | "control-character")
            }
            _ => true,
        }
    });
}

#[cfg(test)]
mod tests {
    use crate::check::{FileKind, check};

    fn found(text: &[u8]) -> Vec<(&'static str, std::ops::Range<usize>)> {
        let report = check(FileKind::Container(None), text);
        report.errors().map(|found| (found.code, found.span.clone())).collect()
    }

    #[test]
    fn each_spoiled_line_has_one_error_and_the_others_their_own() {
        let text = b"memory: 5\x0012\nhostname: h\xf6st\xf6\nmemroy: 1\n# \xff\n";
        assert_eq!(
            found(text),
            [
                ("control-character", 9..10),
                ("not-utf-8", 24..25),
                ("unknown-option", 29..35),
                ("not-utf-8", 41..42),
            ]
        );
    }

    #[test]
    fn a_text_of_nul_bytes_is_one_error_a_line() {
        assert_eq!(found(&[0; 100_000]).len(), 1);
        assert_eq!(found(&[0xff; 100_000]).len(), 1);
    }

    #[test]
    fn a_carriage_return_is_no_error() {
        assert_eq!(found(b"memory: 512\r\n# c\r\n"), []);
        assert_eq!(found(b"memory: 512\r\r\n# c\r"), []);
    }

    #[test]
    fn a_carriage_return_within_a_line_is_one() {
        assert_eq!(found(b"memory: 512\rswap: 1\r"), [("control-character", 11..12)]);
    }

    #[test]
    fn a_spoiled_line_has_no_second_error_at_its_end() {
        assert_eq!(found(b"lxc.\0\nlxc.x\n"), [("control-character", 4..5), ("syntax", 11..11)]);
    }
}
