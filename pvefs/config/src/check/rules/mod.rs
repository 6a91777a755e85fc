//! What must hold between the options of a container.
//!
//! Errors are what would keep the container from starting, or would mix up two things under one name, whatever the
//! host. Everything else a careful administrator wants to be told is a warning or a note.

mod general;
mod mounts;
mod networks;
mod tree;

use crate::diagnostic::Report;
use crate::document::Document;
use crate::properties::Properties;
use crate::schema::{OptionDef, parse_boolean};
use std::collections::HashSet;
use std::ops::Range;

/// An option of the main section with its place and parts.
pub(super) struct Entry<'a> {
    pub key: &'a str,
    pub value: &'a str,
    pub option: &'static OptionDef,
    pub properties: Option<Properties<'a>>,
    /// Where its value begins in the text.
    pub start: usize,
}

impl<'a> Entry<'a> {
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.properties.as_ref()?.get(name)
    }

    pub fn boolean(&self, name: &str) -> bool {
        self.properties.as_ref().and_then(|parts| parts.boolean(name)).unwrap_or(false)
    }

    /// The place of the value.
    pub fn span(&self) -> Range<usize> {
        self.start..self.start + self.value.len()
    }

    /// The place of a sub-option's text, or of the whole value where it is absent.
    pub fn span_of(&self, name: &str) -> Range<usize> {
        self.properties
            .as_ref()
            .and_then(|parts| parts.span(name))
            .map_or(self.span(), |span| self.start + span.start..self.start + span.end)
    }
}

/// The known options of the main section, each once, so that their number is bounded.
pub(super) struct Entries<'a> {
    pub document: &'a Document,
    pub all: Vec<Entry<'a>>,
}

impl<'a> Entries<'a> {
    /// All options of one name, numbered or not.
    pub fn named(&self, name: &'static str) -> impl Iterator<Item = &Entry<'a>> {
        self.all.iter().filter(move |entry| entry.option.name == name)
    }

    /// The option of that name without a number.
    pub fn one(&self, name: &'static str) -> Option<&Entry<'a>> {
        self.named(name).last()
    }

    pub fn is_set(&self, name: &'static str) -> bool {
        self.one(name).and_then(|entry| parse_boolean(entry.value)).unwrap_or(false)
    }
}

/// The known options of the sections that describe the container, of duplicates the first.
#[derive(Default)]
pub(super) struct Known<'a> {
    pub main: Vec<Entry<'a>>,
    pub pending: Vec<Entry<'a>>,
}

/// Checks the main section, then what it will be with the pending changes, and how the snapshots hang together.
pub(super) fn check(document: &Document, known: Known<'_>, id: Option<u32>, report: &mut Report) {
    let main = Entries { document, all: known.main };
    let mut now = Report::default();
    between(&main, id, &mut now);
    let mut later = Report::default();
    if !known.pending.is_empty() {
        let all = with_pending(main.all, known.pending);
        between(&Entries { document, all }, id, &mut later);
        later.diagnostics.retain(|found| !now.diagnostics.contains(found));
        for found in &mut later.diagnostics {
            found.help.get_or_insert_with(|| "this is so with [pve:pending] applied".to_owned());
        }
    }
    for found in now.diagnostics.into_iter().chain(later.diagnostics) {
        report.push(found);
    }
    tree::check(document, report);
}

fn between(entries: &Entries<'_>, id: Option<u32>, report: &mut Report) {
    mounts::check(entries, id, report);
    networks::check(entries, report);
    general::check(entries, report);
}

/// The options as they will be at the next start.
fn with_pending<'a>(main: Vec<Entry<'a>>, pending: Vec<Entry<'a>>) -> Vec<Entry<'a>> {
    let deleted: HashSet<&str> = pending
        .iter()
        .filter(|entry| entry.option.name == "delete")
        .flat_map(|entry| entry.value.split([',', ';', ' ', '\t']))
        .map(|key| key.strip_prefix('!').unwrap_or(key))
        .collect();
    let set: HashSet<&str> = pending.iter().map(|entry| entry.key).collect();
    let stays = |entry: &Entry<'_>| !deleted.contains(entry.key) && !set.contains(entry.key);
    main.into_iter().filter(stays).chain(pending).collect()
}

#[cfg(test)]
mod tests {
    use crate::check::{FileKind, check};

    #[test]
    fn rules_look_at_what_will_be_too() {
        let found = |pending: &str| -> Vec<_> {
            let text = format!(
                "rootfs: l1:a\nmp0: l1:b,mp=/b\nmp1: l1:c,mp=/c\n\n[pve:pending]\n{pending}\n"
            );
            let report = check(FileKind::Container(None), text.as_bytes());
            report
                .diagnostics
                .into_iter()
                .map(|found| (found.code, text[found.span].to_owned()))
                .collect()
        };
        let same = vec![("same-target", "/c".to_owned())];
        assert_eq!(found("mp0: l1:b,mp=/c"), same);
        assert_eq!(found("mp0: l1:b,mp=/c\ndelete: mp1"), []);
        assert_eq!(found("mp0: l1:b,mp=/c\nmp1: l1:c,mp=/b"), []);
        assert_eq!(found("memory: 600"), []);
    }
}
