//! The monitor: keeps a worker running.

use super::worker::{stop_signals, system};
use super::{ServeError, may_create};
use crate::fuse::mount;
use crate::settings::Settings;
use crossbeam_channel::{Receiver, Sender, after, select, unbounded};
use nix::sys::signal::{SigSet, Signal};
use rustix::process::{Pid, kill_process};
use sd_notify::NotifyState;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a worker may go without a sign of life.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a new worker may take until it is ready.
const START: Duration = Duration::from_secs(60);
/// How long one may take to stop when it is asked to.
const STOP: Duration = Duration::from_secs(10);
/// Workers in a row that died before they were ready, after which no other is started.
const FALSE_STARTS: u32 = 8;
/// Deaths in a row after which there is a pause before each restart, and the life that ends such a row.
const DEATHS: u32 = 20;
const STABLE: Duration = Duration::from_secs(10);
/// That pause: a worker that dies at each request must not take a processor for itself.
const PAUSE: Duration = Duration::from_millis(300);

/// What happens to a worker.
#[derive(Debug)]
enum News {
    Line(String),
    Exited(ExitStatus),
}

/// How a worker ended.
enum End {
    /// As it was asked to.
    Stopped,
    /// It could not start, and said why.
    Failed(String),
    /// Anything else.
    Died(String),
}

/// Runs workers until a signal to stop. `detached`: a daemon, whose starter waits for a line.
pub(super) fn run(settings: &Settings, detached: bool) -> Result<(), ServeError> {
    if detached {
        // It leads no group yet, so this cannot fail in a way that matters.
        let _ = rustix::process::setsid();
        let _ = std::env::set_current_dir("/");
    }
    let signals = stop_signals();
    signals.thread_block().map_err(|error| system("block signals", error))?;
    let stop = signal_thread(signals)?;
    let (mut false_starts, mut deaths) = (0, 0);
    let mut announced = false;
    loop {
        let started = Instant::now();
        let mut worker = Worker::start()?;
        let (end, ready) = worker.watch(&stop, detached && !announced);
        announced |= ready;
        match end {
            End::Stopped => return Ok(()),
            End::Failed(reason) if !announced => {
                if detached {
                    println!("failed {reason}");
                }
                return Err(ServeError::Worker(reason));
            }
            End::Failed(reason) | End::Died(reason) => {
                let root = settings.root.display();
                tracing::error!("{root}: the worker {reason}; starting another");
            }
        }
        if let Err(error) = mount::clear_dead(&settings.root) {
            tracing::error!("{error}");
        }
        false_starts = if ready { 0 } else { false_starts + 1 };
        deaths = if started.elapsed() < STABLE { deaths + 1 } else { 0 };
        if false_starts >= FALSE_STARTS {
            if detached && !announced {
                println!("failed the worker dies again and again");
            }
            return Err(ServeError::Unstable(false_starts));
        }
        // The first ones at once: one panic, or a kill, must not be felt.
        let pause = match false_starts {
            0 if deaths <= DEATHS => continue,
            0 | 1 => PAUSE,
            more => PAUSE * more,
        };
        if stop.recv_timeout(pause).is_ok() {
            return Ok(());
        }
    }
}

/// Starts a monitor in the background and waits until the file system can be used.
pub(super) fn detach(settings: &Settings) -> Result<(), ServeError> {
    mount::prepare(&settings.root, may_create(&settings.root))?;
    fs::create_dir_all(&settings.run_dir).map_err(ServeError::system("make the run directory"))?;
    let mut command = again("--detached")?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file(settings)?);
    let mut child = command.spawn().map_err(ServeError::system("start the daemon"))?;
    let Some(output) = child.stdout.take() else { return Ok(()) };
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if line == "ready" {
            return Ok(());
        }
        if let Some(reason) = line.strip_prefix("failed ") {
            return Err(ServeError::Worker(reason.to_owned()));
        }
    }
    let status = child.wait().map_err(ServeError::system("wait for the daemon"))?;
    let log = settings.run_dir.join("log");
    Err(ServeError::Worker(format!("the daemon ended ({status}); see {}", log.display())))
}

