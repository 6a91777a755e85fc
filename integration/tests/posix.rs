//! What POSIX and Linux promise of a file system, where it is promised here.

mod common;

use common::{conf, errno, save};
use integration::mounted::Mounted;
use rustix::fs::{
    AtFlags, CWD, FlockOperation, RenameFlags, Timespec, Timestamps, flock, renameat_with,
    utimensat,
};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

fn rename(from: &Path, to: &Path, flags: RenameFlags) -> Option<Errno> {
    renameat_with(CWD, from, CWD, to, flags).err()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("stat").mode() & 0o7777
}

/// A program that ends well, and what it printed.
fn run(program: &str, args: &[&OsStr]) -> String {
    let output = Command::new(program).args(args).output().expect("it can be started");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn rename_flags() {
    let mounted = Mounted::new();
    for (one, two) in [("a.txt", "b.txt"), ("lxc/100.conf", "lxc/101.conf")] {
        let (one, two) = (mounted.root.join(one), mounted.root.join(two));
        save(&one, conf(100)).expect("a save");
        save(&two, conf(200)).expect("a save");
        assert_eq!(rename(&one, &two, RenameFlags::NOREPLACE), Some(Errno::EXIST));
        assert_eq!(rename(&one, &two, RenameFlags::EXCHANGE), None);
        assert_eq!((read(&one), read(&two)), (conf(200), conf(100)));
        fs::remove_file(&two).expect("removed");
        assert_eq!(rename(&one, &two, RenameFlags::EXCHANGE), Some(Errno::NOENT));
        assert_eq!(rename(&one, &two, RenameFlags::NOREPLACE), None);
        assert_eq!(read(&two), conf(200));
        assert!(!one.exists());
        assert_eq!(rename(&two, &one, RenameFlags::WHITEOUT), Some(Errno::INVAL));
    }
}

#[test]
fn an_unlinked_file_lives_on_while_it_is_open() {
    let mounted = Mounted::new();
    for name in ["a.txt", "lxc/100.conf"] {
        let path = mounted.root.join(name);
        save(&path, conf(100)).expect("a save");
        let mut reader = File::open(&path).expect("open");
        let mut writer = OpenOptions::new().read(true).write(true).open(&path).expect("open");
        fs::remove_file(&path).expect("unlink");
        assert!(!path.exists());
        let names = fs::read_dir(path.parent().expect("a folder")).expect("a list");
        assert!(
            !names
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().contains("fuse_hidden"))
        );
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("read");
        assert_eq!(text, conf(100));
        assert_eq!(reader.metadata().expect("fstat").nlink(), 0);
        writer.write_all_at(b"# 1\n", 0).expect("write");
        writer.sync_all().expect("fsync");
        text.clear();
        writer.seek(SeekFrom::Start(0)).expect("seek");
        writer.read_to_string(&mut text).expect("read");
        assert!(text.starts_with("# 1\n"));
        drop((reader, writer));
        assert!(!path.exists(), "closing it has brought it back");
    }
}

#[test]
fn several_processes_append_and_lose_nothing() {
    let mounted = Mounted::new();
    for name in ["log.txt", "lxc/100.conf"] {
        let path = mounted.root.join(name);
        save(&path, "# start\n").expect("a save");
        let script = "for i in $(seq 40); do echo \"# $0 $i\" >> \"$1\" || exit 1; done";
        let writers: Vec<_> = (0..6)
            .map(|writer| {
                let mut command = Command::new("sh");
                command.args(["-c", script, &writer.to_string()]).arg(&path);
                command.spawn().expect("sh runs")
            })
            .collect();
        for mut writer in writers {
            assert!(writer.wait().expect("its end").success());
        }
        let text = read(&path);
        assert_eq!(text.lines().count(), 1 + 6 * 40, "{name}");
        for writer in 0..6 {
            let prefix = format!("# {writer} ");
            let numbers: Vec<_> =
                text.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
            let wanted: Vec<_> = (1..=40).map(|number| number.to_string()).collect();
            assert_eq!(numbers, wanted, "{name}");
        }
    }
}

