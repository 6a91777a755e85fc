//! Edits touch only the lines they must, and can be taken back.

mod generate;

use proptest::prelude::*;
use pve_config::{Document, EditError};
use pve_tests::{fixtures, properties};

/// Keys that a document of the tests may have, and new ones.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "memory",
            "swap",
            "arch",
            "hostname",
            "rootfs",
            "onboot",
            "zzz",
            "aaa",
            "tags",
            "unprivileged",
        ])
        .prop_map(str::to_owned),
        "(net|mp|dev|unused)[0-9]{1,2}",
        prop::sample::select(vec!["lxc.cap.drop", "lxc.idmap", "lxc.init_cmd", "lxc.net.0.type"])
            .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![Just("1".to_owned()), "[=:#\\[a-zä]([ -~]{0,8}[a-z\\]])?"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn setting_back_restores_the_bytes(
        text in generate::document(),
        key in key(),
        value in value(),
        section in any::<prop::sample::Index>(),
    ) {
        let document = Document::parse(text.clone());
        let sections = document.sections();
        let name = document.name(&sections[section.index(sections.len())]);
        properties::set_and_restore(&text, name, &key, &value);
    }

    #[test]
    fn a_line_that_was_added_can_be_removed(text in generate::document(), key in key(), value in value()) {
        let mut document = Document::parse(text.clone());
        if document.get(&key).is_some() {
            return Ok(());
        }
        document.add(None, &key, &value).unwrap();
        document.add(None, &key, "second").unwrap();
        let all: Vec<_> = document
            .options(document.main())
            .filter(|option| option.key == key)
            .map(|option| option.value.to_owned())
            .collect();
        prop_assert_eq!(all, [value, "second".to_owned()]);
        prop_assert!(document.delete(None, &key).unwrap());
        prop_assert!(!document.delete(None, &key).unwrap());
        prop_assert_eq!(document.text(), text);
    }

    #[test]
    fn a_section_that_was_added_can_be_removed(text in generate::document(), is_pending in any::<bool>()) {
        let name = if is_pending { "pve:pending" } else { "newsnap" };
        let mut document = Document::parse(text.clone());
        let options = [("memory".to_owned(), "5".to_owned()), ("lxc.a".to_owned(), "b c".to_owned())];
        if document.section(name).is_some() {
            let exists = Err(EditError::SectionExists(name.to_owned()));
            prop_assert_eq!(document.add_section(name, &options), exists);
            prop_assert_eq!(document.text(), text);
            return Ok(());
        }
        document.add_section(name, &options).unwrap();
        let section = document.section(name).unwrap();
        let found: Vec<_> =
            document.options(section).map(|it| (it.key.to_owned(), it.value.to_owned())).collect();
        prop_assert_eq!(found, options);
        let before = Document::parse(text.clone());
        prop_assert_eq!(document.main().lines.start, before.main().lines.start);
        prop_assert!(document.remove_section(name));
        prop_assert!(!document.remove_section(name));
        prop_assert_eq!(document.text(), text);
    }

    #[test]
    fn a_description_that_was_set_is_read_back(text in generate::document(), about in "[ -~äöü\n%:#]{1,40}") {
        let mut document = Document::parse(text);
        document.set_description(None, &about).unwrap();
        let found = document.description(document.main()).unwrap();
        prop_assert_eq!(found.trim_end_matches('\n'), about.trim_end_matches('\n'));
        // What is set a second time changes nothing.
        let once = document.text().to_owned();
        document.set_description(None, &about).unwrap();
        prop_assert_eq!(document.text(), once);
    }
}

fn edited(text: &str, edit: impl FnOnce(&mut Document)) -> String {
    let mut document = Document::parse(text);
    edit(&mut document);
    document.text().to_owned()
}

#[test]
fn every_option_of_real_files_can_be_changed_and_changed_back() {
    for (name, text) in fixtures::all("containers") {
        let text = String::from_utf8(text).unwrap();
        let document = Document::parse(text.clone());
        for section in document.sections() {
            for option in document.options(section) {
                properties::set_and_restore(&text, document.name(section), option.key, "x=1");
            }
            for key in ["zzz", "net7", "mp200", "lxc.zzz", "aaa"] {
                properties::set_and_restore(&text, document.name(section), key, "x=1");
            }
        }
        assert!(!text.is_empty(), "{name}");
    }
}

