//! `ctrun reboot`.

use std::process::ExitCode;
use std::time::Duration;

use ct_sys::pidfd;

use super::start::supervisor_of;
use super::{Error, running, stop};
use crate::control::Request;
use crate::ctid::Ctid;
use crate::settings::Settings;
use crate::teardown;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container's number
    id: Ctid,
    /// Stop it at once after this many seconds
    #[arg(long, default_value_t = 60)]
    timeout: u64,
}

pub fn reboot(settings: &Settings, args: &Args) -> Result<ExitCode, Error> {
    let (record, init) = running(settings, args.id)?;
    let client = supervisor_of(settings, &record)?;
    client.ask(&Request::StartAgain)?;
    client.reply(Some(Duration::from_secs(5)))?;
    stop::ask_to_halt(&record, &init)?;
    if !teardown::ended(&init, Some(Duration::from_secs(args.timeout))) {
        pidfd::kill(&init)?;
    }
    client.reply(Some(Duration::from_secs(30)))?;
    Ok(ExitCode::SUCCESS)
}
