//! Mounting and unmounting, and what stands in the way of it.

mod common;

use common::{conf, save};
use integration::mounted::{Mounted, PATIENCE, is_mounted, wait_for};
use integration::programs;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A program that is expected to end by itself.
fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("it can be started");
    let pid = Pid::from_raw(child.id().cast_signed());
    let waiting = std::thread::spawn(move || child.wait_with_output().expect("its end"));
    if wait_for(PATIENCE, || waiting.is_finished().then_some(())).is_none() {
        let _ = kill(pid, Signal::SIGKILL);
        panic!("{command:?} does not end");
    }
    waiting.join().expect("its output")
}

/// What a `pvefs mount` says that must fail.
fn refusal(command: &mut Command) -> String {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it did not fail: {said}");
    assert!(output.status.code().is_some(), "{}: {said}", output.status);
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// All files below `folder` and their bytes, but SQLite's own lock and the index of its log.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a list").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_file() && !name.ends_with(".lock") && !name.ends_with("-shm") {
            found.insert(path.clone(), fs::read(&path).expect("a file"));
        }
    }
    found
}

fn prepared() -> Mounted {
    let mounted = Mounted::with().prepare();
    fs::create_dir_all(mounted.store.parent().expect("a folder")).expect("a folder");
    mounted
}

/// Mounting must fail with a message that has all of `words`, and change nothing in the store's folder.
fn check_refused(mounted: &Mounted, words: &[&str]) {
    let folder = mounted.store.parent().expect("a folder");
    let before = contents(folder);
    let said = refusal(&mut mounted.command());
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert_eq!(contents(folder), before, "the data was touched");
    assert!(!is_mounted(&mounted.root), "something is mounted");
}

#[test]
fn findmnt_and_mount_show_type_and_source() {
    let mounted = Mounted::new();
    let mut findmnt = Command::new("findmnt");
    let found =
        output(findmnt.args(["-n", "-o", "FSTYPE,SOURCE", "--mountpoint"]).arg(&mounted.root));
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    let words: Vec<_> = found.split_whitespace().collect();
    assert_eq!(words, ["fuse.pvefs", mounted.store.to_str().expect("text")]);
    let shown = output(&mut Command::new("mount")).stdout;
    let root = mounted.root.to_str().expect("text");
    let line = format!("{} on {root} type fuse.pvefs (", mounted.store.display());
    assert!(String::from_utf8_lossy(&shown).contains(&line));
}

#[test]
fn needs_no_helper_program() {
    // No fusermount, no mount: the daemon finds no program at all.
    let mounted = Mounted::with().env("PATH", "/nonexistent").start();
    save(mounted.conf(100), conf(512)).expect("a save");
}

#[test]
fn sigterm_unmounts_though_files_are_open() {
    let mut mounted = Mounted::new();
    save(mounted.conf(100), conf(512)).expect("a save");
    let open = File::open(mounted.conf(100)).expect("open");
    let writing = File::create(mounted.root.join("writing")).expect("create");
    let folder = File::open(mounted.root.join("lxc")).expect("open a folder");
    // `stop` checks that it ends in time, with exit code 0, and that nothing is mounted.
    mounted.stop();
    drop((open, writing, folder));
    mounted.start();
    assert_eq!(fs::read_to_string(mounted.conf(100)).expect("read"), conf(512));
}

