//! Diagnostics for people and programs.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use pve_config::{Diagnostic, LineIndex, Severity};
use serde::Serialize;
use std::borrow::Cow;
use std::ops::Range;

/// The longest part of a line that is shown, in bytes.
const SHOWN: usize = 400;

/// A diagnostic as `--output-format json` prints it.
#[derive(Serialize)]
pub struct JsonDiagnostic<'a> {
    /// The file as it was named.
    pub file: &'a str,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// `error`, `warning` or `note`.
    pub severity: String,
    /// The rule's name.
    pub code: &'static str,
    /// What is wrong.
    pub message: &'a str,
    /// What was expected, or what to do.
    pub help: Option<Cow<'a, str>>,
}

/// What a diagnostic expects and advises, in one text.
fn advice(found: &Diagnostic) -> Option<Cow<'_, str>> {
    match (found.label.as_str(), &found.help) {
        ("", None) => None,
        ("", Some(help)) => Some(help.into()),
        (label, None) => Some(label.into()),
        (label, Some(help)) => Some(format!("{label}; {help}").into()),
    }
}

/// A diagnostic for programs.
pub fn json<'a>(file: &'a str, index: &LineIndex<'_>, found: &'a Diagnostic) -> JsonDiagnostic<'a> {
    let position = index.position(found.span.start);
    JsonDiagnostic {
        file,
        line: position.line,
        column: position.column,
        severity: found.severity.to_string(),
        code: found.code,
        message: &found.message,
        help: advice(found),
    }
}

/// A diagnostic in one line, `FILE:LINE:COLUMN: SEVERITY: MESSAGE`, as editors read it.
pub fn short(file: &str, index: &LineIndex<'_>, found: &Diagnostic) -> String {
    let position = index.position(found.span.start);
    let advice = advice(found).map(|text| format!(": {text}")).unwrap_or_default();
    format!(
        "{file}:{}:{}: {}: {}{advice}",
        position.line, position.column, found.severity, found.message
    )
}

/// The part of a line that is shown, and where a span is in it.
struct Shown {
    text: String,
    line: usize,
    span: Range<usize>,
}

/// Cuts out the line on which a span begins; of a very long one only the neighbourhood of the span.
fn shown(text: &[u8], index: &LineIndex<'_>, span: &Range<usize>) -> Shown {
    let line = index.position(span.start).line;
    let bytes = index.line(line);
    let start = bytes.as_ptr() as usize - text.as_ptr() as usize;
    let start = if bytes.is_empty() { span.start } else { start };
    let local = span.start.saturating_sub(start).min(bytes.len());
    let local_end = span.end.saturating_sub(start).clamp(local, bytes.len());
    let from = local.saturating_sub(SHOWN / 2);
    let to = bytes.len().min(local + SHOWN);
    // The cut may be in the middle of a character, and the text may be none: both are shown as U+FFFD.
    let before = String::from_utf8_lossy(&bytes[from..local]);
    let within = String::from_utf8_lossy(&bytes[local..local_end.min(to)]);
    let after = String::from_utf8_lossy(&bytes[local_end.min(to)..to]);
    let span = before.len()..before.len() + within.len();
    let text = [before, within, after].concat();
    // Control characters would act on the terminal. As many bytes take their place, so that spans stay right.
    let is_shown = |c: char| !c.is_control() || c == '\t';
    let text = text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        match is_shown(c) {
            true => shown.push(c),
            false => shown.extend(std::iter::repeat_n('?', c.len_utf8())),
        }
        shown
    });
    let span = span.start.min(text.len())..span.end.min(text.len());
    Shown { text, line, span }
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    }
}

/// A diagnostic as a compiler shows it, with the line and a mark below the place.
pub fn text(
    renderer: &Renderer,
    file: &str,
    text: &[u8],
    index: &LineIndex<'_>,
    found: &Diagnostic,
) -> String {
    let place = shown(text, index, &found.span);
    let snippet = Snippet::source(place.text.clone())
        .path(file)
        .line_start(place.line)
        .fold(false)
        .annotation(AnnotationKind::Primary.span(place.span).label(found.label.clone()));
    let mut group: Group<'_> =
        level(found.severity).primary_title(found.message.clone()).element(snippet);
    if let Some(related) = &found.related {
        let place = shown(text, index, &related.span);
        group = group.element(
            Snippet::source(place.text)
                .path(file)
                .line_start(place.line)
                .fold(false)
                .annotation(AnnotationKind::Context.span(place.span).label(related.label.clone())),
        );
    }
    if let Some(help) = &found.help {
        group = group.element(Level::HELP.message(help.clone()));
    }
    renderer.render(&[group])
}

#[cfg(test)]
mod tests {
    use super::*;
    use pve_config::{FileKind, check};

    fn rendered(file: &str, source: &[u8]) -> String {
        let index = LineIndex::new(source);
        let report = check(FileKind::Container(None), source);
        let all: Vec<_> = report
            .diagnostics
            .iter()
            .filter(|found| found.severity == Severity::Error)
            .map(|found| text(&Renderer::plain(), file, source, &index, found))
            .collect();
        all.join("\n")
    }

    #[test]
    fn an_error_looks_like_a_compilers() {
        assert_eq!(
            rendered("100.conf", b"# web\narch: amd64\nswap: 0\nmemroy: 512\n"),
            "error: unknown option\n --> 100.conf:4:1\n  |\n4 | memroy: 512\n  | ^^^^^^ did you mean `memory`?"
        );
    }

    #[test]
    fn a_second_place_is_shown_too() {
        let shown = rendered("x", b"memory: 512\nswap: 1\nmemory: 600\n");
        assert!(shown.contains("3 | memory: 600\n  | ^^^^^^ given again here"), "{shown}");
        assert!(shown.contains("1 | memory: 512\n  | ------ first given here"), "{shown}");
    }

    #[test]
    fn what_is_no_text_is_shown_without_acting_on_the_terminal() {
        let shown = rendered("x", b"memory: \x1b[31m\xff\n");
        assert!(!shown.contains('\x1b'), "{shown}");
        assert!(rendered("x", &[0xff; 100_000]).len() < 4_000);
        assert!(rendered("x", "é".repeat(50_000).as_bytes()).len() < 8_000);
    }
}
