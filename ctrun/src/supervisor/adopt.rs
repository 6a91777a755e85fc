//! Taking over a container whose supervisor was killed.
//!
//! Its terminals died with that supervisor, which held the masters. New ones are made from the container's own devpts and
//! mounted where the old ones are; the guest's gettys, which were hung up, find them when they start again.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use ct_sys::clone::{Child, Clone};
use ct_sys::{Call, pass, pidfd};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::Pid;
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use super::Life;
use crate::init::{self, Terminals};
use crate::record::Record;
use crate::teardown;

/// A guest that makes this take longer is not taken over; it can still be stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes the container over if it runs still; otherwise removes what is left of it.
pub fn take_over(record: Record) -> Result<Option<Life>, String> {
    let Some(init) = record.open_init().map_err(|e| e.to_string())? else {
        let mut errors = teardown::take_apart(&record, None);
        errors.extend(teardown::delete_links(&record));
        return if errors.is_empty() { Ok(None) } else { Err(errors.join("\n")) };
    };
    let (pid, _) = record.init.unwrap_or_default();
    let pid = Pid::from_raw(pid).ok_or("the record names no process")?;
    let terminals = new_terminals(&record, &init).map_err(|e| format!("new terminals: {e}"))?;
    Ok(Some(Life { init: Child { pid, pidfd: init }, terminals, record }))
}

fn new_terminals(record: &Record, init: &OwnedFd) -> Result<Terminals, String> {
    let mut answer = [0; 1024];
    let received = ask_helper(record, init, &mut answer).map_err(|e| e.to_string())?;
    let (n, fds) = received.ok_or("the guest does not let them be made")?;
    Terminals::from_fds(fds).ok_or_else(|| String::from_utf8_lossy(&answer[..n]).into_owned())
}

/// Has them made by a process of its own: it enters the guest's mount namespace, and we stay here.
fn ask_helper(
    record: &Record,
    init: &OwnedFd,
    answer: &mut [u8],
) -> ct_sys::Result<Option<(usize, Vec<OwnedFd>)>> {
    let ends = pass::pair()?;
    let (helper, (ours, theirs)) = Clone::new().spawn(ends, |(ours, theirs)| {
        drop(ours);
        let sent = match make_inside(record, init) {
            Ok(terminals) => pass::send(&theirs, b"ok", &terminals.as_fds()),
            Err(e) => pass::send(&theirs, e.to_string().as_bytes(), &[]),
        };
        i32::from(sent.is_err())
    })?;
    drop(theirs);
    let answered = teardown::ended(&ours, Some(PATIENCE));
    let received = if answered { pass::receive(&ours, answer) } else { Ok(None) };
    pidfd::kill(&helper.pidfd)?;
    pidfd::wait(&helper.pidfd)?;
    received
}

fn make_inside(record: &Record, init: &OwnedFd) -> ct_sys::Result<Terminals> {
    let mut namespaces = ThreadNameSpaceType::MOUNT;
    if record.idmap.is_some() {
        namespaces |= ThreadNameSpaceType::USER;
    }
    move_into_thread_name_spaces(init.as_fd(), namespaces).call(|| "setns(pidfd)".into())?;
    init::become_root(record.idmap.is_some())?;
    // The old ones are hung up, and on what is dead nothing can be mounted. All this is within the guest's own mounts: one
    // that has put links on the way harms itself.
    for name in Terminals::names(record.console, record.ttys) {
        let _ = unmount(format!("/{name}"), UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    }
    let root = init::open_root()?;
    Terminals::make(&root, record.console, record.ttys)
}