#[test]
fn truncate_by_path_and_by_handle() {
    let mounted = Mounted::new();
    let path = mounted.root.join("a.txt");
    save(&path, "0123456789").expect("a save");
    nix::unistd::truncate(&path, 4).expect("truncate");
    assert_eq!(read(&path), "0123");
    let file = OpenOptions::new().write(true).open(&path).expect("open");
    file.set_len(6).expect("ftruncate");
    assert_eq!(file.metadata().expect("fstat").len(), 6);
    assert_eq!(read(&path), "0123", "others see it when it is saved");
    nix::unistd::close(file).expect("close");
    assert_eq!(fs::read(&path).expect("read"), b"0123\0\0");
    run("truncate", &[OsStr::new("-s"), OsStr::new("0"), path.as_os_str()]);
    assert_eq!(read(&path), "");
    let path = mounted.conf(100);
    save(&path, conf(512)).expect("a save");
    run("truncate", &[OsStr::new("-s"), OsStr::new("12"), path.as_os_str()]);
    assert_eq!(read(&path), &conf(512)[..12]);
    assert_eq!(
        errno(File::options().write(true).open(&path).and_then(|file| {
            file.set_len(0).and_then(|()| nix::unistd::close(file).map_err(Into::into))
        })),
        Some(Errno::PERM),
        "a configuration is not emptied by truncation alone"
    );
    assert_eq!(read(&path), &conf(512)[..12]);
}

#[test]
fn links_and_devices_are_refused() {
    let mounted = Mounted::new();
    let path = mounted.root.join("a.txt");
    save(&path, "a").expect("a save");
    let new = mounted.root.join("b.txt");
    assert_eq!(errno(fs::hard_link(&path, &new)), Some(Errno::PERM));
    assert_eq!(errno(symlink("a.txt", &new)), Some(Errno::PERM));
    let fifo = nix::unistd::mkfifo(&new, nix::sys::stat::Mode::S_IRWXU);
    assert_eq!(fifo, Err(nix::errno::Errno::EPERM));
    assert!(fs::symlink_metadata(&new).is_err());
    assert_eq!(fs::metadata(&path).expect("stat").nlink(), 1);
}

#[test]
fn mmap() {
    let mounted = Mounted::new();
    let path = mounted.conf(100);
    save(&path, conf(512)).expect("a save");
    let script = "import mmap, os, sys\nf = open(sys.argv[1], 'rb')\n\
        for flags in (mmap.MAP_SHARED, mmap.MAP_PRIVATE): print(mmap.mmap(f.fileno(), 0, flags, mmap.PROT_READ)[:].decode(), end='')\n\
        m = mmap.mmap(f.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)\nm[0:4] = b'XXXX'\n\
        assert m[0:4] == b'XXXX'";
    let shown = run("python3", &[OsStr::new("-c"), OsStr::new(script), path.as_os_str()]);
    assert_eq!(shown, conf(512) + &conf(512));
    assert_eq!(read(&path), conf(512), "a private mapping changes nothing");
}

#[test]
fn locks_between_processes() {
    let mounted = Mounted::new();
    let path = mounted.conf(100);
    save(&path, conf(512)).expect("a save");
    let script = "import fcntl, sys\nf = open(sys.argv[1], 'r+')\ng = open(sys.argv[1], 'r')\n\
        fcntl.lockf(f, fcntl.LOCK_EX)\nfcntl.flock(g, fcntl.LOCK_EX)\nprint('held', flush=True)\nsys.stdin.read()";
    let mut holder = Command::new("python3")
        .args(["-c", script])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut held = [0; 5];
    holder.stdout.as_mut().expect("its output").read_exact(&mut held).expect("held");
    let file = OpenOptions::new().read(true).write(true).open(&path).expect("open");
    assert_eq!(flock(&file, FlockOperation::NonBlockingLockExclusive), Err(Errno::WOULDBLOCK));
    let posix = || rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive);
    assert!(matches!(posix(), Err(Errno::AGAIN | Errno::ACCESS)));
    drop(holder.stdin.take());
    holder.wait().expect("its end");
    assert_eq!(flock(&file, FlockOperation::NonBlockingLockExclusive), Ok(()));
    assert_eq!(posix(), Ok(()));
}

