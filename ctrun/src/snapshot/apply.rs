//! A snapshot's configuration in the place of the container's.

use pve_config::{Document, PENDING};

use super::Refusal;
use super::section::{self, insert_lines, line_text, recorded};
use super::{unused, volumes};

/// Makes the main section what the snapshot `name` says. Lines that say the same stay as they are, and so do comments,
/// the description and `unusedN`. Pending changes are dropped. Volumes that the container used and the snapshot does not
/// have are unused now.
pub(super) fn apply(document: &mut Document, name: &str) -> Result<(), Refusal> {
    let found = section::get(document, name)?;
    let kept = volumes::used(document, found);
    let mut before = volumes::used(document, document.main());
    if let Some(pending) = document.section(PENDING) {
        before.extend(volumes::used(document, pending));
    }
    for volume in before.iter().filter(|volume| !kept.contains(volume)) {
        unused::add(document, None, volume)?;
    }
    while document.remove_section(PENDING) {}
    let description = document.description_lines(document.main()).len();
    options(document, name)?;
    raw(document, name)?;
    document.set(None, "parent", name)?;
    for (key, volume) in unused::list(document, document.main()) {
        if kept.contains(&volume) {
            document.delete(None, &key)?;
        }
    }
    if document.description_lines(document.main()).len() > description {
        // The options above a comment have gone; it is no part of the description for that.
        insert_lines(document, description, &[String::new()]);
    }
    Ok(())
}

fn is_option(key: &str) -> bool {
    section::is_recorded(key) && !key.starts_with("lxc.") && key != "parent"
}

fn options(document: &mut Document, name: &str) -> Result<(), Refusal> {
    let found = section::get(document, name)?;
    let wanted: Vec<(String, String)> = recorded(document, found)
        .into_iter()
        .filter(|option| is_option(option.key))
        .map(|option| (option.key.to_owned(), option.value.to_owned()))
        .collect();
    let gone: Vec<String> = document
        .options(document.main())
        .filter(|option| {
            // A key that is given twice is written once again.
            let is_double = document.option(document.main(), option.key) != Some(*option);
            is_option(option.key) && (is_double || wanted.iter().all(|(key, _)| key != option.key))
        })
        .map(|option| option.key.to_owned())
        .collect();
    for key in gone {
        document.delete(None, &key)?;
    }
    for (key, value) in wanted {
        if document.get(&key) == Some(&value) {
            continue;
        }
        if value.is_empty() {
            // Not valid, and yet what the snapshot says.
            document.delete(None, &key)?;
            insert_lines(document, end_of_options(document), &[format!("{key}:")]);
        } else {
            document.set(None, &key, &value)?;
        }
    }
    Ok(())
}

/// The line after the last option of the main section, or after the description if it has none.
fn end_of_options(document: &Document) -> usize {
    let last = document.options(document.main()).last().map(|option| option.line + 1);
    last.unwrap_or_else(|| document.description_lines(document.main()).end)
}

/// `lxc.*` lines have a meaning together, so their order is kept: what the two begin and end with stays, what is between
/// is replaced.
fn raw(document: &mut Document, name: &str) -> Result<(), Refusal> {
    let lines = |document: &Document, name: Option<&str>| -> Result<Vec<_>, Refusal> {
        let found = match name {
            Some(name) => section::get(document, name)?,
            None => document.main(),
        };
        let raw = document.options(found).filter(|option| option.key.starts_with("lxc."));
        Ok(raw
            .map(|option| {
                let said = (option.key.to_owned(), option.value.to_owned());
                (said, option.line, line_text(document, option.line))
            })
            .collect())
    };
    let (is, wanted) = (lines(document, None)?, lines(document, Some(name))?);
    let head = is.iter().zip(&wanted).take_while(|(a, b)| a.0 == b.0).count();
    let ends = is[head..].iter().rev().zip(wanted[head..].iter().rev());
    let tail = ends.take_while(|(a, b)| a.0 == b.0).count();
    let new: Vec<String> =
        wanted[head..wanted.len() - tail].iter().map(|(.., text)| text.clone()).collect();
    let at = match (is[..head].last(), is.get(head)) {
        (Some((_, line, _)), _) => line + 1,
        (None, Some((_, line, _))) => *line,
        (None, None) => end_of_options(document),
    };
    // Put the new ones in first: they go before the old ones, so only those below move.
    insert_lines(document, at, &new);
    let old: Vec<usize> =
        is[head..is.len() - tail].iter().map(|(_, line, _)| line + new.len()).collect();
    remove_lines(document, &old);
    Ok(())
}

/// Removes lines by their index. A text without a line ending at its end has none afterwards.
fn remove_lines(document: &mut Document, indices: &[usize]) {
    let text = document.text();
    let mut left = String::with_capacity(text.len());
    for (index, line) in document.lines().iter().enumerate() {
        if !indices.contains(&index) {
            left.push_str(&text[line.span.start..line.end]);
        }
    }
    if !text.ends_with('\n') && indices.contains(&(document.lines().len() - 1)) {
        let stripped = left.strip_suffix('\n').map(|left| left.strip_suffix('\r').unwrap_or(left));
        left.truncate(stripped.map_or(left.len(), str::len));
    }
    *document = Document::parse(left);
}
