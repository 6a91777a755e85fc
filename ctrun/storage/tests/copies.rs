//! Full copies between storages and formats.

mod common;

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use common::{Host, MIB, check_ext4, isolate, sh};
use ct_storage::copy::{Target, copy};
use ct_storage::mount::{self, Options};
use ct_storage::{Alloc, Error, Feature, Format, NotMounted, Source, Storage, VolumeId};

fn alloc(size: u64) -> Alloc {
    Alloc { owner: 100, size, format: None, root: (0, 0) }
}

/// Puts files with everything that a file can have into a directory.
fn furnish(dir: &Path) {
    sh(
        "mkdir sub; echo hello > sub/plain; ln sub/plain hard; ln -s /nowhere link; mknod null c 1 3; mkfifo fifo
         dd if=/dev/urandom of=sparse bs=4k count=1 seek=500 2>/dev/null
         cp /bin/true capable; setcap cap_net_raw+ep capable; chmod 4755 sub/plain
         setfattr -n user.note -v hi sub/plain; setfacl -m u:1234:rw sub/plain; setfacl -d -m g:55:rx sub
         chown 1000:1001 sub; chown -h 7:8 link; touch -d '2001-02-03 04:05:06.789' sub/plain; touch -d '2002-03-04' sub",
        dir,
    );
}

/// What can be said about a tree, in one text.
fn describe(dir: &Path) -> String {
    sh(
        "find . ! -name lost+found ! -path . -printf '%p %y %m %U:%G %T@ %s %n %l\\n' | sed '/ d /s/ [0-9]* [0-9]* $//' | sort
         getfattr -R -d -m - --absolute-names . 2>/dev/null | grep -v SGI_ | sort; find . ! -name lost+found ! -path . ! -type l | sort | xargs getfacl -n 2>/dev/null; find . -type c -exec stat -c '%n %t %T' {} +
         stat -c '%n %b' sparse | awk '{ print $2 < 64 ? \"sparse\" : \"full\" }'",
        dir,
    )
}

fn with_tree<T>(storage: &dyn Storage, volume: &VolumeId, act: impl Fn(&Path) -> T) -> T {
    let mounted =
        mount::volume(&storage.locate(volume, None).unwrap(), &Options::default()).unwrap();
    let root: File = mounted.root().unwrap();
    let path =
        format!("/proc/{}/fd/{}", std::process::id(), std::os::fd::AsRawFd::as_raw_fd(&root));
    let result = act(Path::new(&path));
    drop(root);
    mounted.close().unwrap();
    result
}

#[test]
fn everything_of_a_tree_arrives_in_every_format() {
    if !isolate() || !common::has("setfacl") {
        return;
    }
    let hosts = Host::all();
    let storages: Vec<(String, Box<dyn Storage>)> = hosts
        .iter()
        .flat_map(|host| {
            let types: &[&str] = if host.kind == "btrfs" { &["dir", "btrfs"] } else { &["dir"] };
            types.iter().map(|kind| {
                let name = format!("{kind}-{}", host.kind);
                let storage = common::named(&name, &host.dir.join(kind), kind, "");
                (name, storage)
            })
        })
        .collect();
    for (from_name, from) in &storages {
        for size in [64 * MIB, 0] {
            let volume = from.alloc(&alloc(size)).unwrap();
            if size == 0 && from_name.contains("tmpfs") {
                // tmpfs keeps no user.* attributes on older kernels; it is tried as a target only.
                from.free(&volume).unwrap();
                continue;
            }
            with_tree(&**from, &volume, furnish);
            let wanted = with_tree(&**from, &volume, describe);
            assert!(
                wanted.contains("cap")
                    && wanted.contains("user.note")
                    && wanted.contains("user:1234:rw")
            );
            for (to_name, to) in &storages {
                for format in [Format::Raw, Format::Subvol] {
                    let what = format!("{from_name} {size} to {to_name} {format}");
                    if to_name.contains("tmpfs") && format == Format::Subvol {
                        continue;
                    }
                    let target =
                        Target { storage: &**to, owner: 101, format: Some(format), size: 64 * MIB };
                    let made = copy(&**from, &volume, None, &target)
                        .unwrap_or_else(|e| panic!("{what}: {e}"));
                    assert_eq!(made.owner(), Some(101));
                    let found = with_tree(&**to, &made, describe);
                    common::same(&what, &found, &wanted);
                    if format == Format::Raw {
                        check_ext4(&to.path(&made, None).unwrap());
                        let size = to.size(&made).unwrap();
                        assert!(
                            size.used.unwrap() < 40 * MIB,
                            "{what}: holes were filled: {size:?}"
                        );
                    }
                    to.free(&made).unwrap();
                }
            }
            from.free(&volume).unwrap();
        }
    }
    for host in &hosts {
        assert!(
            !host.files().iter().any(|file| file.contains("disk") || file.contains(".ctrun")),
            "{:?}",
            host.files()
        );
        host.check_no_loops();
    }
}

