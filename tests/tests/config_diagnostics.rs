//! Every mistake is found, each at its place, and none twice.

use pve_config::{FileKind, LineIndex, Severity, check};
use pve_tests::fixtures;

const CT: FileKind = FileKind::Container(Some(100));

/// Line, column, code, text of each error.
fn errors(kind: FileKind, text: &[u8]) -> Vec<(usize, usize, &'static str, String)> {
    let index = LineIndex::new(text);
    check(kind, text)
        .errors()
        .map(|found| {
            let at = index.position(found.span.start);
            let what = String::from_utf8_lossy(&text[found.span.clone()]).into_owned();
            (at.line, at.column, found.code, what)
        })
        .collect()
}

/// The codes of all that is said, with the text they are about.
fn said(text: &str) -> Vec<(Severity, &'static str, &str)> {
    let report = check(CT, text.as_bytes());
    report
        .diagnostics
        .iter()
        .map(|found| (found.severity, found.code, &text[found.span.clone()]))
        .collect()
}

#[test]
fn a_file_with_fifty_mistakes_has_fifty_errors() {
    let text = fixtures::read("mistakes/fifty.conf");
    let expected: &[(usize, usize, &str, &str)] = &[
        (2, 1, "unknown-option", "memroy"),
        (3, 7, "out-of-range", "-1"),
        (4, 7, "syntax", " "),
        (5, 9, "syntax", "="),
        (6, 1, "syntax", " "),
        (7, 11, "bad-value", "my_höst"),
        (8, 10, "out-of-range", "9000"),
        (9, 11, "not-a-number", "many"),
        (10, 6, "out-of-range", "99"),
        (11, 1, "empty-value", "onboot:"),
        (12, 1, "empty-value", "protection:"),
        (13, 7, "unknown-value", "mips"),
        (14, 9, "unknown-value", "debain"),
        (15, 1, "duplicate-option", "arch"),
        (16, 1, "bad-index", "net32"),
        (17, 1, "bad-index", "mp256"),
        (18, 1, "bad-index", "mp00"),
        (19, 7, "missing-property", "bridge=vmbr0"),
        (20, 12, "bad-value", "lo"),
        (20, 22, "bad-value", "01:00:5E:00:00:01"),
        (21, 20, "bad-value", "10.0.0.1/40"),
        (21, 36, "bad-value", "fe80::1%eth0/64"),
        (22, 21, "out-of-range", "4095"),
        (22, 33, "bad-value", "1-3"),
        (23, 17, "unknown-property", "brigde"),
        (23, 30, "duplicate-property", "name=eth4"),
        (24, 12, "same-name", "eth3"),
        (25, 16, "bad-value", "data"),
        (25, 26, "bad-value", "8GB"),
        (26, 6, "missing-property", "/srv/a"),
        (27, 25, "bad-target", "/"),
        (28, 25, "bad-value", "/a/../b"),
        (29, 31, "not-a-boolean", "maybe"),
        (30, 25, "same-target", "/c"),
        (31, 6, "same-volume", "local:100/e.raw"),
        (32, 10, "unused-in-use", "local:100/e.raw"),
        (33, 7, "bad-value", "/etc/passwd"),
        (34, 19, "bad-value", "660"),
        (35, 21, "bad-value", "dns"),
        (36, 1, "misplaced-option", "delete"),
        (37, 1, "refused-option", "lxc.rootfs.path"),
        (38, 1, "unknown-option", "lxc.bogus"),
        (39, 12, "bad-value", "u 0 1"),
        (40, 1, "syntax", "what is this"),
        (41, 1, "control-character", "\0"),
        (42, 9, "not-utf-8", "\u{fffd}"),
        (43, 2, "reserved-name", "current"),
        (44, 2, "bad-section", "9"),
        (47, 8, "out-of-range", "0"),
        (48, 2, "duplicate-section", "one"),
    ];
    let found = errors(CT, &text);
    let found: Vec<_> =
        found.iter().map(|(line, column, code, at)| (*line, *column, *code, at.as_str())).collect();
    assert_eq!(found, expected);
    assert_eq!(found.len(), 50);
}

