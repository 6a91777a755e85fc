//! A host for one test: directories of its own on a tmpfs, a cgroup of its own, numbers that no other test has.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub mod debian;
pub mod netns;

/// Where trees for tests are made: memory, so that nothing is written to a disk.
const BASE: &str = "/dev/shm";

/// One test's world.
pub struct Host {
    dir: tempfile::TempDir,
    name: String,
    /// The program, if not the one that was built.
    pub program: Option<PathBuf>,
    /// Commands run in this network namespace, if any.
    pub netns: Option<netns::NetNs>,
}

/// What a command said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Says why a test does nothing, past the test runner's capture.
pub fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    let _ = writeln!(std::io::stderr(), "skipped: {name}: {reason}");
}

/// Whether containers can run here at all.
pub fn can_run() -> bool {
    if !rustix::process::geteuid().is_root() {
        skip("needs root");
        return false;
    }
    if !Path::new("/bin/busybox").exists() {
        skip("needs /bin/busybox (Debian: busybox-static)");
        return false;
    }
    if Path::new(BASE).metadata().is_err() {
        skip("needs a tmpfs on /dev/shm");
        return false;
    }
    true
}

impl Host {
    /// `None` where containers cannot run, which has been said then.
    pub fn new() -> Option<Self> {
        if !can_run() {
            return None;
        }
        static N: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("ctrun-test-{}-{}", std::process::id(), N.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::Builder::new().prefix(&name).tempdir_in(BASE).unwrap();
        fs::create_dir_all(dir.path().join("pve/lxc")).unwrap();
        let host = Self { dir, name, program: None, netns: None };
        host.settings("");
        Some(host)
    }

    /// Writes the settings, with `more` lines.
    pub fn settings(&self, more: &str) {
        let dir = self.path().display();
        let text = format!(
            "pve: {dir}/pve\nrun: {dir}/run\nlog: {dir}/log\ncgroup: {}\n{more}",
            self.name
        );
        fs::write(self.path().join("settings"), text).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A number that no other test uses, in this run or another.
    pub fn id(&self) -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        100_000_000 + (std::process::id() % 80_000) * 10_000 + NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// A busybox root with an init that sleeps.
    pub fn root(&self, name: &str) -> PathBuf {
        let root = self.path().join(name);
        for dir in ["bin", "sbin", "etc", "proc", "sys", "dev", "tmp", "root"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        let applets = Command::new("/bin/busybox").arg("--list").output().unwrap().stdout;
        for applet in String::from_utf8(applets).unwrap().lines().filter(|a| *a != "busybox") {
            symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        symlink("../bin/busybox", root.join("sbin/init")).unwrap();
        fs::write(root.join("etc/inittab"), "::sysinit:/bin/true\n::respawn:/bin/sleep 1000\n")
            .unwrap();
        fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
        root
    }

    /// A container: its number, with `config` below `rootfs:` and `swap: 0`.
    pub fn container(&self, config: &str) -> u32 {
        let id = self.id();
        let root = self.root(&format!("root-{id}"));
        self.write_config(id, &format!("rootfs: {}\nswap: 0\n{config}", root.display()));
        id
    }

    pub fn root_of(&self, id: u32) -> PathBuf {
        self.path().join(format!("root-{id}"))
    }

    pub fn write_config(&self, id: u32, text: &str) {
        fs::write(self.path().join(format!("pve/lxc/{id}.conf")), text).unwrap();
    }

    /// A command of ctrun with this host's settings.
    pub fn command(&self, args: &[&str]) -> Command {
        let ctrun = self.program.as_deref().and_then(Path::to_str);
        let ctrun = ctrun.unwrap_or(env!("CARGO_BIN_EXE_ctrun"));
        let settings = self.path().join("settings");
        let mut command = match &self.netns {
            None => Command::new(ctrun),
            Some(netns) => netns.command(ctrun),
        };
        command.arg("--settings").arg(settings).args(args);
        command.stdin(Stdio::null());
        command
    }

    pub fn ctrun(&self, args: &[&str]) -> Said {
        said(&self.command(args).output().unwrap())
    }

    /// The same, which must succeed.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let said = self.ctrun(args);
        assert_eq!(said.code, 0, "ctrun {args:?}: {}{}", said.out, said.err);
        said.out
    }

    #[track_caller]
    pub fn start(&self, id: u32) {
        self.ok(&["start", &id.to_string()]);
    }

    #[track_caller]
    pub fn stop(&self, id: u32) {
        self.ok(&["stop", &id.to_string()]);
    }

    /// Runs a shell script inside.
    pub fn sh(&self, id: u32, script: &str) -> Said {
        self.ctrun(&["exec", &id.to_string(), "--", "/bin/sh", "-c", script])
    }

    /// The directories of a container's groups, in every hierarchy.
    pub fn groups(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for hierarchy in hierarchies() {
            let base = hierarchy.join(&self.name);
            found.extend(
                fs::read_dir(base)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .filter_map(|entry| entry.file_type().ok()?.is_dir().then(|| entry.path())),
            );
        }
        found
    }

    /// The outer group in the hierarchy of `controller`, if that is of version 1.
    pub fn group(&self, controller: &str, id: u32) -> Option<PathBuf> {
        let group =
            Path::new("/sys/fs/cgroup").join(controller).join(&self.name).join(id.to_string());
        group.exists().then_some(group)
    }

    /// Everything that a container of this host has left: nothing, if all is well.
    pub fn left_behind(&self) -> Vec<String> {
        let mut left: Vec<String> =
            self.groups().iter().map(|g| format!("group {}", g.display())).collect();
        let dir = self.path().to_str().unwrap();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        left.extend(mounts.lines().filter(|l| l.contains(dir)).map(|l| format!("mount {l}")));
        for entry in fs::read_dir(self.path().join("run")).into_iter().flatten().flatten() {
            left.push(format!("file {}", entry.path().display()));
        }
        left.extend(self.processes().iter().map(|p| format!("process {p}")));
        left
    }

    /// Waits a moment for what happens after a command has come back.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let left = self.left_behind();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left behind: {left:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Supervisors of this host's containers, told by their numbers.
    fn processes(&self) -> Vec<String> {
        let ids: Vec<String> = fs::read_dir(self.path().join("pve/lxc"))
            .unwrap()
            .flatten()
            .filter_map(|e| Some(e.path().file_stem()?.to_str()?.to_owned()))
            .collect();
        let supervises = |pid: &str| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let words: Vec<String> =
                line.split(|b| *b == 0).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
            let ours = words.get(1)? == "supervise" && ids.contains(words.get(2)?);
            ours.then(|| words.join(" "))
        };
        fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|e| supervises(e.file_name().to_str()?))
            .collect()
    }

    /// The process that supervises `id`.
    pub fn supervisor(&self, id: u32) -> i32 {
        let wanted = format!("\0supervise\0{id}\0");
        fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok())
            .find(|pid| {
                fs::read(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&wanted))
            })
            .expect("no supervisor")
    }

    /// The pid of a container's init.
    pub fn init(&self, id: u32) -> i32 {
        let state = self.ok(&["state", &id.to_string()]);
        let line = state.lines().find_map(|l| l.strip_prefix("pid: "));
        line.unwrap_or_else(|| panic!("no pid: {state}")).parse().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // A test that failed leaves its containers; the next one shall not see them.
        for group in self.groups() {
            if let Some(id) = group.file_name().and_then(|n| n.to_str()) {
                let _ = self.ctrun(&["delete", "--force", id]);
            }
        }
        for hierarchy in hierarchies() {
            let _ = fs::remove_dir(hierarchy.join(&self.name));
        }
    }
}

pub fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    mounts
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            fields[2].starts_with("cgroup").then(|| PathBuf::from(fields[1]))
        })
        .collect()
}

/// Puts a program of the host with its libraries into a root.
pub fn install(program: &str, root: &Path) {
    let copy = |from: &Path| {
        let to = root.join(from.strip_prefix("/").unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    };
    copy(Path::new(program));
    let ldd = Command::new("ldd").arg(program).output().unwrap();
    for word in
        String::from_utf8_lossy(&ldd.stdout).split_whitespace().filter(|w| w.starts_with('/'))
    {
        copy(Path::new(word));
    }
}

/// Tries until it is true, for five seconds.
#[track_caller]
pub fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !check() {
        assert!(Instant::now() < deadline, "{what} does not come true");
        std::thread::sleep(Duration::from_millis(20));
    }
}
