//! Keys, values, duplicates and section headers.

use super::gives_up;
use super::rules::{Entry, Known};
use super::seen::Seen;
use super::syntax;
use crate::diagnostic::{Diagnostic, Report};
use crate::document::{Document, LineKind, OptionLine, PENDING, Section};
use crate::properties::Properties;
use crate::schema::{
    Format, KeyProblem, LXC_ALIASES, LXC_KEYS, LXC_REFUSED, OPTIONS, OptionDef, ValueProblem, find,
    find_lxc, quote,
};
use crate::suggest;
use std::collections::HashMap;
use std::ops::Range;

/// Where an option stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Main,
    Pending,
    Snapshot,
    /// A line that is judged alone.
    Anywhere,
}

/// Checks every line of a document, and gives its known options.
pub(super) fn check<'d>(
    document: &'d Document,
    table: &'static [OptionDef],
    report: &mut Report,
) -> Known<'d> {
    let mut known = Known::default();
    let has_sections = std::ptr::eq(table, OPTIONS);
    let mut names: HashMap<&'d str, Range<usize>> = HashMap::new();
    for section in document.sections() {
        let place = match document.name(section) {
            None => Place::Main,
            Some(name) if name.eq_ignore_ascii_case(PENDING) => Place::Pending,
            Some(_) => Place::Snapshot,
        };
        if let Some(span) = &section.name {
            if gives_up(report, span) {
                break;
            }
            header(document, span, has_sections, &mut names, report);
        }
        let found = check_section(document, section, place, table, report);
        match place {
            Place::Main => known.main = found,
            Place::Pending => known.pending = found,
            Place::Snapshot | Place::Anywhere => {}
        }
    }
    known
}

/// Checks a line that stands alone, in whatever section it may be.
pub(super) fn check_line(document: &Document, table: &'static [OptionDef], report: &mut Report) {
    let has_sections = std::ptr::eq(table, OPTIONS);
    for section in document.sections() {
        // Whether [vzdump] is right depends on what else the file says.
        let name = section.name.as_ref().filter(|name| {
            !has_sections || !document.text()[(*name).clone()].eq_ignore_ascii_case("vzdump")
        });
        if let Some(span) = name {
            header(document, span, has_sections, &mut HashMap::new(), report);
        }
        check_section(document, section, Place::Anywhere, table, report);
    }
}

fn check_section<'d>(
    document: &'d Document,
    section: &Section,
    place: Place,
    table: &'static [OptionDef],
    report: &mut Report,
) -> Vec<Entry<'d>> {
    let mut entries = Vec::with_capacity(16);
    let text = document.text();
    let mut seen = Seen::default();
    for line in &document.lines()[section.lines.clone()] {
        if gives_up(report, &line.span) {
            break;
        }
        match &line.kind {
            LineKind::Unknown => {
                report.push(syntax::explain(&text[line.span.clone()], line.span.clone(), table));
            }
            LineKind::Option { key, value } => {
                let option = Found {
                    key: &text[key.clone()],
                    value: &text[value.clone()],
                    key_span: key,
                    value_span: value,
                };
                if option.key.starts_with("lxc.") && std::ptr::eq(table, OPTIONS) {
                    raw(&option, report);
                    continue;
                }
                let first = seen.insert(option.key, key);
                if let Some(first) = first {
                    report.push(
                        Diagnostic::error(
                            "duplicate-option",
                            key.clone(),
                            format!("{} is given twice", quote(option.key)),
                        )
                        .label("given again here")
                        .related(first.clone(), "first given here"),
                    );
                }
                match find(table, option.key) {
                    Ok(found) => {
                        let entry = known(&option, found, place, report);
                        // A duplicate says nothing new to the rules.
                        entries.extend(first.is_none().then_some(entry));
                    }
                    Err(problem) => {
                        let guess = report.is_short();
                        report.push(unknown(&option, problem, table, guess));
                    }
                }
            }
            LineKind::Blank | LineKind::Comment | LineKind::Section(_) => {}
        }
    }
    entries
}

struct Found<'a> {
    key: &'a str,
    value: &'a str,
    key_span: &'a Range<usize>,
    value_span: &'a Range<usize>,
}

