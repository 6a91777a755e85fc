//! `ctrun stop` and `ctrun shutdown`.

use std::fs;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;

use ct_sys::pidfd;

use super::{Error, running};
use crate::control::{self, Client, Request};
use crate::ctid::Ctid;
use crate::record::{Record, RunDir};
use crate::settings::Settings;
use crate::teardown;

#[derive(Debug, clap::Args)]
pub struct StopArgs {
    /// The container's number
    id: Ctid,
}

#[derive(Debug, clap::Args)]
pub struct ShutdownArgs {
    /// The container's number
    id: Ctid,
    /// Wait this many seconds
    #[arg(long, default_value_t = 60)]
    timeout: u64,
    /// Stop it at once after that
    #[arg(long, visible_alias = "forceStop")]
    force_stop: bool,
}

/// How long a killed container may take until nothing of it is left.
const TEARDOWN: Duration = Duration::from_secs(30);

pub fn stop(settings: &Settings, args: &StopArgs) -> Result<ExitCode, Error> {
    let (record, init) = running(settings, args.id)?;
    let end = End::watch(settings, &record)?;
    pidfd::kill(&init)?;
    end.wait(settings, &record, &init, TEARDOWN)?;
    Ok(ExitCode::SUCCESS)
}

pub fn shutdown(settings: &Settings, args: &ShutdownArgs) -> Result<ExitCode, Error> {
    let (record, init) = running(settings, args.id)?;
    let end = End::watch(settings, &record)?;
    ask_to_halt(&record, &init)?;
    let timeout = Duration::from_secs(args.timeout);
    if !teardown::ended(&init, Some(timeout)) {
        if !args.force_stop {
            return Err(Error::Other(format!(
                "container {} did not shut down within {} s",
                args.id, args.timeout
            )));
        }
        pidfd::kill(&init)?;
    }
    end.wait(settings, &record, &init, TEARDOWN)?;
    Ok(ExitCode::SUCCESS)
}

/// Sends process 1 the signal by which its kind of init shuts down.
pub fn ask_to_halt(record: &Record, init: &OwnedFd) -> Result<(), Error> {
    let (pid, _) = record.init.unwrap_or_default();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let signal = record.halt_signal.unwrap_or_else(|| halt_signal(&status));
    Ok(pidfd::signal(init, signal)?)
}

/// The container's end, watched by its supervisor or, where that is gone, by us.
#[derive(Debug)]
pub struct End(Option<Client>);

impl End {
    /// Watches from now on.
    pub fn watch(settings: &Settings, record: &Record) -> Result<Self, Error> {
        let dir = RunDir::path_of(settings, record.id);
        match Client::connect(&dir) {
            Ok(client) => {
                client.ask(&Request::Wait)?;
                Ok(Self(Some(client)))
            }
            Err(control::Error::NoSupervisor(_)) => Ok(Self(None)),
            Err(e) => Err(e.into()),
        }
    }

    /// Waits until nothing is left.
    pub fn wait(
        &self,
        settings: &Settings,
        record: &Record,
        init: &OwnedFd,
        timeout: Duration,
    ) -> Result<(), Error> {
        match &self.0 {
            Some(client) => match client.reply(Some(timeout)) {
                Ok(_) | Err(control::Error::Gone) => Ok(()),
                Err(e) => Err(e.into()),
            },
            None => super::delete::remove(settings, record, Some(init)),
        }
    }
}

/// What the init of this `/proc/<pid>/status` takes as "shut down".
///
/// systemd blocks SIGRTMIN+3 to read it from a signalfd; sysvinit, upstart and OpenRC's init catch SIGPWR; busybox init
/// waits for SIGUSR2, which it blocks.
fn halt_signal(status: &str) -> i32 {
    const PWR: i32 = 30;
    const USR2: i32 = 12;
    const TERM: i32 = 15;
    let mask = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name));
        line.and_then(|l| u64::from_str_radix(l.trim(), 16).ok()).unwrap_or(0)
    };
    let (blocked, caught) = (mask("SigBlk:"), mask("SigCgt:"));
    let takes = |set: u64, signal: i32| set & (1 << (signal - 1)) != 0;
    let systemd = ct_sys::signal::rtmin() + 3;
    if takes(blocked, systemd) {
        systemd
    } else if takes(caught, PWR) {
        PWR
    } else if takes(blocked | caught, USR2) {
        USR2
    } else if takes(caught, TERM) {
        TERM
    } else {
        PWR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_inits_by_their_signals() {
        // Debian 12's systemd, busybox init, a program that catches SIGTERM only.
        let systemd =
            "SigBlk:\t7fe3c0fe28014a03\nSigIgn:\t0000000000001000\nSigCgt:\t00000000000004ec\n";
        assert_eq!(halt_signal(systemd), ct_sys::signal::rtmin() + 3);
        let busybox = "SigBlk:\t0000000000094c02\nSigCgt:\t0000000000000000\n";
        assert_eq!(halt_signal(busybox), 12);
        assert_eq!(halt_signal("SigBlk:\t0\nSigCgt:\t0000000000004000\n"), 15);
        assert_eq!(halt_signal(""), 30);
    }
}