fn log_file(settings: &Settings) -> Result<File, ServeError> {
    let path = settings.run_dir.join("log");
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(ServeError::system(format!("open {}", path.display())))
}

/// This program with the same arguments and one more.
fn again(argument: &str) -> Result<Command, ServeError> {
    let program = std::env::current_exe().map_err(ServeError::system("find this program"))?;
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1).filter(|given| given != "--detached"));
    command.arg(argument);
    Ok(command)
}

fn signal_thread(signals: SigSet) -> Result<Receiver<Signal>, ServeError> {
    let (send, stop) = unbounded();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            while let Ok(signal) = signals.wait() {
                if send.send(signal).is_err() {
                    return;
                }
            }
        })
        .map_err(ServeError::system("start the thread signals"))?;
    Ok(stop)
}

struct Worker {
    pid: Option<Pid>,
    news: Receiver<News>,
}

impl Worker {
    fn start() -> Result<Self, ServeError> {
        let mut child = again("--worker")?
            // glibc would give each thread a heap of its own, and each would keep what it once needed.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(ServeError::system("start the worker"))?;
        let pid = Pid::from_raw(child.id().cast_signed());
        let (send, news) = unbounded();
        let output = child.stdout.take();
        thread::Builder::new()
            .name("worker".to_owned())
            .spawn(move || follow(child, output, &send))
            .map_err(ServeError::system("start the thread worker"))?;
        Ok(Self { pid, news })
    }

    fn kill(&self, signal: rustix::process::Signal) {
        if let Some(pid) = self.pid {
            // Gone already: its exit is on its way here.
            let _ = kill_process(pid, signal);
        }
    }

    /// Follows it to its end. Returns also whether it was ready before that.
    fn watch(&mut self, stop: &Receiver<Signal>, tell_starter: bool) -> (End, bool) {
        let mut deadline = Instant::now() + START;
        let mut failure = None;
        let (mut stopping, mut ready) = (false, false);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            select! {
                recv(self.news) -> news => match news {
                    Ok(News::Line(line)) => {
                        if line == "ready" {
                            ready = true;
                            announce(tell_starter);
                        }
                        if let Some(reason) = line.strip_prefix("failed ") {
                            failure = Some(reason.to_owned());
                        }
                        if !stopping {
                            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
                            deadline = Instant::now() + PATIENCE;
                        }
                    }
                    Ok(News::Exited(status)) => return (end(status, failure, stopping), ready),
                    Err(_) => return (End::Died("cannot be followed".to_owned()), ready),
                },
                recv(stop) -> _ => {
                    let _ = sd_notify::notify(&[NotifyState::Stopping]);
                    stopping = true;
                    deadline = Instant::now() + STOP;
                    self.kill(rustix::process::Signal::TERM);
                }
                recv(after(left)) -> _ => {
                    tracing::error!("the worker gives no sign of life and is killed");
                    self.kill(rustix::process::Signal::KILL);
                    deadline = Instant::now() + PATIENCE;
                }
            }
        }
    }
}

fn announce(tell_starter: bool) {
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    if tell_starter {
        println!("ready");
    }
}

fn end(status: ExitStatus, failure: Option<String>, stopping: bool) -> End {
    match failure {
        _ if stopping || status.success() => End::Stopped,
        Some(reason) => End::Failed(reason),
        None => End::Died(match status.signal() {
            Some(signal) => format!("was ended by signal {signal}"),
            None => format!("ended with {status}"),
        }),
    }
}

/// Tells what the worker says, and its end after that.
fn follow(mut child: Child, output: Option<std::process::ChildStdout>, news: &Sender<News>) {
    if let Some(output) = output {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = news.send(News::Line(line));
        }
    }
    if let Ok(status) = child.wait() {
        let _ = news.send(News::Exited(status));
    }
}
