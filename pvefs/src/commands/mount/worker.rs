//! The worker: opens the store, mounts, serves, and unmounts when it is told to stop.
//!
//! It talks to the monitor by lines on standard output: `ready` once the first access works, `alive` from time to time
//! as long as requests are answered, `failed REASON` when it cannot start.

use super::{ServeError, control, may_create};
use crate::fs::{Effect, Fs, Judge, Options};
use crate::fuse::effects::{self, PokeAt};
use crate::fuse::mount::{self, Detached, Mount};
use crate::fuse::{Adapter, Trap};
use crate::settings::Settings;
use fuser::{Config, Notifier, Session, SessionACL};
use nix::sys::signal::{SigSet, Signal};
use pvefs_store::{SqliteOptions, SqliteStore, Store};
use rustix::fs::{AtFlags, fstat, major, minor, statat};
use rustix::io::Errno;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// How often the worker says that it is alive.
const PULSE: Duration = Duration::from_secs(1);
/// A name that is never there: to look it up goes all the way to a handler and back.
const PROBE: &str = ".pvefs";
/// How long requests may take to end once the file system is unmounted.
const LINGER: Duration = Duration::from_millis(500);

/// Serves until a signal to stop.
pub(super) fn run(settings: &Settings, judge: Arc<dyn Judge>) -> Result<(), ServeError> {
    // A handler that panics leaves a mount on which everything hangs. A dead worker is replaced within a moment.
    // No backtrace: to look its names up can take longer than the mount may be away.
    std::panic::set_hook(Box::new(|info| {
        eprintln!("{info}");
        std::process::abort();
    }));
    // Without the monitor nobody would restart or stop this.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM));
    let signals = stop_signals();
    // A limit on the size of files shall fail a save, not end the worker.
    let mut blocked = signals;
    blocked.add(Signal::SIGXFSZ);
    blocked.thread_block().map_err(|error| system("block signals", error))?;
    match serve(settings, judge, signals) {
        Err(error) => {
            say(&format!("failed {error}"));
            Err(error)
        }
        served => served,
    }
}

fn serve(settings: &Settings, judge: Arc<dyn Judge>, signals: SigSet) -> Result<(), ServeError> {
    mount::prepare(&settings.root, may_create(&settings.root))?;
    let (fs, effects) = open(settings, judge)?;
    let (device, mut mounted) = Detached::new(&settings.store.display().to_string())?.split()?;
    let notifier = Arc::new(OnceLock::new());
    let session = session(fs.clone(), &notifier, device, settings.threads)?;
    let root = duplicate(&mounted)?;
    let poke_at = PokeAt(settings.poke.clone());
    effects::start(fs.clone(), effects, notifier, root, poke_at)
        .map_err(ServeError::system("start threads"))?;
    let control = control::start(fs.clone(), settings)?;
    let (stop, stopped) = crossbeam_channel::bounded(2);
    let stop_by_signal = stop.clone();
    spawn("signals", move || {
        let signal = signals.wait().map_or("a signal", Signal::as_str);
        let _ = stop_by_signal.send(signal.to_owned());
    })?;
    spawn("session", move || {
        let ended = session.run().err().map_or("it was unmounted".to_owned(), |e| e.to_string());
        let _ = stop.send(ended);
    })?;
    fs.set_device(device_of(mounted.root())?);
    mounted.attach(&settings.root)?;
    probe(mounted.root())?;
    tracing::info!("{} is mounted at {}", settings.store.display(), settings.root.display());
    say("ready");
    pulse(duplicate(&mounted)?)?;
    let why = stopped.recv().unwrap_or_default();
    tracing::info!("{}: ending, {why}", settings.root.display());
    drop(mounted);
    drop(control);
    fs.settle_all();
    let _ = stopped.recv_timeout(LINGER);
    fs.settle_all();
    Ok(())
}

fn open(
    settings: &Settings,
    judge: Arc<dyn Judge>,
) -> Result<(Arc<Fs>, crossbeam_channel::Receiver<Effect>), ServeError> {
    if let Some(dir) = settings.store.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir)
            .map_err(ServeError::system(format!("create {}", dir.display())))?;
    }
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&settings.store, SqliteOptions::default())?);
    let (send, effects) = crossbeam_channel::unbounded();
    let options = Options {
        gid: settings.gid(),
        grace: settings.grace,
        ..Options::new(settings.node.clone())
    };
    // Nobody receives any more when the daemon ends.
    let fs = Fs::new(store, judge, options, move |effect| drop(send.send(effect)))?;
    Ok((Arc::new(fs), effects))
}

fn session(
    fs: Arc<Fs>,
    notifier: &Arc<OnceLock<Notifier>>,
    device: OwnedFd,
    threads: usize,
) -> Result<Session<Adapter>, ServeError> {
    let mut config = Config::default();
    config.acl = SessionACL::All;
    config.n_threads = Some(threads);
    config.clone_fd = true;
    let adapter = Adapter::new(fs, notifier.clone(), Trap::from_env());
    let session = Session::from_fd(adapter, device, SessionACL::All, config)
        .map_err(ServeError::system("start the FUSE session"))?;
    let _ = notifier.set(session.notifier());
    Ok(session)
}

/// The device of a mount, as /proc/PID/mountinfo shows it.
fn device_of(root: impl AsFd) -> Result<String, ServeError> {
    let device = fstat(root).map_err(|e| ServeError::system("stat the mount")(e.into()))?.st_dev;
    Ok(format!("{}:{}", major(device), minor(device)))
}

/// One request all the way.
fn probe(root: impl AsFd) -> Result<(), ServeError> {
    match statat(root, PROBE, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) | Ok(_) => Ok(()),
        Err(error) => Err(ServeError::system("the first access")(error.into())),
    }
}

/// Says from time to time that requests are answered, as long as they are.
fn pulse(root: OwnedFd) -> Result<(), ServeError> {
    spawn("pulse", move || {
        while probe(&root).is_ok() {
            say("alive");
            thread::sleep(PULSE);
        }
    })
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), ServeError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map(drop)
        .map_err(ServeError::system(format!("start the thread {name}")))
}

fn duplicate(mounted: &Mount) -> Result<OwnedFd, ServeError> {
    mounted.root().try_clone_to_owned().map_err(ServeError::system("duplicate the mount"))
}

/// Tells the monitor; there is none to be told when it is gone.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{}", line.replace('\n', " "));
}

pub(super) fn stop_signals() -> SigSet {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals
}

pub(super) fn system(what: &str, error: nix::errno::Errno) -> ServeError {
    ServeError::system(what)(error.into())
}