#[test]
fn replaces_the_dead_mount_of_a_killed_daemon() {
    let mut mounted = Mounted::new();
    save(mounted.conf(100), conf(512)).expect("a save");
    for _ in 0..3 {
        let open = File::open(mounted.conf(100)).expect("open");
        // It must not have the time to unmount when it learns that its monitor is dead.
        let worker = wait_for(PATIENCE, || mounted.worker()).expect("a worker");
        kill(worker, Signal::SIGSTOP).expect("stopped");
        mounted.kill();
        // The last thread of the worker may still be ending.
        let dead = || fs::metadata(mounted.root.join(".version")).is_err().then_some(());
        wait_for(PATIENCE, dead).expect("no dead mount");
        assert!(is_mounted(&mounted.root), "the dead mount is gone by itself");
        mounted.start();
        assert_eq!(fs::read_to_string(mounted.conf(100)).expect("read"), conf(512));
        drop(open);
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let root = mounted.root.to_str().expect("text");
    assert_eq!(mounts.matches(&format!(" {root} ")).count(), 1, "dead mounts lie below");
}

#[test]
fn the_second_daemon_on_a_store_says_who_holds_it() {
    let mounted = Mounted::new();
    let mut other = prepared();
    other.store.clone_from(&mounted.store);
    let worker = wait_for(PATIENCE, || mounted.worker()).expect("a worker");
    let said = refusal(&mut other.command());
    assert!(said.contains("in use by") && said.contains(&worker.to_string()), "{said}");
    save(mounted.conf(100), conf(512)).expect("the first one still serves");
    // And a second one at the same place.
    let said = refusal(&mut mounted.command());
    assert!(said.contains("mounted here already"), "{said}");
    save(mounted.conf(100), conf(1024)).expect("the first one still serves");
}

#[test]
fn a_database_that_is_none_of_ours() {
    let mounted = prepared();
    save(&mounted.store, "This is a text and no database. ".repeat(400)).expect("a file");
    check_refused(&mounted, &[mounted.store.to_str().expect("text")]);
    fs::remove_file(&mounted.store).expect("removed");
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
                  c.execute('CREATE TABLE t (x)')\nc.commit()";
    let made = Command::new("python3").args(["-c", script]).arg(&mounted.store).status();
    assert!(made.expect("python3 runs").success());
    check_refused(&mounted, &[mounted.store.to_str().expect("text")]);
}

#[test]
fn a_damaged_database_and_one_of_a_newer_version() {
    let mut mounted = Mounted::new();
    for id in 100..140 {
        save(mounted.conf(id), conf(id)).expect("a save");
    }
    mounted.stop();
    // With its log, which is part of it.
    let whole = contents(mounted.store.parent().expect("a folder"));
    let restore =
        || whole.iter().for_each(|(path, bytes)| fs::write(path, bytes).expect("written"));
    let sound = whole[&mounted.store].clone();
    let mut damaged = sound.clone();
    let half = damaged.len() / 8;
    damaged[half..].fill(0xa5);
    save(&mounted.store, &damaged).expect("written");
    check_refused(&mounted, &["damaged"]);
    restore();
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
                  c.execute('PRAGMA user_version = 9999')\nc.commit()";
    let made = Command::new("python3").args(["-c", script]).arg(&mounted.store).status();
    assert!(made.expect("python3 runs").success());
    check_refused(&mounted, &["newer"]);
    restore();
    mounted.start();
    assert_eq!(fs::read_to_string(mounted.conf(139)).expect("read"), conf(139));
}

#[test]
fn a_mount_point_that_cannot_be_used() {
    let mounted = prepared();
    save(mounted.root.join("mine"), "precious").expect("a file");
    check_refused(&mounted, &["not empty", "mine"]);
    assert_eq!(fs::read(mounted.root.join("mine")).expect("read"), b"precious");
    fs::remove_file(mounted.root.join("mine")).expect("removed");
    fs::remove_dir(&mounted.root).expect("removed");
    check_refused(&mounted, &["mount point", "No such file"]);
    save(&mounted.root, "a file").expect("a file");
    check_refused(&mounted, &["not a directory"]);
    assert!(!mounted.store.exists(), "a store was made");
    fs::remove_file(&mounted.root).expect("removed");
    fs::create_dir(&mounted.root).expect("made");
}

/// `pvefs mount` behind another program that prepares its world.
fn behind(mounted: &Mounted, program: &str, args: &[&str]) -> Command {
    let inner = mounted.command();
    let mut command = Command::new(program);
    command.args(args).arg(inner.get_program()).args(inner.get_args());
    command
}

#[test]
fn no_fuse_and_no_permission() {
    let mut mounted = prepared();
    let hide = "mount --bind /dev/null /dev/fuse && exec \"$@\"";
    let args = ["--mount", "--propagation", "private", "sh", "-c", hide, "sh"];
    let said = refusal(&mut behind(&mounted, "unshare", &args));
    assert!(said.contains("fuse"), "{said}");
    assert!(!is_mounted(&mounted.root));
    // Somebody who may read the program and write the folders, but not mount.
    let open = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("chmod");
    };
    for path in [
        mounted.scratch(),
        &mounted.root,
        &mounted.run_dir,
        mounted.store.parent().expect("a folder"),
    ] {
        open(path);
    }
    let args = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let said = refusal(&mut behind(&mounted, "setpriv", &args));
    assert!(said.to_lowercase().contains("permission denied") || said.contains("root"), "{said}");
    assert!(!is_mounted(&mounted.root));
    if let Ok(store) = fs::metadata(&mounted.store) {
        assert!(store.len() > 0, "half a store");
    }
    for left in fs::read_dir(mounted.store.parent().expect("a folder")).expect("a list").flatten() {
        fs::remove_file(left.path()).expect("removed");
    }
    mounted.start();
}

