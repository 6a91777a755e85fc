//! Every rule of the table refuses a bad value with the exact diagnostic.
//!
//! Each row is one line of a file that is otherwise right. The snapshots hold what is said of it; they are read line by
//! line when they change. `every_option_has_a_bad_value` finds options that were added without a row.

mod bad_values;

use bad_values::{CONTAINER, DATACENTER, LXC, STORAGE};
use pve_config::schema::{self, Format, LxcKey, OptionDef};
use pve_config::{Diagnostic, FileKind, Severity, check, check_line};

const CT: FileKind = FileKind::Container(Some(100));

/// A line with what is said of it below, each at its place.
fn shown(kind: FileKind, head: &str, line: &str) -> String {
    let text = format!("{head}{line}\n");
    let report = check(kind, text.as_bytes());
    let mut shown = format!("{}\n", line.replace('\t', "→"));
    for found in report.errors() {
        assert!(found.span.start >= head.len(), "{line}: {found:?}");
        shown += &describe(found, &text, head.len());
    }
    assert!(report.is_refused(), "{line}");
    shown
}

fn describe(found: &Diagnostic, text: &str, from: usize) -> String {
    let before = text[from..found.span.start].chars().count();
    let marks = text[found.span.clone()].trim_end_matches('\n').chars().count().max(1);
    let mut shown = format!("{}{} {}", " ".repeat(before), "^".repeat(marks), found.label);
    shown += &format!("\n    {}: {}\n", found.code, found.message);
    if let Some(help) = &found.help {
        shown += &format!("    help: {help}\n");
    }
    shown
}

fn table(kind: FileKind, head: &str, rows: &[&str]) -> String {
    let shown: Vec<_> = rows.iter().map(|line| shown(kind, head, line)).collect();
    shown.join("\n")
}

#[test]
fn container() {
    insta::assert_snapshot!(table(CT, "", CONTAINER));
}

#[test]
fn lxc() {
    insta::assert_snapshot!(table(CT, "", LXC));
}

#[test]
fn datacenter() {
    insta::assert_snapshot!(table(FileKind::Datacenter, "", DATACENTER));
}

#[test]
fn storage() {
    let rows: Vec<_> = STORAGE
        .iter()
        .map(|(head, line)| shown(FileKind::Storage, head, &format!("\t{line}")))
        .collect();
    insta::assert_snapshot!(rows.join("\n"));
}

/// A line that is wrong is refused while it is written, whatever else is in the file.
#[test]
fn each_bad_line_of_a_container_is_refused_alone() {
    for line in CONTAINER.iter().chain(LXC) {
        let alone = check_line(CT, line.as_bytes());
        // These have a meaning in another section or go together with another line only.
        let depends = ["delete: net0", "[vzdump]", "mp0: /a,mp=/", "mp0: /a,mp=//proc/"]
            .contains(line)
            || line.contains("host-managed=1,ip6=auto");
        assert_eq!(alone.is_refused(), !depends, "{line}: {alone:?}");
    }
}

/// The names of options and sub-options, as messages write them, that some row has an error about.
fn named(kind: FileKind, rows: impl Iterator<Item = String>) -> Vec<String> {
    let mut names = Vec::new();
    for text in rows {
        for found in check(kind, text.as_bytes()).errors() {
            if let Some((name, _)) =
                found.message.strip_prefix('`').and_then(|rest| rest.split_once("`:"))
            {
                names.push(name.to_owned());
            }
        }
    }
    names
}

fn takes_any_text(format: &Format) -> bool {
    matches!(format, Format::Text { .. })
}

fn missing(table: &'static [OptionDef], names: &[String]) -> Vec<String> {
    let has = |option: &OptionDef, property: &str| {
        names.iter().any(|name| {
            let (key, part) = name.split_once('.').unwrap_or((name, ""));
            let key = if option.count > 0 { schema::split_index(key).0 } else { key };
            key == option.name && part == property
        })
    };
    let mut missing = Vec::new();
    for option in table {
        if !takes_any_text(&option.format) && !has(option, "") {
            missing.push(option.name.to_owned());
        }
        for property in option.properties() {
            if !takes_any_text(&property.format) && !has(option, property.name) {
                missing.push(format!("{}.{}", option.name, property.name));
            }
        }
    }
    missing
}

#[test]
fn every_option_has_a_bad_value() {
    let lines = |rows: &'static [&'static str]| rows.iter().map(|row| format!("{row}\n"));
    let none: [String; 0] = [];
    assert_eq!(missing(schema::OPTIONS, &named(CT, lines(CONTAINER))), none);
    let found = named(FileKind::Datacenter, lines(DATACENTER));
    assert_eq!(missing(schema::DATACENTER, &found), none);
    let rows = STORAGE.iter().map(|(head, line)| format!("{head}\t{line}\n"));
    assert_eq!(missing(schema::STORAGE_KEYS, &named(FileKind::Storage, rows)), none);
    let found = named(CT, lines(LXC));
    let without: Vec<_> = schema::LXC_KEYS
        .iter()
        .filter(|key| !takes_any_text(&key.format))
        .map(|key| key.name)
        .filter(|name| {
            !found.iter().any(|row| row == name || (name.ends_with('.') && row.starts_with(name)))
        })
        .collect();
    assert_eq!(without, [""; 0]);
}

/// An option without a format of its own still has a longest value.
#[test]
fn every_text_has_a_longest_value() {
    let too_long = |kind, line: String| {
        let report = check(kind, line.as_bytes());
        report.errors().map(|found| found.code).collect::<Vec<_>>()
    };
    let mut seen = 0;
    let mut of = |kind, name: &str, format: &Format, separator: &str| {
        if let Format::Text { max } = *format {
            seen += 1;
            let value = "x".repeat(max + 1);
            let long = too_long(kind, format!("{name}{separator}{value}\n"));
            assert_eq!(long, ["too-long"], "{name}");
            assert_eq!(too_long(kind, format!("{name}{separator}{}\n", &value[1..])), [""; 0]);
        }
    };
    for option in schema::OPTIONS {
        of(CT, option.name, &option.format, ": ");
    }
    for option in schema::DATACENTER {
        of(FileKind::Datacenter, option.name, &option.format, ": ");
    }
    for LxcKey { name, format, .. } in schema::LXC_KEYS {
        let name = if name.ends_with('.') { format!("{name}x") } else { (*name).to_owned() };
        of(CT, &name, format, ": ");
    }
    assert!(seen > 40, "{seen}");
}

/// Where a value may not be empty, white space is not one.
#[test]
fn no_option_takes_an_empty_value() {
    let spaces = ["", " ", "   ", "\t", " \t \r"];
    for option in schema::OPTIONS {
        let key = if option.count > 0 { format!("{}0", option.name) } else { option.name.into() };
        for space in spaces {
            let line = format!("{key}:{space}\n");
            let report = check(CT, line.as_bytes());
            let found: Vec<_> = report.errors().filter(|it| it.code == "empty-value").collect();
            assert_eq!(found.len(), 1, "{line:?}");
            assert_eq!(&line[found[0].span.clone()], &format!("{key}:"));
            assert_eq!(found[0].severity, Severity::Error);
        }
    }
    for key in schema::LXC_KEYS.iter().filter(|key| !key.name.ends_with('.')) {
        for line in [format!("{}:\n", key.name), format!("{} =  \n", key.name)] {
            let is_refused = check(CT, line.as_bytes()).is_refused();
            assert_eq!(is_refused, !key.may_be_empty, "{line}");
        }
    }
}
