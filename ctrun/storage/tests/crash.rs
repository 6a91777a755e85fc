//! Killed at any moment.

mod common;

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Host, MIB, check_ext4, isolate, named};
use ct_storage::archive::{Archive, Unpack};
use ct_storage::copy::{Target, copy};
use ct_storage::mount::{self, Options};
use ct_storage::userns::{IdMap, UserNs};
use ct_storage::{Alloc, Feature, Format, NotMounted, Source, Storage};

const DIR: &str = "CT_STORAGE_TEST_DIR";
const ARCHIVE: &str = "CT_STORAGE_TEST_UNPACK";
const KIND: &str = "CT_STORAGE_TEST_KIND";

/// Does one thing after the other until it is killed.
fn work(storage: &dyn Storage) {
    let has_snapshots = storage.can(Feature::Snapshot, Format::Raw, Source::Current);
    loop {
        for size in [16 * MIB, 0] {
            let volume =
                storage.alloc(&Alloc { owner: 100, size, format: None, root: (0, 0) }).unwrap();
            let format = if size == 0 { Format::Subvol } else { Format::Raw };
            if has_snapshots && storage.can(Feature::Snapshot, format, Source::Current) {
                storage.snapshot(&volume, "one", &NotMounted).unwrap();
                storage.rollback(&volume, "one").unwrap();
                let clone = storage.clone_linked(&volume, Some("one"), 100).unwrap();
                storage.free(&clone).unwrap();
                storage.delete_snapshot(&volume, "one").unwrap();
            }
            let target = Target { storage, owner: 100, format: None, size: 0 };
            let made = copy(storage, &volume, None, &target).unwrap();
            if format == Format::Raw {
                storage.resize(&made, 24 * MIB).unwrap();
            }
            let moved = storage.rename(&made, 101).unwrap();
            let base = storage.to_base(&moved).unwrap();
            storage.free(&base).unwrap();
            storage.free(&volume).unwrap();
        }
    }
}

/// Fills volumes from an archive.
fn unpack(storage: &dyn Storage, archive: &Path) {
    let userns = UserNs::new(&IdMap::unprivileged()).unwrap();
    loop {
        let root = (100_000, 100_000);
        let volume =
            storage.alloc(&Alloc { owner: 100, size: 64 * MIB, format: None, root }).unwrap();
        let place = storage.locate(&volume, None).unwrap();
        let mounted = mount::volume(&place, &Options::default()).unwrap();
        let mut options = Unpack {
            userns: Some(&userns),
            limit: None,
            ignore_errors: false,
            progress: &mut |_| {},
        };
        let root = mounted.root().unwrap();
        Archive::open(archive).unwrap().unpack(&root, &mut options).unwrap();
        drop(root);
        mounted.close().unwrap();
        storage.free(&volume).unwrap();
    }
}

/// Not a test of its own: the process that is killed.
#[test]
fn worker() {
    if let (Ok(dir), Ok(kind)) = (std::env::var(DIR), std::env::var(KIND)) {
        let dir = Path::new(&dir);
        match std::env::var_os(ARCHIVE) {
            Some(archive) => unpack(&*named("test", dir, &kind, ""), Path::new(&archive)),
            None => work(&*named("test", dir, &kind, "")),
        }
    }
}

#[test]
fn whatever_was_cut_short_can_be_removed() {
    if !isolate() {
        return;
    }
    for host in Host::all() {
        let kinds: &[&str] = if host.kind == "btrfs" { &["dir", "btrfs"] } else { &["dir"] };
        for kind in kinds {
            let dir = host.dir.join(kind);
            let storage = named("test", &dir, kind, "");
            let mut left_over = 0;
            for round in 0..12u64 {
                let mut worker = Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "worker", "--nocapture"])
                    .env(DIR, &dir)
                    .env(KIND, kind)
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                // Moments spread over what one turn takes.
                let end = Instant::now() + Duration::from_millis(20 + round * 131 % 470);
                while Instant::now() < end {
                    std::thread::sleep(Duration::from_millis(1));
                }
                worker.kill().unwrap();
                let output = worker.wait_with_output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.signal(), Some(9), "{kind} on {}: {said}", host.kind);
                // Programs that it had started come to their end.
                std::thread::sleep(Duration::from_millis(150));
                left_over += check_and_remove(&*storage, &host, &dir);
            }
            assert!(left_over > 0, "nothing was ever cut short");
        }
        host.check_no_loops();
    }
}

#[test]
fn unpacking_that_is_cut_short_leaves_no_loop_device() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("tmpfs", 256 * MIB) else { return };
    common::sh(
        "mkdir t; for n in $(seq 2000); do echo $n > t/$n; done; head -c 8000000 /dev/urandom > t/z; tar czf a.tar.gz -C t .; rm -r t",
        &host.dir,
    );
    let dir = host.dir.join("storage");
    let storage = named("test", &dir, "dir", "");
    let mut volumes = 0;
    for round in 0..10u64 {
        let mut worker = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "worker", "--nocapture"])
            .env(DIR, &dir)
            .env(KIND, "dir")
            .env(ARCHIVE, host.dir.join("a.tar.gz"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(60 + round * 37 % 200));
        worker.kill().unwrap();
        assert_eq!(worker.wait().unwrap().signal(), Some(9));
        // tar sees the end of its input and leaves; with it goes the last that holds the mount.
        host.check_no_loops();
        for info in storage.list(None).unwrap() {
            volumes += 1;
            storage.free(&info.volume).unwrap();
        }
        storage.clean(100).unwrap();
        assert!(!dir.join("images/100").exists());
    }
    assert!(volumes > 0, "it was never killed while it unpacked");
}

/// Says how many things were there.
fn check_and_remove(storage: &dyn Storage, host: &Host, dir: &Path) -> usize {
    let before = host
        .files()
        .iter()
        .filter(|file| file.contains("disk") || file.contains(".ctrun."))
        .count();
    for info in storage.list(None).unwrap() {
        // What has a name is whole.
        if info.format == Format::Raw {
            check_ext4(&storage.path(&info.volume, None).unwrap());
            let wanted = [16 * MIB, 24 * MIB];
            assert!(wanted.contains(&info.size.size), "{info:?}");
            if !info.base {
                storage.resize(&info.volume, 32 * MIB).unwrap();
                check_ext4(&storage.path(&info.volume, None).unwrap());
            }
        }
        storage.free(&info.volume).unwrap();
    }
    for owner in [100, 101] {
        storage.clean(owner).unwrap();
    }
    let left: Vec<String> = host
        .files()
        .into_iter()
        .filter(|file| {
            Path::new(file).starts_with(dir.file_name().unwrap()) && file.contains("images/")
        })
        .collect();
    assert_eq!(left, [""; 0], "{}", host.kind);
    before
}
