//! Unpacking, compared with what GNU tar gives in the same id map.

mod common;

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Host, MIB, isolate, run, same, sh};
use ct_storage::archive::{Archive, Compression, Error, Progress, Unpack, check_init};
use ct_storage::mount::{self, Options};
use ct_storage::userns::{IdMap, Range, UserNs};
use ct_storage::{Alloc, Format};

/// A root directory with one of everything.
fn furnish(dir: &Path) {
    sh(
        r#"mkdir -p sbin dev etc usr/lib var/empty 'dir with space'
        cp /bin/true usr/lib/init; ln -s ../usr/lib/init sbin/init
        echo root:x:0:0:::/bin/sh > etc/passwd; ln etc/passwd etc/passwd-; ln -s /proc/self/mounts etc/mtab
        mknod dev/null c 1 3; mkdir dev/pts; echo x > 'dir with space/ümläut'
        cp /bin/true usr/lib/ping; setcap cap_net_raw+ep usr/lib/ping; cp /bin/true usr/lib/su; chmod 4755 usr/lib/su
        echo d > etc/default; chmod 640 etc/default; chown 0:42 etc/default; mkdir var/log; chown 104:4 var/log; chmod 2755 var/log
        setfacl -m g:4:rx var/log; setfacl -d -m g:4:rx var/log; setfattr -n user.comment -v hello etc/passwd
        truncate -s 50M var/lastlog; echo end >> var/lastlog; mkfifo var/fifo; chmod 1777 var/empty
        ln -s loop-b var/loop-a; ln -s loop-a var/loop-b; printf 'x%.0s' $(seq 200) > etc/$(printf 'n%.0s' $(seq 200))
        touch -d '2001-02-03 04:05:06.123456789' etc/passwd var/log; touch -h -d '1999-01-01' etc/mtab"#,
        dir,
    );
}

const PACK: &str = "tar --create --numeric-owner --acls --xattrs --xattrs-include=user.* \
                    --xattrs-include=security.capability --sparse";

/// What the issue promises of each file, one a line.
fn describe(dir: &Path) -> String {
    sh(
        r#"find . -mindepth 1 ! -name lost+found ! -type d -printf '%p %y %m %U:%G %T@ %s %n %l\n' | sort
        find . -mindepth 1 ! -name lost+found -type d -printf '%p %m %U:%G %T@\n' | sort
        find . -samefile etc/passwd | sort
        getfattr -R -d -m - --absolute-names . 2>/dev/null | grep -v SGI_ | sort
        find . -mindepth 1 ! -name lost+found ! -type l | sort | xargs -d '\n' getfacl -n 2>/dev/null
        find . -type b -o -type c | xargs -r stat -c '%n %t %T'
        stat -c '%b' var/lastlog | awk '{ print $1 < 1000 ? "sparse" : "full" }'
        find . -type f -size -1M ! -perm 000 | sort | xargs -d '\n' cksum"#,
        dir,
    )
}

struct Tree {
    path: PathBuf,
}

impl Tree {
    fn new(base: &Path, name: &str, root: (u32, u32)) -> Self {
        let path = base.join(name);
        fs::create_dir(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(root.0), Some(root.1)).unwrap();
        Self { path }
    }

    fn file(&self) -> File {
        File::open(&self.path).unwrap()
    }
}

fn unpack(archive: &Path, root: &File, userns: Option<&UserNs>) -> Result<Vec<String>, Error> {
    Archive::open(archive)?.unpack(
        root,
        &mut Unpack { userns, limit: None, ignore_errors: false, progress: &mut |_| {} },
    )
}

