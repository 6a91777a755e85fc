//! `ctrun snapshot-sim`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Error;
use crate::snapshot::{self, Cause, Operation, Parts, Request, Save, Script, Stopped};

/// The code of a task that failed, as `pct` exits.
const FAILED: u8 = 255;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration to begin with; it is not changed
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What to do
    #[arg(long, value_enum)]
    op: Op,
    /// The snapshot's name
    #[arg(long)]
    name: String,
    /// When the snapshot is taken, in seconds since 1970; now if not given
    #[arg(long, value_name = "T")]
    snaptime: Option<u64>,
    /// What is said about the snapshot
    #[arg(long)]
    description: Option<String>,
    /// Delete the snapshot from the configuration although the storage fails
    #[arg(long)]
    force: bool,
    /// For which volumes the storage succeeds: lines of `snapshot`, `delete`, `rollback-possible` or `rollback`, and
    /// volumes; it fails for all others
    #[arg(long, value_name = "FILE")]
    storage_script: PathBuf,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Op {
    /// The first half of create
    Prepare,
    /// The second half of create
    Commit,
    /// Take a snapshot
    Create,
    /// Delete a snapshot
    Delete,
    /// Go back to a snapshot
    Rollback,
}

impl From<Op> for Operation {
    fn from(op: Op) -> Self {
        match op {
            Op::Prepare => Self::Prepare,
            Op::Commit => Self::Commit,
            Op::Create => Self::Create,
            Op::Delete => Self::Delete,
            Op::Rollback => Self::Rollback,
        }
    }
}

/// The file is only thought.
struct Unsaved;

impl Save for Unsaved {
    fn save(&mut self, _text: &str) -> Result<(), Cause> {
        Ok(())
    }
}

/// Prints what the configuration would be, also after a failure.
pub fn snapshot_sim(args: &Args) -> Result<ExitCode, Error> {
    let outcome = match simulate(args) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("{error}");
            return Ok(ExitCode::from(FAILED));
        }
    };
    for warning in &outcome.warnings {
        eprintln!("warning: {warning}");
    }
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(outcome.text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|e| Error::Other(format!("standard output: {e}")))?;
    Ok(match outcome.result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(FAILED)
        }
    })
}

fn simulate(args: &Args) -> Result<snapshot::Outcome, Error> {
    let text = read(&args.config)?;
    let file = &args.storage_script;
    let mut script = Script::parse(&read(file)?)
        .map_err(|error| Error::Other(format!("{}:{error}", file.display())))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let request = Request {
        name: &args.name,
        time: args.snaptime.unwrap_or(now),
        description: args.description.as_deref(),
        force: args.force,
        held: None,
    };
    let parts = Parts { volumes: &mut script, guest: &mut Stopped, file: &mut Unsaved };
    Ok(snapshot::run(args.op.into(), &request, &text, parts))
}

fn read(file: &Path) -> Result<String, Error> {
    std::fs::read_to_string(file).map_err(|e| Error::Other(format!("{}: {e}", file.display())))
}
