//! Delete.

use super::*;

const TIME: &str = "snaptime: 1700000000";
const ALL: &str = "delete l1:data l1:root";

fn one() -> String {
    main("", "one") + &section("one", &[TIME])
}

fn deleting(more: &[&str]) -> String {
    let more: Vec<&str> = more.iter().copied().chain([TIME, "snapstate: delete"]).collect();
    main("snapshot-delete", "one") + &section("one", &more)
}

#[test]
fn a_snapshot_is_deleted_volume_by_volume() {
    let text = one();
    let mut trial = Trial::new(Operation::Delete, "one", &text, ALL);
    assert_eq!(trial.end(), (main("", ""), String::new()));
    let first = deleting(&["unused0: l1:root"]).replacen("snaptime", "SNAPTIME", 1);
    let in_section = |text: &str, line: &str| {
        let at = text.find("[one]").unwrap();
        text[..at].to_owned() + &text[at..].replacen(line, "", 1)
    };
    let first = in_section(&first.replace("SNAPTIME", "snaptime"), "rootfs: l1:root,size=8G\n");
    let second = in_section(&first, "mp0: l1:data,mp=/data\n")
        .replace("unused0: l1:root\n", "unused0: l1:root\nunused1: l1:data\n");
    assert_eq!(trial.file.saved, [deleting(&[]), first, second, main("", "")]);
}

#[test]
fn with_force_it_is_deleted_at_once() {
    for (script, warnings) in [(ALL, 0), ("delete l1:data", 1), ("", 2)] {
        let text = one();
        let mut trial = Trial::new(Operation::Delete, "one", &text, script);
        trial.request.force = true;
        let outcome = trial.run();
        assert!(outcome.result.is_ok());
        assert_eq!((outcome.text, outcome.warnings.len()), (main("", ""), warnings));
        assert_eq!(trial.file.saved, [deleting(&[]), main("", "")]);
    }
}

#[test]
fn what_a_failed_delete_leaves() {
    let without = |text: String, line: &str| {
        let at = text.find("[one]").unwrap();
        text[..at].to_owned() + &text[at..].replacen(line, "", 1)
    };
    let no_root = without(deleting(&["unused0: l1:root"]), "rootfs: l1:root,size=8G\n");
    let nothing = without(
        no_root.replace("unused0: l1:root\n", "unused0: l1:root\nunused1: l1:data\n"),
        "mp0: l1:data,mp=/data\n",
    );
    let full = "configuration: disk full (step: ";
    let cases = [
        (
            "",
            None,
            deleting(&[]),
            "rootfs: l1:root: volume snapshot delete disabled (step: delete)".to_owned(),
        ),
        (
            "delete l1:root",
            None,
            no_root.clone(),
            "mp0: l1:data: volume snapshot delete disabled (step: delete)".to_owned(),
        ),
        (ALL, Some(0), one(), format!("{full}prepare-delete)")),
        (ALL, Some(1), deleting(&[]), format!("{full}delete)")),
        (ALL, Some(2), no_root, format!("{full}delete)")),
        (ALL, Some(3), nothing, format!("{full}remove-section)")),
    ];
    for (script, fails_at, left, error) in cases {
        let text = one();
        let mut trial = Trial::new(Operation::Delete, "one", &text, script);
        trial.file.fails_at = fails_at;
        assert_eq!(trial.end(), (left.clone(), error), "{script} {fails_at:?}");
        if fails_at == Some(0) {
            continue;
        }
        // It is locked, and after `pct unlock` a second try goes on where this one stopped.
        let locked = Trial::new(Operation::Delete, "one", &left, ALL).end();
        assert_eq!(locked, (left.clone(), "CT is locked (snapshot-delete)".to_owned()));
        let unlocked = left.replace("lock: snapshot-delete\n", "");
        let again = Trial::new(Operation::Delete, "one", &unlocked, ALL).end();
        assert_eq!(again, (main("", ""), String::new()));
    }
}

#[test]
fn children_go_to_the_parent() {
    let text = main("", "two")
        + &section("one", &[TIME])
        + &section("three", &[TIME, "parent: two"])
        + &section("two", &[TIME, "parent: one"]);
    let expected =
        main("", "one") + &section("one", &[TIME]) + &section("three", &[TIME, "parent: one"]);
    assert_eq!(Trial::new(Operation::Delete, "two", &text, ALL).end(), (expected, String::new()));
    let expected =
        main("", "two") + &section("three", &[TIME, "parent: two"]) + &section("two", &[TIME]);
    assert_eq!(Trial::new(Operation::Delete, "one", &text, ALL).end(), (expected, String::new()));
    let expected =
        main("", "two") + &section("one", &[TIME]) + &section("two", &[TIME, "parent: one"]);
    assert_eq!(Trial::new(Operation::Delete, "three", &text, ALL).end(), (expected, String::new()));
}

#[test]
fn its_own_parent_is_none() {
    let text = main("", "one") + &section("one", &[TIME, "parent: one"]);
    assert_eq!(Trial::new(Operation::Delete, "one", &text, ALL).end().0, main("", ""));
}

#[test]
fn a_volume_that_only_the_snapshot_knew_becomes_unused() {
    let text = one().replacen("mp0: l1:data,mp=/data\n", "", 1);
    let expected = main("", "")
        .replace("mp0: l1:data,mp=/data\n", "")
        .replace("unused0: l1:old\n", "unused0: l1:old\nunused1: l1:data\n");
    assert_eq!(
        Trial::new(Operation::Delete, "one", &text, ALL).end(),
        (expected.clone(), String::new())
    );
    // Not one that is mounted at the next start, and not one that is there already.
    let pending = "\n[pve:pending]\nmp0: l1:data,mp=/data\n\n[one]";
    let text = text.replace("\n[one]", pending);
    assert_eq!(
        Trial::new(Operation::Delete, "one", &text, ALL).end().0,
        expected.replace("unused1: l1:data\n", "") + "\n[pve:pending]\nmp0: l1:data,mp=/data\n"
    );
    let text = one().replacen("mp0: l1:data,mp=/data\n", "", 1).replace("l1:old", "l1:data");
    let expected = expected.replace("l1:old\nunused1: ", "");
    assert_eq!(Trial::new(Operation::Delete, "one", &text, ALL).end().0, expected);
}

#[test]
fn protection_does_not_keep_snapshots() {
    let text = one().replace("onboot: 1", "protection: 1");
    let (left, error) = Trial::new(Operation::Delete, "one", &text, ALL).end();
    assert_eq!((left, error), (main("", "").replace("onboot: 1", "protection: 1"), String::new()));
}
