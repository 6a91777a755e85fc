//! The one process that stays for a container: it starts it, holds its terminals, answers questions, and takes it apart when
//! its init has ended. When the guest reboots, it starts it again, by the file as it is then.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;

use ct_sys::clone::Child;
use ct_sys::{Call, exec, memory, pass, pidfd, signal};
use serde::{Deserialize, Serialize};

use crate::control::{self, Ended, Reply};
use crate::ctid::Ctid;
use crate::failure::Failure;
use crate::init::Terminals;
use crate::record::{Record, RunDir};
use crate::settings::Settings;
use crate::spec::from_config;
use crate::{seal, start, teardown};

mod adopt;
mod console;
mod serve;

use console::Console;

/// What a supervisor is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Which container.
    pub id: Ctid,
    /// Its configuration, if not where the settings say.
    pub config: PathBuf,
    /// The program to run instead of the configured init.
    pub command: Vec<String>,
    /// Whoever started it stays, as the console's user.
    pub foreground: bool,
}

/// The entry of a supervisor's process: standard input is the line to whoever ordered it, and the first message the order.
pub fn main() -> ExitCode {
    // Whatever our caller left open is not for a container, nor for us.
    let prepared = exec::close_inherited(3)
        .and_then(|()| {
            rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3).call(|| "dup(0)".into())
        })
        .and_then(|client| detach().map(|()| client));
    let client = match prepared {
        Ok(client) => client,
        Err(e) => {
            eprintln!("ctrun: {e}");
            return ExitCode::FAILURE;
        }
    };
    let mut buffer = vec![0; 65536];
    let order = pass::receive(&client, &mut buffer).ok().flatten();
    let order = order.and_then(|(n, _)| serde_json::from_slice(&buffer[..n]).ok());
    let Some((settings, order)) = order else {
        eprintln!("ctrun: `supervise` is for ctrun itself");
        return ExitCode::FAILURE;
    };
    drop(buffer);
    supervise(&settings, &order, client)
}

/// Leaves the session and the terminal of the caller.
fn detach() -> ct_sys::Result<()> {
    signal::reset()?;
    signal::broken_pipes_kill(false);
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let null = open_null()?;
    rustix::stdio::dup2_stdin(&null).call(|| "dup2(stdin)".into())?;
    // Fails only for one that leads its session already.
    let _ = rustix::process::setsid();
    Ok(())
}

fn open_null() -> ct_sys::Result<File> {
    File::options().read(true).write(true).open("/dev/null").call(|| "open(/dev/null)".into())
}

/// Runs a container from start to end. Whoever ordered it is at the other end of `client`.
pub fn supervise(settings: &Settings, order: &Order, client: OwnedFd) -> ExitCode {
    let mut client = Some(client);
    loop {
        let again = match once(settings, order, &mut client) {
            Ok(again) => again,
            Err(message) => {
                if let Some(client) = &client {
                    control::send_reply(client, &Reply::Error(message), &[]);
                }
                return ExitCode::FAILURE;
            }
        };
        if !again {
            return ExitCode::SUCCESS;
        }
    }
}