#[test]
fn statfs_and_extended_attributes() {
    let mounted = Mounted::new();
    let before = rustix::fs::statvfs(&mounted.root).expect("statvfs");
    assert_eq!(before.f_blocks * before.f_frsize, 128 << 20);
    assert_eq!(before.f_namemax, 255);
    save(mounted.root.join("a"), vec![b'a'; 1 << 20]).expect("a save");
    let after = rustix::fs::statvfs(&mounted.root).expect("statvfs");
    assert_eq!((before.f_bfree - after.f_bfree) * after.f_frsize, 1 << 20);
    assert_eq!(before.f_ffree - after.f_ffree, 1);
    let path = mounted.root.join("a");
    let none = rustix::fs::XattrFlags::empty();
    assert_eq!(rustix::fs::setxattr(&path, "user.a", b"1", none), Err(Errno::OPNOTSUPP));
    assert_eq!(rustix::fs::getxattr(&path, "user.a", &mut [0u8; 9][..]), Err(Errno::OPNOTSUPP));
    assert!(matches!(
        rustix::fs::listxattr(&path, &mut [0u8; 99][..]),
        Ok(0) | Err(Errno::OPNOTSUPP)
    ));
    assert_eq!(rustix::fs::removexattr(&path, "user.a"), Err(Errno::OPNOTSUPP));
}

#[test]
fn readdir_while_the_directory_changes() {
    const STAY: usize = 10_000;
    let mut mounted = Mounted::with().prepare();
    let source = mounted.scratch().join("source/d");
    fs::create_dir_all(&source).expect("a folder");
    (0..STAY).for_each(|at| save(source.join(format!("stays-{at:05}")), "x").expect("a file"));
    fs::create_dir_all(mounted.store.parent().expect("a folder")).expect("a folder");
    let pvefs = integration::programs().join("pvefs");
    let mut args = vec![OsStr::new("import"), OsStr::new("--node"), OsStr::new("one")];
    args.extend([OsStr::new("--store"), mounted.store.as_os_str(), OsStr::new("--run-dir")]);
    args.extend([mounted.run_dir.as_os_str(), OsStr::new("--root"), mounted.root.as_os_str()]);
    let parent = source.parent().expect("a folder");
    args.push(parent.as_os_str());
    run(pvefs.to_str().expect("text"), &args);
    mounted.start();
    let folder = mounted.root.join("d");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (folder, stop) = (&folder, &stop);
            scope.spawn(move || {
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let path = folder.join(format!("comes-{thread}-{}", round % 7));
                    save(&path, "y").expect("made");
                    fs::remove_file(&path).expect("removed");
                }
            });
        }
        for _ in 0..8 {
            let mut seen: HashMap<_, u32> = HashMap::new();
            for entry in fs::read_dir(&folder).expect("a list") {
                *seen.entry(entry.expect("an entry").file_name()).or_default() += 1;
            }
            let stays = |name: &OsStr| name.as_bytes().starts_with(b"stays-");
            assert_eq!(seen.keys().filter(|name| stays(name)).count(), STAY);
            assert!(seen.values().all(|times| *times == 1), "a name is listed twice");
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::read_dir(&folder).expect("a list").count(), STAY);
}