#[test]
fn a_snapshot_is_copied_while_the_volume_is_in_use() {
    if !isolate() {
        return;
    }
    let (Some(xfs), Some(tmpfs)) = (Host::new("xfs", 1024 * MIB), Host::new("tmpfs", 256 * MIB))
    else {
        return;
    };
    let (from, to) = (xfs.storage("dir", ""), common::named("other", &tmpfs.dir, "dir", ""));
    let volume = from.alloc(&alloc(64 * MIB)).unwrap();
    with_tree(&*from, &volume, |dir| fs::write(dir.join("file"), "then").unwrap());
    from.snapshot(&volume, "then", &NotMounted).unwrap();
    let mounted = mount::volume(&from.locate(&volume, None).unwrap(), &Options::default()).unwrap();
    let target = Target { storage: &*to, owner: 101, format: None, size: 0 };
    assert!(matches!(copy(&*from, &volume, None, &target), Err(Error::Busy { .. })));
    let made = copy(&*from, &volume, Some("then"), &target).unwrap();
    mounted.close().unwrap();
    with_tree(&*to, &made, |dir| assert_eq!(fs::read_to_string(dir.join("file")).unwrap(), "then"));
    assert!(from.can(Feature::Copy, Format::Raw, Source::Snapshot));
}

#[test]
fn no_room_leaves_nothing() {
    if !isolate() {
        return;
    }
    let (Some(large), Some(small)) =
        (Host::new("tmpfs", 256 * MIB), Host::new("small-ext4", 24 * MIB))
    else {
        return;
    };
    let (from, to) = (large.storage("dir", ""), common::named("small", &small.dir, "dir", ""));
    for size in [96 * MIB, 0] {
        let volume = from.alloc(&alloc(size)).unwrap();
        with_tree(&*from, &volume, |dir| {
            sh("dd if=/dev/urandom of=big bs=1M count=48 2>/dev/null", dir);
        });
        for format in [Format::Raw, Format::Subvol] {
            let target = Target { storage: &*to, owner: 101, format: Some(format), size: 32 * MIB };
            let error = match copy(&*from, &volume, None, &target) {
                Err(error) => error,
                Ok(made) => panic!("{size} {format}: {:?}", to.size(&made).unwrap()),
            };
            assert!(error.is_full(), "{size} {format}: {error}");
            assert_eq!(small.files(), ["images"], "{size} {format}");
            small.check_no_loops();
        }
    }
    let tree = from.alloc(&alloc(0)).unwrap();
    let target = Target { storage: &*from, owner: 101, format: Some(Format::Raw), size: 0 };
    let error = copy(&*from, &tree, None, &target).unwrap_err().to_string();
    assert!(error.contains("only with a size"), "{error}");
}

#[test]
fn a_copy_within_btrfs_is_a_snapshot() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("btrfs", 1024 * MIB) else { return };
    let storage = host.storage("btrfs", "");
    let tree = storage.alloc(&alloc(0)).unwrap();
    with_tree(&*storage, &tree, |dir| fs::write(dir.join("file"), "x").unwrap());
    let target = Target { storage: &*storage, owner: 101, format: None, size: 0 };
    let made = copy(&*storage, &tree, None, &target).unwrap();
    assert_eq!(fs::metadata(storage.path(&made, None).unwrap()).unwrap().ino(), 256);
    storage.free(&tree).unwrap();
    with_tree(&*storage, &made, |dir| {
        assert_eq!(fs::read_to_string(dir.join("file")).unwrap(), "x");
    });
}

#[test]
fn a_copy_of_an_image_that_a_crash_left_open_mounts_at_once() {
    if !isolate() {
        return;
    }
    let Some(host) = Host::new("tmpfs", 256 * MIB) else { return };
    let storage = host.storage("dir", "");
    let volume = storage.alloc(&alloc(64 * MIB)).unwrap();
    let path = storage.path(&volume, None).unwrap();
    let place = storage.locate(&volume, None).unwrap();
    let mounted = mount::volume(&place, &Options::default()).unwrap();
    let root = mounted.root().unwrap();
    rustix::fs::mkdirat(&root, "x", 0o755.into()).unwrap();
    rustix::fs::syncfs(&root).unwrap();
    // As it lies on the disk when the power goes.
    let crashed = fs::read(&path).unwrap();
    drop(root);
    mounted.close().unwrap();
    fs::write(&path, crashed).unwrap();
    let target = Target { storage: &*storage, owner: 101, format: None, size: 0 };
    let made = copy(&*storage, &volume, None, &target).unwrap();
    let started = std::time::Instant::now();
    with_tree(&*storage, &made, |dir| assert!(dir.join("x").is_dir()));
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    check_ext4(&storage.path(&made, None).unwrap());
}
