//! `ctrun kill`.

use std::process::ExitCode;

use ct_sys::pidfd;

use super::{Error, running};
use crate::ctid::Ctid;
use crate::settings::Settings;
use crate::spec::signal;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container's number
    id: Ctid,
    /// A name or a number, as TERM, SIGRTMIN+3 or 15
    #[arg(default_value = "TERM")]
    signal: String,
}

pub fn kill(settings: &Settings, args: &Args) -> Result<ExitCode, Error> {
    let signal = signal::parse(&args.signal)
        .ok_or_else(|| Error::Other(format!("there is no signal {}", args.signal)))?;
    let (_, init) = running(settings, args.id)?;
    pidfd::signal(init, signal)?;
    Ok(ExitCode::SUCCESS)
}
