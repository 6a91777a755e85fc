//! `pvefs log`: the revisions of a file.

use crate::cli::{CliError, OutputFormat, written};
use crate::commands::place::{Found, PlaceArgs, Target, time};
use nix::unistd::{Uid, User};
use pvefs_store::{CommitRecord, Store};
use serde::Serialize;
use std::io::Write as _;
use std::process::ExitCode;

/// List the revisions of a file, the newest first
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    output_format: OutputFormat,
    /// Show at most so many
    #[arg(short = 'n', long, default_value_t = 100)]
    limit: usize,
    /// A container's ID or a file; with @REVISION only that one and older ones
    #[arg(value_name = "ID[@REV]")]
    target: Target,
}

#[derive(Serialize)]
struct Row {
    revision: u64,
    time: String,
    uid: Option<u32>,
    user: Option<String>,
    pid: Option<u32>,
    program: String,
    path: String,
    size: Option<u64>,
}

fn row(record: CommitRecord) -> Row {
    let uid = record.author.uid;
    let user = uid.and_then(|uid| User::from_uid(Uid::from_raw(uid)).ok().flatten());
    Row {
        revision: record.revision,
        time: time(record.time),
        uid,
        user: user.map(|user| user.name),
        pid: record.author.pid,
        program: record.author.program,
        path: record.path.to_string(),
        size: record.size,
    }
}

fn line(row: &Row) -> String {
    let user = row.user.clone().or(row.uid.map(|uid| uid.to_string())).unwrap_or("-".to_owned());
    let program = match (row.program.as_str(), row.pid) {
        ("", _) => "-".to_owned(),
        (program, Some(pid)) => format!("{program}[{pid}]"),
        (program, None) => program.to_owned(),
    };
    let size = row.size.map_or("removed".to_owned(), |size| format!("{size} bytes"));
    format!("{:>8}  {}  {user:<12} {program:<24} {size}\n", format!("@{}", row.revision), row.time)
}

/// Prints the revisions.
///
/// # Errors
/// When the store cannot be read or the file is not known.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let Found { store, path, .. } = args.place.find(&args.target)?;
    let newest = args.target.revision.unwrap_or(u64::MAX);
    let rows: Vec<_> = store
        .history(&path, usize::MAX)
        .map_err(CliError::new)?
        .into_iter()
        .filter(|record| record.revision <= newest)
        .take(args.limit)
        .map(row)
        .collect();
    let text = match args.output_format {
        OutputFormat::Json => serde_json::to_string_pretty(&rows).map_err(CliError::new)? + "\n",
        OutputFormat::Text => rows.iter().map(line).collect(),
    };
    written(std::io::stdout().lock().write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}
