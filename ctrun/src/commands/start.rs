//! `ctrun start`.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use ct_sys::pass;

use super::Error;
use crate::control::{self, Client, Reply};
use crate::ctid::Ctid;
use crate::record::{Record, RunDir};
use crate::seal::Sealed;
use crate::settings::Settings;
use crate::supervisor::Order;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container's number
    id: Ctid,
    /// Read the configuration from FILE instead of <pve>/lxc/<id>.conf
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub fn start(settings: &Settings, args: Args) -> Result<ExitCode, Error> {
    let config = args.config.unwrap_or_else(|| settings.config(args.id));
    let order = Order { id: args.id, config, command: Vec::new(), foreground: false };
    launch(settings, &order)?;
    Ok(ExitCode::SUCCESS)
}

/// The supervisor of a container that runs. One that was killed is replaced.
pub fn supervisor_of(settings: &Settings, record: &Record) -> Result<Client, Error> {
    match Client::connect(&RunDir::path_of(settings, record.id)) {
        Err(control::Error::NoSupervisor(_)) => {
            let config = record.config.clone();
            launch(
                settings,
                &Order { id: record.id, config, command: Vec::new(), foreground: false },
            )?;
            Ok(Client::connect(&RunDir::path_of(settings, record.id))?)
        }
        other => Ok(other?),
    }
}

/// Starts a supervisor with its order, and waits until the container runs. Gives the line to it and, for one in the
/// foreground, its console.
pub fn launch(settings: &Settings, order: &Order) -> Result<(Client, Option<OwnedFd>), Error> {
    let (ours, theirs) = pass::pair()?;
    let sealed = Sealed::this_program()?;
    let text = serde_json::to_vec(&(settings, order)).map_err(|e| Error::Other(e.to_string()))?;
    pass::send(&ours, &text, &[])?;
    #[allow(clippy::zombie_processes, reason = "the supervisor outlives this process")]
    sealed
        .command()
        .arg("supervise")
        .arg(order.id.to_string())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(theirs))
        .spawn()
        .map_err(|e| Error::Other(format!("cannot run the supervisor: {e}")))?;
    // Taking a mount apart waits for a grace period; let that pass while the supervisor works.
    drop(sealed);
    let client = Client::from_socket(ours);
    match client.reply(None)? {
        (Reply::Started, fds) => Ok((client, fds.into_iter().next())),
        (Reply::TakenOver, fds) => {
            eprintln!(
                "ctrun: container {} was running without a supervisor; it has one again",
                order.id
            );
            Ok((client, fds.into_iter().next()))
        }
        (other, _) => Err(control::Error::Protocol(format!("{other:?}")).into()),
    }
}
