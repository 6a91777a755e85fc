//! The pest grammar, and the few functions through which the rest uses it.

use pest::Parser;
use pest::iterators::Pair;
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

fn single(rule: Rule, text: &str) -> Option<Pair<'_, Rule>> {
    ConfigParser::parse(rule, text).ok()?.next()
}

fn key_value(rule: Rule, text: &str) -> Option<KeyValue> {
    let mut key = 0..0;
    let mut value = text.len()..text.len();
    for pair in single(rule, text)?.into_inner() {
        match pair.as_rule() {
            Rule::key | Rule::raw_key | Rule::storage_key => key = span_of(&pair),
            Rule::value => value = span_of(&pair),
            _ => {}
        }
    }
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
    single(Rule::section, line)?
        .into_inner()
        .find(|pair| pair.as_rule() == Rule::section_name)
        .map(|pair| span_of(&pair))
}

/// Splits a property string. Matches any text; spans are relative to it.
pub(crate) fn properties(text: &str) -> Vec<PropertySpan> {
    let Some(all) = single(Rule::properties, text) else { return Vec::new() };
    all.into_inner()
        .filter(|pair| pair.as_rule() == Rule::property)
        .map(|property| {
            let mut found = PropertySpan { key: None, value: 0..0 };
            for pair in property.into_inner() {
                match pair.as_rule() {
                    Rule::property_key => found.key = Some(span_of(&pair)),
                    _ => found.value = span_of(&pair),
                }
            }
            found
        })
        .collect()
}

/// Matches a section header of `storage.cfg` and gives the spans of type and name.
pub(crate) fn storage_header(line: &str) -> Option<(Range<usize>, Range<usize>)> {
    let mut words = single(Rule::storage_header, line)?
        .into_inner()
        .filter(|pair| pair.as_rule() == Rule::storage_word);
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
            .into_iter()
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
