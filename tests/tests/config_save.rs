//! What a save may do: to snapshots, to a file that was broken before, and line by line.

mod generate;

use proptest::prelude::*;
use pve_config::{FileKind, Severity, check, check_line, check_save, check_written_line};
use pve_tests::fixtures;

const CT: FileKind = FileKind::Container(Some(100));

const OLD: &str = "memory: 512\nparent: two\n\n[pve:pending]\nmemory: 600\n\n[one]\n#taken by hand\nmemory: 256\nlxc.idmap: u 0 1 2\nsnaptime: 1\nunused0: l1:x\n\n[two]\nmemory: 300\nparent: one\nsnaptime: 2\n";

/// What refuses the save, as the text it points at and its message.
fn refused(old: &str, new: &str) -> Vec<(String, String)> {
    check_save(CT, Some(old.as_bytes()), new.as_bytes())
        .errors()
        .map(|found| (new[found.span.clone()].to_owned(), found.message.clone()))
        .collect()
}

fn with(from: &str, to: &str) -> String {
    assert!(OLD.contains(from), "{from}");
    OLD.replacen(from, to, 1)
}

#[test]
fn a_save_may_change_all_but_the_record() {
    let allowed = [
        OLD.to_owned(),
        // The container itself, and what is pending
        with("memory: 512", "memory: 1024\nswap: 0"),
        with("memory: 600", "cores: 1\ndelete: swap"),
        with("[pve:pending]\nmemory: 600\n\n", ""),
        with("parent: two\n", ""),
        // Whole sections
        OLD[..OLD.find("[two]").unwrap()].to_owned(),
        with("memory: 512\n", "memory: 512\n[three]\nmemory: 16\nsnaptime: 9\n"),
        "memory: 512\n".to_owned(),
        String::new(),
        // What pct changes in a snapshot while it works on it
        with("parent: one\n", ""),
        with("snaptime: 1\n", "snaptime: 1\nparent: two\n"),
        with("snaptime: 1\n", "snaptime: 1\nsnapstate: delete\n"),
        with("unused0: l1:x\n", ""),
        with("unused0: l1:x", "unused0: l1:y\nunused255: l1:z"),
        with("snaptime: 1\n", "snaptime: 1\ndescription: later\n"),
        // Comments, blank lines, spacing and order
        with("#taken by hand\n", "# another\n\n"),
        with("memory: 256\nlxc", "lxc").replace("snaptime: 1\n", "snaptime: 1\nmemory:\t256 \n"),
        with("memory: 300\n", "\n\nmemory: 300\n\n"),
        OLD.replace('\n', "\r\n"),
        OLD.trim_end().to_owned(),
        // The order of sections
        {
            let two = &OLD[OLD.find("[two]").unwrap()..];
            with("[one]", &format!("{two}\n[one]")).rsplit_once("\n[two]").unwrap().0.to_owned()
                + "\n"
        },
    ];
    for new in allowed {
        assert_eq!(refused(OLD, &new), [], "{new}");
    }
}

#[test]
fn a_save_may_not_change_the_record() {
    let cases = [
        (
            with("memory: 256", "memory: 257"),
            "memory: 257",
            "`memory` is changed in the snapshot `one`",
        ),
        (with("memory: 256\n", ""), "one", "`memory: 256` is gone from the snapshot `one`"),
        (
            with("u 0 1 2", "u 0 1 3"),
            "lxc.idmap: u 0 1 3",
            "`lxc.idmap` is changed in the snapshot `one`",
        ),
        (
            with("lxc.idmap: u 0 1 2\n", ""),
            "one",
            "`lxc.idmap: u 0 1 2` is gone from the snapshot `one`",
        ),
        (
            with("snaptime: 1", "snaptime: 3"),
            "snaptime: 3",
            "`snaptime` is changed in the snapshot `one`",
        ),
        (
            with("snaptime: 2\n", "snaptime: 2\nswap: 1\n"),
            "swap: 1",
            "`swap` is added to the snapshot `two`",
        ),
        (
            with("snaptime: 2\n", "snaptime: 2\nlock: backup\n"),
            "lock: backup",
            "`lock` is added to the snapshot `two`",
        ),
    ];
    for (new, place, message) in cases {
        assert_eq!(refused(OLD, &new), [(place.to_owned(), message.to_owned())], "{new}");
    }
    // One change of a value is one error; a line that moves from one snapshot to the other is two.
    let moved = with("lxc.idmap: u 0 1 2\n", "") + "lxc.idmap: u 0 1 2\n";
    assert_eq!(refused(OLD, &moved).len(), 2);
}

