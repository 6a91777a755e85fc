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

/// Checks the main section, whose known options are `all`, and how the snapshots hang together.
pub(super) fn check(
    document: &Document,
    all: Vec<Entry<'_>>,
    id: Option<u32>,
    report: &mut Report,
) {
    let entries = Entries { document, all };
    mounts::check(&entries, id, report);
    networks::check(&entries, report);
    general::check(&entries, report);
    tree::check(document, report);
}
