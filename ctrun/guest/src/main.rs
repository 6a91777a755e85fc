//! `guest-setup`: the command of [`ct_guest::cli`] by itself.

use std::process::ExitCode;

use clap::Parser as _;

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    args: ct_guest::cli::Args,
}

fn main() -> ExitCode {
    match ct_guest::cli::run(&Command::parse().args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("guest-setup: {error}");
            ExitCode::FAILURE
        }
    }
}