#[test]
fn a_line_that_a_script_appends_is_refused_with_the_reason() {
    let new = format!("{OLD}memory: 1024\n");
    let report = check_save(CT, Some(OLD.as_bytes()), new.as_bytes());
    let found: Vec<_> =
        report.errors().map(|found| (found.code, &new[found.span.clone()])).collect();
    assert_eq!(found, [("altered-snapshot", "memory: 1024"), ("duplicate-option", "memory")]);
    let altered = report.errors().next().unwrap();
    assert_eq!(altered.label, "it was `300` when the snapshot was taken");
    assert_eq!(
        altered.help.as_deref(),
        Some("to change the container itself, write the option above line 4, or use: pct set")
    );
    let new = format!("{OLD}onboot: 1");
    let report = check_save(CT, Some(OLD.as_bytes()), new.as_bytes());
    let altered = report.errors().next().unwrap();
    assert_eq!(altered.message, "`onboot` is added to the snapshot `two`");
    assert_eq!(altered.label, "this line is below its header and belongs to the snapshot `two`");
    // Without snapshots an appended line is what it seems to be.
    assert_eq!(refused("memory: 512\n", "memory: 512\nonboot: 1\n"), []);
}

#[test]
fn bytes_that_are_no_text_do_not_turn_the_rule_off() {
    let old = [b"# \xff\n", OLD.as_bytes()].concat();
    let new = [&old[..], b"swap: 1\n"].concat();
    let report = check_save(CT, Some(&old), &new);
    let codes: Vec<_> = report.errors().map(|found| found.code).collect();
    assert_eq!(codes, ["altered-snapshot"]);
}

#[test]
fn old_mistakes_do_not_refuse_a_save() {
    let old = "bogus: 1\nmemory: 5\nswap: 1\nswap: 2\nnet0: name=eth0,bridge=b,brigde=c,tag=1\nmp0: l1:a,mp=/x\nmp1: l1:b,mp=/x\nwhat is this\n[one]\nfoo: 1\nsnaptime: 1\n";
    assert_eq!(check(CT, old.as_bytes()).errors().count(), 7);
    let change = |from: &str, to: &str| refused(old, &old.replacen(from, to, 1));
    let passes = [
        ("", "onboot: 1\n"),
        ("bogus: 1\n", ""),
        ("bogus: 1\n", "bogus: 2\n"),
        ("bogus: 1\n", "memory: 512\nbogus: 1\n"),
        ("memory: 5\n", "memory: 512\n"),
        ("swap: 1\n", ""),
        ("swap: 2\n", "swap: 3\n"),
        ("tag=1", "tag=2"),
        ("mp1: l1:b,mp=/x", "mp1: l1:b,mp=/x,ro=1"),
        ("mp=/x\nmp1", "mp=/y\nmp1"),
        ("what is this\n", ""),
    ];
    for (from, to) in passes {
        // A second `memory` line would be a new mistake.
        let expected = usize::from(to.contains("memory: 512\nbogus"));
        assert_eq!(change(from, to).len(), expected, "{from} to {to}");
    }
    let refused = [
        ("bogus: 1\n", "bogus: 1\nbogus: 1\n", 2),
        ("bogus: 1\n", "bogus: 1\nbogus2: 1\n", 1),
        ("memory: 5\n", "memory: 6\n", 1),
        ("swap: 1\n", "swap: 0\nswap: 1\n", 1),
        ("tag=1", "tag=5000", 1),
        ("brigde=c", "birgde=c", 1),
        ("what is this", "what is that", 1),
        ("mp=/x\nwhat", "mp=/x\nmp2: l1:c,mp=/x\nwhat", 1),
    ];
    for (from, to, count) in refused {
        assert_eq!(change(from, to).len(), count, "{from} to {to}");
    }
    let report = check_save(CT, Some(old.as_bytes()), old.as_bytes());
    assert!(report.diagnostics.iter().all(|found| found.severity != Severity::Error));
    let help = Some("this was here before, so the save is not refused");
    assert!(report.diagnostics.iter().any(|found| found.help.as_deref() == help));
    assert!(check_save(CT, None, old.as_bytes()).is_refused());
}

