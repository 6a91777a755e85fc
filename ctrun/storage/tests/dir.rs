//! The type `dir` on every kind of file system.

mod common;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use std::process::{Command, Stdio};

use common::{Host, MIB, check_ext4, isolate};
use ct_storage::mount::{self, Options};
use ct_storage::{
    Alloc, Content, Error, Feature, Format, Freeze as _, MountedAt, NotMounted, Source, Storage,
    VolumeId,
};

fn raw(owner: u32, size: u64) -> Alloc {
    Alloc { owner, size, format: None, root: (100_000, 100_000) }
}

fn write(storage: &dyn Storage, volume: &VolumeId, text: &str) {
    let mounted =
        mount::volume(&storage.locate(volume, None).unwrap(), &Options::default()).unwrap();
    let root = mounted.root().unwrap();
    let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::TRUNC;
    let file = rustix::fs::openat(&root, "file", flags, 0o644.into()).unwrap();
    File::from(file).write_all(text.as_bytes()).unwrap();
    drop(root);
    mounted.close().unwrap();
}

fn read(storage: &dyn Storage, volume: &VolumeId, snapshot: Option<&str>) -> String {
    let place = storage.locate(volume, snapshot).unwrap();
    let mounted = mount::volume(&place, &Options::read_only()).unwrap();
    let root = mounted.root().unwrap();
    let file = rustix::fs::openat(&root, "file", rustix::fs::OFlags::RDONLY, 0.into()).unwrap();
    let text = std::io::read_to_string(File::from(file)).unwrap();
    drop(root);
    drop(mounted);
    text
}

#[test]
fn volumes_come_and_go() {
    if !isolate() {
        return;
    }
    for host in Host::all() {
        let storage = host.storage("dir", "");
        let kind = host.kind;
        storage.activate().unwrap();
        let first = storage.alloc(&raw(100, 64 * MIB)).unwrap();
        let tree = storage.alloc(&raw(100, 0)).unwrap();
        let other = storage.alloc(&raw(101, 32 * MIB)).unwrap();
        assert_eq!(first.to_string(), "test:100/vm-100-disk-0.raw", "{kind}");
        assert_eq!(tree.to_string(), "test:100/subvol-100-disk-1.subvol");
        assert_eq!(other.to_string(), "test:101/vm-101-disk-0.raw");

        let path = storage.path(&first, None).unwrap();
        assert_eq!(path, host.dir.join("images/100/vm-100-disk-0.raw"));
        check_ext4(&path);
        let size = storage.size(&first).unwrap();
        assert_eq!(size.size, 64 * MIB);
        assert!(size.used.unwrap() < 32 * MIB, "{kind}: not sparse: {size:?}");
        let mounted =
            mount::volume(&storage.locate(&first, None).unwrap(), &Options::default()).unwrap();
        let root = mounted.root().unwrap().metadata().unwrap();
        assert_eq!((root.uid(), root.gid(), root.mode() & 0o7777), (100_000, 100_000, 0o755));
        assert!(matches!(storage.free(&first), Err(Error::Busy { .. })), "{kind}");
        mounted.close().unwrap();
        let dir = fs::metadata(storage.path(&tree, None).unwrap()).unwrap();
        assert_eq!((dir.uid(), dir.gid(), dir.mode() & 0o7777), (100_000, 100_000, 0o755));
        // Nobody but root comes near what is set-user-id in it.
        assert_eq!(fs::metadata(host.dir.join("images/100")).unwrap().mode() & 0o7777, 0o700);

        let listed: Vec<String> =
            storage.list(None).unwrap().iter().map(|info| info.volume.to_string()).collect();
        let mut all = vec![tree.to_string(), first.to_string(), other.to_string()];
        all.sort();
        assert_eq!(listed, all, "{kind}");
        let json = serde_json::to_value(storage.list(Some(101)).unwrap()).unwrap();
        assert_eq!(json[0]["volume"], "test:101/vm-101-disk-0.raw");
        assert_eq!(json[0]["size"], 32 * MIB);
        assert_eq!(json[0]["format"], "raw");

        storage.free(&first).unwrap();
        assert!(matches!(storage.free(&first), Err(Error::NoVolume(_))));
        // The lowest free number is taken again.
        let again = storage.alloc(&raw(100, 32 * MIB)).unwrap();
        assert_eq!(again, first);
        fs::write(storage.path(&tree, None).unwrap().join("x"), "x").unwrap();
        for volume in [&again, &tree, &other] {
            storage.free(volume).unwrap();
        }
        assert_eq!(host.files(), ["images"], "{kind}");
        host.check_no_loops();
    }
}

