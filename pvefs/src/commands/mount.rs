//! `pvefs mount`: serves the file system.
//!
//! The process that is started is a small *monitor*. It starts itself again as the *worker*, which mounts and serves, and
//! starts another when that dies: after a panic (which ends the worker at once) or a `kill -9` the mount is back by itself.

pub mod control;
mod monitor;
mod worker;

use super::place::PlaceArgs;
use crate::cli::CliError;
use crate::fs::Judge;
use crate::fuse::mount::MountError;
use crate::judge::ConfigJudge;
use crate::settings::{DEFAULT_ROOT, Settings, SettingsError};
use pvefs_store::StoreError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Serve the file system.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where to mount [default: /etc/pve]
    #[arg(value_name = "MOUNTPOINT", conflicts_with = "root")]
    pub mountpoint: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Go to the background once the file system can be used
    #[arg(long)]
    pub daemon: bool,
    /// How much to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log: tracing::Level,
    /// Serve; for the monitor only
    #[arg(long, hide = true)]
    pub worker: bool,
    /// Be the monitor of a daemon; for --daemon only
    #[arg(long, hide = true)]
    pub detached: bool,
}

impl Args {
    /// The settings, with what the command line says put over them.
    ///
    /// # Errors
    /// When the settings file is wrong.
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        let mut settings = self.place.load()?;
        if let Some(root) = &self.mountpoint {
            settings.root.clone_from(root);
        }
        Ok(settings)
    }
}

/// Why the file system is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be mounted.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// Something that the daemon needs from the system failed.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The worker, which said why, could not start.
    #[error("{0}")]
    Worker(String),
    /// The worker died again and again.
    #[error("the file system died {0} times in a short while and is not started again")]
    Unstable(u32),
}

impl ServeError {
    fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }
}

/// Runs `pvefs mount`. Returns when the file system has been unmounted, or with `--daemon` once it can be used.
///
/// # Errors
/// [`ServeError`]; a mount point or store that cannot be used is left as it is.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    match serve(args) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // The worker has told the monitor, who says it.
        Err(_) if args.worker => Ok(ExitCode::FAILURE),
        Err(error) => Err(CliError::new(error)),
    }
}

fn serve(args: &Args) -> Result<(), ServeError> {
    let settings = args.settings()?;
    start_log(args.log);
    if args.worker {
        worker::run(&settings, judge())
    } else if args.daemon && !args.detached {
        monitor::detach(&settings)
    } else {
        monitor::run(&settings, args.detached)
    }
}

/// Whether a missing mount point is made: only the usual one, a mistyped one is not.
fn may_create(root: &Path) -> bool {
    root == Path::new(DEFAULT_ROOT)
}

fn start_log(level: tracing::Level) {
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // The journal has the time already. Another log may be set: then it stays.
    let _ = if journal { log.without_time().try_init() } else { log.try_init() };
}

fn judge() -> Arc<dyn Judge> {
    Arc::new(ConfigJudge)
}
