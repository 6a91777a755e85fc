//! Watchers learn of every committed change, with the name that changed, however it was made.

use integration::mounted::{Mounted, PATIENCE, wait_for};
use integration::programs;
use integration::tools::{OLD, Text, Tool, all};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::cell::RefCell;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What is saved with: one tool of each kind of way.
const TOOLS: &[&str] = &[
    "bash echo >",
    "bash echo >>",
    "cat >",
    "cp",
    "install -m640",
    "mv in the folder",
    "sed -i",
    "vim -es backupcopy=auto",
    "vim -es backupcopy=yes",
    "truncate -s N",
    "rsync",
    "python tmp+fsync+replace",
    "python write+flush+fsync",
    "PVE file_set_contents",
];

fn tools() -> Vec<Tool> {
    let mut tools = all();
    tools.retain(|tool| TOOLS.contains(&tool.name) && tool.missing().is_none());
    assert!(tools.len() > TOOLS.len() / 2, "most of them are here");
    tools
}

/// What tells that a file of the folder has another text, or none.
const CHANGES: AddWatchFlags =
    AddWatchFlags::IN_CLOSE_WRITE.union(AddWatchFlags::IN_MOVED_TO).union(AddWatchFlags::IN_DELETE);

/// A watch on one path.
struct Watch {
    inotify: Inotify,
    /// What has come and was not waited for yet.
    pending: RefCell<Vec<(AddWatchFlags, String)>>,
}

impl Watch {
    fn new(path: &Path, what: AddWatchFlags) -> Self {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).unwrap();
        inotify.add_watch(path, what).unwrap();
        Self { inotify, pending: RefCell::default() }
    }

    /// Waits for an event of a kind for a name, and takes it.
    fn wait(&self, what: AddWatchFlags, name: &str) -> Result<(), String> {
        let mut pending = self.pending.borrow_mut();
        let found = wait_for(PATIENCE / 3, || {
            for event in self.inotify.read_events().unwrap_or_default() {
                let name = event.name.unwrap_or_default().to_string_lossy().into_owned();
                pending.push((event.mask, name));
            }
            pending.iter().position(|(mask, of)| mask.intersects(what) && of == name)
        });
        match found {
            Some(at) => drop(pending.remove(at)),
            None => return Err(format!("no {what:?} for {name:?}, but {pending:?}")),
        }
        Ok(())
    }
}