#[test]
fn an_image_grows_and_never_shrinks() {
    if !isolate() {
        return;
    }
    for host in Host::all() {
        let storage = host.storage("dir", "");
        let volume = storage.alloc(&raw(100, 64 * MIB)).unwrap();
        write(&*storage, &volume, "kept");
        assert_eq!(storage.resize(&volume, 160 * MIB).unwrap(), 160 * MIB);
        let path = storage.path(&volume, None).unwrap();
        check_ext4(&path);
        assert_eq!(read(&*storage, &volume, None), "kept");
        let mounted =
            mount::volume(&storage.locate(&volume, None).unwrap(), &Options::default()).unwrap();
        let room = rustix::fs::fstatvfs(mounted.root().unwrap()).unwrap();
        assert!(room.f_blocks * room.f_frsize > 140 * MIB, "{}", host.kind);
        mounted.close().unwrap();
        let shrunk = storage.resize(&volume, 32 * MIB).unwrap_err();
        assert_eq!(
            shrunk.to_string(),
            "unable to shrink test:100/vm-100-disk-0.raw from 160M to 32M: the files in it could be lost"
        );
        // A resize that was killed after the image became longer is finished by the same again.
        File::options().write(true).open(&path).unwrap().set_len(200 * MIB).unwrap();
        storage.resize(&volume, 200 * MIB).unwrap();
        let mounted =
            mount::volume(&storage.locate(&volume, None).unwrap(), &Options::read_only()).unwrap();
        let room = rustix::fs::fstatvfs(mounted.root().unwrap()).unwrap();
        assert!(room.f_blocks * room.f_frsize > 175 * MIB);
        mounted.close().unwrap();
        let tree = storage.alloc(&raw(100, 0)).unwrap();
        assert!(matches!(storage.resize(&tree, MIB), Err(Error::NotPossible { .. })));
    }
}

#[test]
fn an_image_grows_while_it_is_mounted() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("tmpfs", 512 * MIB) else { return };
    let storage = host.storage("dir", "");
    let volume = storage.alloc(&raw(100, 64 * MIB)).unwrap();
    let target = host.dir.join("mnt");
    fs::create_dir(&target).unwrap();
    let mounted =
        mount::volume(&storage.locate(&volume, None).unwrap(), &Options::default()).unwrap();
    // resize2fs looks for the mount in /proc/mounts.
    mounted.into_mount().attach(File::open(&target).unwrap()).unwrap();
    match storage.resize(&volume, 128 * MIB) {
        Ok(size) => {
            assert_eq!(size, 128 * MIB);
            let room = rustix::fs::statvfs(&target).unwrap();
            assert!(room.f_blocks * room.f_frsize > 110 * MIB);
        }
        // CAP_SYS_RESOURCE is missing here, as in many virtual machines for builds.
        Err(Error::Program { message, .. })
            if message.contains("Permission denied") || message.contains("not permitted") =>
        {
            common::skip(&format!("this machine does not let a mounted ext4 grow: {message}"));
        }
        Err(e) => panic!("{e}"),
    }
    rustix::mount::unmount(&target, rustix::mount::UnmountFlags::empty()).unwrap();
    host.check_no_loops();
    check_ext4(&storage.path(&volume, None).unwrap());
    // What was cut short is finished offline.
    storage.resize(&volume, 128 * MIB).unwrap();
    check_ext4(&storage.path(&volume, None).unwrap());
}

