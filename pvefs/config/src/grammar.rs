//! The pest grammar, and the few functions through which the rest uses it.

use pest::Parser;
use pest::iterators::{Pair, Pairs};
use std::ops::Range;

#[derive(pest_derive::Parser)]
#[grammar = "grammar.pest"]
struct ConfigParser;

/// A key and its value. The value's span is empty where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyValue {
    pub key: Range<usize>,
    pub value: Range<usize>,
}

/// One `key=value` or `value` of a property string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PropertySpan {
    pub key: Option<Range<usize>>,
    pub value: Range<usize>,
}

fn span_of(pair: &Pair<'_, Rule>) -> Range<usize> {
    let span = pair.as_span();
    span.start()..span.end()
}

fn pairs(rule: Rule, text: &str) -> Option<Pairs<'_, Rule>> {
    ConfigParser::parse(rule, text).ok()
}

fn key_value(rule: Rule, text: &str) -> Option<KeyValue> {
    let mut pairs = pairs(rule, text)?;
    let key = span_of(&pairs.next()?);
    let value = pairs.next().map_or(text.len()..text.len(), |pair| span_of(&pair));
    Some(KeyValue { key, value })
}

/// Matches `key: value`.
pub(crate) fn option(line: &str) -> Option<KeyValue> {
    key_value(Rule::option, line)
}

/// Matches `lxc.key: value` and `lxc.key = value`.
pub(crate) fn raw(line: &str) -> Option<KeyValue> {
    key_value(Rule::raw, line)
}

/// Matches `[name]` and gives the span of the name.
pub(crate) fn section(line: &str) -> Option<Range<usize>> {
    pairs(Rule::section, line)?.next().map(|pair| span_of(&pair))
}

/// Splits a property string. Matches any text; spans are relative to it.
pub(crate) fn properties(text: &str) -> impl Iterator<Item = PropertySpan> {
    pairs(Rule::properties, text).into_iter().flatten().map(|pair| {
        let span = span_of(&pair);
        match pair.as_str().find('=') {
            // An empty key is no key: the part is wrong, and is shown whole.
            Some(at) if at > 0 => PropertySpan {
                key: Some(span.start..span.start + at),
                value: span.start + at + 1..span.end,
            },
            _ => PropertySpan { key: None, value: span },
        }
    })
}

/// Matches a section header of `storage.cfg` and gives the spans of type and name.
pub(crate) fn storage_header(line: &str) -> Option<(Range<usize>, Range<usize>)> {
    let mut words = pairs(Rule::storage_header, line)?;
    Some((span_of(&words.next()?), span_of(&words.next()?)))
}

/// Matches a property line of `storage.cfg`.
pub(crate) fn storage_line(line: &str) -> Option<KeyValue> {
    key_value(Rule::storage_line, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_has_a_key_and_a_value() {
        let found = option("memory: 512").unwrap();
        assert_eq!((found.key, found.value), (0..6, 8..11));
        let found = option("key:value").unwrap();
        assert_eq!((found.key, found.value), (0..3, 4..9));
        assert_eq!(option("key:").unwrap().value, 4..4);
        assert_eq!(option(" key: v"), None);
        assert_eq!(option("key : v"), None);
        assert_eq!(option("..."), None);
    }

    #[test]
    fn a_raw_option_takes_a_colon_or_an_equals_sign() {
        for line in ["lxc.init_cmd: /sbin/i", "lxc.init_cmd = /sbin/i", "lxc.init_cmd=/sbin/i"] {
            let found = raw(line).unwrap();
            assert_eq!((&line[found.key], &line[found.value]), ("lxc.init_cmd", "/sbin/i"));
        }
        assert_eq!(raw("lxc.init_cmd : x"), None);
    }

    #[test]
    fn a_property_string_is_split_at_commas_and_the_first_equals_sign() {
        let text = "local:1/x.raw,size=4G,a=b=c,,";
        let words: Vec<_> = properties(text)
            .map(|found| (found.key.map(|key| &text[key]), &text[found.value]))
            .collect();
        assert_eq!(
            words,
            [
                (None, "local:1/x.raw"),
                (Some("size"), "4G"),
                (Some("a"), "b=c"),
                (None, ""),
                (None, "")
            ]
        );
    }
}
