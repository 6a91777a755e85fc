//! What is no save: names, directories, links, locks, open files.

use super::*;
use std::time::SystemTime;

#[test]
fn the_root_is_the_references() {
    let bench = Bench::new();
    assert_eq!(
        bench.list(""),
        [
            "nodes",
            "priv",
            ".clusterlog",
            ".members",
            ".version",
            ".vmlist",
            "local",
            "lxc",
            "openvz",
            "qemu-server",
        ]
    );
    let link = bench.ino("lxc").unwrap();
    assert_eq!(bench.fs.readlink(link).unwrap(), "nodes/n1/lxc");
    for name in [".version", ".vmlist", ".members", ".clusterlog"] {
        let text = bench.read(name).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        assert_eq!(bench.stat(name).unwrap().size, text.len() as u64);
        assert_eq!(errno(bench.unlink(name)), Errno::ACCESS);
        assert_eq!(errno(bench.rename(name, "x")), Errno::ACCESS);
        let fh = bench.open(name, write()).unwrap();
        assert_eq!(errno(bench.put(fh, "x")), Errno::IO);
    }
    assert_eq!(errno(bench.mkdir("local")), Errno::ACCESS);
}

#[test]
fn modes_follow_the_path() {
    let bench = Bench::new();
    bench.save("priv/key", "x").unwrap();
    bench.save("storage.cfg", "x").unwrap();
    for (path, perm) in [
        ("priv", 0o700),
        ("priv/key", 0o600),
        ("storage.cfg", 0o640),
        ("nodes/n1/priv", 0o700),
        ("nodes", 0o755),
    ] {
        assert_eq!(bench.stat(path).unwrap().perm, perm, "{path}");
    }
}

#[test]
fn names_that_cannot_be() {
    let bench = Bench::new();
    for name in [&b"a\nb"[..], b"a\xff", b"a\x00", b"", b"..", b"a/b"] {
        assert_eq!(errno(bench.fs.mkdir(ROOT, name, bench.who)), Errno::INVAL, "{name:?}");
    }
    assert_eq!(errno(bench.fs.mkdir(ROOT, &[b'x'; 256], bench.who)), Errno::NAMETOOLONG);
    bench.fs.mkdir(ROOT, &[b'x'; 255], bench.who).unwrap();
}

#[test]
fn a_removed_file_goes_on_for_who_has_it_open() {
    let bench = Bench::with_old();
    let reader = bench.open(C, OpenMode::default()).unwrap();
    let writer = bench.open(C, write()).unwrap();
    let ino = bench.ino(C).unwrap();
    bench.unlink(C).unwrap();
    assert_eq!(bench.read_handle(reader), OLD);
    let attr = bench.fs.getattr(ino, None, bench.who).unwrap();
    assert_eq!((attr.size, attr.nlink), (OLD.len() as u64, 0));
    bench.put(writer, BAD).unwrap();
    bench.close(writer).unwrap();
    bench.fs.release(reader);
    // The kernel looks the name up again then, and tells its caller that it is not there.
    assert_eq!(errno(bench.fs.getattr(ino, None, bench.who)), Errno::STALE);
    assert_eq!(bench.read(C), None);
    assert!(bench.list("nodes/n1/lxc").is_empty());
}

#[test]
fn a_listing_does_not_change_while_it_is_read() {
    let bench = Bench::with_old();
    let listing = bench.fs.opendir(bench.ino("nodes/n1/lxc").unwrap()).unwrap();
    bench.unlink(C).unwrap();
    bench.save("nodes/n1/lxc/101.conf", GOOD).unwrap();
    assert_eq!(listing.items.len(), 1);
    assert!(bench.fs.tell_item(&listing, &listing.items[0]).is_none(), "gone is gone, though");
}

#[test]
fn noreplace_and_exchange() {
    let bench = Bench::with_old();
    bench.save("nodes/n1/lxc/101.conf", GOOD).unwrap();
    let rename = |from, to, mode| bench.fs.rename(bench.dir(from), bench.dir(to), mode, bench.who);
    let other = "nodes/n1/lxc/101.conf";
    assert_eq!(errno(rename(C, other, RenameMode::NoReplace)), Errno::EXIST);
    rename(C, "nodes/n1/lxc/102.conf", RenameMode::NoReplace).unwrap();
    assert_eq!(errno(rename(C, other, RenameMode::Exchange)), Errno::NOENT);
    let (a, b) = (bench.ino("nodes/n1/lxc/102.conf").unwrap(), bench.ino(other).unwrap());
    rename("nodes/n1/lxc/102.conf", other, RenameMode::Exchange).unwrap();
    assert_eq!(bench.read(other).unwrap(), OLD);
    assert_eq!(bench.read("nodes/n1/lxc/102.conf").unwrap(), GOOD);
    assert_eq!(bench.ino(other).unwrap(), a, "a file keeps its number");
    assert_eq!(bench.ino("nodes/n1/lxc/102.conf").unwrap(), b);
    bench.save("nodes/n1/lxc/x.tmp", LACKING).unwrap();
    assert_eq!(errno(rename("nodes/n1/lxc/x.tmp", other, RenameMode::Exchange)), Errno::BADMSG);
    assert_eq!(bench.read(other).unwrap(), OLD);
}

