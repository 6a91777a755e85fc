//! Strategies for documents: valid ones made from the table, wild ones, and mutations of real ones.
#![allow(dead_code, reason = "each test uses a part of it")]

use proptest::prelude::*;
use pve_config::schema::{self, OptionDef};
use pve_tests::fixtures;

/// A line of one known option, spaced somehow. Numbered options have any number that is right.
fn option_line(table: &'static [OptionDef]) -> impl Strategy<Value = String> {
    let space = prop_oneof![Just(" "), Just(""), Just("\t"), Just("  ")];
    let tail = prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\t ")];
    (0..table.len(), any::<u16>(), space, tail).prop_map(|(index, number, space, tail)| {
        let option = &table[index];
        let number = match option.count {
            0 => String::new(),
            count => (number % count).to_string(),
        };
        format!("{}{number}:{space}{}{tail}", option.name, option.example)
    })
}

/// A line that a file may have.
fn any_line() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => option_line(schema::OPTIONS),
        2 => "# ?[a-zA-Z0-9:%äöü ]{0,20}",
        1 => Just(String::new()),
        1 => "[ \t]{1,3}",
        1 => "lxc\\.(cap\\.drop|idmap|init_cmd|net\\.0\\.type|cgroup2\\.x)( ?=|:) ?[a-z0-9 /]{0,10}",
        1 => "\\[[a-z][a-z0-9_-]{1,4}\\]",
        1 => Just("[pve:pending]".to_owned()),
        1 => "[a-z]{1,8}[0-9]{0,2} ?[:=]? ?[ -~]{0,12}",
        1 => "\\PC{0,20}",
    ]
}

fn joined(lines: Vec<(String, bool)>, is_unfinished: bool) -> String {
    let mut text: String =
        lines.into_iter().map(|(line, crlf)| line + if crlf { "\r\n" } else { "\n" }).collect();
    if is_unfinished {
        text.pop();
    }
    text
}

/// Any document: known and unknown lines, mixed line endings, with or without a last one.
pub fn document() -> impl Strategy<Value = String> {
    let lines = |crlf: BoxedStrategy<bool>| prop::collection::vec((any_line(), crlf), 0..24);
    let lines = prop_oneof![
        lines(Just(false).boxed()),
        lines(Just(true).boxed()),
        lines(any::<bool>().boxed()),
    ];
    (lines, prop::bool::weighted(0.2)).prop_map(|(lines, unfinished)| joined(lines, unfinished))
}

/// A file without an error: each option at most once, with its example.
pub fn valid(
    table: &'static [OptionDef],
    not: &'static [&'static str],
) -> impl Strategy<Value = String> {
    let names: Vec<_> = (0..table.len()).filter(|&at| !not.contains(&table[at].name)).collect();
    let count = names.len();
    let some = prop::sample::subsequence(names, 0..=count).prop_shuffle();
    (some, any::<u16>(), any::<bool>(), any::<bool>()).prop_map(
        move |(some, number, crlf, unfinished)| {
            let line = |at: usize| match table[at].count {
                0 => format!("{}: {}", table[at].name, table[at].example),
                count => format!("{}{}: {}", table[at].name, number % count, table[at].example),
            };
            joined(some.into_iter().map(|at| (line(at), crlf)).collect(), unfinished)
        },
    )
}

/// Files of a folder of fixtures, with pieces cut out, doubled and put in.
pub fn mutated(folder: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let files: Vec<_> = fixtures::all(folder).into_iter().map(|(_, text)| text).collect();
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..6),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b",".to_vec()),
        Just(b"=".to_vec()),
        Just(b"[one]\n".to_vec()),
        Just(b"\nmemory: 1\n".to_vec()),
        "\\PC{1,4}".prop_map(String::into_bytes),
    ];
    let edits = prop::collection::vec(
        (any::<prop::sample::Index>(), 0..40_usize, piece, any::<bool>()),
        0..6,
    );
    (prop::sample::select(files), edits).prop_map(|(mut text, edits)| {
        for (at, length, piece, doubles) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + length).min(text.len());
            if doubles {
                let copy = text[at..end].to_vec();
                text.splice(at..at, copy);
            } else {
                text.splice(at..end, piece);
            }
        }
        text
    })
}
