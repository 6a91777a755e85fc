//! `cargo xtask`: what is done in this repository, in one place.

mod bench;
mod fuzz;
mod packages;
mod quickstart;
mod run;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tasks of this repository
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Quickstart(quickstart::Args),
    Test(test::Args),
    Bench(bench::Args),
    Fuzz(fuzz::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Quickstart(args) => quickstart::task(&args),
        Task::Test(args) => test::task(&args),
        Task::Bench(args) => bench::task(&args),
        Task::Fuzz(args) => fuzz::task(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