fn commit_by_command(mounted: &Mounted, id: u32) {
    let mut revert = Command::new(programs().join("pvefs"));
    revert.args(["revert", &id.to_string(), "--store"]).arg(&mounted.store);
    revert.arg("--root").arg(&mounted.root).arg("--run-dir").arg(&mounted.run_dir);
    let output = revert.args(["--node", &mounted.node]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_watch_on_the_folder_tells_which_file_every_tool_saved() {
    let mounted = Mounted::with().arg("--log").arg("warn").start();
    let mut wrong = Vec::new();
    for (id, tool) in (100..).zip(tools()) {
        let (target, name) = (mounted.conf(id), format!("{id}.conf"));
        let texts = tool.texts(Text::Good);
        fs::write(&target, &texts.old).unwrap();
        let watch = Watch::new(&mounted.root.join("lxc"), CHANGES);
        let work = tempfile::tempdir_in(mounted.scratch()).unwrap();
        let outcome = tool.run(&target, &texts, work.path()).unwrap();
        assert!(!outcome.told, "{}: {outcome:?}", tool.name);
        let what = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
        if let Err(error) = watch.wait(what, &name) {
            wrong.push(format!("{}: {error}", tool.name));
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), texts.new, "{}", tool.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_watch_on_the_file_tells_of_every_save() {
    let mounted = Mounted::with().arg("--log").arg("warn").start();
    let mut wrong = Vec::new();
    for (id, tool) in (100..).zip(tools()) {
        let target = mounted.conf(id);
        let texts = tool.texts(Text::Good);
        fs::write(&target, &texts.old).unwrap();
        // As on any file system, a file that another one replaces or that is moved away says that, and not the new text.
        let what = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF;
        let watch = Watch::new(&target, what);
        let work = tempfile::tempdir_in(mounted.scratch()).unwrap();
        let outcome = tool.run(&target, &texts, work.path()).unwrap();
        assert!(!outcome.told, "{}: {outcome:?}", tool.name);
        if let Err(error) = watch.wait(what, "") {
            wrong.push(format!("{}: {error}", tool.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn removal_and_a_new_file_are_told_with_their_names() {
    let mounted = Mounted::with().arg("--log").arg("warn").start();
    let folder = mounted.root.join("lxc");
    fs::write(mounted.conf(100), OLD).unwrap();
    let watch = Watch::new(&folder, CHANGES | AddWatchFlags::IN_CREATE);
    let file = Watch::new(&mounted.conf(100), AddWatchFlags::IN_ALL_EVENTS);
    fs::write(mounted.conf(101), OLD).unwrap();
    watch.wait(AddWatchFlags::IN_CREATE, "101.conf").unwrap();
    watch.wait(AddWatchFlags::IN_CLOSE_WRITE, "101.conf").unwrap();
    fs::remove_file(mounted.conf(100)).unwrap();
    watch.wait(AddWatchFlags::IN_DELETE, "100.conf").unwrap();
    file.wait(AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_DELETE_SELF, "").unwrap();
    fs::rename(mounted.conf(101), mounted.conf(102)).unwrap();
    watch.wait(AddWatchFlags::IN_MOVED_TO, "102.conf").unwrap();
}

#[test]
fn a_change_that_comes_not_through_the_mount_is_told() {
    let mounted = Mounted::with().arg("--log").arg("warn").start();
    let conf = mounted.conf(100);
    fs::write(&conf, OLD).unwrap();
    let newer = OLD.replace("memory: 512", "memory: 1024");
    fs::write(&conf, &newer).unwrap();
    for text in [OLD, newer.as_str(), OLD] {
        let folder = Watch::new(&mounted.root.join("lxc"), CHANGES);
        let file = Watch::new(&conf, AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE);
        // Read before, so that the kernel has what is old now.
        fs::read(&conf).unwrap();
        fs::metadata(&conf).unwrap();
        commit_by_command(&mounted, 100);
        folder.wait(AddWatchFlags::IN_CLOSE_WRITE, "100.conf").unwrap();
        file.wait(AddWatchFlags::IN_MODIFY, "").unwrap();
        assert_eq!(fs::read_to_string(&conf).unwrap(), text, "whoever is told finds the new text");
        assert_eq!(fs::metadata(&conf).unwrap().len(), text.len() as u64);
    }
}

/// `inotifywait`, as people use it.
struct Inotifywait {
    child: Child,
    lines: Receiver<String>,
}

impl Inotifywait {
    fn start(path: &Path) -> Self {
        let mut command = Command::new("inotifywait");
        command.args(["--monitor", "--format", "%e %f", "--event", "close_write,moved_to,delete"]);
        command.arg(path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let ready = errors.lines().map_while(Result::ok).any(|l| l.contains("Watches established"));
        assert!(ready, "inotifywait does not start");
        let (send, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        Self { child, lines }
    }

    fn wait(&self, wanted: &[&str]) {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE / 3) {
            if wanted.contains(&line.as_str()) {
                return;
            }
            seen.push(line);
        }
        panic!("none of {wanted:?}, but {seen:?}");
    }

    /// That nothing more comes for a while.
    fn quiet(&self, limit: Duration) -> Vec<String> {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(limit) {
            seen.push(line);
        }
        seen
    }
}

impl Drop for Inotifywait {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn inotifywait_tells_what_changed() {
    if !Path::new("/usr/bin/inotifywait").exists() {
        println!("skipped: there is no inotifywait here (package inotify-tools)");
        return;
    }
    let mounted = Mounted::with().arg("--log").arg("warn").start();
    fs::write(mounted.conf(100), OLD).unwrap();
    fs::write(mounted.conf(100), OLD.replace("512", "1024")).unwrap();
    let folder = Inotifywait::start(&mounted.root.join("lxc"));
    let sed = |expression: &str| {
        let status = Command::new("sed").args(["-i", expression]).arg(mounted.conf(100)).status();
        assert!(status.unwrap().success());
    };
    sed("s/1024/2048/");
    folder.wait(&["MOVED_TO 100.conf"]);
    fs::write(mounted.conf(101), OLD).unwrap();
    folder.wait(&["CLOSE_WRITE,CLOSE 101.conf"]);
    commit_by_command(&mounted, 100);
    folder.wait(&["CLOSE_WRITE,CLOSE 100.conf"]);
    fs::remove_file(mounted.conf(101)).unwrap();
    folder.wait(&["DELETE 101.conf"]);
    // Nothing else changed, and nothing is told twice when the grace period ends.
    assert_eq!(folder.quiet(Duration::from_secs(3)), [""; 0]);
}