#[test]
fn snapshots_where_blocks_are_shared() {
    if !isolate() {
        return;
    }
    for host in Host::all() {
        let storage = host.storage("dir", "");
        let volume = storage.alloc(&raw(100, 64 * MIB)).unwrap();
        let can = storage.can(Feature::Snapshot, Format::Raw, Source::Current);
        assert_eq!(can, matches!(host.kind, "xfs" | "btrfs"), "{}", host.kind);
        if !can {
            let error = storage.snapshot(&volume, "one", &NotMounted).unwrap_err().to_string();
            assert!(error.contains("cannot share blocks"), "{error}");
            assert_eq!(storage.snapshots(&volume).unwrap(), [""; 0]);
            continue;
        }
        write(&*storage, &volume, "first");
        storage.snapshot(&volume, "one", &NotMounted).unwrap();
        assert!(matches!(
            storage.snapshot(&volume, "one", &NotMounted),
            Err(Error::SnapshotExists { .. })
        ));
        assert!(matches!(storage.snapshot(&volume, "../x", &NotMounted), Err(Error::Name(_))));
        write(&*storage, &volume, "second");
        storage.snapshot(&volume, "two", &NotMounted).unwrap();
        write(&*storage, &volume, "third");
        assert_eq!(storage.snapshots(&volume).unwrap(), ["one", "two"]);
        // They are no volumes.
        assert_eq!(storage.list(None).unwrap().len(), 1);
        assert_eq!(read(&*storage, &volume, Some("one")), "first");
        assert_eq!(read(&*storage, &volume, None), "third");

        for error in
            [storage.to_base(&volume).unwrap_err(), storage.rename(&volume, 101).unwrap_err()]
        {
            assert!(error.to_string().contains("has snapshots (one, two)"), "{error}");
        }
        storage.rollback(&volume, "one").unwrap();
        assert_eq!(read(&*storage, &volume, None), "first");
        storage.rollback(&volume, "two").unwrap();
        assert_eq!(read(&*storage, &volume, None), "second");
        assert!(matches!(storage.rollback(&volume, "no"), Err(Error::NoSnapshot { .. })));

        let clone = storage.clone_linked(&volume, Some("one"), 102).unwrap();
        assert_eq!(clone.to_string(), "test:102/vm-102-disk-0.raw");
        assert_eq!(read(&*storage, &clone, None), "first");
        write(&*storage, &clone, "own");
        storage.delete_snapshot(&volume, "one").unwrap();
        assert!(matches!(storage.delete_snapshot(&volume, "one"), Err(Error::NoSnapshot { .. })));
        assert_eq!(read(&*storage, &clone, None), "own");
        let error = storage.clone_linked(&volume, None, 102).unwrap_err().to_string();
        assert!(error.contains("cannot do this with a volume"), "{error}");
        storage.free(&volume).unwrap();
        storage.free(&clone).unwrap();
        assert_eq!(host.files(), ["images"]);
        host.check_no_loops();
    }
}

