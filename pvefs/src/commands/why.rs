//! `pvefs why`: the reasons for which saves were refused.

use super::place::{PlaceArgs, find, time};
use crate::cli::{CliError, OutputFormat, written};
use crate::fs::{Rejected, rejected_in};
use serde::Serialize;
use std::io::Write as _;
use std::process::ExitCode;

/// Say why saves were refused
///
/// The refused text itself is at .rejected/PATH below the mount point, until the next refused save of the same file.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    output_format: OutputFormat,
    /// Print the refused text instead of the reasons
    #[arg(long)]
    text: bool,
    /// A container's ID or a file [default: the last refused save of each]
    #[arg(value_name = "ID")]
    target: Option<String>,
}

#[derive(Serialize)]
struct Row {
    path: String,
    time: String,
    reasons: String,
    text: String,
}

/// Prints the reasons.
///
/// # Errors
/// When the store cannot be read, or no save of the file was refused.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let settings = args.place.settings()?;
    let store = args.place.read()?;
    let mut all = rejected_in(&store).map_err(CliError::new)?;
    if let Some(target) = &args.target {
        // A file whose only save was refused is not in history.
        let path = find(&store, &settings, target).map(|path| path.to_string());
        let is_meant = |rejected: &Rejected| match &path {
            Ok(path) => rejected.path.as_str() == path,
            Err(_) => rejected.path.name() == Some(&format!("{target}.conf")),
        };
        all.retain(is_meant);
        if all.is_empty() {
            return Err(CliError::new(format!("no save of {target} was refused")));
        }
    }
    let mut out = std::io::stdout().lock();
    if args.output_format == OutputFormat::Json {
        let rows: Vec<_> = all
            .iter()
            .map(|rejected| Row {
                path: rejected.path.to_string(),
                time: time(rejected.time),
                reasons: rejected.reasons.clone(),
                text: String::from_utf8_lossy(&rejected.text).into_owned(),
            })
            .collect();
        let json = serde_json::to_string_pretty(&rows).map_err(CliError::new)?;
        written(writeln!(out, "{json}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (index, rejected) in all.iter().enumerate() {
        if args.text {
            written(out.write_all(&rejected.text))?;
            continue;
        }
        let separator = if index > 0 { "\n" } else { "" };
        let (path, time) = (&rejected.path, time(rejected.time));
        written(writeln!(
            out,
            "{separator}{path}, refused {time}\n\n{}",
            rejected.reasons.trim_end()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
