//! Checks that refuse an operation. Nothing is saved then.

use super::*;
use Operation::{Commit, Create, Delete, Prepare, Rollback};

const LONG: &str = "a234567890123456789012345678901234567890";

#[test]
fn each_check_has_its_message() {
    let plain = "memory: 64\n";
    let locked = "memory: 64\nlock: backup\n";
    let template = "memory: 64\ntemplate: yes\n";
    let one = "memory: 64\n\n[one]\nmemory: 64\nsnaptime: 1\n";
    let both = |head: &str| format!("{head}\n[one]\nmemory: 64\nsnaptime: 1\n");
    let state = |state: &str| format!("{one}snapstate: {state}\n");
    let held = |head: &str| format!("lock: snapshot\n{head}");
    let cases: Vec<(Operation, &str, String, String)> = vec![
        (Create, "one", locked.into(), "CT is locked (backup)".into()),
        (Prepare, "one", locked.into(), "CT is locked (backup)".into()),
        (Delete, "one", both(locked), "CT is locked (backup)".into()),
        (Rollback, "one", both(locked), "CT is locked (backup)".into()),
        (Create, "one", template.into(), "you can't take a snapshot if it's a template".into()),
        (Delete, "one", both(template), "you can't delete a snapshot if vm is a template".into()),
        (Rollback, "one", both(template), "you can't rollback if vm is a template".into()),
        (
            Create,
            "current",
            plain.into(),
            "unable to use snapshot name 'current' (reserved name)".into(),
        ),
        (
            Create,
            "Current",
            plain.into(),
            "unable to use snapshot name 'Current' (reserved name)".into(),
        ),
        (
            Prepare,
            "vzdump",
            plain.into(),
            "unable to use snapshot name 'vzdump' (reserved name)".into(),
        ),
        (Create, "one", one.into(), "snapshot name 'one' already used".into()),
        (Prepare, "one", one.into(), "snapshot name 'one' already used".into()),
        (Delete, "two", one.into(), "snapshot 'two' does not exist".into()),
        (Rollback, "two", one.into(), "snapshot 'two' does not exist".into()),
        (Commit, "two", held(one), "snapshot 'two' does not exist".into()),
        (
            Delete,
            "pve:pending",
            "\n[pve:pending]\nmemory: 64\n".into(),
            "snapshot 'pve:pending' does not exist".into(),
        ),
        (Commit, "one", state("prepare"), "missing snapshot lock".into()),
        (Commit, "one", held(one), "wrong snapshot state".into()),
        (Commit, "one", held(&state("delete")), "wrong snapshot state".into()),
        (
            Rollback,
            "one",
            state("prepare"),
            "unable to rollback to incomplete snapshot (snapstate = prepare)".into(),
        ),
        (
            Rollback,
            "one",
            state("delete"),
            "unable to rollback to incomplete snapshot (snapstate = delete)".into(),
        ),
    ];
    for (operation, name, text, message) in cases {
        let mut trial = Trial::new(operation, name, &text, "");
        assert_eq!(trial.end(), (text.clone(), message), "{operation:?} {name}");
        assert!(trial.file.saved.is_empty() && trial.guest.done.is_empty());
    }
}

#[test]
fn names_have_a_form() {
    for name in ["", "a", "1a", "_a", "a b", "a.b", "ä1", "a]", "a\nb", "pve:pending", "-a"] {
        let (text, error) = Trial::new(Create, name, "", "").end();
        assert_eq!(text, "");
        let start = format!("snapname: invalid format - invalid configuration ID '{name}'");
        assert!(error.starts_with(&start), "{error}");
    }
    let long = format!("{LONG}1");
    let (_, error) = Trial::new(Create, &long, "memory: 64\n", "").end();
    assert_eq!(error, format!("snapname: value may only be 40 characters long, '{long}' has 41"));
    for name in [LONG, "ab", "A-_9", "aa"] {
        assert_eq!(Trial::new(Create, name, "memory: 64\n", "").end().1, "", "{name}");
    }
}

/// A storage whose volumes have no snapshots.
struct Plain;

impl super::super::Volumes for Plain {
    fn can_snapshot(&mut self, volume: &str) -> Result<(), Cause> {
        if volume == "l1:data" { Err("a directory".into()) } else { Ok(()) }
    }

    fn snapshot(&mut self, _: &str, _: &str) -> Result<(), Cause> {
        panic!("asked before")
    }

    fn delete(&mut self, _: &str, _: &str) -> Result<(), Cause> {
        Ok(())
    }

    fn rollback_possible(&mut self, _: &str, _: &str) -> Result<(), Cause> {
        Ok(())
    }

    fn rollback(&mut self, _: &str, _: &str) -> Result<(), Cause> {
        Ok(())
    }
}

#[test]
fn a_volume_without_snapshots_is_found_before_anything_is_done() {
    let (mut file, mut guest) = (File::default(), Running::default());
    let text = main("", "");
    let request = Request { name: "one", ..Request::default() };
    let parts = Parts { volumes: &mut Plain, guest: &mut guest, file: &mut file };
    let outcome = run(Create, &request, &text, parts);
    assert_eq!(
        outcome.result.unwrap_err().to_string(),
        "snapshot feature is not available: mp0: l1:data: a directory"
    );
    assert_eq!((outcome.text, file.saved.len()), (text, 0));
}
