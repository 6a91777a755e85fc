//! `pvefs show`: the text of a file, now or at a revision.

use crate::cli::{CliError, written};
use crate::commands::place::{Found, PlaceArgs, Target, text};
use std::io::Write as _;
use std::process::ExitCode;

/// Print the text of a file as it was at a revision
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// A container's ID or a file, as it is now or at a revision
    #[arg(value_name = "ID[@REV]")]
    target: Target,
}

/// Prints the text.
///
/// # Errors
/// When the store cannot be read, or there is no such text.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let Found { store, path, .. } = args.place.find(&args.target)?;
    let text = text(&store, &path, args.target.revision)?;
    written(std::io::stdout().lock().write_all(&text))?;
    Ok(ExitCode::SUCCESS)
}
