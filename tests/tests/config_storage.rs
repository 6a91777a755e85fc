//! `storage.cfg` and `datacenter.cfg`: every kind of mistake, each at its place.

use pve_config::{FileKind, LineIndex, StorageDocument, check, schema};
use pve_tests::fixtures;

fn found(kind: FileKind, text: &str) -> Vec<(usize, usize, &'static str, &str)> {
    let index = LineIndex::new(text.as_bytes());
    check(kind, text.as_bytes())
        .diagnostics
        .iter()
        .map(|found| {
            let at = index.position(found.span.start);
            (at.line, at.column, found.code, &text[found.span.clone()])
        })
        .collect()
}

#[test]
fn each_kind_of_mistake_in_a_storage_is_found() {
    let text = fixtures::text("mistakes/storage.cfg");
    assert_eq!(
        found(FileKind::Storage, &text),
        [
            (1, 1, "unknown-type", "dri"),
            (4, 6, "bad-name", "a"),
            (4, 6, "missing-option", "a"),
            (5, 2, "unknown-option", "pth"),
            (6, 10, "unknown-value", "rotdir"),
            (6, 17, "bad-content", "none"),
            (9, 7, "bad-value", "var/lib"),
            (10, 2, "duplicate-option", "path"),
            (11, 2, "misplaced-option", "vgname"),
            (12, 2, "empty-value", "prune-backups"),
            (14, 1, "syntax", "\tpath /orphan"),
            (15, 10, "duplicate-storage", "local"),
            (15, 10, "missing-option", "local"),
            (16, 10, "bad-content", "iso"),
            (18, 1, "syntax", "path /unindented"),
            (19, 1, "syntax", "dir:"),
            (20, 1, "syntax", "dir local"),
            (22, 6, "bad-name", "9pbs"),
            (22, 6, "missing-option", "9pbs"),
            (22, 6, "missing-option", "9pbs"),
            (23, 7, "out-of-range", "99999"),
        ]
    );
}

#[test]
fn required_properties_of_every_type_are_asked_for() {
    for kind in schema::STORAGE_TYPES {
        let text = format!("{}: st\n", kind.name);
        let report = check(FileKind::Storage, text.as_bytes());
        let missing: Vec<_> = report.errors().map(|found| found.message.clone()).collect();
        let expected: Vec<_> = kind
            .required
            .iter()
            .map(|key| format!("a storage of type `{}` needs `{key}`", kind.name))
            .collect();
        assert_eq!(missing, expected);
        for key in kind.required.iter().chain(kind.optional) {
            assert!(schema::find(schema::STORAGE_KEYS, key).is_ok(), "{key}");
        }
        let all: String = kind
            .required
            .iter()
            .chain(kind.optional)
            .filter_map(|key| schema::find(schema::STORAGE_KEYS, key).ok())
            .map(|option| format!("\t{} {}\n", option.name, option.example))
            .collect();
        let report = check(FileKind::Storage, format!("{text}{all}").as_bytes());
        assert_eq!(report.diagnostics, [], "{text}{all}");
    }
}

#[test]
fn flags_and_first_values_count() {
    let document = StorageDocument::parse(
        "dir: a1\n\tpath /x\n\tpath /y\n\tdisable\n\tshared 0\n\tmkdir yes\n\nzfspool:b1\r\n  pool   x  \r\n",
    );
    let section = document.section("a1").unwrap();
    assert_eq!(document.get(section, "path"), Some("/x"));
    assert!(document.flag(section, "disable") && document.flag(section, "mkdir"));
    assert!(!document.flag(section, "shared") && !document.flag(section, "krbd"));
    assert_eq!(document.get(document.section("b1").unwrap(), "pool"), Some("x"));
    assert!(document.section("c1").is_none());
}

#[test]
fn each_kind_of_mistake_in_a_datacenter_is_found() {
    let text = "keybord: de\nkeyboard: xx\nmigration: type=secure,netwrk=10.0.0.0/8\nmax_workers: 100\n[one]\nlxc.x: 1\nkeyboard: de\nha shutdown\n";
    assert_eq!(
        found(FileKind::Datacenter, text),
        [
            (1, 1, "unknown-option", "keybord"),
            (2, 11, "unknown-value", "xx"),
            (3, 24, "unknown-property", "netwrk"),
            (4, 14, "out-of-range", "100"),
            (5, 2, "bad-section", "one"),
            (6, 1, "unknown-option", "lxc.x"),
            (8, 3, "syntax", " "),
        ]
    );
}
