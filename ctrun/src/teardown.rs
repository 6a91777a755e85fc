//! Taking a container apart, by its record: the one way, after a stop, after a start that failed, and after the supervisor was
//! killed. It goes on past errors and tells all of them.

use std::os::fd::OwnedFd;
use std::time::Duration;

use ct_sys::pidfd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::cgroup;
use crate::network;
use crate::record::Record;

/// How long the processes of a container may take to die. One in the middle of an operation of a dead network
/// file system does not die at all.
const DYING: Duration = Duration::from_secs(10);

/// Kills what is left of the container and removes its groups. The interfaces are [`delete_links`]'s, which takes longer.
pub fn take_apart(record: &Record, init: Option<&OwnedFd>) -> Vec<String> {
    let mut errors = Vec::new();
    let mut note = |what: &str, result: Result<(), String>| {
        if let Err(e) = result {
            errors.push(format!("{what}: {e}"));
        }
    };
    // With process 1 the kernel kills all others of its pid namespace.
    if let Some(init) = init {
        note("kill process 1", kill_and_wait(init));
    }
    // Only processes that entered from outside can be left.
    note("kill the rest", cgroup::state::kill(&record.cgroups).map_err(|e| e.to_string()));
    for directory in &record.cgroups {
        note("remove a group", cgroup::state::remove(directory).map_err(|e| e.to_string()));
    }
    errors
}

/// Deletes the interfaces. The kernel does that itself when a network namespace ends, but only some time later, and not if
/// somebody else holds the namespace.
pub fn delete_links(record: &Record) -> Vec<String> {
    record
        .links
        .iter()
        .filter_map(|link| network::delete(link).err().map(|e| format!("delete {}: {e}", link.0)))
        .collect()
}

fn kill_and_wait(init: &OwnedFd) -> Result<(), String> {
    pidfd::kill(init).map_err(|e| e.to_string())?;
    if !ended(init, Some(DYING)) {
        return Err("it does not die".into());
    }
    Ok(())
}

/// Waits for a process to end.
pub fn ended(process: &OwnedFd, at_most: Option<Duration>) -> bool {
    let timeout = at_most.and_then(|t| Timespec::try_from(t).ok());
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    loop {
        match poll(&mut fds, timeout.as_ref()) {
            Ok(n) => return n > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
