//! `ctrun start`.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use ct_sys::pass;

use super::Error;
use crate::control::{Client, Reply};
use crate::ctid::Ctid;
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
    let client = Client::from_socket(ours);
    match client.reply(None)? {
        (Reply::Started, fds) => Ok((client, fds.into_iter().next())),
        (other, _) => Err(crate::control::Error::Protocol(format!("{other:?}")).into()),
    }
}