#[test]
fn directories() {
    let bench = Bench::new();
    bench.mkdir("d").unwrap();
    assert_eq!(errno(bench.mkdir("d")), Errno::EXIST);
    bench.save("d/f", "x").unwrap();
    assert_eq!(errno(bench.rmdir("d")), Errno::NOTEMPTY);
    assert_eq!(errno(bench.rename("d", "e")), Errno::NOTEMPTY);
    assert_eq!(errno(bench.unlink("d")), Errno::ISDIR);
    assert_eq!(errno(bench.rmdir("d/f")), Errno::NOTDIR);
    bench.unlink("d/f").unwrap();
    bench.save("d/x.tmp", "x").unwrap();
    assert_eq!(errno(bench.rmdir("d")), Errno::NOTEMPTY, "files in memory count");
    bench.unlink("d/x.tmp").unwrap();
    bench.rename("d", "e").unwrap();
    assert_eq!(errno(bench.rename("e", "e/f")), Errno::INVAL);
    bench.rmdir("e").unwrap();
    assert_eq!(errno(bench.ino("e")), Errno::NOENT);
}

#[test]
fn a_lock_can_be_asked_back_once_it_is_old() {
    let bench = Bench::new();
    let lock = "priv/lock/storage-a";
    bench.mkdir(lock).unwrap();
    assert_eq!(errno(bench.mkdir(lock)), Errno::EXIST);
    let ino = bench.ino(lock).unwrap();
    let utime = |time| bench.fs.setattr(ino, None, None, Some(time), bench.who).map(drop);
    let now = SystemTime::now() + Duration::from_secs(5);
    utime(now).unwrap();
    assert_eq!(errno(utime(now - Duration::from_secs(1))), Errno::ACCESS);
    assert_eq!(errno(utime(SystemTime::UNIX_EPOCH)), Errno::ACCESS);
    assert_eq!(errno(bench.rename(lock, "priv/lock/b")), Errno::ACCESS);
    bench.fs.locks.lock().make_old(&lock.parse().unwrap());
    let _ = utime(SystemTime::UNIX_EPOCH);
    assert_eq!(errno(bench.ino(lock)), Errno::NOENT);
    bench.mkdir(lock).unwrap();
    bench.rmdir(lock).unwrap();
}

#[test]
fn a_new_configuration_is_not_there_for_readers_before_its_first_text() {
    let bench = Bench::new();
    let fh = bench.create(C).unwrap();
    assert_eq!(errno(bench.create(C)), Errno::EXIST, "but its name is taken");
    assert_eq!(bench.read(C), None);
    bench.put(fh, GOOD).unwrap();
    assert_eq!(bench.read(C), None);
    bench.close(fh).unwrap();
    assert_eq!(bench.read(C).unwrap(), GOOD);
    assert_eq!(bench.pokes(), 1);
}

#[test]
fn touch_makes_an_empty_file() {
    let bench = Bench::new();
    let fh = bench.create(C).unwrap();
    bench.close(fh).unwrap();
    assert_eq!(bench.read(C).unwrap(), "");
    bench.save(C, GOOD).unwrap();
    assert_eq!(bench.read(C).unwrap(), GOOD);
    let fh = bench.create("notes").unwrap();
    bench.close(fh).unwrap();
    assert_eq!(bench.killed().read("notes").unwrap(), "");
}

#[test]
fn what_a_failed_first_save_leaves_can_be_removed() {
    let bench = Bench::new();
    let fh = bench.create(C).unwrap();
    assert!(bench.put(fh, BAD).is_err());
    assert!(bench.fs.flush(fh, bench.who).is_err());
    bench.unlink(C).unwrap();
    assert_eq!(bench.list("nodes/n1/lxc"), [""; 0]);
    bench.save(C, GOOD).unwrap();
    bench.fs.release(fh);
    assert_eq!(bench.read(C).unwrap(), GOOD);
}

#[test]
fn a_file_open_for_writing_follows_its_rename() {
    let bench = Bench::new();
    let fh = bench.create("a").unwrap();
    bench.put(fh, "one").unwrap();
    bench.rename("a", "b").unwrap();
    bench.fs.write(fh, 3, b" two").unwrap();
    bench.close(fh).unwrap();
    assert_eq!(bench.read("b").unwrap(), "one two");
    assert_eq!(bench.read("a"), None);
}