#[test]
fn ready_is_told_when_the_first_access_works() {
    let mounted = prepared();
    let address = mounted.scratch().join("ready");
    let socket = UnixDatagram::bind(&address).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    for _ in 0..5 {
        let mut child = mounted.command().env("NOTIFY_SOCKET", &address).spawn().expect("started");
        let mut message = [0; 512];
        let told = loop {
            let length = socket.recv(&mut message).expect("a notification");
            let text = String::from_utf8_lossy(&message[..length]).into_owned();
            if text.lines().any(|line| line == "READY=1") {
                // At once: no waiting, no trying again.
                break fs::read_to_string(mounted.root.join(".version"));
            }
        };
        let pid = Pid::from_raw(child.id().cast_signed());
        kill(pid, Signal::SIGTERM).expect("told to stop");
        let status = wait_for(PATIENCE, || child.try_wait().expect("its state"));
        assert!(told.expect("the first access").contains("starttime"));
        assert!(status.expect("it stops").success());
    }
}

#[test]
fn daemon_returns_when_it_is_ready_and_fails_when_it_cannot() {
    let mounted = prepared();
    let mut command = mounted.command();
    let started = output(command.arg("--daemon"));
    assert!(started.status.success(), "{started:?}");
    save(mounted.conf(100), conf(512)).expect("the first access works");
    let status = Command::new(programs().join("pvefs"))
        .args(["status", "--root"])
        .arg(&mounted.root)
        .arg("--run-dir")
        .arg(&mounted.run_dir)
        .output()
        .expect("status");
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    let pid = said.split("pid ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let worker: i32 = pid.and_then(|pid| pid.trim_end_matches(',').parse().ok()).expect("a pid");
    let again = refusal(mounted.command().arg("--daemon"));
    assert!(again.contains("mounted here already"), "{again}");
    let monitor = parent(worker);
    kill(Pid::from_raw(monitor), Signal::SIGTERM).expect("told to stop");
    wait_for(PATIENCE, || (!is_mounted(&mounted.root)).then_some(())).expect("it is unmounted");
    wait_for(PATIENCE, || (!Path::new(&format!("/proc/{worker}")).exists()).then_some(()))
        .expect("it ends");
    save(mounted.root.join("mine"), "precious").expect("a file");
    let said = refusal(mounted.command().arg("--daemon"));
    assert!(said.contains("not empty"), "{said}");
}

fn parent(pid: i32) -> i32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("its parent");
    line.trim().parse().expect("a number")
}
