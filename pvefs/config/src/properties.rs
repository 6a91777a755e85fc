//! A property string with its parts looked up in the option table.

use crate::grammar;
use crate::schema::{self, OptionDef, ValueProblem, parse_boolean};
use std::ops::Range;

/// The known parts of a property string. Of duplicates the first counts; unknown parts are left out.
#[derive(Clone, Debug)]
pub struct Properties<'a> {
    value: &'a str,
    parts: Vec<(&'static str, Range<usize>)>,
}

impl<'a> Properties<'a> {
    /// Reads `value` as the property string of `option`.
    pub fn parse(option: &'static OptionDef, value: &'a str) -> Self {
        let bare = option.default_property().map(|property| property.name);
        let mut parts: Vec<(&'static str, Range<usize>)> = Vec::with_capacity(8);
        let readable = if value.len() > schema::PROPERTIES_MAX { "" } else { value };
        for found in grammar::properties(readable) {
            let name = match &found.key {
                Some(key) => option.property(&value[key.clone()]).map(|property| property.name),
                None if found.value.is_empty() => None,
                None => bare,
            };
            if let Some(name) = name
                && parts.iter().all(|(seen, _)| *seen != name)
            {
                parts.push((name, found.value));
            }
        }
        Self { value, parts }
    }

    /// Reads `value` as the property string of `option`, and says what is wrong with it.
    pub(crate) fn check(option: &'static OptionDef, value: &'a str) -> (Self, Vec<ValueProblem>) {
        let mut parts = Vec::with_capacity(8);
        let problems = schema::properties::problems(option.properties(), value, |name, span| {
            parts.push((name, span));
        });
        (Self { value, parts }, problems)
    }

    /// The text of the sub-option `name`.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.span(name).map(|span| &self.value[span])
    }

    /// Where the text of the sub-option `name` is, in bytes of the value.
    pub fn span(&self, name: &str) -> Option<Range<usize>> {
        self.parts.iter().find(|(found, _)| *found == name).map(|(_, span)| span.clone())
    }

    /// The sub-option `name` as a boolean; `None` where it is absent or none.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(parse_boolean)
    }

    /// The sub-option `name` as a number; `None` where it is absent or none.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name).and_then(|text| text.parse().ok())
    }

    /// All parts in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.parts.iter().map(|(name, span)| (*name, &self.value[span.clone()]))
    }
}