/// One life of the container. Tells whether there shall be another.
fn once(settings: &Settings, order: &Order, client: &mut Option<OwnedFd>) -> Result<bool, String> {
    if !seal::is_sealed().map_err(|e| e.to_string())? {
        return Err(
            "this program can be written to through /proc: refusing to enter a container".into()
        );
    }
    let (dir, left) = RunDir::create(settings, order.id).map_err(|e| e.to_string())?;
    // From now on whoever asks something gets an answer, if only when the start is over.
    let listener = match control::serve(dir.path()) {
        Ok(listener) => listener,
        Err(e) => {
            let _ = dir.remove();
            return Err(e.to_string());
        }
    };
    let (life, started) = match left.map(adopt::take_over).transpose()?.flatten() {
        Some(life) => (life, Reply::TakenOver),
        None => match begin(settings, order, &dir) {
            Ok(life) => (life, Reply::Started),
            Err((failure, record)) => {
                let mut message = failure.message(&order.config);
                for error in give_up(&record, dir) {
                    message.push_str("\n  and while cleaning up: ");
                    message.push_str(&error);
                }
                return Err(message);
            }
        },
    };
    let log = settings.log.join(format!("{}.console.log", order.id));
    let console = Console::new(life.terminals, life.record.console, log);
    let mut server = serve::Server::new(listener, life.init, console);
    report_start(&mut server, client, &started, order.foreground);
    // Making a container took much code that waiting for its end does not.
    let _ = memory::forget_text();
    let ended = server.until_end();
    let errors = teardown::take_apart(&life.record, None);
    let again = ended == Ended::Rebooted || server.start_again();
    finish(&life.record, dir, errors, again);
    let waiting = server.end(ended, again);
    *client = if again { None } else { waiting };
    // Off everybody's path: 17 ms for each interface.
    for error in teardown::delete_links(&life.record) {
        eprintln!("ctrun: container {}: {error}", order.id);
    }
    Ok(again)
}

/// A container that runs, as far as its supervisor needs it.
struct Life {
    init: Child,
    terminals: Terminals,
    record: Record,
}

fn new_record(order: &Order) -> Record {
    Record {
        id: order.id,
        config: order.config.clone(),
        init: None,
        idmap: None,
        cgroups: Vec::new(),
        join: Vec::new(),
        unified: None,
        links: Vec::new(),
        capabilities: 0,
        halt_signal: None,
        environment: Vec::new(),
        console: true,
        ttys: 0,
    }
}

/// Starts the container. A failure comes with the record of what has to be undone.
fn begin(
    settings: &Settings,
    order: &Order,
    dir: &RunDir,
) -> Result<Life, (Box<Failure>, Box<Record>)> {
    let mut record = new_record(order);
    let mut try_to = || {
        let mut spec = from_config::load(order.id, &order.config)?;
        if !order.command.is_empty() {
            spec.init.value.clone_from(&order.command);
        }
        record.idmap = spec.idmap.as_ref().map(|map| map.value.clone());
        record.halt_signal = spec.lxc.halt_signal;
        record.environment.clone_from(&spec.environment);
        (record.console, record.ttys) = (spec.console, spec.ttys.value);
        start::start(settings, &spec, dir, &mut record)
    };
    match try_to() {
        Ok(running) => {
            Ok(Life { init: running.init, terminals: running.terminals, record: running.record })
        }
        Err(failure) => Err((Box::new(failure), Box::new(record))),
    }
}

/// Undoes a start that failed.
fn give_up(record: &Record, dir: RunDir) -> Vec<String> {
    let init = record.open_init().ok().flatten();
    let mut errors = teardown::take_apart(record, init.as_ref());
    if let Some(init) = init {
        let _ = pidfd::wait(init);
    }
    errors.extend(teardown::delete_links(record));
    errors.extend(dir.remove().err().map(|e| e.to_string()));
    errors
}

fn finish(record: &Record, dir: RunDir, mut errors: Vec<String>, again: bool) {
    if again {
        errors.extend(teardown::delete_links(record));
    }
    errors.extend(dir.remove().err().map(|e| e.to_string()));
    for error in errors {
        eprintln!("ctrun: container {}: {error}", record.id);
    }
}

/// Tells whoever ordered the start, and lets go of the caller's terminal.
fn report_start(
    server: &mut serve::Server,
    client: &mut Option<OwnedFd>,
    started: &Reply,
    foreground: bool,
) {
    let Some(client) = client.take() else { return };
    let console = server.console().master(0);
    let fds: Vec<_> = console.filter(|_| foreground).map(AsFd::as_fd).into_iter().collect();
    if control::send_reply(&client, started, &fds) && foreground {
        server.adopt_console_client(client);
        return;
    }
    drop(client);
    if let Ok(null) = open_null() {
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}