#[test]
fn the_spacing_of_a_line_stays() {
    for (line, edited_line) in [
        ("memory:512", "memory:1"),
        ("memory:\t512  ", "memory:\t1  "),
        ("memory: 512\t\r", "memory: 1\t\r"),
        ("memory:", "memory: 1"),
        ("memory: ", "memory: 1 "),
    ] {
        let text = format!("arch: amd64\n{line}\nswap: 1\n");
        let after = edited(&text, |document| document.set(None, "memory", "1").unwrap());
        assert_eq!(after, format!("arch: amd64\n{edited_line}\nswap: 1\n"));
    }
    for (line, edited_line) in [
        ("lxc.init_cmd = /a", "lxc.init_cmd = /b"),
        ("lxc.init_cmd=/a", "lxc.init_cmd=/b"),
        ("lxc.init_cmd =", "lxc.init_cmd = /b"),
    ] {
        let after = edited(line, |document| document.set(None, "lxc.init_cmd", "/b").unwrap());
        assert_eq!(after, edited_line);
    }
}

#[test]
fn a_new_option_comes_before_the_lxc_lines() {
    let text = "arch: amd64\nswap: 1\nlxc.cap.drop: a\nlxc.idmap: u 0 1 2\n";
    let set = |key: &str| edited(text, |document| document.set(None, key, "v").unwrap());
    assert_eq!(set("memory"), text.replace("swap", "memory: v\nswap"));
    assert_eq!(set("tags"), text.replace("lxc.cap", "tags: v\nlxc.cap"));
    assert_eq!(set("lxc.arch"), format!("{text}lxc.arch: v\n"));
    let added = edited(text, |document| document.add(None, "lxc.cap.drop", "b").unwrap());
    assert_eq!(added, text.replace("lxc.idmap", "lxc.cap.drop: b\nlxc.idmap"));
    let only = edited("#head\nlxc.arch: x\n", |document| document.set(None, "arch", "v").unwrap());
    assert_eq!(only, "#head\narch: v\nlxc.arch: x\n");
    let none = edited("#head\n", |document| document.set(None, "lxc.arch", "v").unwrap());
    assert_eq!(none, "#head\nlxc.arch: v\n");
}

#[test]
fn of_duplicates_the_last_changes() {
    let text = "memory: 1\nmemory: 2\n";
    let after = edited(text, |document| document.set(None, "memory", "3").unwrap());
    assert_eq!(after, "memory: 1\nmemory: 3\n");
    let gone = edited("memory: 1\n# c\nmemory: 2", |document| {
        assert!(document.delete(None, "memory").unwrap());
    });
    assert_eq!(gone, "# c");
}

#[test]
fn a_description_line_stays_one() {
    let text = "memory: 1\ndescription: old%3A\nswap: 1\n";
    let after = edited(text, |d| d.set_description(None, " two\nlines ").unwrap());
    assert_eq!(after, "memory: 1\ndescription: %20two%0Alines%20\nswap: 1\n");
    let document = Document::parse(after);
    assert_eq!(document.description(document.main()).unwrap(), " two\nlines ");
    assert_eq!(edited(text, |d| d.set_description(None, "").unwrap()), "memory: 1\nswap: 1\n");
    let none = edited("#a\n#b\nmemory: 1\n", |d| d.set_description(None, "").unwrap());
    assert_eq!(none, "memory: 1\n");
}

#[test]
fn what_would_be_another_line_is_refused() {
    let text = "memory: 1\n[one]\nmemory: 2\n";
    let mut document = Document::parse(text);
    for key in ["[one]", "#x", "a b", "a:", "a=b", "9a", "lxc", "lxc.a b", "ä"] {
        let expected = if key == "lxc" { Ok(()) } else { Err(EditError::BadName(key.to_owned())) };
        let mut copy = document.clone();
        assert_eq!(copy.set(None, key, "v"), expected, "{key}");
        let mut copy = document.clone();
        assert_eq!(copy.add(None, key, "v"), expected, "{key}");
    }
    for value in ["", " v", "v ", "a\nb", "a\rb"] {
        let expected = Err(EditError::NotOneLine(value.to_owned()));
        assert_eq!(document.set(None, "swap", value), expected);
        assert_eq!(document.add(Some("one"), "swap", value), expected);
        let options = [("swap".to_owned(), value.to_owned())];
        assert_eq!(document.add_section("two", &options), expected);
    }
    for name in ["", "a]", "a\nb"] {
        assert_eq!(document.add_section(name, &[]), Err(EditError::BadName(name.to_owned())));
    }
    let no_section = Err(EditError::NoSection("two".to_owned()));
    assert_eq!(document.set(Some("two"), "a", "b"), no_section);
    assert_eq!(document.add(Some("two"), "a", "b"), no_section);
    assert_eq!(document.set_description(Some("two"), "b"), no_section);
    assert_eq!(document.text(), text);
}

#[test]
fn a_comment_below_a_description_line_does_not_become_one() {
    let text = "#a\ndescription: x\n#b\nmemory: 1\n";
    let after = edited(text, |d| d.set_description(None, "new").unwrap());
    assert_eq!(after, "#new\n\n#b\nmemory: 1\n");
}