#[test]
fn duplicates_point_at_the_first() {
    let text = "memory: 512\nswap: 1\nmemory: 600\nmemory: 700\n[one]\nsnaptime: 1\n[ONE]\nsnaptime: 1\n[one]\nsnaptime: 1\n[pve:pending]\n[PVE:Pending]\n";
    let report = check(CT, text.as_bytes());
    let found: Vec<_> = report
        .errors()
        .map(|found| (found.span.start, found.related.as_ref().unwrap().span.clone()))
        .collect();
    let at = |what: &str, nth: usize| text.match_indices(what).nth(nth).unwrap().0;
    assert_eq!(
        found,
        [
            (at("memory", 1), 0..6),
            (at("memory", 2), 0..6),
            // Another case is another snapshot, as in the reference.
            (at("one]", 1), at("one]", 0)..at("one]", 0) + 3),
            (at("PVE", 0), at("pve", 0)..at("pve", 0) + 11),
        ]
    );
}

#[test]
fn rules_between_options() {
    use Severity::{Error, Note, Warning};
    let root = "rootfs: l1:vm-100-disk-0\n";
    type Said = (Severity, &'static str, &'static str);
    let cases: &[(&str, &[Said])] = &[
        // Mount points
        ("mp0: l1:a,mp=/a/\nmp1: l1:b,mp=//a\n", &[(Error, "same-target", "//a")]),
        ("mp0: l1:a,mp=/a/b\nmp1: l1:b,mp=/a\n", &[(Warning, "hidden-mount", "/a")]),
        ("mp1: l1:a,mp=/a/b\nmp0: l1:b,mp=/a\n", &[]),
        ("mp0: l1:a,mp=/ab\nmp1: l1:b,mp=/a\n", &[]),
        ("mp0: l1:a,mp=srv\n", &[(Warning, "relative-target", "srv")]),
        ("mp0: l1:a,mp=/dev\n", &[(Error, "bad-target", "/dev")]),
        ("mp0: l1:a,mp=/dev/shm\n", &[]),
        ("mp0: /etc,mp=/a\n", &[(Warning, "system-bind", "/etc")]),
        ("mp0: /,mp=/a\n", &[(Warning, "system-bind", "/")]),
        ("mp0: /etc/x,mp=/a\n", &[]),
        ("mp0: /srv,mp=/a\nmp1: /srv,mp=/b\n", &[]),
        ("mp0: /dev/sdb,mp=/a\nmp1: /dev/sdb,mp=/b\n", &[(Error, "same-volume", "/dev/sdb")]),
        ("mp0: l1:8,mp=/a\n", &[(Warning, "allocation", "l1:8")]),
        ("mp0: l1:0.5,mp=/a\n", &[(Warning, "allocation", "l1:0.5")]),
        ("mp0: l1:inf,mp=/a\n", &[]),
        ("mp0: l1:1e3,mp=/a\n", &[]),
        ("mp0: l1:vm-101-disk-0,mp=/a\n", &[(Note, "foreign-volume", "l1:vm-101-disk-0")]),
        ("mp0: /srv,mp=/a,backup=1\n", &[(Warning, "backup-bind", "1")]),
        ("mp0: /srv,mp=/a,quota=1\n", &[(Warning, "quota-bind", "1")]),
        ("mp0: /srv,mp=/a,size=8G\n", &[(Note, "size-bind", "8G")]),
        ("mp0: l1:a,mp=/a,quota=1\nunprivileged: 1\n", &[(Error, "quota-unprivileged", "1")]),
        (
            "mp0: l1:a,mp=/a,ro=1,mountoptions=nodev;noatime\n",
            &[(Note, "options-read-only", "nodev;noatime")],
        ),
        ("unused0: l1:vm-100-disk-0\n", &[(Error, "unused-in-use", "l1:vm-100-disk-0")]),
        ("unused0: l1:a\nunused1: l1:a\n", &[(Error, "unused-in-use", "l1:a")]),
        ("dev0: /dev/a\ndev1: /dev/a,gid=1\n", &[(Error, "same-device", "/dev/a")]),
        // Interfaces
        ("net0: name=a,bridge=b\nnet1: name=a,bridge=b\n", &[(Error, "same-name", "a")]),
        (
            "net0: name=a,bridge=b,hwaddr=aa:00:00:00:00:0a\nnet1: name=c,bridge=b,hwaddr=AA:00:00:00:00:0A\n",
            &[(Error, "same-mac", "AA:00:00:00:00:0A")],
        ),
        (
            "net0: name=a,bridge=b,ip=10.0.0.2/24\nnet1: name=c,bridge=b,ip=10.0.0.2/16\n",
            &[(Warning, "same-address", "10.0.0.2/16")],
        ),
        ("net0: name=a,bridge=b,gw=10.0.0.1\n", &[(Warning, "gateway", "10.0.0.1")]),
        ("net0: name=a,bridge=b,ip=dhcp,gw=10.0.0.1\n", &[(Warning, "gateway", "10.0.0.1")]),
        ("net0: name=a,bridge=b,ip=10.0.0.2/24,gw=10.0.1.1\n", &[(Warning, "gateway", "10.0.1.1")]),
        ("net0: name=a,bridge=b,ip=10.0.0.2/23,gw=10.0.1.1\n", &[]),
        ("net0: name=a,bridge=b,ip=10.0.0.2/24,gw=10.0.0.2\n", &[(Warning, "gateway", "10.0.0.2")]),
        (
            "net0: name=a,bridge=b,ip6=2001:db8::2/64,gw6=2001:db9::1\n",
            &[(Warning, "gateway", "2001:db9::1")],
        ),
        ("net0: name=a,bridge=b,ip6=2001:db8::2/64,gw6=fe80::1\n", &[]),
        ("net0: name=a,bridge=b,ip6=2001:db8::2/128,gw6=fe80::1\n", &[]),
        ("net0: name=a,bridge=b,ip=10.0.0.0/24\n", &[(Warning, "network-address", "10.0.0.0/24")]),
        (
            "net0: name=a,bridge=b,ip=10.0.0.255/24\n",
            &[(Warning, "network-address", "10.0.0.255/24")],
        ),
        ("net0: name=a,bridge=b,ip=10.0.0.0/31\n", &[]),
        ("net0: name=a,bridge=b,ip=10.0.0.0/32\n", &[]),
        (
            "net0: name=a,bridge=b,ip=10.0.0.2/24,gw=10.0.0.1\nnet1: name=c,bridge=b,ip=10.0.1.2/24,gw=10.0.1.1\n",
            &[(Warning, "two-gateways", "10.0.1.1")],
        ),
        ("net0: name=a\n", &[(Note, "no-bridge", "name=a")]),
        (
            "net0: name=a,bridge=b,host-managed=1,ip6=auto\n",
            &[(Error, "host-managed-auto", "auto")],
        ),
        ("net0: name=a,bridge=b,tag=2,trunks=1;2\n", &[(Note, "tag-in-trunks", "1;2")]),
        ("net0: name=a,bridge=b,mtu=1279,ip6=auto\n", &[(Warning, "small-mtu", "1279")]),
        ("net0: name=a,bridge=b,mtu=1279,ip6=manual\n", &[]),
        ("net0: name=a,bridge=b,mtu=1280,ip6=auto\n", &[]),
        // The rest
        ("template: 1\nonboot: 1\n", &[(Warning, "template-onboot", "1")]),
        ("cores: 2\ncpulimit: 3\n", &[(Note, "cpulimit-cores", "3")]),
        ("cpuunits: 10001\n", &[(Note, "clamped", "10001")]),
        ("features: keyctl=1\n", &[(Note, "feature-privileged", "1")]),
        ("features: nesting=1\n", &[(Warning, "nesting-privileged", "1")]),
        ("features: nesting=1,keyctl=1\nunprivileged: 1\n", &[]),
        ("features: nesting=1,keyctl=1\nlxc.idmap: u 0 1 2\n", &[]),
        ("cmode: console\nconsole: 0\n", &[(Warning, "no-console", "0")]),
        ("tty: 0\n", &[(Warning, "no-console", "0")]),
        ("tty: 0\ncmode: shell\n", &[]),
        ("nameserver: 1.1.1.1 1.1.1.2 1.1.1.3\n", &[]),
        (
            "nameserver: 1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4\n",
            &[(Warning, "many-nameservers", "1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4")],
        ),
        (
            "lxc.idmap: u 0 100000 1000\nlxc.idmap: u 999 200000 1\n",
            &[(Error, "idmap-overlap", "u 999 200000 1")],
        ),
        (
            "lxc.idmap: u 0 100000 1000\nlxc.idmap: u 1000 100999 1\n",
            &[(Error, "idmap-overlap", "u 1000 100999 1")],
        ),
        ("lxc.idmap: u 0 100000 1000\nlxc.idmap: u 1000 101000 1\n", &[]),
        ("lxc.idmap: u 0 100000 1000\nlxc.idmap: g 0 100000 1000\n", &[]),
        ("snaptime: 1\n", &[(Warning, "misplaced-option", "snaptime")]),
        ("snapstate: delete\n", &[(Warning, "misplaced-option", "snapstate")]),
        ("lxc.init.cmd: /i\n", &[(Note, "has-option", "lxc.init.cmd")]),
        ("lxc.cap.drop:\n", &[]),
        // Snapshots
        ("parent: one\n", &[(Warning, "unknown-parent", "one")]),
        ("[one]\n", &[(Warning, "no-snaptime", "one")]),
        (
            "[one]\nsnaptime: 1\nparent: two\n[two]\nsnaptime: 1\nparent: one\n",
            &[(Warning, "parent-loop", "one")],
        ),
        ("[one]\nsnaptime: 1\nparent: one\n", &[(Warning, "parent-loop", "one")]),
        ("[one]\nsnaptime: 1\ndelete: net0\n", &[(Error, "misplaced-option", "delete")]),
        ("[vzdump]\nsnaptime: 1\n", &[(Error, "reserved-name", "vzdump")]),
        ("[vzdump]\nsnaptime: 1\nsnapstate: prepare\n", &[]),
        ("lock: backup\n[vzdump]\nsnaptime: 1\n", &[]),
        ("[pve:pending]\ndelete: net0,!mp0\nmemory: 600\n", &[]),
        ("[pve:pending]\nsnaptime: 1\n", &[(Warning, "misplaced-option", "snaptime")]),
        ("[pve:pending]\nmemory: 1\n", &[(Error, "out-of-range", "1")]),
    ];
    for (text, expected) in cases {
        let text = format!("{root}{text}");
        assert_eq!(said(&text), *expected, "{text}");
    }
    assert_eq!(said("memory: 512\n"), [(Note, "no-rootfs", "512")]);
    let long = format!("{root}hostname: {}\n", ["abcdefghijkl"; 6].join("."));
    let codes: Vec<_> = said(&long).into_iter().map(|(_, code, _)| code).collect();
    assert_eq!(codes, ["long-hostname"]);
}

