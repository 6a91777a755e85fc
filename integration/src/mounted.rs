//! A `pvefs mount` of a test's own, on temporary directories.

use crate::programs;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take that takes a moment on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often to look whether something has happened.
pub const LOOK: Duration = Duration::from_millis(5);

/// Waits until `done` gives something, and gives that; `None` after `limit`.
pub fn wait_for<T>(limit: Duration, mut done: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = done() {
            return Some(found);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(LOOK);
    }
}

/// How to start one.
#[derive(Clone, Debug, Default)]
pub struct Options {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    settings: String,
    node: Option<String>,
}

impl Options {
    /// Another argument for `pvefs mount`.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// A variable of the daemon's environment.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// A line of the settings file.
    #[must_use]
    pub fn setting(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.settings.push_str(&format!("{key} = {value}\n"));
        self
    }

    /// The node's name; `one` if nothing is said.
    #[must_use]
    pub fn node(mut self, node: &str) -> Self {
        self.node = Some(node.to_owned());
        self
    }

    /// Starts it and waits until it can be used.
    ///
    /// # Panics
    /// When it does not get ready, with what it said.
    pub fn start(self) -> Mounted {
        let mut mounted = self.prepare();
        mounted.start();
        mounted
    }

    /// Makes the directories, without starting anything.
    ///
    /// # Panics
    /// When they cannot be made.
    pub fn prepare(self) -> Mounted {
        let dir = tempfile::Builder::new().prefix("pvefs-").tempdir().expect("a temporary folder");
        let (root, run_dir) = (dir.path().join("root"), dir.path().join("run"));
        for made in [&root, &run_dir] {
            fs::create_dir(made).expect("a folder");
        }
        fs::write(dir.path().join("settings"), &self.settings).expect("a settings file");
        Mounted {
            store: dir.path().join("store/pvefs.db"),
            node: self.node.clone().unwrap_or_else(|| "one".to_owned()),
            options: self,
            child: None,
            dir,
            root,
            run_dir,
        }
    }
}

/// A mounted file system. Dropping it stops the daemon and checks that it ends well.
#[derive(Debug)]
pub struct Mounted {
    /// Where it is mounted.
    pub root: PathBuf,
    /// The store's database.
    pub store: PathBuf,
    /// Where the control socket is.
    pub run_dir: PathBuf,
    /// The node's name.
    pub node: String,
    options: Options,
    child: Option<Child>,
    dir: TempDir,
}

impl Mounted {
    /// One with nothing special.
    pub fn new() -> Self {
        Options::default().start()
    }

    /// One with options.
    pub fn with() -> Options {
        Options::default()
    }

    /// The configuration of a container of this node, by the path that people use.
    pub fn conf(&self, id: u32) -> PathBuf {
        self.root.join(format!("lxc/{id}.conf"))
    }

    /// Where the refused text for a container is; `.why` appended, the reasons.
    pub fn rejected(&self, id: u32) -> PathBuf {
        self.root.join(format!(".rejected/nodes/{}/lxc/{id}.conf", self.node))
    }

