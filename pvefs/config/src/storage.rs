//! `storage.cfg`: storages, each a header line and indented properties below it.

use crate::check::gives_up;
use crate::diagnostic::{Diagnostic, Report};
use crate::grammar;
use crate::schema::{
    Format, OptionDef, PROBLEMS_MAX, STORAGE_COMMON, STORAGE_KEYS, STORAGE_TYPES, StorageType,
    find, parse_boolean, parts, quote, storage_type,
};
use crate::suggest;
use std::collections::HashMap;
use std::ops::Range;

/// One property line. Spans are bytes of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageProperty {
    /// The key.
    pub key: Range<usize>,
    /// The value; empty for a flag.
    pub value: Range<usize>,
}

/// One storage as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageSection {
    /// The type before the colon.
    pub kind: Range<usize>,
    /// The name after it.
    pub name: Range<usize>,
    /// Its properties in the order of the file.
    pub properties: Vec<StorageProperty>,
}

/// A parsed `storage.cfg` that keeps every byte of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageDocument {
    text: String,
    sections: Vec<StorageSection>,
    unknown: Vec<Range<usize>>,
}

impl StorageDocument {
    /// Parses `text`. Never fails: what is not understood is kept and left alone.
    pub fn parse(text: impl Into<String>) -> Self {
        let text = text.into();
        let mut sections: Vec<StorageSection> = Vec::new();
        let mut unknown = Vec::new();
        let mut is_open = false;
        let mut start = 0;
        for full in text.split_inclusive('\n') {
            let line = full.trim_end();
            let span = start..start + line.len();
            start += full.len();
            let shift = |range: Range<usize>| span.start + range.start..span.start + range.end;
            if line.is_empty() {
                is_open = false;
            } else if line.trim_start().starts_with('#') {
            } else if let Some((kind, name)) = grammar::storage_header(line) {
                sections.push(StorageSection {
                    kind: shift(kind),
                    name: shift(name),
                    properties: Vec::new(),
                });
                is_open = true;
            } else {
                let found = grammar::storage_line(line).filter(|_| is_open);
                match (found, sections.last_mut()) {
                    (Some(found), Some(section)) => section
                        .properties
                        .push(StorageProperty { key: shift(found.key), value: shift(found.value) }),
                    _ => unknown.push(span),
                }
            }
        }
        Self { text, sections, unknown }
    }

    /// The text, byte for byte.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The storages in the order of the file.
    pub fn sections(&self) -> &[StorageSection] {
        &self.sections
    }

    /// The property `key` of a storage: its value, empty for a flag. Of duplicates the first counts, as in the
    /// reference.
    pub fn get(&self, section: &StorageSection, key: &str) -> Option<&str> {
        section
            .properties
            .iter()
            .find(|property| &self.text[property.key.clone()] == key)
            .map(|property| &self.text[property.value.clone()])
    }

    /// Whether a storage has the flag `key`: without a value, or with a true one.
    pub fn flag(&self, section: &StorageSection, key: &str) -> bool {
        self.get(section, key)
            .is_some_and(|value| value.is_empty() || parse_boolean(value) == Some(true))
    }

    /// The storage of that name.
    pub fn section(&self, name: &str) -> Option<&StorageSection> {
        self.sections.iter().find(|section| &self.text[section.name.clone()] == name)
    }
}