#[test]
fn what_will_be_is_judged_too() {
    let text = "rootfs: l1:a\nnet0: name=a,bridge=b\n[pve:pending]\nnet1: name=a,bridge=b\nunprivileged: 1\nmp0: l1:b,mp=/x,quota=1\n";
    assert_eq!(
        said(text),
        [(Severity::Error, "same-name", "a"), (Severity::Error, "quota-unprivileged", "1")]
    );
    let report = check(CT, text.as_bytes());
    let help = report.diagnostics[0].help.as_deref();
    assert_eq!(help, Some("this is so with [pve:pending] applied"));
    let deleted = format!("{text}delete: net0;!swap\n").replace(",quota=1", "");
    assert_eq!(said(&deleted), []);
}

#[test]
fn columns_count_characters() {
    let text = "# höhe\r\nhostname: höst\r\nmemory: 5\r\n\ttty: 9\r\n".as_bytes();
    let found: Vec<_> = errors(CT, text).into_iter().map(|(l, c, code, _)| (l, c, code)).collect();
    assert_eq!(found, [(2, 11, "bad-value"), (3, 9, "out-of-range"), (4, 1, "syntax")]);
    // One column for a wrong byte, and no second error in its line.
    let text = b"tags: a;\xff\xfe;b;-c\n";
    let found: Vec<_> = errors(CT, text).into_iter().map(|(l, c, code, _)| (l, c, code)).collect();
    assert_eq!(found, [(1, 9, "not-utf-8")]);
}