#[test]
fn other_files_forgive_too() {
    let old = b"dir: l1\n\tpath x\n";
    assert!(
        !check_save(FileKind::Storage, Some(old), b"dir: l1\n\tpath x\n\tshared\n").is_refused()
    );
    assert!(check_save(FileKind::Storage, Some(old), b"dir: l1\n\tpath y\n").is_refused());
    let old = b"keyboard: xx\n";
    let new = b"keyboard: xx\nmax_workers: 4\n";
    assert!(!check_save(FileKind::Datacenter, Some(old), new).is_refused());
}

#[test]
fn a_line_is_refused_alone_only_if_nothing_can_make_it_right() {
    let is_refused = |line: &str| check_line(CT, line.as_bytes()).is_refused();
    for line in [
        "",
        "   ",
        "# any thing",
        "memory: 512\r",
        "lxc.cap.drop:",
        "lxc.init_cmd = /i",
        "[one]",
        "[vzdump]",
        "[pve:pending]\r",
        "[PVE:PENDING]",
        // Right in one kind of section
        "delete: net0,!mp0",
        "snapstate: prepare",
        "snaptime: 1",
        "parent: x1",
        // Right together with other lines
        "net0: name=a,gw=10.0.0.1",
        "mp0: l1:a,mp=/x,quota=1",
        "unused0: l1:x",
    ] {
        assert!(!is_refused(line), "{line}");
    }
    for line in
        ["[x]", "[current]", "[", "delete: nope", "memory: 5", "\u{feff}# x", "a\0", "#\x1b[0m"]
    {
        assert!(is_refused(line), "{line}");
    }
    assert!(check_line(FileKind::Datacenter, b"[one]").is_refused());
    assert!(!check_line(FileKind::Storage, b"whatever").is_refused());
    assert!(check_line(FileKind::Storage, b"\xff").is_refused());
}

#[test]
fn a_line_that_stood_there_before_is_let_pass() {
    let old: &[u8] = b"bogus: 1\nnet0: name=a,brigde=b,tag=1\n# \xff\n";
    let is_refused =
        |old: Option<&[u8]>, line: &[u8]| check_written_line(CT, old, line).is_refused();
    for line in
        [&b"bogus: 1"[..], b"bogus: 2", b"net0: name=a,brigde=b,tag=2", b"# \xff", b"memory: 1024"]
    {
        assert!(!is_refused(Some(old), line), "{line:?}");
    }
    for line in [&b"bogus2: 1"[..], b"net0: name=a,brigde=b,tag=5000", b"# \xfe\xff", b"memory: 1"]
    {
        assert!(is_refused(Some(old), line), "{line:?}");
    }
    assert!(is_refused(None, b"bogus: 1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Nothing is a change, so nothing is refused; and a save of a right text over any other is refused for snapshots
    /// alone.
    #[test]
    fn a_save_of_the_same_is_never_refused(old in generate::mutated("containers"), other in generate::mutated("containers")) {
        prop_assert!(!check_save(CT, Some(&old), &old).is_refused());
        for (_, right) in fixtures::all("containers") {
            let report = check_save(CT, Some(&other), &right);
            prop_assert!(report.errors().all(|found| found.code == "altered-snapshot"), "{report:?}");
        }
    }
}