    /// A folder for whatever the test needs, not on the mount.
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }

    /// What the daemon said.
    pub fn log(&self) -> String {
        let log = fs::read(self.dir.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// `pvefs mount` with all the options, not started.
    pub fn command(&self) -> Command {
        let log = self.dir.path().join("log");
        let log: File = OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let mut command = Command::new(programs().join("pvefs"));
        command.arg("mount").arg("--root").arg(&self.root).arg("--store").arg(&self.store);
        command.arg("--run-dir").arg(&self.run_dir).args(["--node", &self.node]);
        command.arg("--settings").arg(self.dir.path().join("settings"));
        command.args(&self.options.args);
        command.env_remove("JOURNAL_STREAM").envs(self.options.env.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command
    }

    /// A command of pvefs on this store and mount.
    pub fn pvefs<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(programs().join("pvefs"));
        command.args(args).arg("--store").arg(&self.store).arg("--root").arg(&self.root);
        command.arg("--run-dir").arg(&self.run_dir).args(["--node", &self.node]);
        command.stdin(Stdio::null());
        command
    }

    /// Takes in the files of a folder, before the first start.
    ///
    /// # Panics
    /// When that fails.
    pub fn import(&self, source: &Path) {
        fs::create_dir_all(self.store.parent().expect("a folder")).expect("a folder");
        let args = [OsStr::new("import"), source.as_os_str()];
        assert!(self.pvefs(args).status().expect("import runs").success(), "import");
    }

    /// Starts the daemon in the foreground and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it is running already or does not get ready.
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "already started");
        let address = self.dir.path().join("notify");
        let _ = fs::remove_file(&address);
        let socket = UnixDatagram::bind(&address).expect("a socket");
        socket.set_nonblocking(true).expect("a socket that does not block");
        let mut command = self.command();
        command.env("NOTIFY_SOCKET", &address);
        let mut child = command.spawn().expect("pvefs can be started; was it built?");
        let ready = wait_for(PATIENCE, || {
            let mut message = [0; 512];
            if let Ok(length) = socket.recv(&mut message)
                && message[..length].split(|byte| *byte == b'\n').any(|line| line == b"READY=1")
            {
                return Some(Ok(()));
            }
            child.try_wait().expect("its state").map(Err)
        });
        self.child = Some(child);
        match ready {
            Some(Ok(())) => {}
            Some(Err(status)) => panic!("pvefs ended ({status}):\n{}", self.log()),
            None => panic!("pvefs is not ready after {PATIENCE:?}:\n{}", self.log()),
        }
    }

    /// The process id of the monitor, which keeps the worker running.
    ///
    /// # Panics
    /// When it was not started.
    pub fn monitor(&self) -> Pid {
        pid(self.child.as_ref().expect("started").id())
    }

    /// The process id of the worker, which serves, if there is one at this moment.
    pub fn worker(&self) -> Option<Pid> {
        let monitor = self.monitor();
        let children = fs::read_to_string(format!("/proc/{monitor}/task/{monitor}/children"));
        let first = children.ok()?.split_whitespace().next()?.parse().ok()?;
        Some(pid(first))
    }

    /// Kills the worker alone with SIGKILL; the monitor starts another.
    ///
    /// # Panics
    /// When there is no worker for too long.
    pub fn kill_worker(&self) -> Pid {
        let worker = wait_for(PATIENCE, || self.worker()).expect("a worker");
        let _ = kill(worker, Signal::SIGKILL);
        worker
    }

    /// Kills the whole daemon with SIGKILL. The dead mount stays; [`Mounted::start`] starts again.
    ///
    /// # Panics
    /// When it was not started.
    pub fn kill(&mut self) {
        let worker = self.worker();
        let mut child = self.child.take().expect("started");
        child.kill().expect("killed");
        child.wait().expect("ended");
        if let Some(worker) = worker {
            let _ = kill(worker, Signal::SIGKILL);
            wait_for(PATIENCE, || is_gone(worker).then_some(())).expect("the worker ends");
        }
    }

    /// Asks the daemon to stop and waits until it has.
    ///
    /// # Panics
    /// When it was not started, does not stop in time, does not end well, or leaves its mount.
    pub fn stop(&mut self) {
        let status = self.terminate();
        assert!(status.success(), "pvefs ended with {status}:\n{}", self.log());
        assert!(!is_mounted(&self.root), "pvefs left its mount:\n{}", self.log());
        assert!(!self.log().contains("panicked"), "pvefs panicked:\n{}", self.log());
    }

    fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("started");
        let _ = kill(pid(child.id()), Signal::SIGTERM);
        let ended = wait_for(PATIENCE, || child.try_wait().expect("its state"));
        if ended.is_none() {
            self.child = Some(child);
            self.kill();
            panic!("pvefs does not stop:\n{}", self.log());
        }
        ended.expect("checked")
    }
}

impl Default for Mounted {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let failing = std::thread::panicking();
        if failing {
            eprintln!("--- what pvefs said:\n{}---", self.log());
            if self.child.is_some() {
                self.kill();
            }
        } else if self.child.is_some() {
            self.stop();
        }
        // The folder is removed with all that is in it: nothing may be mounted there any more.
        while umount2(&self.root, MntFlags::MNT_DETACH).is_ok() {}
    }
}

/// Whether anything is mounted at `path`.
pub fn is_mounted(path: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the list of mounts");
    mounts.lines().any(|line| line.split(' ').nth(4).map(Path::new) == Some(path))
}

fn pid(raw: u32) -> Pid {
    Pid::from_raw(raw.cast_signed())
}

/// Whether a process that is no child of ours has ended, or is only waited for.
fn is_gone(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}
