//! What `ctrun` can be told: one file for each verb, which asks, prints and says how to exit.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::ctid::Ctid;
use crate::settings::{self, Settings};
use crate::{control, record};

mod console;
mod delete;
mod exec;
mod freeze;
mod kill;
mod list;
mod reboot;
mod run;
mod snapshot_sim;
mod start;
mod state;
mod stop;

/// Runs system containers described by Proxmox VE configuration files.
#[derive(Debug, Parser)]
#[command(name = "ctrun", version)]
pub struct Cli {
    /// Read the settings from FILE instead of /etc/ctrun.conf
    #[arg(long, global = true, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Use the configuration files of the tree DIR instead of /etc/pve
    #[arg(long, global = true, value_name = "DIR")]
    pve: Option<PathBuf>,
    /// Keep what is running in DIR instead of /run/ctrun
    #[arg(long, global = true, value_name = "DIR")]
    run: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a container and come back when its init runs
    Start(start::Args),
    /// Start a container and stay with it, as its console
    Run(run::Args),
    /// Stop a container at once
    Stop(stop::StopArgs),
    /// Ask a container to shut down and wait until it has
    Shutdown(stop::ShutdownArgs),
    /// Shut a container down and start it again
    Reboot(reboot::Args),
    /// Send a signal to a container's init
    Kill(kill::Args),
    /// Run a program in a container
    Exec(exec::Args),
    /// Run a shell in a container
    Enter(exec::EnterArgs),
    /// Connect to a container's console or one of its ttys
    Console(console::Args),
    /// Stop all processes of a container where they are
    Freeze(IdArg),
    /// Let a frozen container go on
    Thaw(IdArg),
    /// Show a container's state
    State(state::Args),
    /// List the containers that run
    List(list::Args),
    /// Remove what a container left behind whose supervisor died
    Delete(delete::Args),
    /// Show what a snapshot operation would make of a configuration
    SnapshotSim(snapshot_sim::Args),
    /// Set up the operating system in a container's root directory
    GuestSetup(ct_guest::cli::Args),
}

/// A container.
#[derive(Debug, clap::Args)]
struct IdArg {
    /// The container's number
    id: Ctid,
}

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// What runs.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// The supervisor.
    #[error(transparent)]
    Control(#[from] control::Error),
    /// A system call.
    #[error(transparent)]
    Sys(#[from] ct_sys::Error),
    /// Control groups.
    #[error(transparent)]
    Cgroup(#[from] crate::cgroup::Error),
    /// Setting up a guest.
    #[error(transparent)]
    Guest(#[from] ct_guest::Error),
    /// Anything else, said in full.
    #[error("{0}")]
    Other(String),
}

/// Does what the command line says.
pub fn main(cli: Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ctrun: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode, Error> {
    let mut settings = Settings::load(cli.settings.as_deref())?;
    if let Some(pve) = cli.pve {
        settings.pve = pve;
    }
    if let Some(run) = cli.run {
        settings.run = run;
    }
    match cli.command {
        Command::Start(args) => start::start(&settings, args),
        Command::Run(args) => run::run(&settings, args),
        Command::Stop(args) => stop::stop(&settings, &args),
        Command::Shutdown(args) => stop::shutdown(&settings, &args),
        Command::Reboot(args) => reboot::reboot(&settings, &args),
        Command::Kill(args) => kill::kill(&settings, &args),
        Command::Exec(args) => exec::exec(&settings, &args),
        Command::Enter(args) => exec::enter(&settings, &args),
        Command::Console(args) => console::console(&settings, &args),
        Command::Freeze(args) => freeze::freeze(&settings, args.id, true),
        Command::Thaw(args) => freeze::freeze(&settings, args.id, false),
        Command::State(args) => state::state(&settings, &args),
        Command::List(args) => list::list(&settings, &args),
        Command::Delete(args) => delete::delete(&settings, &args),
        Command::SnapshotSim(args) => snapshot_sim::snapshot_sim(&args),
        Command::GuestSetup(args) => Ok(ct_guest::cli::run(&args)?),
    }
}

/// The record of a container that runs, and its init.
fn running(settings: &Settings, id: Ctid) -> Result<(record::Record, std::os::fd::OwnedFd), Error> {
    let record = record::Record::load(settings, id)?;
    match record.open_init()? {
        Some(init) => Ok((record, init)),
        None => Err(record::Error::NotRunning(id).into()),
    }
}
