//! Printing what was parsed gives back every byte, and any bytes at all can be judged.

mod generate;

use proptest::prelude::*;
use pve_config::schema;
use pve_config::{Document, FileKind, LineIndex, StorageDocument, check, check_line, check_save};
use pve_tests::{fixtures, properties};

const CT: FileKind = FileKind::Container(Some(100));
const KINDS: [FileKind; 3] = [CT, FileKind::Storage, FileKind::Datacenter];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn printing_gives_back_the_text(text in generate::document()) {
        properties::container(text.as_bytes());
        properties::storage(text.as_bytes());
    }

    #[test]
    fn what_the_table_shows_is_valid(
        container in generate::valid(schema::OPTIONS, &["delete"]),
        datacenter in generate::valid(schema::DATACENTER, &[]),
    ) {
        for (kind, text) in [(CT, container), (FileKind::Datacenter, datacenter)] {
            let report = check(kind, text.as_bytes());
            prop_assert!(!report.is_refused(), "{text}\n{report:?}");
            for line in text.lines() {
                prop_assert!(!check_line(kind, line.as_bytes()).is_refused());
            }
        }
    }

    #[test]
    fn any_bytes_are_judged(data in prop::collection::vec(any::<u8>(), 0..400)) {
        properties::container(&data);
        properties::storage(&data);
        properties::save(&data);
    }

    #[test]
    fn real_files_with_damage_are_judged(
        container in generate::mutated("containers"),
        storage in generate::mutated("storage"),
        datacenter in generate::mutated("datacenter"),
    ) {
        properties::container(&container);
        properties::container(&datacenter);
        properties::storage(&storage);
    }

    #[test]
    fn saves_of_damaged_files_are_judged(
        old in generate::mutated("containers"),
        new in generate::mutated("containers"),
    ) {
        let mut both = old.clone();
        both.retain(|&byte| byte != 0);
        both.push(0);
        both.extend(new);
        properties::save(&both);
    }
}

#[test]
fn real_files_are_given_back() {
    for folder in ["containers", "datacenter", "storage", "mistakes"] {
        for (name, text) in fixtures::all(folder) {
            let text = String::from_utf8_lossy(&text);
            assert_eq!(Document::parse(text.clone()).text(), text, "{name}");
            assert_eq!(StorageDocument::parse(text.clone()).text(), text, "{name}");
        }
    }
}

#[test]
fn a_hundred_thousand_lines_are_given_back() {
    let mut text = String::new();
    for number in 0..100_000 {
        let line = match number % 5 {
            0 => format!("# line {number}"),
            1 => format!("mp{number}: /srv,mp=/a{number}\t"),
            2 => "\r".to_owned(),
            3 => format!("[snap{number}]"),
            _ => format!("lxc.cap.drop = x{number}"),
        };
        text += &line;
        text += "\n";
    }
    text.pop();
    let document = Document::parse(text.clone());
    assert_eq!(document.text(), text);
    assert_eq!(document.lines().len(), 100_000);
    assert_eq!(document.sections().len(), 20_001);
    assert_eq!(LineIndex::new(text.as_bytes()).position(text.len()).line, 100_000);
    assert_eq!(StorageDocument::parse(text.clone()).text(), text);
}

/// What is said of a text is bounded, however large and bad it is.
fn judge(text: &[u8]) {
    for kind in KINDS {
        let report = check(kind, text);
        assert!(report.diagnostics.len() < 10_300, "{}", report.diagnostics.len());
        let said: usize = report.diagnostics.iter().map(|found| found.message.len()).sum();
        assert!(said < 3_000_000, "{said}");
    }
    let report = check_save(CT, None, text);
    assert!(report.is_refused());
    assert!(!check_save(CT, Some(text), text).is_refused(), "what is stored can be stored again");
}

const MEGABYTE: usize = 1 << 20;

#[test]
fn one_line_of_a_megabyte_has_few_errors() {
    for piece in ["\0", "[", ",", "=", "a", " ", "-", "a,", "é", "\u{feff}"] {
        let text = piece.repeat(MEGABYTE / piece.len());
        let errors = check(CT, text.as_bytes()).errors().count();
        assert!(errors <= 132, "{piece:?}: {errors}");
    }
    for head in ["memory: ", "net0: name=", "tags: ", "lxc.", "[", "#"] {
        for piece in ["\0", "[", "]", ",", ";", "=", ":", "a", "a=,", "é"] {
            let text = piece.repeat(70_000 / piece.len());
            let errors = check(CT, format!("{head}{text}").as_bytes()).errors().count();
            assert!(errors <= 132, "{head} and {piece:?}: {errors}");
        }
    }
    let errors = check(CT, &vec![0xff; MEGABYTE]).errors().count();
    assert_eq!(errors, 1);
}