fn unknown(
    option: &Found<'_>,
    problem: KeyProblem,
    table: &'static [OptionDef],
    guess: bool,
) -> Diagnostic {
    let span = option.key_span.clone();
    match problem {
        KeyProblem::IndexOutOfRange { name, last } | KeyProblem::BadIndex { name, last } => {
            Diagnostic::error(
                "bad-index",
                span,
                format!("there is no option {}", quote(option.key)),
            )
            .label(format!("expected `{name}0` to `{name}{last}`"))
        }
        KeyProblem::Unknown => {
            let diagnostic = Diagnostic::error("unknown-option", span, "unknown option");
            match guess.then(|| suggest_key(option.key, table)).flatten() {
                Some(word) => diagnostic.label(format!("did you mean `{word}`?")),
                None => diagnostic
                    .label("no option has this name")
                    .help("`pvefs explain` lists all options"),
            }
        }
    }
}

/// The key that was meant, with the number of a numbered one.
fn suggest_key(key: &str, table: &'static [OptionDef]) -> Option<String> {
    let words: Vec<_> = table.iter().map(|option| (option.name, option.count)).collect();
    if let Some(word) =
        suggest::closest(key, words.iter().filter(|(_, n)| *n == 0).map(|(w, _)| *w))
    {
        return Some(word.to_owned());
    }
    let name = key.trim_end_matches(|c: char| c.is_ascii_digit());
    let word = suggest::closest(name, words.iter().filter(|(_, n)| *n > 0).map(|(w, _)| *w))?;
    let number = &key[name.len()..];
    Some(format!("{word}{}", if number.is_empty() { "0" } else { number }))
}

fn known<'d>(
    option: &Found<'d>,
    found: &'static OptionDef,
    place: Place,
    report: &mut Report,
) -> Entry<'d> {
    misplaced(option, found, place, report);
    let (properties, problems) = if found.properties().is_empty() || option.value.is_empty() {
        (None, found.format.problems(option.value))
    } else {
        let (properties, problems) = Properties::check(found, option.value);
        (Some(properties), problems)
    };
    report
        .diagnostics
        .extend(problems.into_iter().map(|problem| value_diagnostic(option, problem)));
    if found.name == "cpuunits" && option.value.parse().is_ok_and(|units: u32| units > 10_000) {
        report.push(
            Diagnostic::note(
                "clamped",
                option.value_span.clone(),
                "hosts with cgroup v2 take 10000 for this, their highest weight",
            )
            .label("more than 10000"),
        );
    }
    Entry {
        key: option.key,
        value: option.value,
        option: found,
        properties,
        start: option.value_span.start,
    }
}

/// Says that an option has no meaning in this kind of section.
fn misplaced(option: &Found<'_>, found: &OptionDef, place: Place, report: &mut Report) {
    let misplaced = match (found.name, place) {
        ("delete", Place::Main | Place::Snapshot) => Some((
            true,
            "`delete` has a meaning only in [pve:pending]",
            "to remove an option, delete its line",
        )),
        ("snapstate" | "snaptime", Place::Main | Place::Pending) => Some((
            false,
            "this has a meaning only in a snapshot section",
            "it is written by `pct snapshot`; remove the line",
        )),
        _ => None,
    };
    if let Some((is_error, message, help)) = misplaced {
        let span = option.key_span.clone();
        let diagnostic = if is_error {
            Diagnostic::error("misplaced-option", span, message)
        } else {
            Diagnostic::warning("misplaced-option", span, message)
        };
        report.push(diagnostic.label("not here").help(help));
    }
}

/// Puts a problem of a value in its place in the text.
fn value_diagnostic(option: &Found<'_>, problem: ValueProblem) -> Diagnostic {
    let start = option.value_span.start;
    let key = match &problem.property {
        Some(property) => format!("{}.{property}", option.key),
        None => option.key.to_owned(),
    };
    let span = if option.value.is_empty() {
        // There is nothing to point at but the key and its colon.
        option.key_span.start..option.value_span.start
    } else {
        start + problem.span.start..start + problem.span.end
    };
    Diagnostic {
        help: problem.help,
        ..Diagnostic::error(problem.code, span, format!("`{key}`: {}", problem.message))
            .label(problem.label)
    }
}