#[test]
fn a_snapshot_of_a_mounted_image_is_of_one_moment() {
    if !isolate() {
        return;
    }
    for host in Host::all().into_iter().filter(|host| matches!(host.kind, "xfs" | "btrfs")) {
        for kind in ["dir", "btrfs"] {
            if kind != "dir" && kind != host.kind {
                continue;
            }
            let storage = host.storage(kind, "");
            let volume = storage.alloc(&raw(100, 64 * MIB)).unwrap();
            let mounted =
                mount::volume(&storage.locate(&volume, None).unwrap(), &Options::default())
                    .unwrap();
            let root = mounted.root().unwrap();
            let path = format!("/proc/self/fd/{}/file", std::os::fd::AsRawFd::as_raw_fd(&root));
            let stop = std::sync::atomic::AtomicBool::new(false);
            std::thread::scope(|scope| {
                // Numbered records, each on the disk before the next.
                let writer = scope.spawn(|| {
                    let mut file = File::create(&path).unwrap();
                    let mut n = 0u64;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        // One write each: writeln! makes several.
                        file.write_all(format!("{n:08}\n").as_bytes()).unwrap();
                        file.sync_data().unwrap();
                        n += 1;
                    }
                    n
                });
                std::thread::sleep(std::time::Duration::from_millis(150));
                assert!(matches!(
                    storage.snapshot(&volume, "no", &NotMounted),
                    Err(Error::Busy { .. })
                ));
                let before = fs::read_to_string(&path).unwrap().lines().count();
                storage
                    .snapshot(&volume, "live", &MountedAt(root.try_clone().unwrap().into()))
                    .unwrap();
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
                let written = writer.join().unwrap();
                let started = std::time::Instant::now();
                let text = read(&*storage, &volume, Some("live"));
                let kept = text.lines().count();
                assert!(
                    before > 3 && kept >= before && kept as u64 <= written,
                    "{before} {kept} {written}"
                );
                for (n, line) in text.lines().enumerate() {
                    assert_eq!(line, format!("{n:08}"));
                }
                check_ext4(&storage.path(&volume, Some("live")).unwrap());
                // A clone mounts at once: nothing says that somebody else has it.
                let clone = storage.clone_linked(&volume, Some("live"), 101).unwrap();
                write(&*storage, &clone, "mine");
                assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
            });
            drop(root);
            mounted.close().unwrap();
            storage.rollback(&volume, "live").unwrap();
            for info in storage.list(None).unwrap() {
                storage.free(&info.volume).unwrap();
            }
        }
        host.check_no_loops();
    }
}

const FROZEN: &str = "CT_STORAGE_TEST_FROZEN";

/// Not a test of its own: the process that is killed while it has something frozen.
#[test]
fn freezer() {
    let Ok(dir) = std::env::var(FROZEN) else { return };
    let at = File::open(&dir).unwrap();
    let volume: VolumeId = "test:100/vm-100-disk-0.raw".parse().unwrap();
    let _ = MountedAt(at.into()).frozen(&volume, &mut || {
        println!("frozen");
        std::thread::sleep(std::time::Duration::from_secs(60));
        Ok(())
    });
}

