//! `pvefs export`: the tree as ordinary files.

use crate::cli::CliError;
use crate::commands::place::PlaceArgs;
use crate::fs::{is_internal, is_private};
use pvefs_store::{Kind, Store, TreePath};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write the tree as ordinary files, also while it is mounted
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Write into a directory that has files already, and replace those of the same name
    #[arg(long)]
    force: bool,
    /// The directory; it is made if it is missing
    directory: PathBuf,
}

fn failed(what: &str, path: &Path) -> impl FnOnce(io::Error) -> CliError {
    let message = format!("cannot {what} {}", path.display());
    move |error| CliError::new(format!("{message}: {error}"))
}

/// Writes all files.
///
/// # Errors
/// When the store cannot be read or a file not be written, or the directory is not empty.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let store = args.place.read()?;
    let top = args.directory.as_path();
    fs::create_dir_all(top).map_err(failed("make", top))?;
    let is_empty = fs::read_dir(top).map_err(failed("read", top))?.next().is_none();
    if !is_empty && !args.force {
        return Err(CliError::new(format!("{} is not empty", top.display()))
            .hint("--force writes into it all the same"));
    }
    let mut count = 0_u64;
    let mut waiting = vec![TreePath::root()];
    while let Some(dir) = waiting.pop() {
        let entries = store.list(&dir).map_err(CliError::new)?.unwrap_or_default();
        for (name, entry) in entries {
            let path = dir.join(&name).map_err(CliError::new)?;
            if is_internal(&path) {
                continue;
            }
            let target = top.join(path.as_str());
            if entry.kind == Kind::Dir {
                let mode = if is_private(&path) { 0o700 } else { 0o755 };
                let made = DirBuilder::new().mode(mode).create(&target);
                if !target.is_dir() {
                    made.map_err(failed("make", &target))?;
                }
                waiting.push(path);
                continue;
            }
            if let Some((entry, text)) = store.read(&path).map_err(CliError::new)? {
                let mode = if is_private(&path) { 0o600 } else { 0o640 };
                let mut options = OpenOptions::new();
                let mut file = options
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(mode)
                    .open(&target)
                    .map_err(failed("make", &target))?;
                file.write_all(&text).map_err(failed("write", &target))?;
                file.set_modified(entry.mtime).map_err(failed("set the time of", &target))?;
                count += 1;
            }
        }
    }
    eprintln!("{}: {count} files", top.display());
    Ok(ExitCode::SUCCESS)
}
