//! `ctrun run`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Error, start};
use crate::control::{Ended, Reply};
use crate::ctid::Ctid;
use crate::relay::{self, Escape};
use crate::settings::Settings;
use crate::supervisor::Order;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container's number
    id: Ctid,
    /// Read the configuration from FILE instead of <pve>/lxc/<id>.conf
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Run this instead of the configured init
    #[arg(last = true)]
    command: Vec<String>,
}

pub fn run(settings: &Settings, args: Args) -> Result<ExitCode, Error> {
    let config = args.config.unwrap_or_else(|| settings.config(args.id));
    let order = Order { id: args.id, config, command: args.command, foreground: true };
    let (client, console) = start::launch(settings, &order)?;
    let last = relay::join(&client, console.as_ref(), Escape::NONE)?;
    Ok(match last {
        Some(Reply::Ended(ended)) => exit_code(ended),
        _ => ExitCode::FAILURE,
    })
}

/// As a shell does: 128 and the number for a signal.
fn exit_code(ended: Ended) -> ExitCode {
    let code = match ended {
        Ended::Exited(status) => status,
        Ended::Killed(signal) => 128 + signal,
        Ended::Halted | Ended::Rebooted => 0,
        Ended::Unknown => 1,
    };
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
