//! Property strings: `[default-key=]value,key=value,…`.

use super::{PROBLEMS_MAX, PROPERTIES_MAX, ValueProblem, one_of, quote};
use crate::grammar;
use crate::schema::OptionDef;
use crate::suggest;
use std::ops::Range;

pub(super) fn expected(properties: &[OptionDef]) -> String {
    let mut words: Vec<String> = properties
        .iter()
        .filter(|property| property.required || property.bare)
        .map(|property| match (property.bare, property.required) {
            (true, true) => property.name.to_uppercase(),
            (true, false) => format!("[{}=]…", property.name),
            _ => format!("{}=…", property.name),
        })
        .collect();
    if words.is_empty() {
        words.push("KEY=VALUE".to_owned());
    }
    format!("`{}[,KEY=VALUE…]`", words.join(","))
}

fn known(properties: &[OptionDef]) -> String {
    one_of(&properties.iter().map(|property| property.name).collect::<Vec<_>>())
}

fn unknown_property(properties: &[OptionDef], key: &str, at: usize) -> ValueProblem {
    let span = at..at + key.len();
    let problem =
        ValueProblem::new("unknown-property", span, format!("{} is not a sub-option", quote(key)));
    if key != key.trim() {
        return problem
            .label("white space is not allowed here")
            .help("write no space after a comma");
    }
    match suggest::closest(key, properties.iter().map(|property| property.name)) {
        Some(word) => problem.label(format!("did you mean `{word}`?")),
        None => problem.label(format!("expected {}", known(properties))),
    }
}

fn without_key(properties: &[OptionDef], text: &str, span: Range<usize>) -> ValueProblem {
    if properties.iter().any(|property| property.name == text) {
        return ValueProblem::new("bad-property", span, format!("{} has no value", quote(text)))
            .label(format!("expected `{text}=…`"));
    }
    ValueProblem::new("bad-property", span, format!("{} has no key", quote(text)))
        .label("expected KEY=VALUE")
        .help(format!("known keys: {}", known(properties)))
}

/// Checks each property with its own format, and the set of them for duplicates and missing ones.
/// `on_part` is told each known part and where its text is.
pub(crate) fn problems(
    properties: &'static [OptionDef],
    value: &str,
    mut on_part: impl FnMut(&'static str, Range<usize>),
) -> Vec<ValueProblem> {
    let mut problems = Vec::new();
    if value.len() > PROPERTIES_MAX {
        let message = format!("{} bytes are more than {PROPERTIES_MAX}", value.len());
        return vec![
            ValueProblem::new("too-long", 0..value.len(), message)
                .label(format!("expected at most {PROPERTIES_MAX} bytes")),
        ];
    }
    // One bit for each property seen; no option has more than 64.
    let mut seen = 0_u64;
    for found in grammar::properties(value) {
        if problems.len() >= PROBLEMS_MAX {
            break;
        }
        let text = &value[found.value.clone()];
        if found.key.is_none() && text.is_empty() {
            continue;
        }
        let whole = found.key.as_ref().map_or(found.value.start, |key| key.start)..found.value.end;
        let index = match &found.key {
            Some(key) => {
                properties.iter().position(|property| property.name == &value[key.clone()])
            }
            None => properties.iter().position(|property| property.bare),
        };
        let is_bare = found.key.is_none();
        // A second text without a key is no second value of the option that may stand without one.
        let index = index.filter(|index| !is_bare || seen & (1 << index) == 0);
        let Some(index) = index else {
            problems.push(match &found.key {
                Some(key) => unknown_property(properties, &value[key.clone()], key.start),
                None => without_key(properties, text, whole),
            });
            continue;
        };
        let property = &properties[index];
        if seen & (1 << index) != 0 {
            let message = format!("`{}` is given twice", property.name);
            problems.push(
                ValueProblem::new("duplicate-property", whole, message).label("remove one of them"),
            );
            continue;
        }
        seen |= 1 << index;
        on_part(property.name, found.value.clone());
        for problem in property.format.problems(text) {
            let mut problem = problem.at(found.value.start);
            problem.property = Some(property.name.to_owned());
            problems.push(problem);
        }
    }
    for (index, property) in properties.iter().enumerate() {
        if property.required && seen & (1 << index) == 0 {
            let message = format!("`{}` is missing", property.name);
            let example = if property.bare {
                format!("expected `{},…`", property.example)
            } else {
                format!("expected `{}={}`", property.name, property.example)
            };
            problems.push(
                ValueProblem::new("missing-property", 0..value.len(), message).label(example),
            );
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use crate::schema::find_option;

    fn found(key: &str, value: &str) -> Vec<(&'static str, String, String)> {
        find_option(key)
            .unwrap()
            .format
            .problems(value)
            .into_iter()
            .map(|problem| (problem.code, value[problem.span].to_owned(), problem.label))
            .collect()
    }

    #[test]
    fn the_bare_key_may_be_left_out_or_written() {
        assert_eq!(found("rootfs", "local:1/x.raw,size=4G"), []);
        assert_eq!(found("rootfs", "size=4G,volume=local:1/x.raw"), []);
        assert_eq!(found("startup", "5,up=10"), []);
        assert_eq!(found("dev0", "/dev/ttyUSB0"), []);
    }

    #[test]
    fn each_kind_of_mistake_is_found_at_its_place() {
        let all = found("net0", "nmae=eth0,bridge=vmbr0,bridge=vmbr1,vmbr2, tag=1,mtu=9");
        let expected = [
            ("unknown-property", "nmae", "did you mean `name`?"),
            ("duplicate-property", "bridge=vmbr1", "remove one of them"),
            ("bad-property", "vmbr2", "expected KEY=VALUE"),
            ("unknown-property", " tag", "white space is not allowed here"),
            ("out-of-range", "9", "expected an integer from 64 to 65535"),
            (
                "missing-property",
                "nmae=eth0,bridge=vmbr0,bridge=vmbr1,vmbr2, tag=1,mtu=9",
                "expected `name=eth0`",
            ),
        ];
        let expected: Vec<_> =
            expected.into_iter().map(|(c, s, l)| (c, s.to_owned(), l.to_owned())).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn empty_parts_are_skipped_as_the_reference_does() {
        assert_eq!(found("net0", ",name=eth0,,bridge=vmbr0,"), []);
    }
}