#[test]
fn names() {
    let mounted = Mounted::new();
    let at = |name: &[u8]| mounted.root.join(OsStr::from_bytes(name));
    save(at(&[b'n'; 255]), "x").expect("255 bytes");
    assert_eq!(read(&at(&[b'n'; 255])), "x");
    let long = at(&[b'n'; 256]);
    assert_eq!(errno(save(&long, "x")), Some(Errno::NAMETOOLONG));
    assert_eq!(errno(fs::metadata(&long)), Some(Errno::NAMETOOLONG));
    assert_eq!(errno(fs::create_dir(&long)), Some(Errno::NAMETOOLONG));
    assert_eq!(errno(fs::rename(at(&[b'n'; 255]), &long)), Some(Errno::NAMETOOLONG));
    for bad in [&b"new\nline"[..], b"not\xffutf8", b"tab\there"] {
        assert_eq!(errno(save(at(bad), "x")), Some(Errno::INVAL), "{}", bad.escape_ascii());
        assert_eq!(errno(fs::create_dir(at(bad))), Some(Errno::INVAL));
        assert!(fs::metadata(at(bad)).is_err());
    }
    assert_eq!(
        read(&mounted.root.join("lxc/../../../").join(OsStr::from_bytes(&[b'n'; 255]))),
        "x"
    );
    let above = fs::metadata(mounted.root.join("..")).expect("..");
    assert_eq!(above.ino(), fs::metadata(mounted.scratch()).expect("stat").ino());
    // Not the name of a container: an ordinary file, whatever its text.
    for name in ["0100.conf", "100.conf.bak", "+1.conf", ".conf", "4294967296.conf"] {
        let path = mounted.root.join("lxc").join(name);
        save(&path, "no: such: thing\n").expect("an ordinary file");
        assert_eq!(read(&path), "no: such: thing\n");
    }
    assert!(!read(&mounted.root.join(".vmlist")).contains("100\""));
    fs::create_dir(mounted.conf(100)).expect("a folder where a file belongs");
    assert_eq!(errno(save(mounted.conf(100), conf(512))), Some(Errno::ISDIR));
    assert_eq!(errno(save(mounted.conf(100).join("x"), "x")), None);
    assert_eq!(errno(fs::remove_dir(mounted.conf(100))), Some(Errno::NOTEMPTY));
    assert_eq!(errno(fs::read_dir(at(&[b'n'; 255]))), Some(Errno::NOTDIR));
}

#[test]
fn modes_and_owners() {
    let mounted = Mounted::new();
    let (file, secret) = (mounted.conf(100), mounted.root.join("priv/key"));
    save(&file, conf(512)).expect("a save");
    save(&secret, "x").expect("a save");
    fs::create_dir(mounted.root.join("priv/dir")).expect("a folder");
    let check = || {
        assert_eq!((mode(&file), mode(&secret)), (0o640, 0o600));
        assert_eq!(
            (mode(&mounted.root.join("lxc/")), mode(&mounted.root.join("priv/dir"))),
            (0o755, 0o700)
        );
        assert_eq!(mode(&mounted.root.join("nodes/one/priv")), 0o700);
        assert_eq!(fs::metadata(&file).expect("stat").uid(), 0);
    };
    check();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o777)).expect("chmod succeeds");
    std::os::unix::fs::chown(&file, Some(1000), Some(1000)).expect("chown succeeds");
    check();
    let time = Timespec { tv_sec: 1_000_000_000, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, &file, &times, AtFlags::empty()).expect("utimens succeeds");
    assert_eq!(fs::metadata(&file).expect("stat").mtime(), 1_000_000_000);
    check();
}

