//! `ctrun exec` and `ctrun enter`.
//!
//! The process that enters does so while the guest cannot see it: it joins the groups and all namespaces but the pid namespace
//! takes its privileges away, and only the child that it then makes, which has nothing left to take and executes the program
//! at once, is born among the guest's processes. Everything it needs from the host has been opened before; nothing is read
//! from the guest's `/proc`.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;
use std::time::Duration;

use ct_sys::clone::Clone;
use ct_sys::{Call, caps, exec as sys, keyring, pass, pidfd, pty, seccomp, signal};
use rustix::fs::Mode;
use rustix::thread::{CapabilitySet, ThreadNameSpaceType, move_into_thread_name_spaces};

use super::start::supervisor_of;
use super::{Error, running};
use crate::cgroup;
use crate::control::Request;
use crate::ctid::Ctid;
use crate::init;
use crate::record::Record;
use crate::relay::{self, Raw};
use crate::seal::{self, Sealed};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container's number
    id: Ctid,
    /// Keep the environment of the caller
    #[arg(long)]
    keep_env: bool,
    /// What to run
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct EnterArgs {
    /// The container's number
    id: Ctid,
    /// Keep the environment of the caller
    #[arg(long)]
    keep_env: bool,
}

pub fn enter(settings: &Settings, args: &EnterArgs) -> Result<ExitCode, Error> {
    let command = vec!["/bin/sh".into(), "-l".into()];
    exec(settings, &Args { id: args.id, keep_env: args.keep_env, command })
}

pub fn exec(settings: &Settings, args: &Args) -> Result<ExitCode, Error> {
    if !seal::is_sealed()? {
        let sealed = Sealed::this_program()?;
        let error = sealed.command().args(std::env::args_os().skip(1)).exec();
        return Err(Error::Other(format!("cannot execute myself: {error}")));
    }
    let (record, init) = running(settings, args.id)?;
    let filter = record.filter(settings)?;
    // A program of the guest's never gets our user's terminal, into which it could type (CVE-2016-10124).
    let interactive = std::io::stdin().is_terminal();
    let terminal = interactive.then(|| open_terminal(settings, &record)).transpose()?;
    let peer = terminal.as_ref().map(pty::open_peer).transpose()?;

    sys::hide()?;
    let guest = Guest { record: &record, init: &init, filter: &filter, args, peer: peer.as_ref() };
    let ends = pass::pair()?;
    let unified = record.unified.as_ref().map(File::open).transpose();
    let unified = unified.map_err(|e| Error::Other(format!("cannot open the cgroup: {e}")))?;
    let (helper, (ours, _)) =
        Clone::new().cgroup(unified.as_ref().map(AsFd::as_fd)).spawn(ends, |(ours, theirs)| {
            drop(ours);
            guest.enter(&theirs)
        })?;
    drop(peer);
    let entered = wait_for(&ours);
    pidfd::wait(&helper.pidfd)?;
    let program = entered?;
    let ended = match &terminal {
        Some(terminal) => relay_terminal(terminal, &program)?,
        None => pidfd::wait(&program)?,
    };
    Ok(match ended {
        pidfd::Ended::Exited(status) => ExitCode::from(u8::try_from(status).unwrap_or(1)),
        pidfd::Ended::Killed(signal) => ExitCode::from(u8::try_from(128 + signal).unwrap_or(1)),
        pidfd::Ended::Unknown => ExitCode::FAILURE,
    })
}

/// What is known of the container from outside, before anything of it is touched.
struct Guest<'a> {
    record: &'a Record,
    init: &'a OwnedFd,
    filter: &'a [u8],
    args: &'a Args,
    peer: Option<&'a OwnedFd>,
}