#[test]
fn a_killed_snapshot_leaves_nothing_frozen() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("xfs", 1024 * MIB) else { return };
    // The copy fails: the file system is thawed all the same.
    let at = File::open(&host.dir).unwrap();
    let volume: VolumeId = "test:100/vm-100-disk-0.raw".parse().unwrap();
    let result = MountedAt(at.into()).frozen(&volume, &mut || Err(Error::NoVolume("x".into())));
    assert!(matches!(result, Err(Error::NoVolume(_))));
    fs::write(host.dir.join("x"), "not frozen").unwrap();

    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "freezer", "--nocapture"])
        .env(FROZEN, &host.dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    assert!(out.lines().any(|line| line.unwrap().contains("frozen")));
    let path = host.dir.join("y");
    let writer = std::thread::spawn(move || fs::write(path, "waits"));
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(!writer.is_finished(), "it was not frozen at all");
    child.kill().unwrap();
    child.wait().unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !writer.is_finished() && std::time::Instant::now() < end {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // Not joined before it is known to end: it would wait for ever.
    assert!(writer.is_finished(), "it is still frozen");
    writer.join().unwrap().unwrap();
    // What cannot be frozen is an error that says so.
    let at = File::open("/proc").unwrap();
    let error = MountedAt(at.into()).frozen(&volume, &mut || Ok(())).unwrap_err().to_string();
    assert!(error.contains("freeze test:100/vm-100-disk-0.raw"), "{error}");
}

#[test]
fn bases_clones_and_new_owners() {
    if !isolate() {
        return;
    }
    for host in Host::all() {
        let storage = host.storage("dir", "");
        let kind = host.kind;
        for size in [64 * MIB, 0] {
            let volume = storage.alloc(&raw(900, size)).unwrap();
            write(&*storage, &volume, "base");
            let base = storage.to_base(&volume).unwrap();
            let ending = if size == 0 { "subvol" } else { "raw" };
            assert_eq!(base.to_string(), format!("test:900/base-900-disk-0.{ending}"), "{kind}");
            assert!(matches!(storage.locate(&volume, None), Err(Error::NoVolume(_))));
            assert!(storage.list(Some(900)).unwrap()[0].base);
            for error in [
                storage.to_base(&base).unwrap_err(),
                storage.resize(&base, 128 * MIB).unwrap_err(),
                storage.rename(&base, 100).unwrap_err(),
                storage.snapshot(&base, "aa", &NotMounted).unwrap_err(),
            ] {
                assert!(matches!(error, Error::IsBase { .. }), "{kind}: {error}");
            }
            // Its number stays taken.
            let next = storage.alloc(&raw(900, size)).unwrap();
            assert!(next.name().contains("-disk-1."), "{next}");
            let moved = storage.rename(&next, 901).unwrap();
            assert!(moved.name().starts_with("901/"), "{moved}");
            assert!(matches!(storage.free(&next), Err(Error::NoVolume(_))));
            storage.free(&moved).unwrap();
            if storage.can(Feature::Clone, base_format(size), Source::Base) {
                let clone = storage.clone_linked(&base, None, 902).unwrap();
                assert_eq!(read(&*storage, &clone, None), "base");
                write(&*storage, &clone, "changed");
                assert_eq!(read(&*storage, &base, None), "base");
                storage.free(&clone).unwrap();
            } else {
                storage.clone_linked(&base, None, 902).unwrap_err();
            }
            storage.free(&base).unwrap();
            assert_eq!(host.files(), ["images"], "{kind}");
        }
        host.check_no_loops();
    }
}

fn base_format(size: u64) -> Format {
    if size == 0 { Format::Subvol } else { Format::Raw }
}

#[test]
fn what_cannot_be_is_refused() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("tmpfs", 64 * MIB) else { return };
    let storage = host.storage("dir", "");
    let sized_tree = Alloc { format: Some(Format::Subvol), ..raw(100, MIB) };
    assert!(storage.alloc(&sized_tree).unwrap_err().to_string().contains("no limit of its own"));
    let empty_image = Alloc { format: Some(Format::Raw), ..raw(100, 0) };
    assert!(storage.alloc(&empty_image).unwrap_err().to_string().contains("the size 0"));
    // Too small for ext4.
    let error = storage.alloc(&raw(100, 4096)).unwrap_err();
    assert!(matches!(error, Error::Program { .. }), "{error}");
    assert_eq!(host.files(), ["images"]);
    for name in ["100/../../x.raw", "100/vm-100-disk-0.qcow2", "vztmpl/x.tar"] {
        storage.locate(&VolumeId::new("test", name), None).unwrap_err();
    }
    // A link in place of a volume is none.
    fs::create_dir_all(host.dir.join("images/100")).unwrap();
    std::os::unix::fs::symlink("/etc", host.dir.join("images/100/subvol-100-disk-0.subvol"))
        .unwrap();
    let link = VolumeId::new("test", "100/subvol-100-disk-0.subvol");
    assert!(matches!(storage.locate(&link, None), Err(Error::NoVolume(_))));
    storage.free(&link).unwrap_err();

    let missing = common::storage_at(&host.dir.join("missing"), "dir", "\tmkdir 0\n");
    let error = missing.alloc(&raw(100, 0)).unwrap_err().to_string();
    assert!(error.contains("No such file"), "{error}");
    let unmounted = common::storage_at(&host.dir.join("images"), "dir", "\tis_mountpoint yes\n");
    let error = unmounted.alloc(&raw(100, 0)).unwrap_err();
    assert!(matches!(error, Error::NotMounted { .. }), "{error}");
    let there = host.storage("dir", "\tis_mountpoint 1\n");
    there.activate().unwrap();
    let no_btrfs = host.storage("btrfs", "").alloc(&raw(100, 0)).unwrap_err().to_string();
    assert!(no_btrfs.contains("is not on a btrfs file system"), "{no_btrfs}");
}

