//! `pvefs diff`: what changed between two revisions of a file.

use crate::cli::{CliError, written};
use crate::commands::place::{Found, PlaceArgs, Target, text, time};
use pvefs_store::{CommitRecord, Revision, SqliteStore, Store, TreePath};
use similar::TextDiff;
use std::io::Write as _;
use std::process::ExitCode;

/// Show what changed between two revisions of a file
///
/// Without a revision: what the last save changed. With one: what has changed since then. With two: what changed between
/// them. The exit status is 0 if nothing changed, 1 if something did.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// A container's ID or a file, and the older revision
    #[arg(value_name = "ID[@REV]")]
    target: Target,
    /// The newer revision [default: the present text]
    #[arg(value_name = "REV")]
    newer: Option<Revision>,
}

/// The revision before the newest text.
fn previous(store: &SqliteStore, path: &TreePath) -> Result<Option<Revision>, CliError> {
    let records = store.history(path, 2).map_err(CliError::new)?;
    Ok(records.get(1).map(|record: &CommitRecord| record.revision))
}

/// Prints the difference as a unified diff.
///
/// # Errors
/// When the store cannot be read, or one of the texts is not there.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let Found { store, path, .. } = args.place.find(&args.target)?;
    let older = match args.target.revision {
        Some(revision) => Some(revision),
        None => previous(&store, &path)?,
    };
    // Before its first revision, and after its removal, a file is empty.
    let read = |revision| match text(&store, &path, revision) {
        Ok(text) => Ok(text),
        Err(_) if revision.is_none() => Ok([].into()),
        Err(error) => Err(error),
    };
    let old = match older {
        Some(revision) => read(Some(revision))?,
        None => [].into(),
    };
    let new = read(args.newer)?;
    let label = |revision: Option<Revision>| {
        revision.map_or(format!("{path}"), |revision| format!("{path}@{revision}"))
    };
    let (old, new) = (String::from_utf8_lossy(&old), String::from_utf8_lossy(&new));
    let diff = TextDiff::from_lines(&*old, &*new);
    let shown = diff.unified_diff().header(&label(older), &label(args.newer)).to_string();
    written(std::io::stdout().lock().write_all(shown.as_bytes()))?;
    Ok(if old == new { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// When a revision was made, for messages of other commands.
pub fn made_at(store: &dyn Store, path: &TreePath, revision: Revision) -> Option<String> {
    let records = store.history(path, usize::MAX).ok()?;
    records.iter().find(|record| record.revision <= revision).map(|record| time(record.time))
}