/// Checks a whole `storage.cfg`.
pub(crate) fn check(text: &str, report: &mut Report) {
    let document = StorageDocument::parse(text);
    for span in &document.unknown {
        if gives_up(report, span) {
            break;
        }
        report.push(unknown_line(text, span));
    }
    let mut names: HashMap<&str, Range<usize>> = HashMap::new();
    for section in &document.sections {
        if gives_up(report, &section.name) {
            break;
        }
        let name = &text[section.name.clone()];
        let problems = Format::StorageId.problems(name);
        if let Some(problem) = problems.into_iter().next() {
            report.push(
                Diagnostic::error("bad-name", section.name.clone(), problem.message)
                    .label(problem.label),
            );
        }
        if let Some(first) = names.get(name) {
            report.push(
                Diagnostic::error(
                    "duplicate-storage",
                    section.name.clone(),
                    format!("there are two storages {}", quote(name)),
                )
                .label("again here")
                .related(first.clone(), "first here"),
            );
        } else {
            names.insert(name, section.name.clone());
        }
        let kind = &text[section.kind.clone()];
        match storage_type(kind) {
            Some(kind) => check_section(&document, section, kind, report),
            None => report.push(unknown_type(kind, section.kind.clone())),
        }
    }
}

fn unknown_line(text: &str, span: &Range<usize>) -> Diagnostic {
    let line = &text[span.clone()];
    let diagnostic =
        Diagnostic::error("syntax", span.clone(), "this is no storage, property or comment");
    if line.starts_with([' ', '\t']) {
        diagnostic
            .label("a property without a storage above it")
            .help("a blank line ends a storage; its properties follow its header directly")
    } else {
        diagnostic
            .label("expected `TYPE: NAME`")
            .help("properties are indented, and follow the line of their storage")
    }
}

fn unknown_type(kind: &str, span: Range<usize>) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("unknown-type", span, format!("unknown storage type {}", quote(kind)));
    match suggest::closest(kind, STORAGE_TYPES.iter().map(|known| known.name)) {
        Some(word) => diagnostic.label(format!("did you mean `{word}`?")),
        None => diagnostic
            .label("no type has this name")
            .help("`pvefs explain storage` lists all types"),
    }
}

fn check_section(
    document: &StorageDocument,
    section: &StorageSection,
    kind: &StorageType,
    report: &mut Report,
) {
    let text = document.text();
    let mut seen: HashMap<&str, Range<usize>> = HashMap::new();
    for property in &section.properties {
        if gives_up(report, &property.key) {
            return;
        }
        let key = &text[property.key.clone()];
        let value = &text[property.value.clone()];
        if let Some(first) = seen.get(key) {
            report.push(
                Diagnostic::error(
                    "duplicate-option",
                    property.key.clone(),
                    format!("{} is given twice", quote(key)),
                )
                .label("given again here")
                .related(first.clone(), "first given here"),
            );
            continue;
        }
        seen.insert(key, property.key.clone());
        let known = kind.required.iter().chain(kind.optional).chain(STORAGE_COMMON);
        if !known.clone().any(|name| *name == key) {
            report.push(unknown_key(key, property.key.clone(), kind, known.copied()));
            continue;
        }
        if let Ok(option) = find(STORAGE_KEYS, key) {
            check_value(option, key, value, property, kind, report);
        }
    }
    for key in kind.required.iter().filter(|key| !seen.contains_key(**key)) {
        report.push(
            Diagnostic::error(
                "missing-option",
                section.name.clone(),
                format!("a storage of type `{}` needs `{key}`", kind.name),
            )
            .label(format!("expected a line `{key} …` below, indented"))
            .help(
                find(STORAGE_KEYS, key).map_or(String::new(), |option| {
                    format!("for example: {key} {}", option.example)
                }),
            ),
        );
    }
}

fn unknown_key<'k>(
    key: &str,
    span: Range<usize>,
    kind: &StorageType,
    known: impl Iterator<Item = &'k str>,
) -> Diagnostic {
    if find(STORAGE_KEYS, key).is_ok() {
        let message = format!("a storage of type `{}` has no `{key}`", kind.name);
        return Diagnostic::error("misplaced-option", span, message).label("not here");
    }
    let diagnostic =
        Diagnostic::error("unknown-option", span, format!("unknown property {}", quote(key)));
    match suggest::closest(key, known) {
        Some(word) => diagnostic.label(format!("did you mean `{word}`?")),
        None => diagnostic.label("no property has this name"),
    }
}

