//! Volumes, directories and devices as mounts.

mod common;

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Host, MIB, check_ext4, isolate, run};
use ct_storage::mount::{self, Error, Mounted, Options};
use ct_storage::userns::{IdMap, Range, UserNs};
use ct_storage::{Alloc, NotMounted};
use ct_sys::loopdev::Loop;

/// The options that the kernel shows of a mount, by attaching it for a moment.
fn shown(mounted: Mounted, at: &Path) -> String {
    fs::create_dir_all(at).unwrap();
    mounted.into_mount().attach(File::open(at).unwrap()).unwrap();
    let table = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let line = table.lines().find(|line| line.split(' ').nth(4) == at.to_str()).unwrap().to_owned();
    rustix::mount::unmount(at, rustix::mount::UnmountFlags::empty()).unwrap();
    let mut fields = line.split(' ');
    let per_mount = fields.nth(5).unwrap().to_owned();
    format!("{per_mount} | {}", line.rsplit(' ').next().unwrap())
}

fn options(words: &[&str]) -> Options {
    Options { mount_options: words.iter().map(|&word| word.into()).collect(), ..Options::default() }
}

#[test]
fn options_arrive_where_they_belong() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("tmpfs", 256 * MIB) else { return };
    let storage = host.storage("dir", "");
    let root = (0, 0);
    let image = storage.alloc(&Alloc { owner: 100, size: 32 * MIB, format: None, root }).unwrap();
    let tree = storage.alloc(&Alloc { owner: 100, size: 0, format: None, root }).unwrap();
    let at = host.dir.join("at");
    let open = |volume, options: &Options| {
        mount::volume(&storage.locate(volume, None).unwrap(), options).unwrap()
    };

    let all = options(&["noatime", "nodev", "noexec", "nosuid", "discard", "lazytime"]);
    let mounted = open(&image, &all);
    assert_eq!(mounted.warnings(), [""; 0]);
    let seen = shown(mounted, &at);
    for word in ["noatime", "nodev", "noexec", "nosuid", "discard", "lazytime", "rw"] {
        assert!(seen.contains(word), "{word}: {seen}");
    }
    let seen = shown(open(&image, &Options { read_only: true, ..all.clone() }), &at);
    assert!(seen.starts_with("ro,nosuid,nodev,noexec") && seen.contains("| ro"), "{seen}");
    let quota = Options { quota: true, acl: Some(true), ..Options::default() };
    let mounted = open(&image, &quota);
    assert_eq!(mounted.warnings(), [""; 0]);
    let seen = shown(mounted, &at);
    assert!(seen.contains("usrjquota=aquota.user") && seen.contains("jqfmt=vfsv0"), "{seen}");
    // Nothing is counted where nothing is written.
    let seen = shown(open(&image, &Options { read_only: true, ..quota.clone() }), &at);
    assert!(!seen.contains("quota"), "{seen}");
    let no_acl = open(&image, &Options { acl: Some(false), ..Options::default() });
    assert!(
        no_acl.warnings()[0].contains("cannot turn access control lists off"),
        "{:?}",
        no_acl.warnings()
    );
    drop(no_acl);

    let mounted = open(&tree, &Options { quota: true, ..all });
    let warnings = mounted.warnings().join("\n");
    for word in ["quotas", "`discard`", "`lazytime`"] {
        assert!(warnings.contains(word), "{word}: {warnings}");
    }
    let seen = shown(mounted, &at);
    assert!(seen.contains("noexec"), "{seen}");
    // Either it is set or it is said.
    assert!(seen.contains("noatime") || warnings.contains("`noatime`"), "{seen}");
    host.check_no_loops();
}