impl Guest<'_> {
    /// Runs in the helper: enters, and makes the process that executes the program.
    fn enter(&self, line: &OwnedFd) -> i32 {
        let result = self.join().and_then(|()| {
            // Our sibling, so that whoever waits is not this helper.
            let (child, line) = Clone::new().sibling().spawn(line, |line| self.execute(line))?;
            pass::send(line, b"pid", &[child.pidfd.as_fd()])
        });
        match result {
            Ok(()) => 0,
            Err(e) => {
                let _ = pass::send(line, e.to_string().as_bytes(), &[]);
                1
            }
        }
    }

    fn join(&self) -> ct_sys::Result<()> {
        signal::reset()?;
        let to_sys = |e: cgroup::Error| ct_sys::Error::new(e.to_string(), rustix::io::Errno::IO);
        let groups = cgroup::open_v1(&self.record.join).map_err(to_sys)?;
        cgroup::enter_v1(&groups).map_err(to_sys)?;
        drop(groups);
        let mut namespaces = ThreadNameSpaceType::MOUNT
            | ThreadNameSpaceType::PROCESS_ID
            | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION
            | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
            | ThreadNameSpaceType::NETWORK
            | ThreadNameSpaceType::CONTROL_GROUP;
        if self.record.idmap.is_some() {
            namespaces |= ThreadNameSpaceType::USER;
        }
        move_into_thread_name_spaces(self.init.as_fd(), namespaces)
            .call(|| "setns(pidfd)".into())?;
        init::become_root(self.record.idmap.is_some())?;
        rustix::process::umask(Mode::from_raw_mode(0o022));
        rustix::process::chdir("/").call(|| "chdir(/)".into())?;
        match keyring::new_session() {
            Err(e) if e.errno() != Some(rustix::io::Errno::NOSYS) => return Err(e),
            _ => {}
        }
        if !self.filter.is_empty() {
            seccomp::install(self.filter)?;
        }
        caps::limit(CapabilitySet::from_bits_retain(self.record.capabilities))
    }

    /// Runs in the guest.
    fn execute(&self, line: &OwnedFd) -> i32 {
        let error = self.try_execute();
        let _ = pass::send(line, error.as_bytes(), &[]);
        127
    }

    fn try_execute(&self) -> String {
        if let Err(e) = self.set_up() {
            return e.to_string();
        }
        let Some(program) = self.args.command.first() else {
            return "no program is named".into();
        };
        let mut environment = self.record.environment.clone();
        if self.args.keep_env {
            environment = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
        }
        let error = sys::execute(program, &self.args.command, &environment);
        format!("cannot execute {program}: {error}")
    }

    fn set_up(&self) -> ct_sys::Result<()> {
        rustix::process::setsid().call(|| "setsid".into())?;
        if let Some(peer) = self.peer {
            rustix::process::ioctl_tiocsctty(peer).call(|| "ioctl(TIOCSCTTY)".into())?;
            rustix::stdio::dup2_stdin(peer).call(|| "dup2(stdin)".into())?;
            rustix::stdio::dup2_stdout(peer).call(|| "dup2(stdout)".into())?;
            rustix::stdio::dup2_stderr(peer).call(|| "dup2(stderr)".into())?;
        }
        sys::close_on_exec_from(3)
    }
}

/// Waits until the program runs; afterwards the line is closed.
fn wait_for(line: &OwnedFd) -> Result<OwnedFd, Error> {
    let mut buffer = [0; 4096];
    let mut program = None;
    while let Some((n, fds)) = pass::receive(line, &mut buffer)? {
        match fds.into_iter().next() {
            Some(fd) => program = Some(fd),
            None => return Err(Error::Other(String::from_utf8_lossy(&buffer[..n]).into_owned())),
        }
    }
    program.ok_or_else(|| Error::Other("the program died before it was executed".into()))
}

/// A terminal of the container's own devpts, which only the supervisor knows for sure.
fn open_terminal(settings: &Settings, record: &Record) -> Result<OwnedFd, Error> {
    let client = supervisor_of(settings, record)?;
    client.ask(&Request::Terminal)?;
    let (_, fds) = client.reply(Some(Duration::from_secs(5)))?;
    fds.into_iter().next().ok_or_else(|| Error::Other("the supervisor gave no terminal".into()))
}

fn relay_terminal(terminal: &OwnedFd, program: &OwnedFd) -> Result<pidfd::Ended, Error> {
    use rustix::event::{PollFd, PollFlags, poll};
    let _raw = Raw::stdin();
    relay::copy_window(Some(terminal));
    let window = signal::descriptor(&[relay::WINDOW_CHANGED])?;
    let stdin = std::io::stdin();
    let (mut buffer, mut stdin_open) = ([0; 4096], true);
    loop {
        let mut fds = vec![
            PollFd::new(terminal, PollFlags::IN),
            PollFd::new(program, PollFlags::IN),
            PollFd::new(&window, PollFlags::IN),
        ];
        if stdin_open {
            fds.push(PollFd::new(&stdin, PollFlags::IN));
        }
        if poll(&mut fds, None).is_err() {
            continue;
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if ready[0] {
            // EIO: the last process that had the terminal open has closed it.
            if let Ok(n @ 1..) = rustix::io::read(terminal, &mut buffer) {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(&buffer[..n]).and_then(|()| out.flush());
                continue;
            }
            return Ok(pidfd::wait(program)?);
        }
        if ready[1] {
            return Ok(pidfd::wait(program)?);
        }
        if ready[2] {
            while signal::next(&window)?.is_some() {}
            relay::copy_window(Some(terminal));
        }
        if ready.get(3) == Some(&true) {
            let n = rustix::io::read(stdin.as_fd(), &mut buffer).unwrap_or(0);
            stdin_open = n > 0;
            relay::write_all(terminal, &buffer[..n]);
        }
    }
}
