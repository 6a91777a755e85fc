//! Rollback.

use super::*;

const TIME: &str = "snaptime: 1700000000";
const ALL: &str = "rollback-possible l1:data l1:root\nrollback l1:data l1:root";

/// A container that has changed since the snapshot `one`.
fn changed() -> String {
    main("", "two")
        .replace("hostname: web\n", "")
        .replace("memory: 512", "memory:  600 ")
        .replace("mp0: l1:data,mp=/data", "mp0: l1:new,mp=/data\nmp2: l1:more,mp=/more")
        .replace("onboot: 1", "# why\ncores: 2")
        .replace("l1:old", "l1:data")
        .replace(
            "lxc.cap.drop = sys_time\n",
            "lxc.cap.drop:\nlxc.cap.drop = sys_time\nlxc.cap.keep: none\n",
        )
        + "\n[pve:pending]\nmemory: 700\nmp3: l1:later,mp=/later\n"
        + &section("one", &[TIME])
}

fn restored() -> String {
    main("", "one")
        .replace("memory: 512", "memory:  512 ")
        .replace("onboot: 1", "onboot: 1\n# why")
        .replace("unused0: l1:old", "unused1: l1:new\nunused2: l1:more\nunused3: l1:later")
        + &section("one", &[TIME])
}

#[test]
fn the_container_is_what_it_was() {
    let text = changed();
    let mut trial = Trial::new(Operation::Rollback, "one", &text, ALL);
    let outcome = trial.run();
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    assert_eq!(outcome.text, restored());
    let locked = text.replacen("arch: amd64\n", "arch: amd64\nlock: rollback\n", 1);
    assert_eq!(trial.file.saved.len(), 2);
    assert_eq!(
        trial.file.saved[0].replace("lock: rollback\n", ""),
        locked.replace("lock: rollback\n", "")
    );
    assert!(trial.file.saved[0].contains("\nlock: rollback\n"));
    assert_eq!(trial.guest.done, ["stop"]);
}

#[test]
fn an_unchanged_container_keeps_every_byte() {
    let text = main("", "one") + &section("one", &[TIME]);
    assert_eq!(Trial::new(Operation::Rollback, "one", &text, ALL).end(), (text, String::new()));
}

#[test]
fn rollback_moves_the_present_state_in_the_tree() {
    let text = main("", "two") + &section("one", &[TIME]) + &section("two", &[TIME, "parent: one"]);
    let expected = text.replacen("parent: two", "parent: one", 1);
    assert_eq!(Trial::new(Operation::Rollback, "one", &text, ALL).end(), (expected, String::new()));
}

#[test]
fn what_a_failed_rollback_leaves() {
    let text = main("", "one").replace("512", "600") + &section("one", &[TIME]);
    let locked = main("rollback", "one").replace("512", "600") + &section("one", &[TIME]);
    let cases: [(&str, bool, Option<usize>, &str, &str); 7] = [
        (
            "rollback l1:root l1:data",
            false,
            None,
            &text,
            "rootfs: l1:root: volume snapshot rollback impossible (step: rollback-possible)",
        ),
        (
            "rollback-possible l1:root\nrollback l1:root l1:data",
            false,
            None,
            &text,
            "mp0: l1:data: volume snapshot rollback impossible (step: rollback-possible)",
        ),
        (ALL, true, None, &text, "cannot stop (step: stop)"),
        (ALL, false, Some(0), &text, "configuration: disk full (step: lock)"),
        (
            "rollback-possible l1:data l1:root",
            false,
            None,
            &locked,
            "rootfs: l1:root: volume snapshot rollback disabled (step: rollback)",
        ),
        (
            "rollback-possible l1:data l1:root\nrollback l1:root",
            false,
            None,
            &locked,
            "mp0: l1:data: volume snapshot rollback disabled (step: rollback)",
        ),
        (ALL, false, Some(1), &locked, "configuration: disk full (step: apply)"),
    ];
    for (script, cannot_stop, fails_at, left, error) in cases {
        let mut trial = Trial::new(Operation::Rollback, "one", &text, script);
        if cannot_stop {
            trial.guest.fails = vec!["stop"];
        }
        trial.file.fails_at = fails_at;
        assert_eq!(trial.end(), (left.to_owned(), error.to_owned()), "{script} {fails_at:?}");
        assert_eq!(trial.guest.done.is_empty(), error.contains("impossible"));
    }
}

#[test]
fn raw_lines_keep_their_order() {
    let was = "lxc.net.0.type: veth\nlxc.net.0.link: a\nlxc.net.1.type: veth\nlxc.net.1.link: b\n";
    for is in [
        "",
        "lxc.net.0.type: veth\n",
        "lxc.net.1.link: b\n",
        "lxc.net.0.type: veth\n# c\nlxc.net.9.link: x\nlxc.net.1.link: b\n",
        "lxc.net.1.link: b\nlxc.net.1.type: veth\nlxc.net.0.link: a\nlxc.net.0.type: veth\n",
    ] {
        let text = format!("memory: 64\n{is}\n[one]\nmemory: 64\nsnaptime: 1\n{was}");
        let (left, error) = Trial::new(Operation::Rollback, "one", &text, "").end();
        let (head, _) = left.split_once("\n[one]").unwrap();
        let raw: String = head
            .lines()
            .filter(|line| line.starts_with("lxc."))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!((raw.as_str(), error.as_str()), (was, ""), "{is}");
        assert_eq!(head.contains("# c"), is.contains("# c"));
    }
}

#[test]
fn too_many_unused_volumes_are_found_before_anything_is_done() {
    let unused: String = (0..256).map(|n| format!("unused{n}: l1:u{n}\n")).collect();
    let text = format!("rootfs: l1:new\n{unused}\n[one]\nrootfs: l1:root\nsnaptime: 1\n");
    let mut trial = Trial::new(Operation::Rollback, "one", &text, "rollback-possible l1:root");
    let (left, error) = trial.end();
    assert_eq!(error, "Too many unused volumes - please delete them first.");
    assert_eq!((left.as_str(), trial.file.saved.len()), (text.as_str(), 0));
    assert!(trial.guest.done.is_empty());
}

#[test]
fn a_comment_does_not_become_the_description() {
    let section = "\n[one]\nmemory: 64\nsnaptime: 1\n";
    for head in ["", "# what it is\n"] {
        let text = format!("{head}arch: amd64\n# a note\nmemory: 64\n{section}");
        let expected = format!("{head}\n# a note\nmemory: 64\nparent: one\n{section}");
        let (left, error) = Trial::new(Operation::Rollback, "one", &text, "").end();
        assert_eq!((left, error), (expected, String::new()));
    }
}