#[test]
fn virtual_files_are_json_and_right_after_changes() {
    let mounted = Mounted::new();
    let json = |name: &str| -> serde_json::Value {
        serde_json::from_str(&read(&mounted.root.join(name)))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let before = json(".version")["vmlist"].as_u64().expect("a number");
    save(mounted.conf(100), conf(512)).expect("a save");
    assert!(json(".version")["vmlist"].as_u64().expect("a number") > before);
    let first = json(".vmlist")["ids"]["100"].clone();
    assert_eq!((first["type"].as_str(), first["node"].as_str()), (Some("lxc"), Some("one")));
    save(mounted.conf(100), conf(1024)).expect("a save");
    assert!(json(".vmlist")["ids"]["100"]["version"].as_u64() > first["version"].as_u64());
    let storage = json(".version")["storage.cfg"].as_u64();
    save(mounted.root.join("storage.cfg"), "dir: local\n\tpath /var/lib/vz\n\tcontent rootdir\n")
        .expect("a save");
    assert!(json(".version")["storage.cfg"].as_u64() > storage);
    assert_eq!(json(".members")["nodename"], "one");
    assert!(json(".clusterlog")["data"].as_array().is_some_and(|lines| !lines.is_empty()));
    for name in [".version", ".vmlist", ".members", ".clusterlog"] {
        let path = mounted.root.join(name);
        assert_eq!(fs::metadata(&path).expect("stat").len(), read(&path).len() as u64, "{name}");
        assert!(save(&path, "x").is_err() && fs::remove_file(&path).is_err(), "{name}");
    }
    for (link, target) in
        [("local", "nodes/one"), ("lxc", "nodes/one/lxc"), ("qemu-server", "nodes/one/qemu-server")]
    {
        assert_eq!(fs::read_link(mounted.root.join(link)).expect("a link"), Path::new(target));
        assert_eq!(errno(fs::remove_file(mounted.root.join(link))), Some(Errno::ACCESS));
    }
}

#[test]
fn locks_are_taken_by_mkdir() {
    let mounted = Mounted::new();
    let lock = mounted.root.join("priv/lock/storage-x");
    fs::create_dir(&lock).expect("taken");
    assert_eq!(errno(fs::create_dir(&lock)), Some(Errno::EXIST));
    let set = |seconds| {
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        utimensat(
            CWD,
            &lock,
            &Timestamps { last_access: time, last_modification: time },
            AtFlags::empty(),
        )
    };
    assert_eq!(
        set(0),
        Err(Errno::ACCESS),
        "held: 120 s are not over (that they end is a unit test)"
    );
    assert_eq!(set(1), Err(Errno::ACCESS), "an older time does not refresh it");
    assert_eq!(set(4_000_000_000), Ok(()));
    assert_eq!(errno(fs::rename(&lock, mounted.root.join("priv/lock/y"))), Some(Errno::ACCESS));
    fs::remove_dir(&lock).expect("given back");
    fs::create_dir(&lock).expect("taken again");
}

#[test]
fn a_number_exists_once() {
    let mounted = Mounted::new();
    let other = mounted.root.join("nodes/two");
    for dir in ["", "lxc", "qemu-server"] {
        fs::create_dir(other.join(dir)).expect("a folder");
    }
    save(mounted.conf(100), conf(512)).expect("a save");
    let there = other.join("lxc/100.conf");
    assert_eq!(errno(save(&there, conf(1))), Some(Errno::EXIST));
    let machine = mounted.root.join("qemu-server/100.conf");
    assert_eq!(errno(save(&machine, "memory: 512\n")), Some(Errno::EXIST));
    save(mounted.root.join("x.tmp"), conf(600)).expect("a save");
    assert_eq!(errno(fs::rename(mounted.root.join("x.tmp"), &there)), Some(Errno::EXIST));
    save(mounted.conf(101), conf(101)).expect("a save");
    assert_eq!(errno(fs::rename(mounted.conf(101), &there)), Some(Errno::EXIST));
    fs::rename(mounted.conf(100), &there).expect("migration");
    assert_eq!(read(&there), conf(512));
    assert_eq!(errno(save(mounted.conf(100), conf(1))), Some(Errno::EXIST));
    fs::remove_file(&there).expect("removed");
    save(mounted.conf(100), conf(700)).expect("the number is free again");
    assert_eq!(read(&mounted.conf(100)), conf(700));
}

#[test]
fn a_new_file_whose_text_was_refused_is_in_nobodys_way() {
    let mounted = Mounted::new();
    let good = "memory: 512\nrootfs: local:100/vm-100-disk-0.raw,size=8G\n";
    for id in 200..300 {
        let conf = mounted.conf(id);
        // The end of the failed one comes after its close has returned, and meets the next.
        for round in 0..10 {
            let error = fs::write(&conf, "memroy: 512\n").expect_err("a bad text");
            let number = error.raw_os_error();
            assert_eq!(number, Some(Errno::INVAL.raw_os_error()), "{id}, {round}: {error}");
        }
        fs::write(&conf, good).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(fs::read_to_string(&conf).expect("saved"), good, "{id}");
    }
}
