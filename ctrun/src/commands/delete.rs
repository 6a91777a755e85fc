//! `ctrun delete`.

use std::os::fd::OwnedFd;
use std::process::ExitCode;

use ct_sys::pidfd;

use super::Error;
use crate::ctid::Ctid;
use crate::record::{self, Record, RunDir};
use crate::settings::Settings;
use crate::teardown;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container's number
    id: Ctid,
    /// Also if it runs
    #[arg(short, long)]
    force: bool,
}

pub fn delete(settings: &Settings, args: &Args) -> Result<ExitCode, Error> {
    let record = Record::load(settings, args.id)?;
    let init = record.open_init()?;
    if init.is_some() && !args.force {
        return Err(Error::Other(format!(
            "container {} is running; stop it first, or use --force",
            args.id
        )));
    }
    if let Some(init) = &init {
        let end = super::stop::End::watch(settings, &record)?;
        pidfd::kill(init)?;
        end.wait(settings, &record, init, std::time::Duration::from_secs(30))?;
    } else {
        remove(settings, &record, None)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes what a container without a supervisor consists of.
pub fn remove(settings: &Settings, record: &Record, init: Option<&OwnedFd>) -> Result<(), Error> {
    let Some(dir) = RunDir::take(settings, record.id)? else {
        return Err(record::Error::Busy(record.id).into());
    };
    let mut errors = teardown::take_apart(record, init);
    errors.extend(teardown::delete_links(record));
    if errors.is_empty() {
        return Ok(dir.remove()?);
    }
    Err(Error::Other(errors.join("\nctrun: ")))
}