#[test]
fn a_full_storage_is_left_as_it_was() {
    if !isolate() {
        return;
    }
    for kind in ["tmpfs", "small-ext4"] {
        let Some(host) = Host::new(kind, 24 * MIB) else { continue };
        let storage = host.storage("dir", "\tpreallocation full\n");
        storage.activate().unwrap();
        let error = storage.alloc(&raw(100, 256 * MIB)).unwrap_err();
        assert!(error.is_full(), "{kind}: {error}");
        assert_eq!(host.files(), ["images"], "{kind}");
        // Without setting aside it fails where the file system is made, or when it is filled.
        let sparse = host.storage("dir", "");
        let filler = File::create(host.dir.join("filler")).unwrap();
        let block = vec![1; 1 << 16];
        let mut at = 0;
        while filler.write_at(&block, at).is_ok_and(|n| n == block.len()) {
            at += block.len() as u64;
        }
        let error = sparse.alloc(&raw(100, 256 * MIB)).unwrap_err();
        assert!(matches!(error, Error::Program { .. } | Error::Io { .. }), "{kind}: {error}");
        drop(filler);
        fs::remove_file(host.dir.join("filler")).unwrap();
        assert_eq!(host.files(), ["images"], "{kind}");
    }
}

#[test]
fn space_set_aside_is_kept() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("tmpfs", 256 * MIB) else { return };
    for how in ["falloc", "full"] {
        let storage = host.storage("dir", &format!("\tpreallocation {how}\n"));
        let volume = storage.alloc(&raw(100, 64 * MIB)).unwrap();
        let used = storage.size(&volume).unwrap().used.unwrap();
        // mkfs punches out a few blocks of its own.
        assert!(used >= 63 * MIB, "{how}: {used}");
        check_ext4(&storage.path(&volume, None).unwrap());
        storage.free(&volume).unwrap();
    }
}

#[test]
fn templates_and_backups_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let storage = common::storage_at(dir.path(), "dir", "");
    assert_eq!(storage.items(Content::VzTmpl).unwrap(), []);
    let cache = dir.path().join("template/cache");
    fs::create_dir_all(&cache).unwrap();
    fs::create_dir_all(dir.path().join("dump")).unwrap();
    for (name, size) in [("b.tar.zst", 10), ("a.tar", 20), ("a.txt", 1), (".x.tar", 1)] {
        fs::write(cache.join(name), vec![0; size]).unwrap();
    }
    fs::create_dir(cache.join("dir.tar")).unwrap();
    fs::write(dir.path().join("dump/vzdump-lxc-104-2026_11_24-10_00_00.tar.zst"), "x").unwrap();
    let items = storage.items(Content::VzTmpl).unwrap();
    let shown: Vec<_> = items.iter().map(|item| (item.volume.to_string(), item.size)).collect();
    assert_eq!(shown, [("test:vztmpl/a.tar".into(), 20), ("test:vztmpl/b.tar.zst".into(), 10)]);
    assert!(items[0].modified > 1_600_000_000);
    let json = serde_json::to_value(storage.items(Content::Backup).unwrap()).unwrap();
    assert_eq!(json[0]["owner"], 104);
    assert_eq!(json[0]["content"], "backup");
    storage.free(&items[0].volume).unwrap();
    assert!(matches!(storage.free(&items[0].volume), Err(Error::NoVolume(_))));
    assert_eq!(storage.items(Content::VzTmpl).unwrap().len(), 1);
    assert!(storage.status().unwrap().total > 0);
}

#[test]
fn two_at_once_get_different_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let storage = common::storage_at(dir.path(), "dir", "");
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let request = Alloc { owner: 100, size: 0, format: None, root: (uid, gid) };
    let image = Alloc { size: 8 * MIB, ..request };
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (storage, request) = (&storage, if n % 2 == 0 { &request } else { &image });
            scope.spawn(move || {
                for _ in 0..4 {
                    storage.alloc(request).unwrap();
                }
            });
        }
    });
    let volumes = storage.list(Some(100)).unwrap();
    let mut numbers: Vec<u32> = volumes
        .iter()
        .map(|info| {
            let name = info.volume.name();
            name.rsplit_once("disk-").unwrap().1.split('.').next().unwrap().parse().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..32).collect::<Vec<u32>>());
}
