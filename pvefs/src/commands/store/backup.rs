//! `pvefs backup` and `pvefs restore`: the whole store, history included, as one file.

use crate::cli::CliError;
use crate::commands::place::PlaceArgs;
use pvefs_store::{SqliteStore, Verified};
use std::path::PathBuf;
use std::process::ExitCode;

/// Write a copy of the whole store, history included, to a file; also while it is mounted
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The copy; a file that is there is replaced
    file: PathBuf,
}

/// Put a copy that `pvefs backup` made in the place of the store; what was there is kept beside it
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The copy
    file: PathBuf,
}

fn describe(verified: &Verified) -> String {
    let (revision, usage) = (verified.revision, verified.usage);
    format!("revision {revision}, {} entries, {} bytes", usage.entries, usage.bytes)
}

/// Writes the copy, and checks it.
///
/// # Errors
/// When the store cannot be read or the copy not be written.
pub fn backup(args: &BackupArgs) -> Result<ExitCode, CliError> {
    args.place.read()?.backup(&args.file).map_err(CliError::new)?;
    let verified = SqliteStore::verify(&args.file).map_err(CliError::new)?;
    eprintln!("{}: {}", args.file.display(), describe(&verified));
    Ok(ExitCode::SUCCESS)
}

/// Puts the copy in place.
///
/// # Errors
/// When the copy is not sound, or the store is in use. Nothing is changed then.
pub fn restore(args: &RestoreArgs) -> Result<ExitCode, CliError> {
    let store = args.place.settings()?.store;
    let verified = SqliteStore::restore(&args.file, &store).map_err(CliError::new)?;
    eprintln!("{}: {}", store.display(), describe(&verified));
    Ok(ExitCode::SUCCESS)
}
