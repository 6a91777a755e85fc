//! The type `btrfs`.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use common::{Host, MIB, check_ext4, isolate, run};
use ct_storage::{Alloc, Error, Feature, Format, NotMounted, Source};

fn alloc(owner: u32, size: u64) -> Alloc {
    Alloc { owner, size, format: None, root: (100_000, 100_000) }
}

fn host() -> Option<Host> {
    if !isolate() {
        return None;
    }
    Host::new("btrfs", 1024 * MIB)
}

fn is_read_only(path: &Path) -> bool {
    fs::write(path.join("probe"), "").is_err()
}

#[test]
fn subvolumes_come_and_go() {
    let Some(host) = host() else { return };
    let storage = host.storage("btrfs", "");
    let tree = storage.alloc(&alloc(100, 0)).unwrap();
    let image = storage.alloc(&alloc(100, 64 * MIB)).unwrap();
    assert_eq!(tree.to_string(), "test:100/subvol-100-disk-0.subvol");
    assert_eq!(image.to_string(), "test:100/vm-100-disk-1.raw");
    let path = storage.path(&image, None).unwrap();
    assert_eq!(path, host.dir.join("images/100/vm-100-disk-1/disk.raw"));
    check_ext4(&path);
    let dir = storage.path(&tree, None).unwrap();
    let found = fs::metadata(&dir).unwrap();
    assert_eq!((found.ino(), found.uid(), found.mode() & 0o7777), (256, 100_000, 0o755));
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().ino(), 256);
    let listed = storage.list(Some(100)).unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().any(|info| info.volume == image && info.size.size == 64 * MIB));
    assert_eq!(storage.resize(&image, 128 * MIB).unwrap(), 128 * MIB);
    check_ext4(&path);
    assert!(matches!(storage.resize(&image, MIB), Err(Error::Shrink { .. })));

    // A guest's own subvolumes go with it, nested and read-only ones too.
    run(Command::new("btrfs").args(["-q", "subvolume", "create"]).arg(dir.join("inner")));
    run(Command::new("btrfs").args(["-q", "subvolume", "create"]).arg(dir.join("inner/deep")));
    run(Command::new("btrfs")
        .args(["-q", "subvolume", "snapshot", "-r"])
        .arg(&dir)
        .arg(dir.join("inner/copy")));
    std::os::unix::fs::symlink("/etc", dir.join("inner/deep/link")).unwrap();
    storage.free(&tree).unwrap();
    storage.free(&image).unwrap();
    assert_eq!(host.files(), ["images"]);
    assert!(Path::new("/etc/passwd").exists());
}

#[test]
fn snapshots_clones_and_bases() {
    let Some(host) = host() else { return };
    let storage = host.storage("btrfs", "");
    let tree = storage.alloc(&alloc(100, 0)).unwrap();
    let file = storage.path(&tree, None).unwrap().join("file");
    fs::write(&file, "first").unwrap();
    storage.snapshot(&tree, "one", &NotMounted).unwrap();
    let one = storage.path(&tree, Some("one")).unwrap();
    assert_eq!(one, host.dir.join("images/100/subvol-100-disk-0.subvol@one"));
    assert!(is_read_only(&one));
    fs::write(&file, "second").unwrap();
    assert!(matches!(
        storage.snapshot(&tree, "one", &NotMounted),
        Err(Error::SnapshotExists { .. })
    ));
    assert_eq!(storage.snapshots(&tree).unwrap(), ["one"]);
    assert_eq!(storage.list(None).unwrap().len(), 1);

    let clone = storage.clone_linked(&tree, Some("one"), 101).unwrap();
    let cloned = storage.path(&clone, None).unwrap().join("file");
    assert_eq!(fs::read_to_string(&cloned).unwrap(), "first");
    fs::write(&cloned, "own").unwrap();
    storage.rollback(&tree, "one").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "first");
    fs::write(&file, "third").unwrap();
    assert_eq!(fs::read_to_string(one.join("file")).unwrap(), "first");
    assert!(storage.to_base(&tree).unwrap_err().to_string().contains("has snapshots (one)"));
    assert!(storage.rename(&tree, 7).unwrap_err().to_string().contains("has snapshots (one)"));
    storage.delete_snapshot(&tree, "one").unwrap();
    assert!(matches!(storage.delete_snapshot(&tree, "one"), Err(Error::NoSnapshot { .. })));
    assert!(matches!(storage.rollback(&tree, "one"), Err(Error::NoSnapshot { .. })));

    let moved = storage.rename(&tree, 102).unwrap();
    assert_eq!(moved.to_string(), "test:102/subvol-102-disk-0.subvol");
    let base = storage.to_base(&moved).unwrap();
    assert_eq!(base.to_string(), "test:102/base-102-disk-0.subvol");
    assert!(is_read_only(&storage.path(&base, None).unwrap()));
    assert!(storage.can(Feature::Clone, Format::Subvol, Source::Base));
    let linked = storage.clone_linked(&base, None, 103).unwrap();
    assert_eq!(
        fs::read_to_string(storage.path(&linked, None).unwrap().join("file")).unwrap(),
        "third"
    );
    assert!(matches!(storage.snapshot(&base, "xx", &NotMounted), Err(Error::IsBase { .. })));
    assert!(matches!(storage.clone_linked(&linked, None, 104), Err(Error::NotPossible { .. })));
    // The base may go first: a clone does not need it.
    for volume in [&base, &clone, &linked] {
        storage.free(volume).unwrap();
    }
    assert_eq!(host.files(), ["images"]);
}