#[test]
fn every_file_is_as_gnu_tar_makes_it_in_the_same_map() {
    if !isolate() || !common::has("setfacl") {
        return;
    }
    let Some(host) = Host::new("small-ext4", 512 * MIB) else { return };
    let source = Tree::new(&host.dir, "source", (0, 0));
    furnish(&source.path);
    sh(&format!("{PACK} --file=../a.tar ."), &source.path);
    for (packed, script) in [
        ("a.tar", None),
        ("a.tar.gz", Some("gzip -k a.tar")),
        ("a.tar.xz", Some("xz -k -T2 --block-size=1MiB a.tar")),
        ("a.tar.zst", Some("zstd -q -k a.tar")),
        ("a.tar.bz2", Some("bzip2 -k a.tar")),
    ] {
        if let Some(script) = script {
            sh(script, &host.dir);
        }
        // The name does not matter.
        fs::copy(host.dir.join(packed), host.dir.join("archive")).unwrap();
        let split = IdMap {
            users: vec![
                Range { inside: 0, outside: 200_000, count: 104 },
                Range { inside: 104, outside: 104, count: 1 },
                Range { inside: 105, outside: 200_105, count: 65431 },
            ],
            groups: vec![Range { inside: 0, outside: 300_000, count: 65536 }],
        };
        for (name, map) in
            [("none", None), ("plain", Some(IdMap::unprivileged())), ("split", Some(split))]
        {
            let userns = map.as_ref().map(|map| UserNs::new(map).unwrap());
            let root =
                map.as_ref().map_or((0, 0), |map| (map.users[0].outside, map.groups[0].outside));
            let (ours, theirs) =
                (Tree::new(&host.dir, "ours", root), Tree::new(&host.dir, "theirs", root));
            let said = unpack(&host.dir.join("archive"), &ours.file(), userns.as_ref()).unwrap();
            assert_eq!(said, [""; 0]);
            check_init(&ours.file(), Path::new("/sbin/init"), &ours.path).unwrap();
            let mut tar =
                userns.as_ref().map_or(Command::new("tar"), |userns| userns.command("tar"));
            run(tar
                .args([
                    "-xpf",
                    "-",
                    "--numeric-owner",
                    "--acls",
                    "--xattrs",
                    "--xattrs-include=*",
                    "--sparse",
                ])
                .args(["--anchored", "--exclude=./dev/*"])
                .current_dir(&theirs.path)
                .stdin(File::open(host.dir.join("a.tar")).unwrap()));
            let (found, wanted) = (describe(&ours.path), describe(&theirs.path));
            same(&format!("{packed} in {name}"), &found, &wanted);
            // And this is what was packed, moved by the map.
            for what in
                ["user.comment=\"hello\"", "security.capability", "sparse", "group:", "ümläut"]
            {
                assert!(found.contains(what), "{packed} in {name}: no {what}:\n{found}");
            }
            let log = fs::metadata(ours.path.join("var/log")).unwrap();
            let user = map.as_ref().map_or(104, |map| match map.users.len() {
                1 => 100_104,
                _ => 104,
            });
            assert_eq!((log.uid(), log.mode() & 0o7777), (user, 0o2755));
            assert_eq!(fs::metadata(ours.path.join("usr/lib/su")).unwrap().mode() & 0o7777, 0o4755);
            assert!(!ours.path.join("dev/null").exists());
            sh("rm -rf --one-file-system ours theirs", &host.dir);
        }
    }
}

#[test]
fn it_is_the_same_on_every_storage() {
    if !isolate() || !common::has("setfacl") {
        return;
    }
    let hosts = Host::all();
    let Some(host) = Host::new("small-ext4", 512 * MIB) else { return };
    let source = Tree::new(&host.dir, "source", (0, 0));
    furnish(&source.path);
    sh(&format!("{PACK} --file=../a.tar.zst --zstd ."), &source.path);
    let packed = host.dir.join("a.tar.zst");
    let userns = UserNs::new(&IdMap::unprivileged()).unwrap();
    let mut first: Vec<(bool, String)> = Vec::new();
    for host in &hosts {
        let kinds: &[&str] = if host.kind == "btrfs" { &["dir", "btrfs"] } else { &["dir"] };
        for (kind, size) in kinds.iter().flat_map(|kind| [(kind, 128 * MIB), (kind, 0)]) {
            let storage = common::named("test", &host.dir.join(kind), kind, "");
            // As the reference does it, with shifted owners on the disk; through a mapped mount; privileged.
            for (unprivileged, mapped) in [(true, false), (true, true), (false, false)] {
                let what = format!("{kind} on {}, {size}, {unprivileged}, {mapped}", host.kind);
                let root = if unprivileged && !mapped { (100_000, 100_000) } else { (0, 0) };
                let request = Alloc { owner: 100, size, format: None, root };
                let volume = storage.alloc(&request).unwrap();
                let place = storage.locate(&volume, None).unwrap();
                let mounted = mount::volume(&place, &Options::default()).unwrap();
                if mapped {
                    mounted.idmap(&userns).unwrap();
                }
                let dir = mounted.root().unwrap();
                unpack(&packed, &dir, unprivileged.then_some(&userns)).unwrap();
                let path = format!("/proc/{}/fd/{}", std::process::id(), dir.as_raw_fd());
                let seen = describe(Path::new(&path));
                match first.iter().find(|(known, _)| *known == unprivileged) {
                    Some((_, wanted)) => same(&what, &seen, wanted),
                    None => first.push((unprivileged, seen)),
                }
                drop(dir);
                mounted.close().unwrap();
                // On the disk the owners are shifted only where the mount did not do it.
                let mounted = mount::volume(&place, &Options::read_only()).unwrap();
                let flags = rustix::fs::AtFlags::empty();
                let log = rustix::fs::statat(mounted.root().unwrap(), "var/log", flags).unwrap();
                assert_eq!(
                    log.st_uid,
                    if unprivileged && !mapped { 100_104 } else { 104 },
                    "{what}"
                );
                mounted.close().unwrap();
                storage.free(&volume).unwrap();
            }
        }
        host.check_no_loops();
    }
    assert_eq!(first.len(), 2);
}

