//! Create and its halves.

use super::*;

const TIME: &str = "snaptime: 1700000000";
const BOTH: &str = "snapshot l1:data l1:root\ndelete l1:data l1:root";

fn prepared(lock: &str) -> String {
    main(lock, "") + &section("one", &[TIME, "snapstate: prepare"])
}

fn complete() -> String {
    main("", "one") + &section("one", &[TIME])
}

#[test]
fn a_snapshot_is_taken_in_two_saves() {
    let text = main("", "");
    let mut trial = Trial::new(Operation::Create, "one", &text, BOTH);
    let outcome = trial.run();
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.text, complete());
    assert_eq!(trial.file.saved, [prepared("snapshot"), complete()]);
    assert_eq!(trial.guest.done, ["freeze", "thaw"]);
    assert_eq!(outcome.warnings, ["mp1: /srv is a bind mount and not part of the snapshot"]);
}

#[test]
fn the_halves_of_create() {
    let text = main("", "");
    let (half, error) = Trial::new(Operation::Prepare, "one", &text, "").end();
    assert_eq!((half.as_str(), error.as_str()), (prepared("snapshot").as_str(), ""));
    let (whole, error) = Trial::new(Operation::Commit, "one", &half, "").end();
    assert_eq!((whole.as_str(), error.as_str()), (complete().as_str(), ""));
}

#[test]
fn a_description_stands_at_the_head_of_the_section() {
    for (description, head) in [
        ("before: the upgrade", &["#before%3A the upgrade"][..]),
        ("two\nlines\n", &["#two", "#lines"]),
        ("", &[]),
    ] {
        let text = main("", "");
        let mut trial = Trial::new(Operation::Create, "one", &text, BOTH);
        trial.request.description = Some(description);
        let more: Vec<&str> = head.iter().copied().chain([TIME]).collect();
        assert_eq!(trial.end().0, main("", "one") + &section("one", &more));
    }
}

/// For each failure: the script, what the guest and the file do, what is left, and the error.
#[test]
fn what_a_failed_create_leaves() {
    type Case = (&'static str, &'static [&'static str], Option<usize>, String, &'static str);
    let cases: [Case; 9] = [
        // The first and the second volume: all is as before.
        (
            "delete l1:root l1:data",
            &[],
            None,
            main("", ""),
            "rootfs: l1:root: volume snapshot disabled (step: snapshot)",
        ),
        (
            "snapshot l1:root\ndelete l1:root",
            &[],
            None,
            main("", ""),
            "mp0: l1:data: volume snapshot disabled (step: snapshot)",
        ),
        // Nor does a storage that cannot delete keep the section alive; it is named in a warning.
        (
            "snapshot l1:root",
            &[],
            None,
            main("", ""),
            "mp0: l1:data: volume snapshot disabled (step: snapshot)",
        ),
        (BOTH, &["freeze"], None, main("", ""), "cannot freeze (step: freeze)"),
        (BOTH, &["freeze", "thaw"], None, main("", ""), "cannot freeze (step: freeze)"),
        (BOTH, &["thaw"], None, main("", ""), "cannot thaw (step: thaw)"),
        (BOTH, &[], Some(0), main("", ""), "configuration: disk full (step: prepare)"),
        (BOTH, &[], Some(1), prepared("snapshot"), "configuration: disk full (step: commit)"),
        // The cleanup cannot even begin.
        (
            "",
            &[],
            Some(1),
            prepared("snapshot"),
            "rootfs: l1:root: volume snapshot disabled (step: snapshot)",
        ),
    ];
    for (script, guest, fails_at, left, error) in cases {
        let text = main("", "");
        let mut trial = Trial::new(Operation::Create, "one", &text, script);
        trial.guest.fails = guest.to_vec();
        trial.file.fails_at = fails_at;
        assert_eq!(trial.end(), (left, error.to_owned()), "{script} {guest:?} {fails_at:?}");
        let has_frozen = trial.guest.done == ["freeze", "thaw"];
        assert_eq!(has_frozen, !error.contains("prepare"), "{:?}", trial.guest.done);
    }
}

#[test]
fn a_cleanup_that_fails_is_told() {
    let text = main("", "");
    let mut trial = Trial::new(Operation::Create, "one", &text, "snapshot l1:root");
    let warnings = trial.run().warnings;
    assert_eq!(
        warnings[1..],
        [
            "snapshot create failed: starting cleanup",
            "rootfs: l1:root: volume snapshot delete disabled (step: cleanup)"
        ]
    );
    let deleting = main("snapshot", "") + &section("one", &[TIME, "snapstate: delete"]);
    assert_eq!(trial.file.saved, [prepared("snapshot"), deleting, main("", "")]);
}

#[test]
fn sections_are_where_one_looks_for_them() {
    let body = "memory: 64\nsnaptime: 1\n";
    let of = |names: &[&str], between: &str| {
        let sections: Vec<String> = names
            .iter()
            .map(|name| format!("[{name}]\n{}", if *name == "mm" { "memory: 64\n" } else { body }))
            .collect();
        sections.join(between)
    };
    let sorted = "memory: 64\nsnapstate: prepare\nsnaptime: 1700000000\n";
    for between in ["\n", ""] {
        for (before, after) in [
            (&["aa", "zz"][..], &["aa", "mm", "zz"][..]),
            (&["zz"], &["mm", "zz"]),
            (&["aa"], &["aa", "mm"]),
            // Not in order: at the end.
            (&["zz", "aa"], &["zz", "aa", "mm"]),
        ] {
            let text = format!("memory: 64\n{between}{}", of(before, between));
            let (left, error) = Trial::new(Operation::Prepare, "mm", &text, "").end();
            assert_eq!(error, "");
            let expected =
                of(after, between).replace("[mm]\nmemory: 64\n", &format!("[mm]\n{sorted}"));
            // At the end there always is a blank line.
            let expected = if after.last() == Some(&"mm") && between.is_empty() {
                expected.replace("[mm]", "\n[mm]")
            } else {
                expected
            };
            let head = "lock: snapshot\nmemory: 64\n";
            assert_eq!(left, format!("{head}{between}{expected}"), "{before:?}");
        }
    }
}

#[test]
fn untidy_files_stay_as_they_are() {
    let text =
        "memory:\t64  \r\n# c\r\narch: amd64\r\nnet0: name=e\r\n\r\n[pve:pending]\r\nmemory: 65";
    let (left, _) = Trial::new(Operation::Create, "one", text, "").end();
    assert_eq!(
        left,
        "memory:\t64  \r\n# c\r\narch: amd64\r\nnet0: name=e\r\nparent: one\r\n\r\n[pve:pending]\r\nmemory: 65\r\n\r\n[one]\r\nmemory:\t64  \r\narch: amd64\r\nnet0: name=e\r\nsnaptime: 1700000000"
    );
}

#[test]
fn the_chain_of_parents_grows() {
    let one = main("", "one") + &section("one", &[TIME]);
    let (two, _) = Trial::new(Operation::Create, "two", &one, BOTH).end();
    let chained = section("two", &[TIME, "parent: one"]);
    assert_eq!(two, main("", "two") + &section("one", &[TIME]) + &chained);
}

#[test]
fn a_stale_parent_does_not_become_a_real_one() {
    let text = main("", "one") + &section("two", &[TIME, "parent: one"]);
    let mut trial = Trial::new(Operation::Create, "one", &text, BOTH);
    let outcome = trial.run();
    let expected = main("", "one") + &section("one", &[TIME]) + &section("two", &[TIME]);
    assert_eq!(outcome.text, expected);
    assert!(
        outcome.warnings[0].contains("of the container") && outcome.warnings[1].contains("'two'")
    );
}

#[test]
fn what_is_written_meanwhile_is_kept() {
    let text = main("", "");
    let mut trial = Trial::new(Operation::Create, "one", &text, BOTH);
    trial.file.meanwhile = Some((0, |text| text.replacen("memory: 512", "memory: 600", 1)));
    let outcome = trial.run();
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.text, complete().replacen("memory: 512", "memory: 600", 1));
    // Somebody who takes the lock away is told, and the file stays his.
    let mut trial = Trial::new(Operation::Create, "one", &text, BOTH);
    trial.file.meanwhile = Some((0, |text| text.replacen("lock: snapshot\n", "", 1)));
    let outcome = trial.run();
    assert_eq!(step_of(&outcome.result), "commit");
    assert_eq!(outcome.result.unwrap_err().to_string(), "missing snapshot lock (step: commit)");
    assert_eq!(outcome.text, prepared(""));
}