#[test]
fn nothing_changes_a_base_or_a_snapshot() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("xfs", 1024 * MIB) else { return };
    let storage = host.storage("dir", "");
    let volume =
        storage.alloc(&Alloc { owner: 100, size: 32 * MIB, format: None, root: (0, 0) }).unwrap();
    storage.snapshot(&volume, "one", &NotMounted).unwrap();
    let path = storage.path(&volume, Some("one")).unwrap();
    let before = fs::read(&path).unwrap();
    let mounted =
        mount::volume(&storage.locate(&volume, Some("one")).unwrap(), &Options::default()).unwrap();
    let root = mounted.root().unwrap();
    let made = rustix::fs::mkdirat(&root, "x", 0o755.into());
    assert_eq!(made, Err(rustix::io::Errno::ROFS));
    // Twice at once, as a backup and a clone would.
    let again =
        mount::volume(&storage.locate(&volume, Some("one")).unwrap(), &Options::default()).unwrap();
    drop((root, again));
    let device = mounted.device().unwrap().to_owned();
    let read_only = fs::read_to_string(format!(
        "/sys/block/{}/ro",
        device.file_name().unwrap().to_str().unwrap()
    ));
    assert_eq!(read_only.unwrap().trim(), "1");
    mounted.close().unwrap();
    assert!(fs::read(&path).unwrap() == before);
    host.check_no_loops();
}

#[test]
fn an_image_that_is_none_is_refused() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("tmpfs", 64 * MIB) else { return };
    let storage = host.storage("dir", "");
    fs::create_dir_all(host.dir.join("images/100")).unwrap();
    let path = host.dir.join("images/100/vm-100-disk-0.raw");
    let volume = "test:100/vm-100-disk-0.raw".parse().unwrap();
    let why = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        mount::volume(&storage.locate(&volume, None).unwrap(), &Options::default()).unwrap_err()
    };
    assert!(matches!(why(b""), Error::NoFileSystem(_)));
    assert!(matches!(why(&[0; 1 << 20]), Error::NoFileSystem(_)));
    let mut fake = vec![0; 1 << 20];
    fake[0x438..0x43a].copy_from_slice(&[0x53, 0xef]);
    let error = why(&fake);
    assert!(matches!(error, Error::Sys { .. }), "{error}");
    assert!(error.to_string().contains("vm-100-disk-0.raw"), "{error}");
    host.check_no_loops();
    // What is resized has to be ext4.
    fs::write(&path, vec![0; 1 << 20]).unwrap();
    let error = storage.resize(&volume, 2 * MIB).unwrap_err().to_string();
    assert!(error.contains("no file system that we know"), "{error}");
    assert_eq!(fs::metadata(&path).unwrap().len(), MIB);
}

#[test]
fn other_file_systems_in_images_are_mounted_too() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("tmpfs", 1024 * MIB) else { return };
    let storage = host.storage("dir", "");
    fs::create_dir_all(host.dir.join("images/100")).unwrap();
    for (n, mkfs) in ["mkfs.xfs", "mkfs.btrfs"].into_iter().enumerate() {
        if !common::has(mkfs) {
            continue;
        }
        let file = format!("vm-100-disk-{n}.raw");
        let path = host.dir.join("images/100").join(&file);
        File::create(&path).unwrap().set_len(400 * MIB).unwrap();
        run(Command::new(mkfs).arg("-q").arg(&path));
        let volume = ct_storage::VolumeId::new("test", format!("100/{file}"));
        let place = storage.locate(&volume, None).unwrap();
        let mounted =
            mount::volume(&place, &Options { acl: Some(true), ..Options::default() }).unwrap();
        rustix::fs::mkdirat(mounted.root().unwrap(), "x", 0o755.into()).unwrap();
        mounted.close().unwrap();
    }
    host.check_no_loops();
}

#[test]
fn a_source_behind_a_link_is_refused() {
    if !isolate() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real/sub");
    fs::create_dir_all(&real).unwrap();
    fs::write(real.join("file"), "x").unwrap();
    symlink("real", dir.path().join("link")).unwrap();
    symlink("sub", dir.path().join("real/last")).unwrap();
    for path in ["link/sub", "real/last"] {
        let error = mount::directory(&dir.path().join(path), &Options::default()).unwrap_err();
        assert!(matches!(error, Error::Link(_)), "{path}: {error}");
    }
    assert!(matches!(
        mount::directory(&dir.path().join("none"), &Options::default()),
        Err(Error::Open { .. })
    ));
    assert!(matches!(mount::device(&real, &Options::default()), Err(Error::Kind { .. })));
    assert!(matches!(
        mount::device(Path::new("/dev/null"), &Options::default()),
        Err(Error::Kind { .. })
    ));
    let mounted = mount::directory(&real, &Options::read_only()).unwrap();
    let root = mounted.root().unwrap();
    assert_eq!(rustix::fs::mkdirat(&root, "x", 0o755.into()), Err(rustix::io::Errno::ROFS));
    // A single file, too.
    mount::directory(&real.join("file"), &Options::default()).unwrap();
}