#[test]
fn progress_goes_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    sh(
        "mkdir tree; head -c 20000000 /dev/urandom > tree/data; tar cf a.tar -C tree .; gzip -1k a.tar; mkdir one two",
        dir.path(),
    );
    for (name, out) in [("a.tar", "one"), ("a.tar.gz", "two")] {
        let archive = Archive::open(&dir.path().join(name)).unwrap();
        let mut seen: Vec<Progress> = Vec::new();
        let root = File::open(dir.path().join(out)).unwrap();
        let mut options = Unpack {
            userns: None,
            limit: None,
            ignore_errors: false,
            progress: &mut |p| seen.push(p),
        };
        archive.unpack(&root, &mut options).unwrap();
        assert!(seen.len() > 5, "{}", seen.len());
        assert!(
            seen.windows(2)
                .all(|two| two[0].read <= two[1].read && two[0].unpacked < two[1].unpacked)
        );
        let last = seen.last().unwrap();
        assert_eq!((last.read, last.size), (archive.size(), archive.size()));
        assert_eq!(last.unpacked, fs::metadata(dir.path().join("a.tar")).unwrap().len());
        same(
            name,
            &sh("cksum < data", &dir.path().join(out)),
            &sh("cksum < data", &dir.path().join("tree")),
        );
    }
    assert_eq!(
        Archive::open(&dir.path().join("a.tar.gz")).unwrap().compression(),
        Compression::Gzip
    );
}

#[test]
fn what_is_no_whole_archive_is_named_as_such() {
    let dir = tempfile::tempdir().unwrap();
    sh(
        "mkdir tree; head -c 3000000 /dev/urandom > tree/data; echo x > tree/small; tar cf a.tar -C tree .
        gzip -k a.tar; xz -k -0 a.tar; zstd -qk a.tar; bzip2 -k a.tar
        for kind in '' .gz .xz .zst .bz2; do head -c 2000000 a.tar$kind > cut$kind; done
        head -c $(( $(stat -c %s a.tar) / 10240 * 10240 - 10240 )) a.tar > cut-between
        echo '#!/bin/sh' > script; : > empty; head -c 1000 /dev/zero > zeros; echo hello | gzip > text.gz; echo hi | zstd -q > text.zst
        cp a.tar.zst bad.zst; printf 'xxxxxxxxxxxxxxxx' | dd of=bad.zst bs=1 seek=1000000 conv=notrunc 2>/dev/null
        cp a.tar.gz bad.gz; printf 'xxxxxxxxxxxxxxxx' | dd of=bad.gz bs=1 seek=1000000 conv=notrunc 2>/dev/null; mkdir out",
        dir.path(),
    );
    let root = File::open(dir.path().join("out")).unwrap();
    let why = |name: &str| unpack(&dir.path().join(name), &root, None).unwrap_err();
    for name in ["script", "empty", "zeros", "text.gz", "text.zst", "out"] {
        let error = why(name);
        assert!(matches!(error, Error::NoArchive(_)), "{name}: {error}");
        assert!(error.to_string().contains("is no archive: expected a tar"), "{error}");
    }
    for name in ["cut", "cut.gz", "cut.xz", "cut.zst", "cut.bz2", "cut-between"] {
        let error = why(name);
        assert!(matches!(error, Error::Truncated { .. }), "{name}: {error}");
    }
    for name in ["bad.zst", "bad.gz"] {
        let error = why(name);
        assert!(matches!(error, Error::Damaged { .. }), "{name}: {error}");
    }
    assert!(matches!(why("missing"), Error::Read { .. }));
    assert_eq!(
        check_init(&root, Path::new("/sbin/init"), Path::new("x.tar")).unwrap_err().to_string(),
        "there is no /sbin/init in x.tar: this is not the root of a system that can be started"
    );
    // A link out of the root is looked up inside it.
    sh("mkdir out/sbin; ln -s /bin/sh out/sbin/init", dir.path());
    check_init(&root, Path::new("/sbin/init"), Path::new("x.tar")).unwrap_err();
}

#[test]
fn one_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    sh(
        "mkdir -p t/etc/vzdump; echo 'arch: amd64' > t/etc/vzdump/pct.conf; head -c 4000000 /dev/urandom > t/z
        tar --zstd -cf a.tar.zst -C t ./etc/vzdump/pct.conf ./z",
        dir.path(),
    );
    let archive = Archive::open(&dir.path().join("a.tar.zst")).unwrap();
    let found = archive.member("./etc/vzdump/pct.conf", 1 << 20).unwrap();
    assert_eq!(found.as_deref(), Some(&b"arch: amd64\n"[..]));
    assert_eq!(archive.member("./etc/vzdump/pct.fw", 1 << 20).unwrap(), None);
    assert!(matches!(archive.member("./z", 1 << 20), Err(Error::TooLarge { .. })));
}

#[test]
fn a_full_volume_is_told_from_a_bad_archive() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("tmpfs", 128 * MIB) else { return };
    sh("mkdir t; head -c 40000000 /dev/urandom > t/data; tar cf a.tar -C t .", &host.dir);
    let storage = host.storage("dir", "");
    let request = Alloc { owner: 100, size: 24 * MIB, format: Some(Format::Raw), root: (0, 0) };
    let volume = storage.alloc(&request).unwrap();
    let mounted =
        mount::volume(&storage.locate(&volume, None).unwrap(), &Options::default()).unwrap();
    let error = unpack(&host.dir.join("a.tar"), &mounted.root().unwrap(), None).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    mounted.close().unwrap();
    storage.free(&volume).unwrap();
    host.check_no_loops();
}
