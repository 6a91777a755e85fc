//! Process 1 of a container, from its birth until it executes the guest's own init.
//!
//! This runs in a copy of the supervisor, in the new namespaces. It does what has to be done from inside; the supervisor does
//! the rest at the same time, and the two meet at three messages: *go* (the supervisor has mapped the users and set the groups),
//! *terminals* (everything is mounted; here are the masters), *exec* (the network is there; here is the filter).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use ct_sys::mount::Mount;
use ct_sys::{Call, clone, exec, keyring, pass, resolve, signal};
use rustix::fs::{Mode, OFlags};
use rustix::thread::{CapabilitySet, UnshareFlags};

use crate::cgroup;
use crate::failure::{At, Failure, Origin, Step, fault};
use crate::settings::Settings;
use crate::spec::Spec;
use crate::volume::Opened;

mod mounts;
mod privileges;
mod terminals;

pub use privileges::kept_capabilities;
pub use terminals::Terminals;

/// Everything that process 1 needs, prepared before it is born.
#[derive(Debug)]
pub struct Plan<'a> {
    /// What the container is to be.
    pub spec: &'a Spec,
    /// The settings, for the fault of a test.
    pub settings: &'a Settings,
    /// The root.
    pub root: &'a Opened,
    /// The mount points, as in `spec`; none for an optional one that is not there.
    pub mounts: &'a [Option<Opened>],
    /// `/dev`.
    pub dev: &'a Mount,
    /// The capabilities to keep.
    pub keep: CapabilitySet,
    /// The groups of version 1, as [`cgroup::Groups::open_v1`] opens them.
    pub tasks: &'a [File],
}

/// The messages.
pub mod message {
    /// To process 1: users and groups are set.
    pub const GO: &[u8] = b"go";
    /// From process 1, with the descriptors of [`super::Terminals`].
    pub const TERMINALS: &[u8] = b"terminals";
    /// To process 1, followed by the seccomp filter.
    pub const EXEC: &[u8] = b"exec";
    /// The longest message: a filter of 4096 instructions, which is the most that Linux takes.
    pub const MAX: usize = 4096 * 8 + EXEC.len();
}

/// Runs as process 1, with a line to the supervisor. Comes back only to exit.
pub fn run(plan: &Plan<'_>, socket: &OwnedFd) -> i32 {
    match steps(plan, socket) {
        Ok(()) => 0, // the supervisor has gone away
        Err(failure) => {
            let text = serde_json::to_vec(&failure).unwrap_or_default();
            let _ = pass::send(socket, &text, &[]);
            1
        }
    }
}

fn steps(plan: &Plan<'_>, socket: &OwnedFd) -> Result<(), Failure> {
    let spec = plan.spec;
    let check = |step| fault(plan.settings, step);
    // By the time that the supervisor lets us go on, we are where we belong.
    cgroup::enter_v1(plan.tasks).at(Step::Cgroups)?;
    if await_message(socket, message::GO).at(Step::Namespaces)?.is_none() {
        return Ok(());
    }
    become_root(spec.unprivileged()).at(Step::IdMap)?;
    isolate(spec).at(Step::Namespaces)?;

    check(Step::Mounts)?;
    mounts::mount_all(plan)?;
    check(Step::Terminals)?;
    let root = open_root().at(Step::Terminals)?;
    let terminals = Terminals::make(&root, spec.console, spec.ttys.value).at(Step::Terminals)?;
    pass::send(socket, message::TERMINALS, &terminals.as_fds()).at(Step::Terminals)?;

    let Some(filter) = await_message(socket, message::EXEC).at(Step::Exec)? else {
        return Ok(());
    };
    check(Step::Privileges)?;
    drop(terminals);
    Terminals::become_stdio(&root, spec).at(Step::Terminals)?;
    privileges::drop_all(spec, plan.keep, &filter)?;
    check(Step::Exec)?;
    Err(execute(spec))
}

/// Waits for `expected` and gives what comes after it; none if the supervisor has gone.
fn await_message(socket: &OwnedFd, expected: &[u8]) -> ct_sys::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; message::MAX];
    let Some((n, _)) = pass::receive(socket, &mut buffer)? else { return Ok(None) };
    buffer[..n]
        .strip_prefix(expected)
        .map(|rest| Some(rest.to_vec()))
        .ok_or_else(|| ct_sys::Error::new("receive", rustix::io::Errno::PROTO))
}

/// In a new user namespace a process is nobody until it takes an id that is mapped.
pub fn become_root(unprivileged: bool) -> ct_sys::Result<()> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    set_thread_groups(&[]).call(|| "setgroups([])".into())?;
    if unprivileged {
        let (uid, gid) = (Uid::ROOT, Gid::ROOT);
        set_thread_res_gid(gid, gid, gid).call(|| "setresgid(0)".into())?;
        set_thread_res_uid(uid, uid, uid).call(|| "setresuid(0)".into())?;
    }
    Ok(())
}

fn isolate(spec: &Spec) -> ct_sys::Result<()> {
    exec::hide()?;
    // All else has been set back when the supervisor began.
    signal::broken_pipes_kill(true);
    rustix::process::umask(Mode::from_raw_mode(0o022));
    rustix::process::setsid().call(|| "setsid".into())?;
    // Only now, for the groups that this process is in become the root of what the guest sees.
    clone::unshare(UnshareFlags::NEWCGROUP)?;
    let name = &spec.hostname.value;
    rustix::system::sethostname(name.as_bytes()).call(|| format!("sethostname({name})"))?;
    match keyring::new_session() {
        Err(e) if e.errno() == Some(rustix::io::Errno::NOSYS) => Ok(()),
        other => other,
    }
}

/// The root directory of this process.
pub fn open_root() -> ct_sys::Result<OwnedFd> {
    rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .call(|| "open(/)".into())
}

fn execute(spec: &Spec) -> Failure {
    let argv = &spec.init.value;
    let origin: &Origin = &spec.init.origin;
    let Some(program) = argv.first() else {
        return Failure {
            step: Step::Exec,
            origin: Some(origin.clone()),
            reason: "no program is named".into(),
        };
    };
    let _ = exec::close_on_exec_from(3);
    let error = exec::execute(program, argv, &spec.environment);
    Failure { step: Step::Exec, origin: Some(origin.clone()), reason: explain(program, &error) }
}

/// The kernel says ENOENT also for a program that is there but whose interpreter is not.
fn explain(program: &str, error: &io::Error) -> String {
    let there = open_root().and_then(|root| {
        resolve::open(root.as_fd(), program.as_ref(), OFlags::PATH, resolve::Links::Follow)
    });
    match error.kind() {
        io::ErrorKind::NotFound if there.is_err() => format!("the container has no {program}"),
        io::ErrorKind::NotFound => {
            format!("the interpreter or loader of {program} is not in the container")
        }
        io::ErrorKind::PermissionDenied => format!("{program} is not executable"),
        _ if exec::is_wrong_format(error) => {
            format!("{program} is no program, or one for another architecture")
        }
        _ => format!("cannot execute {program}: {error}"),
    }
}
