//! `pvefs revert`: makes an older text the present one, as a new revision.

use super::diff::made_at;
use crate::cli::CliError;
use crate::commands::place::{Found, PlaceArgs, Target, text};
use crate::commands::save::save;
use pvefs_store::Store;
use std::process::ExitCode;

/// Bring back the text that a file had at a revision
///
/// The old text is saved like any other: it is judged, recorded as a new revision, and a running container follows it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// A container's ID or a file, and the revision [default: the one before the last]
    #[arg(value_name = "ID[@REV]")]
    target: Target,
}

/// Brings the text back.
///
/// # Errors
/// When there is no such text, or it is refused.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let Found { settings, store, path } = args.place.find(&args.target)?;
    let revision = match args.target.revision {
        Some(revision) => revision,
        None => {
            let records = store.history(&path, usize::MAX).map_err(CliError::new)?;
            let lives = records.first().is_some_and(|newest| newest.size.is_some());
            let older =
                records.iter().skip(usize::from(lives)).find(|record| record.size.is_some());
            let none = || CliError::new(format!("{path} has no earlier revision"));
            older.map(|record| record.revision).ok_or_else(none)?
        }
    };
    let old = text(&store, &path, Some(revision))?;
    let made = made_at(&store, &path, revision).unwrap_or_default();
    let now = store.stat(&path).map_err(CliError::new)?.map(|entry| entry.modified);
    drop(store);
    let saved = save(&settings, &path, &old, now, "pvefs revert")?;
    eprintln!("{path}: revision {saved} is the text of revision {revision} ({made})");
    Ok(ExitCode::SUCCESS)
}