fn check_value(
    option: &OptionDef,
    key: &str,
    value: &str,
    property: &StorageProperty,
    kind: &StorageType,
    report: &mut Report,
) {
    let is_flag = matches!(option.format, Format::Boolean);
    if value.is_empty() && is_flag {
        return;
    }
    for problem in option.format.problems(value) {
        let start = property.value.start;
        let span = if value.is_empty() {
            property.key.clone()
        } else {
            start + problem.span.start..start + problem.span.end
        };
        let name = problem.property.map_or(key.to_owned(), |part| format!("{key}.{part}"));
        report.push(Diagnostic {
            help: problem.help,
            ..Diagnostic::error(problem.code, span, format!("`{name}`: {}", problem.message))
                .label(problem.label)
        });
    }
    if key == "content" {
        content(value, property.value.start, kind, report);
    }
}

/// What a storage may hold depends on its type, and nothing goes together with anything.
fn content(value: &str, start: usize, kind: &StorageType, report: &mut Report) {
    let words = || parts(value, |c| matches!(c, ',' | ';' | ' ' | '\t'));
    let is_known = |word: &str| STORAGE_TYPES.iter().any(|other| other.content.contains(&word));
    let misfits = words().filter(|(_, word)| is_known(word) && !kind.content.contains(word));
    for (at, word) in misfits.take(PROBLEMS_MAX) {
        let message = format!("a storage of type `{}` cannot hold `{word}`", kind.name);
        report.push(
            Diagnostic::error("bad-content", start + at..start + at + word.len(), message)
                .label(format!("expected {}", kind.content.join(", "))),
        );
    }
    if let Some((at, word)) = words().find(|(_, word)| *word == "none")
        && words().nth(1).is_some()
    {
        let message = "`none` stands alone: the storage is to hold nothing";
        report.push(
            Diagnostic::error("bad-content", start + at..start + at + word.len(), message)
                .label("remove this or all others"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl,backup\n\n# fast\nlvmthin: local-lvm\n\tthinpool data\n\tvgname pve\n\tcontent rootdir,images\n\nzfspool: tank\n\tpool tank/data\n\tdisable\n\tsparse 1\n";

    fn found(text: &str) -> Vec<(&'static str, String)> {
        let mut report = Report::default();
        check(text, &mut report);
        report.sort();
        report
            .diagnostics
            .into_iter()
            .map(|found| (found.code, text[found.span].to_owned()))
            .collect()
    }

    #[test]
    fn a_real_file_is_clean() {
        assert_eq!(found(REAL), []);
        let document = StorageDocument::parse(REAL);
        assert_eq!(document.text(), REAL);
        let tank = document.section("tank").unwrap();
        assert!(document.flag(tank, "disable"));
        assert_eq!(document.get(tank, "pool"), Some("tank/data"));
    }

    #[test]
    fn each_kind_of_mistake_is_found_at_its_place() {
        let text = "dri: a1\n\tpath /x\n\ndir: b\n\tpth /x\n\tcontent rootdir,bogus\n\ndir: local\n\tpath rel\n\tpath /y\n\tpool x\n\n\tpath /z\nzfspool: local\n\tpool x\n\tcontent iso\nwhat\n";
        let expected = [
            ("unknown-type", "dri"),
            ("bad-name", "b"),
            ("missing-option", "b"),
            ("unknown-option", "pth"),
            ("unknown-value", "bogus"),
            ("bad-value", "rel"),
            ("duplicate-option", "path"),
            ("misplaced-option", "pool"),
            ("syntax", "\tpath /z"),
            ("duplicate-storage", "local"),
            ("bad-content", "iso"),
            ("syntax", "what"),
        ];
        let expected: Vec<_> =
            expected.into_iter().map(|(code, at)| (code, at.to_owned())).collect();
        assert_eq!(found(text), expected);
    }
}