#[test]
fn nobody_gets_another_directory_by_renaming() {
    if !isolate() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (good, evil) = (dir.path().join("good"), dir.path().join("evil"));
    fs::create_dir(&good).unwrap();
    fs::create_dir(&evil).unwrap();
    let inode = fs::metadata(&good).unwrap().ino();
    let other = fs::metadata(&evil).unwrap().ino();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let results: Vec<_> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let (cwd, flags) = (rustix::fs::CWD, rustix::fs::RenameFlags::EXCHANGE);
                rustix::fs::renameat_with(cwd, &good, cwd, &evil, flags).unwrap();
            }
        });
        let results = (0..3000).map(|_| mount::directory(&good, &Options::default())).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        results
    });
    let mut refused = 0;
    for result in results {
        match result {
            Ok(mounted) => {
                let found = mounted.root().unwrap().metadata().unwrap().ino();
                assert!([inode, other].contains(&found));
            }
            Err(Error::Replaced(_)) => refused += 1,
            Err(e) => panic!("{e}"),
        }
    }
    assert!(refused > 0, "the race was never met");
}

#[test]
fn owners_are_mapped() {
    if !isolate() {
        return;
    }
    let range = Range { inside: 0, outside: 100_000, count: 65536 };
    let userns = UserNs::new(&IdMap { users: vec![range], groups: vec![range] }).unwrap();
    for host in Host::all() {
        let storage = host.storage("dir", "");
        for size in [32 * MIB, 0] {
            let volume =
                storage.alloc(&Alloc { owner: 100, size, format: None, root: (0, 0) }).unwrap();
            let mounted =
                mount::volume(&storage.locate(&volume, None).unwrap(), &Options::default())
                    .unwrap();
            mounted.idmap(&userns).unwrap();
            let found = mounted.root().unwrap().metadata().unwrap();
            assert_eq!((found.uid(), found.gid()), (100_000, 100_000), "{} {size}", host.kind);
            mounted.close().unwrap();
        }
    }
    let none = IdMap { users: vec![Range { inside: 1, ..range }], groups: vec![range] };
    assert!(UserNs::new(&none).unwrap_err().to_string().contains("no range maps user 0"));
    let twice = IdMap { users: vec![range, range], groups: vec![range] };
    assert!(UserNs::new(&twice).unwrap_err().to_string().contains("uid_map"));
}

#[test]
fn a_device_is_mounted() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("tmpfs", 64 * MIB) else { return };
    let image = host.dir.join("image");
    File::create(&image).unwrap().set_len(32 * MIB).unwrap();
    run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image));
    let device = Loop::attach(&image, false).unwrap();
    let mounted = mount::device(device.path(), &options(&["nodev"])).unwrap();
    rustix::fs::mkdirat(mounted.root().unwrap(), "x", 0o755.into()).unwrap();
    mounted.close().unwrap();
    device.detach().unwrap();
    host.check_no_loops();
    check_ext4(&image);
}

#[test]
fn a_dropped_mount_is_gone() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("tmpfs", 64 * MIB) else { return };
    let storage = host.storage("dir", "");
    let volume =
        storage.alloc(&Alloc { owner: 100, size: 32 * MIB, format: None, root: (0, 0) }).unwrap();
    let before = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    for _ in 0..10 {
        let mounted =
            mount::volume(&storage.locate(&volume, None).unwrap(), &Options::default()).unwrap();
        assert_eq!(fs::read_to_string("/proc/thread-self/mountinfo").unwrap(), before);
        let path = PathBuf::from(format!("/proc/self/fd/{}", mounted.root().unwrap().as_raw_fd()));
        drop((mounted, path));
    }
    host.check_no_loops();
    storage.free(&volume).unwrap();
}

#[test]
fn directories_that_are_better_not_given_away_are_known() {
    for path in
        ["/", "/etc", "/etc/ssh", "/var", "/proc/sys", "/dev", "/root", "/usr/bin", "/run/lock"]
    {
        assert!(mount::is_sensitive(Path::new(path)), "{path}");
    }
    for path in ["/srv/data", "/var/lib/data", "/mnt/bulk", "/home/alice", "/etcetera"] {
        assert!(!mount::is_sensitive(Path::new(path)), "{path}");
    }
}
