//! A configuration as a list of lines that together are the text, byte for byte.
//!
//! Invariant: the spans of the lines and their endings cover the text without gap or overlap, so printing a document
//! gives back what was parsed. Meaning (known options, values) is not looked at here.

use crate::grammar;
use std::ops::Range;

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Nothing but white space.
    Blank,
    /// `# …`
    Comment,
    /// `[name]`; the span of the name.
    Section(Range<usize>),
    /// `key: value`, also `lxc.key = value`.
    Option {
        /// The key.
        key: Range<usize>,
        /// The value without the white space around it; empty where there is none.
        value: Range<usize>,
    },
    /// Anything else.
    Unknown,
}

/// One line of a document. All spans are bytes of the document's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line without its ending.
    pub span: Range<usize>,
    /// Where the next line begins.
    pub end: usize,
    /// What it is.
    pub kind: LineKind,
}

/// The part of a document from one section header to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The name between the brackets; `None` for the part before the first header.
    pub name: Option<Range<usize>>,
    /// Indices of the lines below the header.
    pub lines: Range<usize>,
}

/// A parsed configuration that keeps every byte of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    text: String,
    lines: Vec<Line>,
    sections: Vec<Section>,
}

/// An option of a document: its key and value as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionLine<'a> {
    /// The key.
    pub key: &'a str,
    /// The value without the white space around it.
    pub value: &'a str,
    /// The index of its line.
    pub line: usize,
}

/// The name of the section that holds what a running container takes over at its next start.
pub const PENDING: &str = "pve:pending";

impl Document {
    /// Parses `text`. Never fails: what is not understood is a line of kind [`LineKind::Unknown`].
    pub fn parse(text: impl Into<String>) -> Self {
        let text = text.into();
        let mut lines = Vec::with_capacity(text.len() / 24 + 1);
        let mut sections = vec![Section { name: None, lines: 0..0 }];
        let mut start = 0;
        while start < text.len() {
            let line = next_line(&text, start);
            start = line.end;
            if let LineKind::Section(name) = &line.kind {
                let at = lines.len() + 1;
                sections.push(Section { name: Some(name.clone()), lines: at..at });
            } else if let Some(section) = sections.last_mut() {
                section.lines.end = lines.len() + 1;
            }
            lines.push(line);
        }
        Self { text, lines, sections }
    }

    /// The text, byte for byte as it was parsed or edited.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// All sections: first the one without a name, which always exists, then the named ones in order.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The part before the first section header.
    pub fn main(&self) -> &Section {
        &self.sections[0]
    }

    /// The last section of that name. Names are compared as the reference does, `pve:pending` without regard to case.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().rev().find(|section| {
            self.name(section).is_some_and(|found| {
                found == name || (name == PENDING && found.eq_ignore_ascii_case(PENDING))
            })
        })
    }

    /// The name of a section of this document; `None` for the main one.
    pub fn name(&self, section: &Section) -> Option<&str> {
        section.name.clone().map(|span| &self.text[span])
    }

    /// The snapshot sections, in the order of the file.
    pub fn snapshots(&self) -> impl Iterator<Item = (&str, &Section)> {
        self.sections.iter().filter_map(|section| {
            let name = self.name(section)?;
            (!name.eq_ignore_ascii_case(PENDING)).then_some((name, section))
        })
    }

    /// The options of a section, in the order of the file.
    pub fn options<'a>(&'a self, section: &Section) -> impl Iterator<Item = OptionLine<'a>> {
        let range = section.lines.clone();
        self.lines[range.clone()].iter().zip(range).filter_map(|(line, index)| match &line.kind {
            LineKind::Option { key, value } => Some(OptionLine {
                key: &self.text[key.clone()],
                value: &self.text[value.clone()],
                line: index,
            }),
            _ => None,
        })
    }

    /// The option `key` of a section. Of duplicates the last counts, as in the reference.
    pub fn option<'a>(&'a self, section: &Section, key: &str) -> Option<OptionLine<'a>> {
        self.options(section).filter(|option| option.key == key).last()
    }

    /// The value of the option `key` in the main section.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.option(self.main(), key).map(|option| option.value)
    }
}

/// The line of `text` that begins at byte `start`.
fn next_line(text: &str, start: usize) -> Line {
    let newline = text[start..].find('\n').map(|at| start + at);
    let end = newline.map_or(text.len(), |at| at + 1);
    let mut stop = newline.unwrap_or(end);
    if newline.is_some() && text[start..stop].ends_with('\r') {
        stop -= 1;
    }
    Line { span: start..stop, end, kind: classify(text, start..stop) }
}

pub(crate) fn classify(text: &str, span: Range<usize>) -> LineKind {
    let line = text[span.clone()].trim_end_matches([' ', '\t', '\r']);
    let shift = |range: Range<usize>| span.start + range.start..span.start + range.end;
    match line.as_bytes() {
        [] => LineKind::Blank,
        [b'#', ..] => LineKind::Comment,
        [b'[', ..] => {
            grammar::section(line).map_or(LineKind::Unknown, |name| LineKind::Section(shift(name)))
        }
        bytes => {
            let found =
                if bytes.starts_with(b"lxc.") { grammar::raw(line) } else { grammar::option(line) };
            found.map_or(LineKind::Unknown, |found| LineKind::Option {
                key: shift(found.key),
                value: shift(found.value),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNAPSHOT: &str =
        "memory: 512\nparent: one\n\n[pve:pending]\nmemory: 600\n[one]\nmemory: 1\n";

    #[test]
    fn the_lines_cover_the_text() {
        for text in ["", "\n", "a: 1", "a: 1\r\n\r\nb: 2\t \n# c", SNAPSHOT, "\r", "a\r\r\n"] {
            let document = Document::parse(text);
            let mut at = 0;
            for line in document.lines() {
                assert_eq!(line.span.start, at);
                at = line.end;
            }
            assert_eq!(at, text.len());
            assert_eq!(document.text(), text);
        }
    }

    #[test]
    fn sections_hold_their_lines() {
        let document = Document::parse(SNAPSHOT);
        assert_eq!(document.get("memory"), Some("512"));
        let pending = document.section("pve:pending").unwrap();
        assert_eq!(document.option(pending, "memory").unwrap().value, "600");
        let names: Vec<_> = document.snapshots().map(|(name, _)| name).collect();
        assert_eq!(names, ["one"]);
    }

    #[test]
    fn white_space_around_a_value_is_no_part_of_it() {
        let document = Document::parse("a:\t x y \t\r\nb: \nlxc.c =  z");
        let values: Vec<_> = document.options(document.main()).map(|found| found.value).collect();
        assert_eq!(values, ["x y", "", "z"]);
    }
}