#[test]
fn a_backup_keeps_its_lock_and_takes_only_what_is_backed_up() {
    let text = main("backup", "").replace("mp=/data", "mp=/data,backup=0");
    let mut trial = Trial::new(Operation::Create, "vzdump", &text, "snapshot l1:root");
    trial.request.held = Some("backup");
    let outcome = trial.run();
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    assert!(outcome.text.contains("lock: backup\n") && outcome.text.contains("[vzdump]\n"));
    assert_eq!(outcome.warnings[0], "mp0: l1:data is not part of backups, nor of the snapshot");
    let made = outcome.text;
    let mut trial = Trial::new(Operation::Delete, "vzdump", &made, "delete l1:root");
    (trial.request.held, trial.request.force) = (Some("backup"), true);
    assert_eq!(trial.end(), (text, String::new()));
}

/// A container with mistakes that its file had before anybody judged it has snapshots all the same.
#[test]
fn old_mistakes_are_recorded_and_come_back() {
    let old = "memory: 512\nostype: redhat\nrootfs: l1:root,bogus=1\n";
    let (made, error) = Trial::new(Operation::Create, "one", old, BOTH).end();
    let section = format!("\n[one]\n{}", old.replace("rootfs: l1:root,bogus=1\n", ""))
        + "rootfs: l1:root,bogus=1\nsnaptime: 1700000000\n";
    assert_eq!(
        (made.as_str(), error.as_str()),
        ((old.replace("rootfs", "parent: one\nrootfs") + &section).as_str(), "")
    );
    let mended = made.replacen("redhat", "centos", 1);
    let script = "rollback-possible l1:root\nrollback l1:root";
    let (back, error) = Trial::new(Operation::Rollback, "one", &mended, script).end();
    assert_eq!((back, error), (made.clone(), String::new()));
    assert_eq!(
        Trial::new(Operation::Delete, "one", &made, BOTH).end(),
        (old.to_owned(), String::new())
    );
}
