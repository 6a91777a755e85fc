//! The `pvefs` command.
#![forbid(unsafe_code)]

use clap::{CommandFactory, Parser, Subcommand};
use pvefs::cli::CliError;
use pvefs::commands::history::{diff, log, revert, show};
use pvefs::commands::store::{backup, export, import};
use pvefs::commands::{check, explain, generate, mount, status, why};
use std::process::ExitCode;

/// A file system for container configurations that refuses broken saves and loses nothing
#[derive(Debug, Parser)]
#[command(name = "pvefs", version, arg_required_else_help = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Mount(mount::Args),
    Status(status::Args),
    Check(check::Args),
    Explain(explain::Args),
    Why(why::Args),
    Log(log::Args),
    Show(show::Args),
    Diff(diff::Args),
    Revert(revert::Args),
    Import(import::Args),
    Export(export::Args),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Generate(generate::Args),
}

fn run(command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Mount(args) => mount::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Why(args) => why::run(&args),
        Command::Log(args) => log::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Revert(args) => revert::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Generate(args) => generate::run(&args, Cli::command()),
    }
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => error.report(),
    }
}