#[test]
fn lists_of_a_megabyte_have_few_errors() {
    let lists = [
        format!("nameserver: {}", "x,".repeat(MEGABYTE / 2)),
        format!("rootfs: l1:a,mountoptions={}", "nodve;".repeat(10_000)),
        format!("features: mount={}", "/;".repeat(30_000)),
        format!("net0: name=a,trunks={}", "0;".repeat(30_000)),
        format!("net0: name=a,{}", "b=1,".repeat(16_000)),
        format!("lxc.cap.drop: {}", "x ".repeat(MEGABYTE / 2)),
        format!("lxc.idmap: {}", "u ".repeat(MEGABYTE / 2)),
        format!("delete: {}", "x ".repeat(MEGABYTE / 2)),
    ];
    for text in lists {
        let report = check(CT, text.as_bytes());
        let errors = report.errors().count();
        assert!((1..=132).contains(&errors), "{errors}: {}", &text[..40]);
    }
    let text = format!("zfspool: z1\n\tpool x\n\tcontent {}\n", "iso,".repeat(MEGABYTE / 4));
    assert_eq!(check(FileKind::Storage, text.as_bytes()).errors().count(), 64);
}

#[test]
fn countless_wrong_lines_are_given_up_on() {
    for line in ["x\n", "[a]\n", "lxc.ini.cmd: x\n", "\0\n"] {
        judge(line.repeat(11_000).as_bytes());
    }
    let text = "mp0: /a,mp=/a\n".repeat(100_000);
    let report = check(CT, text.as_bytes());
    assert_eq!(report.diagnostics.last().unwrap().code, "too-many-errors");
    let after = report.diagnostics.last().unwrap().span.start;
    assert!(after > 10_000 * 14 && after < 10_100 * 14, "{after}");
}

/// Many notes and warnings never refuse a file, nor do they hide an error.
#[test]
fn countless_notes_hide_no_error() {
    let notes = "lxc.net.0.type: veth\n".repeat(30_000);
    assert!(!check(CT, notes.as_bytes()).is_refused());
    let report = check(CT, format!("{notes}memroy: 1\n").as_bytes());
    let errors: Vec<_> = report.errors().map(|found| found.code).collect();
    assert_eq!(errors, ["unknown-option"]);
}

#[test]
fn thirty_thousand_snapshots_are_walked_in_one_pass() {
    let mut chain = String::from("memory: 512\nparent: s0\n");
    let mut ring = chain.clone();
    for number in 0..30_000 {
        let section = format!("[s{number}]\nmemory: {}\nsnaptime: 1\n", number + 16);
        chain += &section;
        ring += &section;
        if number < 29_999 {
            chain += &format!("parent: s{}\n", number + 1);
        }
        ring += &format!("parent: s{}\n", (number + 1) % 30_000);
    }
    assert_eq!(check(CT, chain.as_bytes()).errors().count(), 0);
    let loops = check(CT, ring.as_bytes());
    assert_eq!(loops.diagnostics.iter().filter(|found| found.code == "parent-loop").count(), 1);
    // A change in one of them is found among all.
    let changed = chain.replace("memory: 20016\n", "memory: 1\n");
    let altered = check_save(CT, Some(chain.as_bytes()), changed.as_bytes());
    assert_eq!(altered.errors().filter(|found| found.code == "altered-snapshot").count(), 1);
}

#[test]
fn a_snapshot_of_countless_lines_is_compared_in_one_pass() {
    let section = |head: &str| -> String {
        let lines: String = (0..50_000).map(|number| format!("{head}{number}: 1\n")).collect();
        format!("[one]\nsnaptime: 1\n{lines}")
    };
    let (old, new) = (Document::parse(section("a")), Document::parse(section("b")));
    let found = pve_config::altered_snapshots(&old, &new);
    assert!((5_000..20_000).contains(&found.len()), "{}", found.len());
}

#[test]
fn countless_duplicates_are_removed_in_one_pass() {
    let text = format!("# head\n{}swap: 1\n", "memory: 5\n".repeat(100_000));
    let mut document = Document::parse(text);
    assert!(document.delete(None, "memory").unwrap());
    assert_eq!(document.text(), "# head\nswap: 1\n");
}
