//! Snapshot sections: finding, writing, and what of a configuration belongs in one.

use pve_config::schema::split_index;
use pve_config::{Document, LineKind, OptionLine, Section};

use super::Refusal;

/// The snapshot of that name. Never the pending changes, which are no snapshot.
pub(super) fn find<'d>(document: &'d Document, name: &str) -> Option<&'d Section> {
    document.snapshots().filter(|(found, _)| *found == name).last().map(|(_, section)| section)
}

/// The snapshot of that name, or the error that there is none.
pub(super) fn get<'d>(document: &'d Document, name: &str) -> Result<&'d Section, Refusal> {
    find(document, name).ok_or_else(|| Refusal::Missing(name.to_owned()))
}

/// The value of an option in the snapshot of that name; `None` where it is absent or empty.
pub(super) fn value<'d>(document: &'d Document, name: &str, key: &str) -> Option<&'d str> {
    let option = document.option(find(document, name)?, key)?;
    Some(option.value).filter(|value| !value.is_empty())
}

/// Whether an option describes the container, and so is part of a snapshot and of what a rollback brings back. `parent`
/// is one, though a rollback sets it itself.
pub(super) fn is_recorded(key: &str) -> bool {
    let is_ours =
        matches!(key, "snapstate" | "snaptime" | "vmstate" | "lock" | "digest" | "description");
    !is_ours && !is_unused(key)
}

pub(super) fn is_unused(key: &str) -> bool {
    split_index(key).0 == "unused"
}

/// The options of a section that are part of a snapshot, in order. Of a key that is given twice the last counts, but for
/// `lxc.*` keys, which may be given several times.
pub(super) fn recorded<'d>(document: &'d Document, section: &'d Section) -> Vec<OptionLine<'d>> {
    let is_effective = |option: &OptionLine<'_>| {
        option.key.starts_with("lxc.") || document.option(section, option.key) == Some(*option)
    };
    document
        .options(section)
        .filter(|option| is_recorded(option.key) && is_effective(option))
        .collect()
}

/// The line of an option as it is written, without its ending.
pub(super) fn line_text(document: &Document, line: usize) -> String {
    document.text()[document.lines()[line].span.clone()].trim_end_matches('\r').to_owned()
}

/// The line ending that a document uses: that of its first line.
fn newline(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Puts `lines`, without line endings, before line `index`. After a last line without an ending the new ones have none
/// either, so that removing them gives back the text.
pub(super) fn insert_lines(document: &mut Document, index: usize, lines: &[String]) {
    let text = document.text();
    let at = document.lines().get(index).map_or(text.len(), |line| line.span.start);
    let is_unfinished = at == text.len() && !text.is_empty() && !text.ends_with('\n');
    let ending = if is_unfinished && text.ends_with('\r') { "\r\n" } else { newline(text) };
    let mut edited = text[..at].to_owned();
    for line in lines {
        let parts: [&str; 2] = if is_unfinished { [ending, line] } else { [line, ending] };
        edited.extend(parts);
    }
    edited.push_str(&text[at..]);
    *document = Document::parse(edited);
}

/// Adds a section with these lines where one looks for it: at its place by name if the snapshots are in that order,
/// otherwise at the end. Removing it gives back the text.
pub(super) fn insert(document: &mut Document, name: &str, lines: Vec<String>) {
    let snapshots: Vec<_> = document.snapshots().collect();
    let is_sorted = snapshots.is_sorted_by(|a, b| a.0 <= b.0);
    let next = snapshots.iter().find(|(other, _)| is_sorted && *other > name);
    let mut block = vec![format!("[{name}]")];
    block.extend(lines);
    match next.map(|(_, section)| section.lines.start - 1) {
        Some(header) => {
            // Sections stand apart as those that are there do.
            if header == 0 || document.lines()[header - 1].kind == LineKind::Blank {
                block.push(String::new());
            }
            insert_lines(document, header, &block);
        }
        None => {
            if !document.lines().is_empty() {
                block.insert(0, String::new());
            }
            insert_lines(document, document.lines().len(), &block);
        }
    }
}
