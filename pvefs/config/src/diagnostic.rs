//! What is wrong with a text, as data. Rendering is the caller's.

use std::fmt;
use std::ops::Range;

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Accepted, and shown.
    Warning,
    /// The file is refused.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A second place that a diagnostic speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What is there.
    pub label: String,
}

/// One thing to say about one place of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it weighs.
    pub severity: Severity,
    /// A stable name for the rule, in kebab case.
    pub code: &'static str,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// The bytes of the text that it speaks of.
    pub span: Range<usize>,
    /// What to write below the place: what was expected, or what was meant.
    pub label: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// Another place, such as the first of two duplicates.
    pub related: Option<Related>,
}

impl Diagnostic {
    /// A diagnostic of severity [`Severity::Error`].
    pub fn error(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            span,
            label: String::new(),
            help: None,
            related: None,
        }
    }

    /// A diagnostic of severity [`Severity::Warning`].
    pub fn warning(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// A diagnostic of severity [`Severity::Note`].
    pub fn note(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(code, span, message) }
    }

    /// The same with what to write below the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with a second place.
    #[must_use]
    pub fn related(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.related = Some(Related { span, label: label.into() });
        self
    }
}

/// Where a byte of a text is, as people count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Finds lines and columns of a text.
#[derive(Clone, Debug)]
pub struct LineIndex<'t> {
    text: &'t [u8],
    starts: Vec<usize>,
}

impl<'t> LineIndex<'t> {
    /// Looks for the lines of `text`, once.
    pub fn new(text: &'t [u8]) -> Self {
        let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        Self { text, starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// The line and column of byte `offset`. Bytes that are no UTF-8 count as one character each.
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = self.starts[line - 1];
        let column =
            self.text[start..offset].utf8_chunks().map(|chunk| chars_of(&chunk)).sum::<usize>() + 1;
        Position { line, column }
    }

    /// The bytes of line `line` (from 1) without its line ending; empty for one that does not exist.
    pub fn line(&self, line: usize) -> &'t [u8] {
        let Some(&start) = line.checked_sub(1).and_then(|index| self.starts.get(index)) else {
            return &[];
        };
        let end = self.starts.get(line).map_or(self.text.len(), |next| next - 1);
        let bytes = &self.text[start..end];
        bytes.strip_suffix(b"\r").unwrap_or(bytes)
    }
}

fn chars_of(chunk: &std::str::Utf8Chunk<'_>) -> usize {
    chunk.valid().chars().count() + chunk.invalid().len()
}

/// All that there is to say about one text, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was found.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// The diagnostics that refuse the text.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether the text is refused.
    pub fn is_refused(&self) -> bool {
        self.errors().next().is_some()
    }

    /// The most errors, and the most warnings and notes, of one text: what a hostile one costs is bounded.
    const MOST: usize = 5_000;

    /// Adds a diagnostic; beyond a great many, only an error.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error || self.diagnostics.len() < Self::MOST {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Whether a person might read all of it, so that guessing what was meant is worth the time.
    pub(crate) fn is_short(&self) -> bool {
        self.diagnostics.len() < 500
    }

    /// Whether there are so many errors that no more need be looked for. Whoever loops over lines asks this.
    pub(crate) fn is_full(&self) -> bool {
        // At most one half of these are no errors.
        self.diagnostics.len() >= 2 * Self::MOST
    }

    pub(crate) fn sort(&mut self) {
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_newlines() {
        let text = "a: 1\nhöst: x\n".as_bytes();
        let index = LineIndex::new(text);
        assert_eq!(index.position(0), Position { line: 1, column: 1 });
        assert_eq!(index.position(4), Position { line: 1, column: 5 });
        assert_eq!(index.position(5), Position { line: 2, column: 1 });
        let colon = text.iter().rposition(|&byte| byte == b':').unwrap();
        assert_eq!(index.position(colon), Position { line: 2, column: 5 });
        assert_eq!(index.position(999), Position { line: 3, column: 1 });
        assert_eq!(LineIndex::new(b"\xff\xffx").position(2), Position { line: 1, column: 3 });
        let lines = LineIndex::new(b"a\r\n\nb");
        assert_eq!((lines.line(1), lines.line(2), lines.line(3)), (&b"a"[..], &b""[..], &b"b"[..]));
        assert_eq!((lines.line(0), lines.line(4)), (&b""[..], &b""[..]));
    }
}
