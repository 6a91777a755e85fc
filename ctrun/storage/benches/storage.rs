//! How long things take. CT_STORAGE_TEST_ARCHIVE names a template, plain tar.

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use common::{Host, MIB, isolate, run};
use ct_storage::archive::{Archive, Unpack};
use ct_storage::mount::{self, Options};
use ct_storage::userns::{IdMap, UserNs};
use ct_storage::{Alloc, NotMounted};

fn timed<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = act();
    println!("{:9.1} ms  {what}", start.elapsed().as_secs_f64() * 1e3);
    result
}

fn main() {
    volumes();
    archives();
}

fn volumes() {
    if !isolate() {
        return;
    }
    for host in Host::all() {
        for kind in ["dir", "btrfs"] {
            if kind == "btrfs" && host.kind != "btrfs" {
                continue;
            }
            let name = format!("{kind} on {}", host.kind);
            let storage = common::named("test", &host.dir.join(kind), kind, "");
            let request = |size| Alloc { owner: 100, size, format: None, root: (100_000, 100_000) };
            let image = timed(&format!("{name}: image of 8 GiB"), || {
                storage.alloc(&request(8192 * MIB)).unwrap()
            });
            let tree = timed(&format!("{name}: directory"), || storage.alloc(&request(0)).unwrap());
            let volumes = if kind == "btrfs" { vec![&image, &tree] } else { vec![&image] };
            for volume in volumes {
                if timed(&format!("{name}: snapshot of {volume}"), || {
                    storage.snapshot(volume, "one", &NotMounted)
                })
                .is_ok()
                {
                    timed(&format!("{name}: clone"), || {
                        storage.clone_linked(volume, Some("one"), 101).unwrap()
                    });
                    timed(&format!("{name}: rollback"), || {
                        storage.rollback(volume, "one").unwrap();
                    });
                }
            }
            timed(&format!("{name}: mount and unmount"), || {
                mount::volume(&storage.locate(&image, None).unwrap(), &Options::default())
                    .unwrap()
                    .close()
                    .unwrap();
            });
            timed(&format!("{name}: resize to 9 GiB"), || {
                storage.resize(&image, 9216 * MIB).unwrap()
            });
            timed(&format!("{name}: free"), || storage.free(&image).unwrap());
        }
    }
}

fn archives() {
    if !isolate() {
        return;
    }
    let Ok(archive) = std::env::var("CT_STORAGE_TEST_ARCHIVE") else {
        common::skip("CT_STORAGE_TEST_ARCHIVE names no archive");
        return;
    };
    let Some(host) = Host::new("tmpfs", 8192 * MIB) else { return };
    let packed = host.dir.join("archive.tar.zst");
    run(Command::new("zstd").args(["-qT2", "-3", &archive, "-o"]).arg(&packed));
    let storage = host.storage("dir", "");
    let map = IdMap::unprivileged();
    let request = Alloc { owner: 100, size: 4096 * MIB, format: None, root: (100_000, 100_000) };
    let flags = "-x -p -f - --same-owner --numeric-owner --sparse --acls --xattrs --xattrs-include=user.* \
                 --xattrs-include=security.capability --skip-old-files --anchored --exclude=./dev/*";
    for round in 0..3 {
        for (name, path) in [("tar", Path::new(&archive)), ("tar.zst", packed.as_path())] {
            let packer = if name == "tar" { "" } else { " --zstd" };
            timed(&format!("round {round}, {name}: mkfs and GNU tar alone"), || {
                let image = host.dir.join("alone");
                File::create(&image).unwrap().set_len(4096 * MIB).unwrap();
                run(Command::new("mkfs.ext4").args(["-q", "-F", "-O", "mmp"]).arg(&image));
                let place = ct_storage::Where::Image { path: image.clone(), fixed: false };
                let mounted = mount::volume(&place, &Options::default()).unwrap();
                let userns = UserNs::new(&map).unwrap();
                rustix::fs::fchown(
                    mounted.root().unwrap(),
                    Some(rustix::fs::Uid::from_raw(100_000)),
                    None,
                )
                .unwrap();
                let root = mounted.root().unwrap();
                let at = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&root));
                let mut tar = userns.command("tar");
                tar.args(format!("{flags}{packer}").split_whitespace()).current_dir(at);
                run(tar.stdin(File::open(path).unwrap()));
                drop(root);
                mounted.close().unwrap();
                std::fs::remove_file(&image).unwrap();
            });
            timed(&format!("round {round}, {name}: alloc and unpack"), || {
                let volume = storage.alloc(&request).unwrap();
                let mounted =
                    mount::volume(&storage.locate(&volume, None).unwrap(), &Options::default())
                        .unwrap();
                let userns = UserNs::new(&map).unwrap();
                let mut options = Unpack {
                    userns: Some(&userns),
                    limit: None,
                    ignore_errors: false,
                    progress: &mut |_| {},
                };
                Archive::open(path)
                    .unwrap()
                    .unpack(&mounted.root().unwrap(), &mut options)
                    .unwrap();
                mounted.close().unwrap();
                storage.free(&volume).unwrap();
            });
        }
    }
}
