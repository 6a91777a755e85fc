//! `ctrun console`.

use std::process::ExitCode;
use std::time::Duration;

use super::start::supervisor_of;
use super::{Error, running};
use crate::control::{Reply, Request};
use crate::ctid::Ctid;

use crate::relay::{self, Escape};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container's number
    id: Ctid,
    /// Connect to /dev/ttyN; 0 is /dev/console
    #[arg(short, long, default_value_t = 0, value_name = "N")]
    tty: u32,
    /// The key that, with Ctrl and followed by q, leaves the console
    #[arg(short, long, default_value = "^a")]
    escape: String,
}

pub fn console(settings: &Settings, args: &Args) -> Result<ExitCode, Error> {
    let escape = Escape::parse(&args.escape)
        .ok_or_else(|| Error::Other(format!("{:?} is no key: want a letter", args.escape)))?;
    let (record, _init) = running(settings, args.id)?;
    let client = supervisor_of(settings, &record)?;
    client.ask(&Request::Attach(args.tty))?;
    let (reply, fds) = client.reply(Some(Duration::from_secs(5)))?;
    if reply != Reply::Done {
        return Err(crate::control::Error::Protocol(format!("{reply:?}")).into());
    }
    eprintln!(
        "Connected to tty {}: Ctrl-{} q leaves.",
        args.tty,
        args.escape.trim_start_matches('^')
    );
    relay::join(&client, fds.first(), escape)?;
    Ok(ExitCode::SUCCESS)
}
