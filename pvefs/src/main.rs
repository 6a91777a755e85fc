//! The `pvefs` command.
#![forbid(unsafe_code)]

use clap::{CommandFactory, Parser, Subcommand};
use pvefs::cli::CliError;
use pvefs::commands::{check, explain, generate, mount};
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
    Check(check::Args),
    Explain(explain::Args),
    Generate(generate::Args),
    Mount(mount::Args),
}

fn run(command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Generate(args) => generate::run(&args, Cli::command()),
        Command::Mount(args) => mount::run(&args),
    }
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => error.report(),
    }
}