#[test]
fn images_have_snapshots_too() {
    let Some(host) = host() else { return };
    let storage = host.storage("btrfs", "\tnocow 1\n");
    let image = storage.alloc(&alloc(100, 64 * MIB)).unwrap();
    let path = storage.path(&image, None).unwrap();
    let attributes = run(Command::new("lsattr").arg(&path));
    assert!(attributes.split_whitespace().next().unwrap().contains('C'), "{attributes}");
    storage.snapshot(&image, "one", &NotMounted).unwrap();
    let before = fs::read(&path).unwrap();
    fs::write(&path, vec![7; before.len()]).unwrap();
    storage.rollback(&image, "one").unwrap();
    assert!(fs::read(&path).unwrap() == before);
    check_ext4(&path);
    storage.delete_snapshot(&image, "one").unwrap();
    let base = storage.to_base(&image).unwrap();
    assert_eq!(base.to_string(), "test:100/base-100-disk-0.raw");
    let clone = storage.clone_linked(&base, None, 101).unwrap();
    assert_eq!(clone.to_string(), "test:101/vm-101-disk-0.raw");
    storage.resize(&clone, 96 * MIB).unwrap();
    check_ext4(&storage.path(&clone, None).unwrap());
    check_ext4(&storage.path(&base, None).unwrap());
    storage.free(&clone).unwrap();
    storage.free(&base).unwrap();
    host.check_no_loops();
}

#[test]
fn a_subvolume_has_a_limit_where_quotas_are_on() {
    let Some(host) = host() else { return };
    let storage = host.storage("btrfs", "");
    let limited = Alloc { format: Some(Format::Subvol), ..alloc(100, 32 * MIB) };
    let error = storage.alloc(&limited).unwrap_err().to_string();
    assert!(error.contains("quotas are off"), "{error}");
    assert!(!storage.can(Feature::Resize, Format::Subvol, Source::Current));
    run(Command::new("btrfs").args(["quota", "enable"]).arg(&host.dir));
    let tree = storage.alloc(&limited).unwrap();
    assert_eq!(storage.size(&tree).unwrap().size, 32 * MIB);
    let file = storage.path(&tree, None).unwrap().join("file");
    let write = |mib: u64| {
        let script =
            format!("dd if=/dev/urandom of={} bs=1M count={mib} conv=fsync 2>&1", file.display());
        Command::new("sh").args(["-c", &script]).output().unwrap().status.success()
    };
    assert!(!write(48), "the limit does not hold");
    fs::remove_file(&file).unwrap();
    run(Command::new("sync").arg("-f").arg(&host.dir));
    assert_eq!(storage.resize(&tree, 96 * MIB).unwrap(), 96 * MIB);
    assert!(write(48));
    let size = storage.size(&tree).unwrap();
    assert_eq!(size.size, 96 * MIB);
    assert!(size.used.unwrap() >= 48 * MIB, "{size:?}");
    assert_eq!(storage.list(None).unwrap()[0].size.size, 96 * MIB);
    assert!(matches!(storage.resize(&tree, MIB), Err(Error::Shrink { .. })));
    storage.free(&tree).unwrap();
}

#[test]
fn a_full_one_is_left_as_it_was() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("btrfs", 128 * MIB) else { return };
    let storage = host.storage("btrfs", "\tpreallocation full\n");
    let error = storage.alloc(&alloc(100, 512 * MIB)).unwrap_err();
    assert!(error.is_full(), "{error}");
    assert_eq!(host.files(), ["images"]);
}
