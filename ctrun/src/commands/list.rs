//! `ctrun list`.

use std::process::ExitCode;

use super::{Error, state::State};
use crate::record::Record;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// For programs
    #[arg(long)]
    json: bool,
}

pub fn list(settings: &Settings, args: &Args) -> Result<ExitCode, Error> {
    let states: Vec<State> = Record::list(settings)?
        .into_iter()
        .map(|id| State::of(settings, id))
        .collect::<Result<_, _>>()?;
    if args.json {
        let text = serde_json::to_string(&states).map_err(|e| Error::Other(e.to_string()))?;
        println!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:<10} {:<10} {:<8} MEMORY", "ID", "STATE", "PID");
    for state in states {
        println!("{}", state.line());
    }
    Ok(ExitCode::SUCCESS)
}
