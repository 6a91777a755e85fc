//! Files as people have them are accepted, and the seed's own examples without a warning.

use pve_config::{Config, Document, FileKind, Severity, StorageDocument, check, schema};
use pve_tests::fixtures;

const CT: FileKind = FileKind::Container(Some(100));

/// The codes of what is said of a text, without notes.
fn told(kind: FileKind, text: &[u8]) -> Vec<&'static str> {
    let report = check(kind, text);
    report
        .diagnostics
        .iter()
        .filter(|found| found.severity > Severity::Note)
        .map(|found| found.code)
        .collect()
}

#[test]
fn the_seeds_examples_are_clean() {
    let seeds: Vec<_> = fixtures::all("containers")
        .into_iter()
        .filter(|(name, _)| name.starts_with("seed-"))
        .collect();
    assert_eq!(seeds.len(), 7);
    for (name, text) in seeds {
        assert_eq!(told(CT, &text), [""; 0], "{name}");
    }
}

#[test]
fn the_other_containers_are_clean() {
    for name in ["old-lxc.conf", "snapshots.conf", "unprivileged.conf", "windows.conf"] {
        let text = fixtures::read(&format!("containers/{name}"));
        assert_eq!(told(CT, &text), [""; 0], "{name}");
    }
}

#[test]
fn the_old_names_of_lxc_are_notes_and_all_there() {
    let text = fixtures::text("containers/old-lxc.conf");
    let notes = check(CT, text.as_bytes()).diagnostics;
    let old = notes.iter().filter(|found| found.code == "old-name").count();
    // 29 names, one of them twice.
    assert_eq!(old, 30);
    let document = Document::parse(text);
    let raw = Config::new(&document, document.main()).raw();
    assert_eq!(raw.len(), 30);
    for option in raw {
        assert!(!option.key.contains("INDEX"), "{}", option.key);
        assert_eq!(schema::find_lxc(&option.key).map(|(_, alias)| alias), Some(None));
    }
}

#[test]
fn storages_and_datacenters_are_clean() {
    for (name, text) in fixtures::all("storage") {
        assert_eq!(told(FileKind::Storage, &text), [""; 0], "{name}");
    }
    for (name, text) in fixtures::all("datacenter") {
        assert_eq!(told(FileKind::Datacenter, &text), [""; 0], "{name}");
    }
}

#[test]
fn every_type_of_storage_and_option_of_the_datacenter_is_in_a_fixture() {
    let document = StorageDocument::parse(fixtures::text("storage/all-types.cfg"));
    for kind in schema::STORAGE_TYPES {
        let is_there = document
            .sections()
            .iter()
            .any(|section| document.text()[section.kind.clone()] == *kind.name);
        assert!(is_there, "{}", kind.name);
    }
    let document = Document::parse(fixtures::text("datacenter/full.cfg"));
    for option in schema::DATACENTER {
        assert!(document.get(option.name).is_some(), "{}", option.name);
    }
    let document = Document::parse(fixtures::text("containers/unprivileged.conf"));
    let windows = Document::parse(fixtures::text("containers/windows.conf"));
    for option in document.options(document.main()) {
        assert_eq!(windows.get(option.key), document.get(option.key));
    }
}
