//! Archives that want to get out.

mod common;

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use common::{isolate, sh};
use ct_storage::archive::{Archive, Error, Unpack, check_init};
use ct_storage::userns::{IdMap, UserNs};
use tempfile::TempDir;

/// One entry of an archive, written byte by byte: tar itself would not pack these.
struct Entry<'a> {
    name: &'a str,
    kind: u8,
    link: &'a str,
    mode: u32,
    data: &'a [u8],
}

const FILE: Entry<'_> = Entry { name: "", kind: b'0', link: "", mode: 0o644, data: b"evil\n" };
const LINK: Entry<'_> = Entry { name: "", kind: b'2', link: "", mode: 0o777, data: b"" };
const HARD: Entry<'_> = Entry { name: "", kind: b'1', link: "", mode: 0o644, data: b"" };

fn pack(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        let mut block = [0u8; 512];
        block[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
        block[100..108].copy_from_slice(format!("{:07o}\0", entry.mode).as_bytes());
        block[108..116].copy_from_slice(b"0000000\0");
        block[116..124].copy_from_slice(b"0000000\0");
        block[124..136].copy_from_slice(format!("{:011o}\0", entry.data.len()).as_bytes());
        block[136..148].copy_from_slice(b"07000000000\0");
        block[156] = entry.kind;
        block[157..157 + entry.link.len()].copy_from_slice(entry.link.as_bytes());
        block[257..265].copy_from_slice(b"ustar\x0000");
        if matches!(entry.kind, b'3' | b'4') {
            // The host's first disk would be 254:0; memory is 1:1.
            block[329..337].copy_from_slice(b"0000001\0");
            block[337..345].copy_from_slice(b"0000001\0");
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(block);
        out.extend(entry.data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

struct Case {
    temp: TempDir,
    root: File,
}

impl Case {
    /// A root with a directory beside it that must not change.
    fn new(entries: &[Entry<'_>]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        for name in ["root", "outside"] {
            fs::create_dir(temp.path().join(name)).unwrap();
            std::os::unix::fs::chown(temp.path().join(name), Some(100_000), Some(100_000)).unwrap();
        }
        fs::set_permissions(temp.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        fs::write(temp.path().join("outside/kept"), "kept").unwrap();
        fs::write(temp.path().join("a.tar"), pack(entries)).unwrap();
        let root = File::open(temp.path().join("root")).unwrap();
        Self { temp, root }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.temp.path().join(name)
    }

    fn unpack(&self, userns: Option<&UserNs>, limit: Option<u64>) -> Result<(), Error> {
        let archive = Archive::open(&self.path("a.tar"))?;
        let mut options = Unpack { userns, limit, ignore_errors: false, progress: &mut |_| {} };
        archive.unpack(&self.root, &mut options).map(drop)
    }

    #[track_caller]
    fn check_outside(&self, what: &str) {
        let names: Vec<_> =
            fs::read_dir(self.path("outside")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["kept"], "{what}");
        let kept = self.path("outside/kept");
        assert_eq!(fs::read_to_string(&kept).unwrap(), "kept", "{what}");
        let found = fs::metadata(&kept).unwrap();
        assert_eq!((found.nlink(), found.uid()), (1, 0), "{what}: it was linked to or taken over");
        let mut around: Vec<_> =
            fs::read_dir(self.temp.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        around.sort();
        assert_eq!(around, ["a.tar", "outside", "root"], "{what}");
    }
}

#[test]
fn nothing_is_written_outside_of_the_root() {
    if !isolate() {
        return;
    }
    let userns = UserNs::new(&IdMap::unprivileged()).unwrap();
    let absolute = format!("/tmp/ct-storage-evil-{}", std::process::id());
    let through_link = format!("l/ct-storage-evil-{}", std::process::id());
    let absolute_in = format!("root{absolute}");
    let file = |name| Entry { name, ..FILE };
    let link = |name, link| Entry { name, link, ..LINK };
    let hard = |name, link| Entry { name, link, ..HARD };
    let dir = |name| Entry { name, kind: b'5', mode: 0o755, data: b"", ..FILE };
    let cases: Vec<(&str, Vec<Entry<'_>>)> = vec![
        ("dot dot", vec![file("../outside/evil")]),
        ("dot dot in the middle", vec![dir("a"), file("a/../../outside/evil")]),
        ("dot dot after a dot", vec![file("./../outside/kept")]),
        ("absolute", vec![file(&absolute)]),
        ("link to a directory outside", vec![link("l", "../outside"), file("l/evil")]),
        ("absolute link to a directory", vec![link("l", "/tmp"), file(&through_link)]),
        ("link in two steps", vec![link("a", "."), link("a/b", ".."), file("a/b/outside/evil")]),
        (
            "chain of links",
            vec![dir("d"), link("d/up", ".."), link("out", "d/up/.."), file("out/outside/evil")],
        ),
        ("link to a file outside", vec![link("l", "../outside/kept"), file("l")]),
        ("directory that becomes a link", vec![dir("d"), link("d", "../outside"), file("d/evil")]),
        ("hard link to a file outside", vec![hard("h", "../outside/kept"), file("h")]),
        ("absolute hard link", vec![hard("h", "/etc/passwd"), file("h")]),
        ("hard link through a link", vec![link("l", "../outside"), hard("h", "l/kept"), file("h")]),
        (
            "mode and owner through a link",
            vec![link("d", "../outside"), dir("d"), Entry { mode: 0o777, ..dir("d/") }],
        ),
    ];
    for (what, entries) in &cases {
        for map in [None, Some(&userns)] {
            let case = Case::new(entries);
            let before = fs::metadata(case.path("outside")).unwrap();
            // Whether it is an error is tar's to say; what counts is what is there afterwards.
            let result = case.unpack(map, None);
            case.check_outside(what);
            let after = fs::metadata(case.path("outside")).unwrap();
            assert_eq!(
                (before.mode(), before.uid(), before.mtime()),
                (after.mode(), after.uid(), after.mtime()),
                "{what}"
            );
            assert!(!Path::new(&absolute).exists(), "{what}");
            if what.starts_with("dot dot") {
                let error = result.unwrap_err().to_string();
                assert!(error.contains("Member name contains '..'"), "{what}: {error}");
            } else if *what == "absolute" {
                result.unwrap();
                assert!(case.path(&absolute_in).exists());
            }
        }
    }
    assert!(fs::metadata("/etc/passwd").unwrap().nlink() == 1);
}

#[test]
fn devices_and_set_user_id_are_the_containers_own() {
    if !isolate() {
        return;
    }
    let userns = UserNs::new(&IdMap::unprivileged()).unwrap();
    let device = Entry { name: "./mem", kind: b'3', data: b"", ..FILE };
    let case = Case::new(&[device]);
    let error = case.unpack(Some(&userns), None).unwrap_err().to_string();
    assert!(error.contains("Cannot mknod: Operation not permitted"), "{error}");
    assert!(!case.path("root/mem").exists());
    // Those in /dev are left out, however they are called.
    let in_dev = |name| Entry { name, kind: b'3', data: b"", ..FILE };
    let dir = Entry { name: "./dev", kind: b'5', mode: 0o755, data: b"", ..FILE };
    let case = Case::new(&[dir, in_dev("./dev/mem"), in_dev("dev/sda")]);
    case.unpack(Some(&userns), None).unwrap();
    assert_eq!(fs::read_dir(case.path("root/dev")).unwrap().count(), 0);
    // Set-user-id is the container's root, not the host's.
    let case = Case::new(&[Entry { name: "./su", mode: 0o6755, ..FILE }]);
    case.unpack(Some(&userns), None).unwrap();
    let su = fs::metadata(case.path("root/su")).unwrap();
    assert_eq!((su.uid(), su.gid(), su.mode() & 0o7777), (100_000, 100_000, 0o6755));
}

#[test]
fn a_bomb_stays_inside_its_size() {
    if !isolate() {
        return;
    }
    let case = Case::new(&[]);
    // 2 GiB of zeros in a few hundred KiB. The size is that of the largest file that the header can tell.
    let mut head = pack(&[Entry { data: b"", ..FILE }]);
    head.truncate(512);
    head[..4].copy_from_slice(b"bomb");
    head[124..136].copy_from_slice(format!("{:011o}\0", 2u64 << 30).as_bytes());
    head[148..156].fill(b' ');
    let sum: u32 = head.iter().map(|&b| u32::from(b)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    fs::write(case.path("head"), head).unwrap();
    let script = "{ cat head; head -c 2147484672 /dev/zero; } | zstd -q -1 > a.tar; rm head";
    sh(script, case.temp.path());
    assert!(fs::metadata(case.path("a.tar")).unwrap().len() < 1 << 20);
    let limit = 50 << 20;
    let started = std::time::Instant::now();
    let error = case.unpack(None, Some(limit)).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    let taken = sh("du -sk root | cut -f1", case.temp.path()).trim().parse::<u64>().unwrap() * 1024;
    assert!(taken <= limit + (4 << 20), "{taken}");
    case.check_outside("bomb");
}

#[test]
fn an_archive_cannot_flood_us_with_complaints() {
    if !isolate() {
        return;
    }
    // Each is complained about; 40,000 make more than is kept.
    let names: Vec<String> =
        (0..40_000).map(|n| format!("../outside/evil-{n}-{}", "x".repeat(50))).collect();
    let entries: Vec<Entry<'_>> =
        names.iter().map(|name| Entry { name, data: b"", ..FILE }).collect();
    let case = Case::new(&entries);
    let error = case.unpack(None, None).unwrap_err().to_string();
    assert!(error.len() < 2000, "{}", error.len());
    case.check_outside("flood");
}

#[test]
fn init_is_looked_for_inside() {
    if !isolate() {
        return;
    }
    let outside = format!("/proc/{}/root/bin/sh", std::process::id());
    let case = Case::new(&[
        Entry { name: "sbin", kind: b'5', mode: 0o755, data: b"", ..FILE },
        Entry { name: "sbin/init", link: &outside, ..LINK },
    ]);
    case.unpack(None, None).unwrap();
    check_init(&case.root, Path::new("/sbin/init"), Path::new("x")).unwrap_err();
}
