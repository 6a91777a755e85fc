//! `pvefs status`: whether the file system is served, and how much it holds.

use super::mount::control::{ControlReply, ControlRequest, ask};
use super::place::{PlaceArgs, open_for_reading};
use crate::cli::{CliError, OutputFormat, written};
use crate::settings::Settings;
use pvefs_store::Store;
use serde::Serialize;
use std::io::Write as _;
use std::process::ExitCode;

/// Say whether the file system is served, and how much it holds
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 if it is served, 3 if it is not.")]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    output_format: OutputFormat,
}

#[derive(Serialize)]
struct Status {
    running: bool,
    pid: Option<u32>,
    node: String,
    root: String,
    store: String,
    revision: Option<u64>,
    bytes: Option<u64>,
    entries: Option<u64>,
    in_memory: Option<u64>,
    handles: Option<usize>,
}

fn of_daemon(reply: ControlReply) -> Option<Status> {
    let status = reply.status?;
    Some(Status {
        running: true,
        pid: Some(status.pid),
        node: status.node,
        root: status.root.display().to_string(),
        store: status.store.display().to_string(),
        revision: reply.revision,
        bytes: Some(status.bytes),
        entries: Some(status.entries),
        in_memory: Some(status.in_memory),
        handles: Some(status.handles),
    })
}

fn of_store(settings: &Settings) -> Status {
    let store = open_for_reading(&settings.store).ok();
    let usage = store.as_ref().map(Store::usage);
    Status {
        running: false,
        pid: None,
        node: settings.node.clone(),
        root: settings.root.display().to_string(),
        store: settings.store.display().to_string(),
        revision: store.as_ref().map(Store::revision),
        bytes: usage.map(|usage| usage.bytes),
        entries: usage.map(|usage| usage.entries),
        in_memory: None,
        handles: None,
    }
}

fn text(status: &Status) -> String {
    let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
    let running = match status.pid {
        Some(pid) => format!("running, pid {pid}"),
        None => "not running".to_owned(),
    };
    let rows = [
        ("status", running),
        ("node", status.node.clone()),
        ("mount point", status.root.clone()),
        ("store", status.store.clone()),
        ("revision", number(status.revision)),
        ("entries", number(status.entries)),
        ("bytes", number(status.bytes)),
        ("in memory", number(status.in_memory)),
        ("open handles", number(status.handles.map(|count| count as u64))),
    ];
    rows.iter().map(|(name, value)| format!("{name:<13} {value}\n")).collect()
}

/// Prints the status.
///
/// # Errors
/// When the settings are wrong.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let settings = args.place.settings()?;
    let status = ask(&settings.control_socket(), &ControlRequest::Status)
        .ok()
        .and_then(of_daemon)
        .unwrap_or_else(|| of_store(&settings));
    let text = match args.output_format {
        OutputFormat::Text => text(&status),
        OutputFormat::Json => serde_json::to_string_pretty(&status).map_err(CliError::new)? + "\n",
    };
    written(std::io::stdout().lock().write_all(text.as_bytes()))?;
    // 3 is what systemctl status and init scripts say of a program that is not running.
    Ok(if status.running { ExitCode::SUCCESS } else { ExitCode::from(3) })
}