fn raw(option: &Found<'_>, report: &mut Report) {
    let span = option.key_span.clone();
    if let Some((_, reason)) = LXC_REFUSED.iter().find(|(refused, _)| *refused == option.key) {
        report.push(
            Diagnostic::error("refused-option", span, format!("`{}` is not taken", option.key))
                .label("refused")
                .help(*reason),
        );
        return;
    }
    let Some((key, alias)) = find_lxc(option.key) else {
        let guess = report.is_short();
        report.push(unknown_raw(option, guess));
        return;
    };
    if let Some(alias) = alias {
        let present = option.key.replacen(alias.old, alias.new, 1);
        report.push(
            Diagnostic::note("old-name", span.clone(), format!("`{}` is an old name", option.key))
                .label(format!("today it is `{present}`")),
        );
    }
    if let Some(replacement) = key.option {
        report.push(
            Diagnostic::note(
                "has-option",
                span,
                format!("the option `{replacement}` says this too"),
            )
            .label("this line wins over the option"),
        );
    }
    if option.value.is_empty() && key.may_be_empty {
        return;
    }
    for problem in key.format.problems(option.value) {
        report.push(value_diagnostic(option, problem));
    }
}

fn unknown_raw(option: &Found<'_>, guess: bool) -> Diagnostic {
    let known = LXC_KEYS
        .iter()
        .map(|key| key.name)
        .chain(LXC_ALIASES.iter().map(|alias| alias.old))
        .filter(|name| !name.ends_with('.'));
    let diagnostic =
        Diagnostic::error("unknown-option", option.key_span.clone(), "unknown `lxc.` option");
    match guess.then(|| suggest::closest(option.key, known)).flatten() {
        Some(word) => diagnostic.label(format!("did you mean `{word}`?")),
        None => diagnostic
            .label("no option has this name")
            .help("`pvefs explain lxc` lists all `lxc.` options"),
    }
}

fn header<'d>(
    document: &'d Document,
    span: &Range<usize>,
    has_sections: bool,
    names: &mut HashMap<&'d str, Range<usize>>,
    report: &mut Report,
) {
    let name = &document.text()[span.clone()];
    if !has_sections {
        report.push(
            Diagnostic::error("bad-section", span.clone(), "this file has no sections")
                .label("expected `KEY: VALUE`"),
        );
        return;
    }
    let is_pending = name.eq_ignore_ascii_case(PENDING);
    // The reference tells snapshots apart by case.
    let identity = if is_pending { PENDING } else { name };
    if let Some(first) = names.get(identity) {
        report.push(
            Diagnostic::error(
                "duplicate-section",
                span.clone(),
                format!("there are two sections {}", quote(&format!("[{name}]"))),
            )
            .label("again here")
            .related(first.clone(), "first here")
            .help("the reference would drop the first one"),
        );
        return;
    }
    names.insert(identity, span.clone());
    if is_pending {
        return;
    }
    if is_reserved(document, name) {
        report.push(
            Diagnostic::error(
                "reserved-name",
                span.clone(),
                format!("`{name}` is a reserved name"),
            )
            .label("expected another name for a snapshot"),
        );
        return;
    }
    for problem in Format::SnapshotName.problems(name) {
        report.push(
            Diagnostic::error(
                "bad-section",
                if name.is_empty() { span.start - 1..span.end + 1 } else { span.clone() },
                if name.is_empty() { "a section needs a name".to_owned() } else { problem.message },
            )
            .label(match suggest::closest(name, [PENDING]) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("expected `{PENDING}` or a snapshot's name"),
            })
            .help(format!("expected {}", Format::SnapshotName.expected())),
        );
    }
}

/// `current` is the present state, `vzdump` the snapshot of a backup, which exists only while one is made.
fn is_reserved(document: &Document, name: &str) -> bool {
    let in_progress = |option: Option<OptionLine<'_>>| {
        option.is_some_and(|found| matches!(found.value, "backup" | "snapshot" | "snapshot-delete"))
    };
    match name.to_ascii_lowercase().as_str() {
        "current" => true,
        "vzdump" => {
            let is_changing = document
                .section(name)
                .is_some_and(|section| document.option(section, "snapstate").is_some());
            !is_changing && !in_progress(document.option(document.main(), "lock"))
        }
        _ => false,
    }
}
